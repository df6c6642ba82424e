"""Commands that look, and those for nodes and jobs, as a user runs them."""

import json
from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.node import Drain, Origin, Trust
from sciabc_tui.cluster.observations import ApproveHostKey, DrainNode, ForgetNode, ResumeNode
from tests.api.scripted import HELLO, KEY, Serving, ready_node
from tests.cli.shell import Shell

LOOKING = [
    ["status"],
    ["nodes"],
    ["jobs"],
    ["logs", "1"],
    ["hostfile"],
    ["cancel", "1"],
    ["nodes", "forget", "x"],
    ["nodes", "add", "x"],
    ["events"],
]


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_without_a_service_commands_say_what_to_do(shell: Shell, command: list[str]) -> None:
    """Commands that look start no service: one line, exit code 3, nothing on standard output."""
    done = shell.run(*command)
    assert done.stderr == "sciabc-tui: No head service is running. Next: sciabc-tui head\n"
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.usefixtures("service")
def test_status_answers_the_questions(shell: Shell) -> None:
    """The external IP, health, nodes, slots, jobs, and whom to approve are each on a line."""
    lines = shell.run("status").stdout.splitlines()
    assert lines == [
        "headnode-01",
        "external IP  203.0.113.254 on eth1",
        "health       degraded",
        "             ! job 2 failed",
        "nodes        2 of 2 up",
        "slots        4 of 8 used",
        "jobs         1 running, 0 pending",
        "MPI          Open MPI 5.0.11",
        "new          node05, node06. Next: sciabc-tui nodes approve NAME",
    ]


def test_a_simulation_says_so(shell: Shell, service: Serving) -> None:
    """SIMULATED is in every command that shows the cluster."""
    state = service.backend.state
    service.do(lambda: service.backend.publish(replace(state, head=replace(state.head, simulated=True))))
    for command in (["status"], ["nodes"], ["jobs"], ["panel", "--preview"]):
        assert "[SIMULATED]" in shell.run(*command).stdout
    assert json.loads(shell.run("status", "--json").stdout)["simulated"] is True


def test_what_is_not_known_is_not_shown_as_a_number(shell: Shell, service: Serving) -> None:
    """Without an uplink there is no address, and a node without readings has dashes."""
    service.do(lambda: service.backend.publish(replace(service.backend.state, uplink=None)))
    assert "external IP  --\n" in shell.run("status").stdout
    row = next(line for line in shell.run("nodes").stdout.splitlines() if line.startswith("node06"))
    assert row.split()[:6] == ["node06", "new", "--", "--", "--", "--"]


@pytest.mark.usefixtures("service")
def test_nodes_shows_each_with_its_evidence(shell: Shell) -> None:
    """The head comes first; a busy node shows its slots, a new one its fingerprint."""
    header, head, busy, new, mute = shell.run("nodes").stdout.splitlines()
    assert header.split() == ["NODE", "STATE", "CPU", "MEM", "TEMP", "SLOTS", "ADDRESS", "EVIDENCE"]
    assert head.split() == ["head", "ready", "12%", "40%", "52C", "0/4", "192.168.8.11", "local"]
    assert busy.split()[:6] == ["node01", "busy", "12%", "40%", "52C", "4/4"]
    assert f"key {KEY.fingerprint}" in new
    assert "connecting" in mute


@pytest.mark.usefixtures("service")
def test_json_has_stable_shapes(shell: Shell) -> None:
    """Each --json gives the fields that docs/api.md tells."""
    status = json.loads(shell.run("status", "--json").stdout)
    assert (status["external_ip"], status["nodes_up"], status["slots_total"]) == ("203.0.113.254", 2, 8)
    nodes = json.loads(shell.run("nodes", "--json").stdout)["nodes"]
    assert [(node["name"], node["schedulable"]) for node in nodes][:2] == [("head", True), ("node01", True)]
    assert nodes[2]["fingerprint"] == KEY.fingerprint
    assert nodes[3]["cpu_percent"] is None
    jobs = json.loads(shell.run("jobs", "--json", "-n", "2").stdout)["jobs"]
    assert [job["id"] for job in jobs] == [3, 2]
    hostfile = json.loads(shell.run("hostfile", "--json").stdout)
    assert hostfile == {"hostfile": ["192.168.8.1", "192.168.8.11"]}
    records = [json.loads(line) for line in shell.run("logs", "1", "--json").stdout.splitlines()]
    assert records[-1].items() >= {"rank": 1, "stream": "err", "text": "a warning"}.items()
    settings = json.loads(shell.run("config", "--json").stdout)["settings"]
    assert {setting["key"]: setting["source"] for setting in settings}["panel.size"] == "default"


def test_approve_shows_the_fingerprint_and_asks(shell: Shell, service: Serving) -> None:
    """On a terminal the fingerprint is shown before the question, and only a yes approves."""
    with shell.terminal("nodes", "approve", "node05") as terminal:
        terminal.until("[y/N]")
        assert KEY.fingerprint in terminal.text
        terminal.type(b"\n")
        assert terminal.ended() == 1
    assert service.backend.commands == []
    with shell.terminal("nodes", "approve", "node05") as terminal:
        terminal.until("[y/N]")
        terminal.type(b"y\n")
        assert terminal.ended() == 0
    [command] = service.backend.commands
    assert isinstance(command, ApproveHostKey)
    assert (command.node, command.fingerprint) == ("id-node05", KEY.fingerprint)


def test_approve_without_a_person_needs_yes(shell: Shell, service: Serving) -> None:
    """A pipe is nobody who compared anything; --yes says somebody did."""
    refused = shell.run("nodes", "approve", "node05", typed="y\n")
    assert refused.returncode == 1
    assert "Next: add --yes" in refused.stderr
    assert service.backend.commands == []
    assert shell.run("nodes", "approve", "--all", "--yes").stdout == "node05 approved\n"
    assert [command.node for command in service.backend.commands] == ["id-node05"]


def test_approve_refuses_what_can_t_be_approved(shell: Shell, service: Serving) -> None:
    """No key yet, a changed key, an unknown name, and neither or both of NAME and --all."""
    state = service.backend.state
    changed = replace(state.nodes[NodeId("id-node01")], trust=Trust.CHANGED, host_key=KEY)
    service.do(lambda: service.backend.publish(replace(state, nodes={**state.nodes, changed.id: changed})))
    assert "showed no host key yet" in shell.run("nodes", "approve", "node06", "--yes").stderr
    assert "sciabc-tui nodes forget node01" in shell.run("nodes", "approve", "node01", "--yes").stderr
    assert "There is no node nobody" in shell.run("nodes", "approve", "nobody", "--yes").stderr
    assert shell.run("nodes", "approve").returncode == 2
    assert shell.run("nodes", "approve", "node05", "--all").returncode == 2
    assert service.backend.commands == []


def test_forget_drain_resume(shell: Shell, service: Serving) -> None:
    """Each reaches the backend; a refusal is passed on with exit code 1."""
    assert shell.run("nodes", "drain", "node01", "fan", "broken").stdout == "node01 drained\n"
    assert shell.run("nodes", "resume", "node01").stdout == "node01 resumed\n"
    assert shell.run("nodes", "forget", "node01").stdout.startswith("node01 forgotten\n")
    drain, resume, forget = service.backend.commands
    assert isinstance(drain, DrainNode)
    assert drain.reason == "fan broken"
    assert isinstance(resume, ResumeNode)
    assert isinstance(forget, ForgetNode)
    refused = shell.run("nodes", "forget", "head")
    assert refused.returncode == 1
    assert (
        refused.stderr == "sciabc-tui: The head node can't be forgotten. Next: sciabc-tui nodes drain head\n"
    )


def test_forget_names_what_happened(shell: Shell, service: Serving) -> None:
    """What went with the node is named, and whether it is there still."""
    state = service.backend.state
    known = replace(state.nodes[NodeId("id-node01")], host_key=KEY, drained=Drain("fan", "pi", 0.0))
    service.do(lambda: service.backend.publish(replace(state, nodes={**state.nodes, known.id: known})))
    assert shell.run("nodes", "forget", "node01").stdout == (
        f"node01 forgotten: its host key {KEY.fingerprint} is trusted no longer, it is drained no longer\n"
        "It is still there, as a new node. Next: sciabc-tui nodes approve node01\n"
    )


def test_add_and_remove(shell: Shell, service: Serving) -> None:
    """A node is added as it was written; a refusal is passed on; only what was added is removed."""
    added = shell.run("nodes", "add", "pi@10.77.0.12:2222")
    assert added.stdout == "pi@10.77.0.12:2222 added. Next: sciabc-tui nodes, then approve its host key\n"
    assert [host for host, _ in service.backend.added] == ["pi@10.77.0.12:2222"]
    refused = shell.run("nodes", "add", "no such")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Next: sciabc-tui nodes add [USER@]HOST[:PORT]" in refused.stderr
    state = service.backend.state
    static = replace(ready_node("ip-10-77-0-12", Origin.STATIC), addresses=("10.77.0.12",))
    shown = replace(state, nodes={**state.nodes, static.id: static}, owners={"static:10.77.0.12": static.id})
    service.do(lambda: service.backend.publish(shown))
    assert "was not added by hand" in shell.run("nodes", "remove", "node01").stderr
    assert "There is no node x" in shell.run("nodes", "remove", "x").stderr
    assert service.backend.commands == []
    assert shell.run("nodes", "remove", "pi@10.77.0.12").stdout == "ip-10-77-0-12 forgotten\n"
    assert [command.node for command in service.backend.commands] == [static.id]


def test_approve_lists_since_when_and_what_changed(shell: Shell, service: Serving) -> None:
    """Each key stands with its node's address and since when; a changed key is told and not approved."""
    state = service.backend.state
    changed = replace(state.nodes[NodeId("id-node01")], trust=Trust.CHANGED, host_key=KEY, offered_key=KEY)
    new = replace(state.nodes[NodeId("id-node05")], since=state.at - 134)
    nodes = {**state.nodes, changed.id: changed, new.id: new}
    service.do(lambda: service.backend.publish(replace(state, nodes=nodes)))
    listed = shell.run("nodes", "approve", "--all", "--yes").stderr.splitlines()
    assert listed[0] == f"node05  192.168.8.15  {KEY.fingerprint}  there for 2m14s"
    assert listed[1].startswith("node01: host key changed (was SHA256:")
    assert [command.node for command in service.backend.commands] == [new.id]


def test_jobs_and_cancel(shell: Shell, service: Serving) -> None:
    """Jobs are a table, the newest first; cancel names what it cancelled."""
    rows = [line.split() for line in shell.run("jobs").stdout.splitlines()]
    assert [row[:4] for row in rows[1:]] == [
        ["3", "nbody", "running", "4"],
        ["2", "bad", "failed", "2"],
        ["1", "hello", "completed", "all"],
    ]
    assert shell.run("cancel", "3").stdout == "job 3 cancelled\n"
    assert service.backend.state.jobs[JobId(3)].state is JobState.CANCELLED
    assert shell.run("cancel", "3").returncode == 1
    assert shell.run("cancel", "0").returncode == 2


def test_logs(shell: Shell, service: Serving) -> None:
    """Ranks are told by their number and standard error stays apart; --rank gives the bytes alone."""
    done = shell.run("logs", "1")
    assert done.stdout == "[0] Hello from rank 0\n[1] Hello from rank 1\n"
    assert done.stderr == "[1] a warning\n"
    assert shell.run("logs", "1", "--rank", "1").stdout == "Hello from rank 1\n"
    both = shell.run("logs", "1", "--rank", "1", "--rank", "0").stdout
    assert both == done.stdout
    assert shell.run("logs", "99").returncode == 1
    with shell.start("logs", "3", "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "[0] Hello from rank 0\n"
        service.do(lambda: service.backend.logs.update({JobId(3): HELLO}))
        service.do(lambda: service.backend.end_job(JobId(3), JobState.COMPLETED, 0))
        assert "rank 1" in following.stdout.read()
        assert following.wait(20) == 0


def test_config_says_where_each_value_came_from(shell: Shell) -> None:
    """The file of --config and the environment are named beside what they set."""
    file = shell.home / "my.toml"
    file.write_text('[panel]\nsize = "20x4"\n')
    out = shell.run("--config", str(file), "config", SCIABC_PANEL_I2C_BUS="3").stdout
    assert f'size = "20x4"  # {file}\n' in out
    assert "i2c_bus = 3  # $SCIABC_PANEL_I2C_BUS\n" in out
    assert "nodes = []  # default\n" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[panel]\nsize = "9x9"\n', "panel.size: invalid enum value"),
        ("[panel]\ni2c_bus = true\n", "panel.i2c_bus: expected int"),
        ("[panel\n", "is not TOML"),
        ("[pannel]\n", "[pannel] is no section"),
    ],
)
def test_a_bad_config_is_one_line(shell: Shell, text: str, told: str) -> None:
    """Which file, which key, what it takes; exit code 1."""
    file = shell.home / "my.toml"
    file.write_text(text)
    done = shell.run("--config", str(file), "status")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"sciabc-tui: {file}")
    assert told in done.stderr
    assert "Next: " in done.stderr


@pytest.mark.usefixtures("service")
def test_panel_preview(shell: Shell) -> None:
    """The frame is drawn in the size asked for."""
    lines = shell.run("panel", "--preview", "--size", "20x4").stdout.splitlines()
    assert [len(line) for line in lines[:6]] == [22] * 6
    assert "203.0.113.254" in lines[1]
    frame = json.loads(shell.run("panel", "--json").stdout)
    assert [len(line) for line in frame["lines"]] == [16, 16]
    assert shell.run("panel").returncode == 2
