"""Recognise a process that was recorded earlier, so that a reused pid is never taken for it."""

import os
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_RECLAIM_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """What identifies a process.

    Attributes:
        name: What it does, for messages.
        pid: Its pid, and the id of its process group.
        started_ticks: Its start time, clock ticks after boot.
        argv: Its command line, without the tether before it.
    """

    name: str
    pid: int
    started_ticks: int
    argv: tuple[str, ...]


def record(name: str, pid: int, argv: Sequence[str]) -> ProcessRecord:
    """Record a process that runs now.

    Raises:
        ProcessLookupError: There is no such process, not even one that waits to be reaped.
    """
    found = _stat(pid)
    if found is None:
        raise ProcessLookupError(f"{name}: no process {pid}")
    return ProcessRecord(name, pid, found[1], resolved(argv))


def current(name: str) -> ProcessRecord:
    """Record the calling process."""
    return record(name, os.getpid(), _command_line(os.getpid()))


def resolved(argv: Sequence[str]) -> tuple[str, ...]:
    """Give a command line with its program looked up in PATH."""
    return (shutil.which(argv[0]) or argv[0], *argv[1:])


def is_running(known: ProcessRecord) -> bool:
    """Tell whether exactly this process still runs (a zombie does not).

    Both the start time and the command line must be those recorded. The command line may have
    more before it: the tether's, or a script's interpreter.
    """
    found = _stat(known.pid)
    if found is None or found[0] in "ZX" or found[1] != known.started_ticks:
        return False
    tail = known.argv[1:] or known.argv
    return _command_line(known.pid)[-len(tail) :] == tail


def reclaim(records: Iterable[ProcessRecord]) -> list[ProcessRecord]:
    """Kill what is left of recorded processes, with their groups, and await their end.

    Returns:
        Those that were still running.

    Raises:
        TimeoutError: One did not end.
    """
    left = [known for known in records if is_running(known)]
    for known in left:
        kill_group(known.pid)
    deadline = time.monotonic() + _RECLAIM_S
    for known in left:
        while is_running(known):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{known.name}: process {known.pid} does not end on SIGKILL")
            time.sleep(_POLL_S)
    return left


def kill_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process group; nothing happens when it is gone."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _stat(pid: int) -> tuple[str, int] | None:
    """Read a process's state and start time. Source: proc_pid_stat(5), fields 3 and 22."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _command_line(pid: int) -> tuple[str, ...]:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(os.fsdecode(item) for item in raw.split(b"\0")[:-1])
