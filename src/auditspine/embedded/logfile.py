"""A log file that children append to and that is kept below a size. Parses nothing."""

import os
import shutil
from pathlib import Path

DEFAULT_MAX_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 16 * 1024
_JAVA_FRAME = "\tat "


class BoundedLog:
    """One log file with one older generation beside it.

    Children write to the file themselves, so that nobody has to pump a pipe and a stopped
    supervisor never blocks them. ``trim`` copies the file aside and empties it; a child that
    writes by O_APPEND goes on at its start. What is written during the last copied block and the
    emptying can be lost: these are logs for people, not evidence.
    """

    def __init__(self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes

    @property
    def older(self) -> Path:
        """Give the file that holds what was trimmed last."""
        return self.path.with_name(self.path.name + ".1")

    def open(self) -> int:
        """Open for appending and give the descriptor; the caller closes it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def trim(self) -> bool:
        """Move the content aside when it exceeds the limit; tell whether it did."""
        try:
            if self.path.stat().st_size <= self.max_bytes:
                return False
        except FileNotFoundError:
            return False
        partial = self.older.with_name(self.older.name + ".new")
        with self.path.open("r+b") as file, partial.open("wb") as copy:
            file.seek(-self.max_bytes, os.SEEK_END)
            shutil.copyfileobj(file, copy)
            file.truncate(0)
        partial.replace(self.older)
        return True

    def tail(self, count: int) -> tuple[str, ...]:
        """Give the last lines, at most ``count``, without the frames of Java stack traces."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ()
        lines = (line for line in text.splitlines() if line.strip())
        return tuple(line for line in lines if not line.startswith(_JAVA_FRAME))[-count:]
