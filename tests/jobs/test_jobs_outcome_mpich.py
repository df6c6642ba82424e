"""How an attempt under MPICH ended: what 5.0.2 and 4.0.2 were seen to say, word for word."""

import pytest

from jobs.outcome import Ending, Verdict, judge
from jobs.states import JobState

_SOURCE = "/mpich-5.0.2/src/pm/hydra"
_NO_PROXY = (
    f"[mpiexec@head] ui_cmd_cb ({_SOURCE}/mpiexec/pmiserv_pmci.c:51): Launch proxy failed.",
    f"[mpiexec@head] HYDT_dmxu_poll_wait_for_event ({_SOURCE}/lib/tools/demux/demux_poll.c:76): callback"
    " returned error status",
    f"[mpiexec@head] main ({_SOURCE}/mpiexec/mpiexec.c:270): process manager error waiting for completion",
)
_LINE = "=" * 83
_LOG = "Next: sciabc-tui logs 42"


def _bad(host: str, code: int, codes: tuple[str, ...], words: str) -> tuple[str, ...]:
    return (
        "",
        _LINE,
        "=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES",
        f"=   PID 486 RUNNING AT {host}",
        f"=   EXIT CODE: {code}",
        "=   CLEANING UP REMAINING PROCESSES",
        "=   YOU CAN IGNORE THE BELOW CLEANUP MESSAGES",
        _LINE,
        *codes,
        f"YOUR APPLICATION TERMINATED WITH THE EXIT STRING: {words}",
        "This typically refers to a problem with your application.",
        "Please see the FAQ page for debugging suggestions",
    )


_SEGMENTATION = "was ended by signal 11: it touched memory that it must not (segmentation fault)"
_EXECVP = f"HYDU_create_process ({_SOURCE}/lib/utils/launch.c:73): execvp error on file"


@pytest.mark.parametrize(
    ("code", "tail", "reason"),
    [
        (
            11,
            _bad(
                "10.77.0.12",
                11,
                ("[mpiexec@head] Exit codes: [10.77.0.11] 0,0", "[10.77.0.12] 11,9"),
                "Segmentation fault (signal 11)",
            ),
            f"rank 2 on 10.77.0.12 {_SEGMENTATION}. {_LOG}",
        ),
        (
            11,  # its PID and exit code are another rank's
            _bad("vm", 9, ("[mpiexec@vm] Exit codes: [vm] 9,11,9",), "Segmentation fault (signal 11)"),
            f"rank 1 on vm {_SEGMENTATION}. {_LOG}",
        ),
        (
            9,
            _bad("vm", 9, ("[mpiexec@vm] Exit codes: [vm] 9,9,9",), "Killed (signal 9)"),
            f"a rank was ended by signal 9: often a node out of memory. {_LOG}",
        ),
        (
            9,
            _bad("vm", 9, ("[mpiexec@vm] Exit codes: [vm] 0,9,0",), "Killed (signal 9)"),
            f"rank 1 on vm was ended by signal 9: often a node out of memory. {_LOG}",
        ),
        (
            7,
            ("[mpiexec@vm] Exit codes: [vm] 0,1792,0",),
            f"rank 1 ended with exit status 7. {_LOG}",
        ),
        (
            255,
            (
                f"[proxy:0@node01] {_EXECVP} /home/pi/only.sh (No such file or directory)",
                "[mpiexec@head] Exit codes: [10.77.0.11] 65280,65280",
                "[10.77.0.12] 65280,65280",
            ),
            "/home/pi/only.sh is not on node01 or can't be executed. Next: copy it there",
        ),
        (
            255,
            (
                "[proxy:0:0@vm] HYDU_create_process (utils/launch/launch.c:73): execvp error on file ./a b"
                " (Permission denied)",
            ),
            "./a b is not on vm or can't be executed. Next: copy it there",
        ),
        (
            1,
            ("/usr/bin/python3: No module named mpi4py", "[mpiexec@head] Exit codes: [10.77.0.11] 256,256"),
            "mpi4py is missing. Next: pip install mpi4py (or apt install python3-mpi4py) on every node",
        ),
        (
            1,
            (
                '  File "<frozen runpy>", line 254, in _get_code_from_file',
                "FileNotFoundError: [Errno 2] No such file or directory: '/home/pi/drive.py'",
            ),
            "/home/pi/drive.py is not on every node. Next: copy it to the same path there",
        ),
        (
            9,
            (
                "Abort(9) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 9)"
                " - process 1",
            ),
            f"rank 1 called MPI_Abort, exit status 9. {_LOG}",
        ),
        (
            1,
            (
                "ValueError: boo",
                "Abort(1) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 1)"
                " - process 1",
            ),
            f"ValueError: boo. {_LOG}",
        ),
        (
            255,
            ("ssh: connect to host 10.77.0.99 port 22: No route to host\r", *_NO_PROXY),
            "10.77.0.99 is unreachable: No route to host. Next: sciabc-tui nodes",
        ),
        (
            255,
            (
                "No ED25519 host key is known for node01 and you have requested strict checking.\r",
                "Host key verification failed.\r",
                *_NO_PROXY,
            ),
            "ssh refused a host key. Next: sciabc-tui nodes, then approve or forget the node",
        ),
        (
            255,
            ("pi@10.77.0.11: Permission denied (publickey).\r", *_NO_PROXY),
            "10.77.0.11 let us not log in. Next: ssh-copy-id pi@10.77.0.11",
        ),
        (
            255,
            ("bash: line 1: /opt/x/bin/hydra_pmi_proxy: No such file or directory", *_NO_PROXY),
            "a node has no MPICH at the head's path. Next: sciabc-tui nodes provision, or install it there",
        ),
        (
            255,  # 5.0.2 on the head, 4.0.2 on the node
            (
                "[proxy:unset@vm] match_arg (utils/args/args.c:163): unrecognized argument gpu-subdevs",
                "[proxy:unset@vm] main (pm/pmiserv/pmip.c:135): bad parameters passed to the proxy",
                *_NO_PROXY,
            ),
            "a node has another version of MPICH than the head. Next: install the same version there",
        ),
        (
            255,
            _NO_PROXY,
            "a node could not be reached or could not start MPICH. Next: sciabc-tui nodes",
        ),
        (
            255,  # seen instead of the above for about one segmentation fault in ten
            (f"[mpiexec@vm] control_cb ({_SOURCE}/mpiexec/pmiserv_cb.c:280): assert (!closed) failed",),
            f"a rank or a node was lost, and MPICH did not say which, exit status 255. {_LOG}",
        ),
    ],
)
def test_failures_are_told_in_a_line(code: int, tail: tuple[str, ...], reason: str) -> None:
    """What hydra was seen to say becomes the cause and the next step."""
    assert judge(Ending(42, code, tail=tail)) == Verdict(JobState.FAILED, reason)


def test_the_codes_of_a_good_end_are_no_failure() -> None:
    """It lists them whatever they are."""
    tail = ("[mpiexec@head] Exit codes: [127.0.0.1] 0,0", "[10.77.0.11] 0,0")
    assert judge(Ending(42, 0, tail=tail)) == Verdict(JobState.COMPLETED, "")


@pytest.mark.parametrize(
    "tail",
    [
        ("[mpiexec@vm] Exit codes: [vm] ,", "EXIT STRING: x (signal 1)"),
        ("[mpiexec@vm] Exit codes: [vm]",),
        ("TERMINATED WITH THE EXIT STRING: Killed (signal 9)",),
        (f"Abort({'9' * 500}) on node 0 (rank 0 in comm 0): ",),
    ],
)
def test_half_of_its_words_are_no_error(tail: tuple[str, ...]) -> None:
    """What is cut short or forged gives a line all the same."""
    assert judge(Ending(42, 9, tail=tail)).reason.endswith(_LOG)
