"""What Slurm is asked for: pure. The real one answers in test_jobs_slurm_real.py."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import SpecError
from jobs.slurm import Shape, check, check_options, sbatch_options, script, shape
from jobs.slurm_attempt import SlurmFiles, prepare_slurm, read_begun, read_done, read_note, read_slurm_plan
from jobs.spec import JobSpec, Kind, OnNodeLoss, validated

SPEC = JobSpec("/opt/solve", ("-n", "a b"), 6, "solve", "/home/ada", launcher="slurm")
PAPERS = SlurmFiles(Path("/home/ada/jobs/7/attempt-1")).papers


def options(spec: JobSpec, *site: str) -> tuple[str, ...]:
    """Write the options of a job."""
    return sbatch_options(spec, PAPERS, token="abc", site=site)


def test_a_job_is_asked_for_with_its_name_place_and_files() -> None:
    """Everything of the spec is said to sbatch; the settings stand first, so the job's own word counts."""
    spec = replace(
        SPEC, nodes=("n1", "n2", "n1"), exclude=("n3",), time_limit=5400.5, priority=-7, per_node=3
    )
    assert options(spec, "--partition=debug") == (
        "--partition=debug",
        "--parsable",
        "--no-requeue",
        "--export=ALL",
        "--job-name=solve",
        "--comment=sciabc:abc",
        "--chdir=/home/ada",
        "--output=/home/ada/jobs/7/attempt-1/slurm.out",
        "--error=/home/ada/jobs/7/attempt-1/slurm.err",
        "--open-mode=append",
        "--ntasks=6",
        "--nodes=2",
        "--ntasks-per-node=3",
        "--nodelist=n1,n2",
        "--exclude=n3",
        "--time=0-01:30:01",
        "--nice=7",
        "/home/ada/jobs/7/attempt-1/slurm.sh",
    )


def test_what_is_not_asked_is_left_to_slurm() -> None:
    """No number of nodes, no time, no order of ours."""
    told = " ".join(options(SPEC))
    assert not any(word in told for word in ("--nodes", "--nodelist", "--exclude", "--time", "--nice"))


def test_a_folder_with_a_percent_sign_is_taken_as_it_is() -> None:
    """Slurm would put the number of the job in place of %j."""
    papers = SlurmFiles(Path("/home/100%j")).papers
    assert "--output=/home/100%%j/slurm.out" in sbatch_options(SPEC, papers, token="abc")


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        (SPEC, Shape(6)),
        (replace(SPEC, per_node=4), Shape(6, 2, 4)),
        (replace(SPEC, nodes=("a", "b")), Shape(6, 2)),
        (replace(SPEC, ranks=None, per_node=4, nodes=("a", "b")), Shape(8, 2, 4)),
        (replace(SPEC, ranks=None, kind=Kind.EACH, nodes=("a", "b", "c")), Shape(3, 3, 1)),
    ],
)
def test_ranks_and_nodes_become_tasks_of_slurms(spec: JobSpec, meant: Shape) -> None:
    """Each way to ask for ranks means one number of tasks."""
    assert shape(spec) == meant


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (replace(SPEC, ranks=None), "ranks: Slurm can't be asked for every slot. Next: give a number, -n 8"),
        (replace(SPEC, ranks=None, per_node=2), "ranks: Slurm can't be asked for every slot"),
        (replace(SPEC, ranks=None, kind=Kind.EACH), "nodes: Slurm has no list of all nodes for you"),
        (replace(SPEC, ranks=1, nodes=("a", "b")), "nodes: Slurm uses all 2, for 1 ranks"),
        (replace(SPEC, nodes=("a", "b"), per_node=2), "per_node: 6 ranks do not fit on 2 nodes"),
        (replace(SPEC, nodes=("a,b",)), "nodes: a,b is no node of Slurm's"),
        (replace(SPEC, exclude=("--x",)), "exclude: --x is no node of Slurm's"),
        (replace(SPEC, priority=1), "priority: Slurm lets nobody jump its queue"),
        (replace(SPEC, on_node_loss=OnNodeLoss.SURVIVE), "on_node_loss: srun ends what loses a rank"),
        (replace(SPEC, grow=True), "grow: Slurm's nodes do not join"),
    ],
)
def test_what_slurm_can_not_do_is_refused_with_the_field_named(spec: JobSpec, problem: str) -> None:
    """Before anything is submitted, with the next step."""
    with pytest.raises(SpecError) as refused:
        check(spec)
    assert str(refused.value).startswith(problem)
    assert "Next: " in str(refused.value)


def test_more_ranks_than_our_slots_are_none_of_our_business(tmp_path: Path) -> None:
    """Slurm's cluster is another one, and larger."""
    asked = JobSpec("hello", ranks=4000, cwd=str(tmp_path), launcher="slurm")
    assert validated(asked, total_slots=8).ranks == 4000
    with pytest.raises(SpecError, match="4000 ranks asked"):
        validated(replace(asked, launcher=""), total_slots=8)


@pytest.mark.parametrize(
    "option",
    ["-p", "debug", "--", "--output=x", "--array=1-9", "--wrap=true", "--account=a\nb", "--Part=x", ":"],
)
def test_options_that_are_none_or_are_ours_are_refused(option: str) -> None:
    """The log, and that a job is found again, rest upon ours."""
    with pytest.raises(SpecError, match=r"jobs\.slurm_options: .* Next: "):
        check_options(["--partition=debug", option])


def test_other_options_are_taken() -> None:
    """A site has its own."""
    asked = ("--partition=debug", "--account=physics", "--exclusive", "--mem-per-cpu=2G")
    assert check_options(asked) == asked


@given(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])),
    st.text(st.characters(categories=["L", "P"])),
)
def test_no_argument_and_no_variable_means_anything_to_the_shell(argument: str, value: str) -> None:
    """The script is read by /bin/sh: arguments and variables arrive as they were given."""
    spec = replace(SPEC, program="/bin/prog", args=(argument,), env={"COLOUR": value})
    text = script(spec, PAPERS, job=7, attempt=2, python="python3")
    command = next(line for line in text.splitlines() if line.startswith("srun "))
    assert shlex.split(command)[-2:] == ["/bin/prog", argument]
    assert f"export COLOUR={shlex.quote(value)}\n" in text


def test_the_script_says_where_it_began_and_how_it_ended(tmp_path: Path) -> None:
    """By these two files an end is known that Slurm has forgotten; srun's status is the script's own."""
    folder = tmp_path / "it's here"
    plan = prepare_slurm(folder, SPEC, job=7, attempt=2, token="abc", python="python3", log_limit=9)
    assert read_slurm_plan(folder) == plan
    fake = tmp_path / "bin" / "srun"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$SCIABC_JOB_ID $SCIABC_ATTEMPT $*"\nexit 3\n')
    fake.chmod(0o755)
    papers = SlurmFiles(folder).papers
    assert (read_begun(papers), read_done(papers)) == (None, None)
    environment = {
        "PATH": f"{fake.parent}:/usr/bin:/bin",
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_TASKS_PER_NODE": "3(x2)",
    }
    done = subprocess.run([papers.script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "7 2 --label --input=none --kill-on-bad-exit=1 -- /opt/solve -n a b\n"
    assert (done.returncode, read_done(papers), read_begun(papers)) == (3, 3, ("n[1-2]", "3(x2)"))


def test_a_python_program_runs_as_under_mpirun() -> None:
    """An exception in one rank must end all; a command for each node needs no MPI."""
    mpi = script(replace(SPEC, program="/x/a.py", args=()), PAPERS, job=7, attempt=1, python="/venv/python")
    assert "--kill-on-bad-exit=1 -- /venv/python -m mpi4py /x/a.py\n" in mpi
    each = replace(SPEC, program="/x/a.py", args=(), kind=Kind.EACH)
    told = script(each, PAPERS, job=7, attempt=1, python="/venv/python")
    assert "--kill-on-bad-exit=0 -- /venv/python /x/a.py\n" in told


def test_an_attempt_of_mpirun_is_none_of_slurms(tmp_path: Path) -> None:
    """The runner tells by the plan; of one that is not yet in Slurm nothing is known."""
    assert read_slurm_plan(tmp_path) is None
    assert read_note(tmp_path).number is None
