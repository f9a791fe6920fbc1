"""Become a command that dies with its parent: ``python -m auditspine.embedded.tether -- COMMAND``.

Sets the parent-death signal, takes a lock if asked to, and then *is* the command (exec), so that
the command is the supervisor's direct child and holds the lock itself. Only Linux has this signal.

The signal comes when the *thread* that started the child ends, so a child must be started from a
thread that outlives it. Source: prctl(2), PR_SET_PDEATHSIG.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from auditspine.embedded import lock
from auditspine.embedded.errors import InUseError

EXIT_IN_USE = 75
"""Exit code where another process holds the lock (EX_TEMPFAIL of sysexits.h)."""

EXIT_NOT_FOUND = 127
"""Exit code where the command could not be executed, as shells have it."""

_PR_SET_PDEATHSIG = 1


def command_line(argv: Sequence[str], *, lock_file: Path | None = None) -> list[str]:
    """Give the command line that runs a command tethered to the calling process.

    Args:
        argv: The command; its first item is an absolute path or is looked up in PATH.
        lock_file: File that the command holds locked while it lives.
    """
    locked = [] if lock_file is None else ["--lock", str(lock_file)]
    # -P: never import from the current directory.
    me = [sys.executable, "-P", "-m", "auditspine.embedded.tether", "--parent", str(os.getpid())]
    return [*me, *locked, "--", *argv]


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent is gone.

    Args:
        parent: Pid of the expected parent; this process exits when it is gone already.

    Raises:
        OSError: The kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and become the command."""
    parser = argparse.ArgumentParser(prog="python -m auditspine.embedded.tether")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="expected parent's pid")
    parser.add_argument("--lock", type=Path, help="file to hold locked while the command lives")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    die_with_parent(options.parent)
    try:
        if options.lock is not None:
            os.set_inheritable(lock.acquire(options.lock), True)
    except InUseError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(EXIT_IN_USE) from exc
    try:
        os.execvp(options.command[0], options.command)  # noqa: S606 - no shell is meant
    except OSError as exc:
        sys.stderr.write(f"{options.command[0]}: cannot be executed: {exc.strerror}\n")
        raise SystemExit(EXIT_NOT_FOUND) from exc


if __name__ == "__main__":
    main()
