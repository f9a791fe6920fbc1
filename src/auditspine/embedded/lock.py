"""Own a directory: an exclusive flock on a file that names its holder's pid."""

import fcntl
import os
from pathlib import Path

from auditspine.embedded.errors import InUseError


def acquire(path: Path) -> int:
    """Take a lock for as long as the returned descriptor stays open in any process.

    The kernel frees it when its holders die, by whatever signal: there are no stale locks.

    Args:
        path: The lock file; created with its folder when missing, and never removed.

    Raises:
        InUseError: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise InUseError(path, holder(path)) from exc
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def release(descriptor: int) -> None:
    """Give a lock back."""
    os.close(descriptor)


def holder(path: Path) -> int | None:
    """Give the pid that the last holder wrote, or None."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
