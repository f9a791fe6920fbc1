"""The state store: state and position together, and one winner among workers."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from auditspine.processors.projection import state as state_module
from auditspine.processors.projection.errors import StateError, StateMoved
from auditspine.processors.projection.state import Position, StateFile

AT_0 = Position()
AT_1 = Position("o", 1, b"\1" * 32, 1)
AT_2 = Position("o", 2, b"\2" * 32, 2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "state.sqlite3"


def test_a_new_state_is_at_the_start(path):
    state = StateFile(path)
    assert state.position() == AT_0
    assert list(state.items()) == []


def test_a_commit_survives_reopening(path):
    first = StateFile(path)
    first.commit(AT_0, AT_1, {b"k": b"v"})
    first.close()
    again = StateFile(path)
    assert again.position() == AT_1
    assert list(again.items()) == [(b"k", b"v")]


def test_a_commit_from_another_position_changes_nothing(path):
    ours, zombie = StateFile(path), StateFile(path)
    ours.commit(AT_0, AT_1, {b"k": b"ours"})
    with pytest.raises(StateMoved, match="expected size 0 and offset 0, got 1 and 1"):
        zombie.commit(AT_0, AT_2, {b"k": b"zombie"})
    assert zombie.position() == AT_1
    assert list(zombie.items()) == [(b"k", b"ours")]


def test_a_snapshot_is_refused_when_the_position_moved(path):
    ours, zombie = StateFile(path), StateFile(path)
    ours.commit(AT_0, AT_1, {b"k": b"v"})
    with pytest.raises(StateMoved), zombie.snapshot(AT_0):
        pytest.fail("not reached")


def test_a_snapshot_does_not_see_what_another_worker_commits_meanwhile(path):
    """Else the rows written from it would mix two positions under one version."""
    ours, zombie = StateFile(path), StateFile(path)
    ours.commit(AT_0, AT_1, {b"k": b"1"})
    with zombie.snapshot(AT_1) as seen:
        ours.commit(AT_1, AT_2, {b"k": b"2"})
        assert seen.get(b"k") == b"1"
    with pytest.raises(StateMoved):
        zombie.commit(AT_1, AT_2, seen.changes)


def test_changes_are_seen_through_the_overlay_and_not_stored(path):
    state = StateFile(path)
    with state.snapshot(AT_0) as overlay:
        overlay.put(b"k", b"")
        assert overlay.get(b"k") == b""
        assert overlay.get(b"other") is None
    assert list(state.items()) == []


def test_another_state_can_take_its_place(path, tmp_path):
    live, other = StateFile(path), StateFile(tmp_path / "other.sqlite3")
    live.commit(AT_0, AT_1, {b"wrong": b"1"})
    other.commit(AT_0, AT_2, {b"right": b"2"})
    with pytest.raises(StateMoved):
        live.replace(AT_0, other)
    live.replace(AT_1, other)
    assert live.position() == AT_2
    assert list(live.items()) == [(b"right", b"2")]


def test_a_lock_held_by_a_stopped_process_is_a_clear_error(path, monkeypatch):
    monkeypatch.setattr(state_module, "_BUSY_TIMEOUT_S", 0.1)
    state, stopped = StateFile(path), sqlite3.connect(path, isolation_level=None)
    stopped.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="stayed locked"):
        state.commit(AT_0, AT_1, {})
    stopped.execute("ROLLBACK")
    state.commit(AT_0, AT_1, {})


def test_many_can_open_a_new_state_at_once(tmp_path):
    def open_and_read(number: int) -> Position:
        state = StateFile(tmp_path / f"{number // 8}.sqlite3")
        try:
            return state.position()
        finally:
            state.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_and_read, range(8 * 40))) == {AT_0}


def test_a_file_that_is_no_state_is_a_clear_error(path):
    path.parent.mkdir()
    path.write_bytes(b"no database, but long enough to be looked at" * 20)
    with pytest.raises(StateError, match="move it away"):
        StateFile(path)


def test_another_format_is_refused(path):
    StateFile(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StateError, match="expected state format 1, got 9"):
        StateFile(path)


_WRITER = """
import sys
from auditspine.processors.projection.state import Position, StateFile
from pathlib import Path
state = StateFile(Path(sys.argv[1]))
at = state.position()
while True:
    after = Position("o", at.size + 1, bytes(32), at.next_offset + 1)
    state.commit(at, after, {b"%d" % n: b"%d" % after.size for n in range(20)})
    at = after
    if at.size % 50 == 0:
        print(at.size, flush=True)
"""


def test_state_and_position_agree_after_a_kill(path):
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        state = StateFile(path)
        assert {value for _, value in state.items()} == {b"%d" % state.position().size}
        state.close()
