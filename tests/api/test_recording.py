"""Recordings: what was written is read again, little is written, no secret is, and no file does harm."""

import copy
import gzip
import random
import stat
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.logstore import LogLine, Stream, format_line
from sciabc_tui.api.differences import NoDifference, changed, difference
from sciabc_tui.api.recording import (
    LONGEST_LINE,
    LogMoment,
    RecordingDamaged,
    RecordingReader,
    StateMoment,
    to_state,
)
from sciabc_tui.api.recording_writer import RecordingWriter
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.node import Reading, with_reading
from sciabc_tui.cluster.state import LogEntry, Severity, State
from sciabc_tui.errors import CommandRefused
from tests.api.scripted import WALL, ready_node, small_cluster

JSON = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


def busy_cluster(nodes: int = 8) -> State:
    """Make a cluster of nodes that compute."""
    made = [ready_node(f"node{number:02d}") for number in range(1, nodes + 1)]
    return replace(small_cluster(), nodes={node.id: node for node in made})


def second_by_second(state: State, seconds: int) -> Iterator[State]:
    """Let each node be read once a second, each at its own moment, as real ones are."""
    chance = random.Random(1)
    for second in range(seconds):
        for place, node in enumerate(tuple(state.nodes.values())):
            at = 1000.0 + second + place / len(state.nodes) + chance.random() / 100
            reading = Reading(
                at,
                cpu_percent=chance.uniform(0, 100),
                load1=round(chance.uniform(0, 4), 2),
                memory_used=chance.randrange(10**8, 10**9),
                memory_total=8 * 2**30,
                temperature=round(chance.uniform(40, 80), 1),
                uptime=3600.0 + second,
                cores=tuple(chance.randrange(101) for _ in range(4)),
                throttle=0,
                disk_used=9 * 2**30,
                disk_total=29 * 2**30,
                received=chance.uniform(0, 1e6),
                sent=chance.uniform(0, 1e5),
            )
            nodes = {**state.nodes, node.id: with_reading(node, reading)}
            state = replace(state, revision=state.revision + 1, at=at, wall=WALL + at - 1000, nodes=nodes)
            if place % 2:
                yield state


def written(path: Path, *states: State) -> Path:
    """Record states, one a second."""
    with RecordingWriter(path, program="sciabc-tui 0.1", began=WALL) as writer:
        for t, state in enumerate(states):
            writer.state(float(t), state)
        writer.end(float(len(states)))
    return path


def packed(path: Path, *lines: object) -> Path:
    """Write a file of our own."""
    texts = [line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines]
    path.write_bytes(gzip.compress(b"".join(text + b"\n" for text in texts)))
    return path


HEAD = {"recording": 1, "program": "x", "began": 1.0}


def states_of(path: Path) -> list[tuple[float, State]]:
    """Read all states."""
    with RecordingReader(path) as reader:
        return [(one.t, to_state(one.raw)) for one in reader if isinstance(one, StateMoment)]


@settings(max_examples=100, deadline=None)
@given(JSON, JSON)
def test_a_difference_makes_one_of_the_other(old: object, new: object) -> None:
    """Whatever the two are; nothing is written where nothing differs, and the old one stays what it was."""
    before = copy.deepcopy(old)
    found = difference(old, new)
    if found is None:
        assert old == new
    else:
        assert changed(old, msgspec.json.decode(msgspec.json.encode(found))) == new
    assert old == before


@settings(max_examples=100, deadline=None)
@given(JSON, JSON | st.dictionaries(st.sampled_from("=+-~<>"), JSON, max_size=3))
def test_what_is_no_difference_is_told(old: object, wrong: object) -> None:
    """Nothing else than `NoDifference` is raised, whatever stands there."""
    try:
        changed(old, wrong)
    except NoDifference:
        return


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    """States in full, the moments, and every byte of the logs, also those that are no UTF-8."""
    first = small_cluster()
    entry = LogEntry(1, WALL, Severity.WARN, "node05 \u00fc\u202e lost")
    second = replace(first, revision=2, log=(entry,), nodes={})
    data = format_line(LogLine(WALL, 3, Stream.ERR, bytes(set(range(256)) - {10})))
    path = tmp_path / "x.rec"
    with RecordingWriter(path, program="sciabc-tui 0.1", began=WALL) as writer:
        writer.state(0.0, first)
        writer.log(0.5, JobId(3), data)
        writer.state(1.0, second)
        writer.state(2.0, second)
        writer.end(2.5)
    with RecordingReader(path) as reader:
        moments = list(reader)
        assert reader.complete
        assert (reader.head.program, reader.head.began) == ("sciabc-tui 0.1", WALL)
    assert moments[1] == LogMoment(0.5, JobId(3), data)
    assert states_of(path) == [(0.0, first), (1.0, second)]


def test_an_hour_of_eight_nodes_is_a_few_megabytes(tmp_path: Path) -> None:
    """Read at 1 Hz, four states a second, as the watch gives them; a sixtieth of it is measured here."""
    path = tmp_path / "x.rec"
    with RecordingWriter(path, program="x", began=WALL) as writer:
        for number, state in enumerate(second_by_second(busy_cluster(), 60)):
            writer.state(number / 4, state)
        writer.end(60.0)
    assert path.stat().st_size * 60 < 8e6
    assert len(states_of(path)) == 240


def test_a_killed_recorder_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    """What was flushed is there; so it is with a file that was cut anywhere."""
    path = tmp_path / "x.rec"
    states = list(second_by_second(busy_cluster(), 10))
    with RecordingWriter(path, program="x", began=WALL) as writer:
        for number, state in enumerate(states):
            writer.state(number / 4, state)
        whole = path.read_bytes()  # nobody ended it
    (tmp_path / "killed.rec").write_bytes(whole)
    with RecordingReader(tmp_path / "killed.rec") as reader:
        found = [moment.t for moment in reader]
        assert not reader.complete
    assert found == [number / 4 for number in range(len(found))]
    assert found[-1] >= 10.0 - 2.5
    cut = tmp_path / "cut.rec"
    for length in range(400, len(whole), 997):
        cut.write_bytes(whole[:length])
        try:
            with RecordingReader(cut) as reader:
                read = [moment.t for moment in reader]
                assert read == found[: len(read)]
        except RecordingDamaged:
            assert length < 2000


def test_only_its_owner_can_read_it_and_nothing_is_overwritten(tmp_path: Path) -> None:
    """There is output of programs in it."""
    path = written(tmp_path / "x.rec", small_cluster())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandRefused, match="is there already"):
        written(path, small_cluster())
    with pytest.raises(CommandRefused, match="No such file or directory"):
        written(tmp_path / "none" / "x.rec", small_cluster())


# Without a time of their own: a test is named after its data, and workers that name one differently run none.
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x1f\x8b",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b"\xff\xfe\n", mtime=0),
        gzip.compress(b'{"recording": "1"}\n', mtime=0),
        gzip.compress(b"[" * 100_000 + b"\n", mtime=0),
        gzip.compress(b'{"recording": 1, "began": -5}\n', mtime=0),
        gzip.compress(b'{"recording": 1, "began": 1e999}\n', mtime=0),
        b"\x1f\x8b\x08" + bytes(range(256)),
    ],
)
def test_what_is_no_recording_is_told_in_a_line(tmp_path: Path, data: bytes) -> None:
    """Whatever the file is."""
    path = tmp_path / "x.rec"
    path.write_bytes(data)
    with pytest.raises(RecordingDamaged, match="is no recording") as told:
        RecordingReader(path)
    assert "\n" not in str(told.value)


def test_other_things_than_files(tmp_path: Path) -> None:
    """A folder, and what is not there."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RecordingDamaged, match="Next: name a recording"):
            RecordingReader(path)


def test_another_format_is_told_with_its_number(tmp_path: Path) -> None:
    """The program that wrote it can read it."""
    with pytest.raises(RecordingDamaged, match="format 2, this program reads 1"):
        RecordingReader(packed(tmp_path / "x.rec", {"recording": 2, "new": True}))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"nonsense",
        {"t": 1},
        {"t": -1, "state": {}},
        {"t": 1e300, "state": {}},
        {"t": 1, "change": {"=": {}}},
        {"t": 1, "state": []},
        {"t": 1, "job": 1, "log": "no record\n"},
        {"t": 1, "job": 1, "log": "2026-11-21T14:03:11.123Z   0 out \u20ac\n"},
        {"t": 1, "job": 1, "log": "2026-11-21T14:03:11.123Z   0 out without an end"},
        {"t": 1, "job": -1, "log": ""},
        {"t": 1, "job": 10**400, "log": ""},
        b'{"t": 1, "state": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    ],
)
def test_a_damaged_line_is_told_with_its_number(tmp_path: Path, line: object) -> None:
    """What was before it was given."""
    good = b"change" not in msgspec.json.encode(line)
    path = packed(tmp_path / "x.rec", HEAD, *([b'{"t": 0.5, "state": {}}'] if good else []), line)
    with RecordingReader(path) as reader:
        moments = iter(reader)
        if good:
            assert next(moments).t == 0.5
        with pytest.raises(RecordingDamaged, match=f"damaged at line {3 if good else 2}"):
            next(moments)


def test_time_does_not_go_back(tmp_path: Path) -> None:
    """Nobody recorded that."""
    path = packed(tmp_path / "x.rec", HEAD, {"t": 2, "state": {}}, {"t": 1, "state": {}})
    with RecordingReader(path) as reader, pytest.raises(RecordingDamaged):
        list(reader)


@pytest.mark.parametrize(
    "raw",
    [
        {"wall": -1.0},
        {"wall": 1e12},
        {"wall": 1e300},
        {"at": 1e300},
        {"at": 10**400},
        {"wall": "x"},
        {"head": {"started": 1e15}},
        {"log": [{"seq": 1, "wall": -1e9, "severity": "info", "text": "x"}]},
        {"log": [{"seq": 1, "wall": 0, "severity": "shout", "text": "x"}]},
        {"nodes": {"a": {"id": "a", "name": "a", "origin": "mdns", "advertised_slots": 10**9}}},
        {"nodes": {"a": {"id": "a", "name": "a"}}},
        {"nodes": 7},
        {"jobs": {"x": {}}},
    ],
)
def test_an_impossible_state_is_told(raw: dict[str, Any]) -> None:
    """Times that are none, nodes that are too large, words that are none: an error of ours, and no other."""
    with pytest.raises(RecordingDamaged) as told:
        to_state(raw)
    assert "Next: " in str(told.value)


def test_a_state_of_a_version_before_is_read() -> None:
    """Fields that are not there have their defaults; unknown ones are left out."""
    assert to_state({"revision": 3, "of_the_future": [1]}) == State(revision=3)


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    """A line without an end, and states that grow for ever, end at a limit."""
    path = tmp_path / "x.rec"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(msgspec.json.encode(HEAD) + b"\n")
    for _ in range(40):
        bomb += packer.compress(b" " * (LONGEST_LINE // 8))
    path.write_bytes(bomb + packer.flush())
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with RecordingReader(path) as reader, pytest.raises(RecordingDamaged):
        list(reader)
    assert tracemalloc.get_traced_memory()[1] < 3 * LONGEST_LINE
    tracemalloc.stop()


def test_a_state_that_grows_for_ever_ends_at_a_limit(tmp_path: Path) -> None:
    """Each change adds as much as it is long: so much is taken between two whole states, and no more."""
    text = "x" * 2**20
    changes = [{"t": n, "change": {"+": {f"k{n}": text}}} for n in range(1, 40)]
    path = packed(tmp_path / "x.rec", HEAD, {"t": 0, "state": {}}, *changes)
    with RecordingReader(path) as reader, pytest.raises(RecordingDamaged):
        list(reader)


def test_whole_states_come_again(tmp_path: Path) -> None:
    """When the changes have become as long as the state: what the reader keeps is bounded."""
    path = tmp_path / "x.rec"
    state = small_cluster()
    with RecordingWriter(path, program="x", began=WALL) as writer:
        for number in range(40):
            node = replace(ready_node(f"n{number}"), readiness_reason=str(number % 10) * 100_000)
            state = replace(state, revision=number + 2, nodes={NodeId("n"): node})
            writer.state(float(number), state)
        writer.end(40.0)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert 2 <= sum(b'"state":' in line for line in lines) <= 5
    assert len(states_of(path)) == 40


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bytes_do_no_harm(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Of what is inside the packing: it is read, or told to be damaged; nothing else happens."""
    folder = tmp_path_factory.mktemp("flipped")
    path = written(folder / "x.rec", *second_by_second(busy_cluster(2), 2))
    plain = bytearray(gzip.decompress(path.read_bytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(gzip.compress(bytes(plain)))
    try:
        states_of(path)
    except RecordingDamaged as error:
        assert "\n" not in str(error)  # noqa: PT017 - it need not be raised
