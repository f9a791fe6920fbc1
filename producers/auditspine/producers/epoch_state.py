"""Remembers, beside the key, how far earlier epochs got: the state file.

The first event of an epoch cites it, so that a tail that never reached the log shows. It is
best effort: only acknowledged sequences are written, so a stale or missing file can make the
citation weaker and never wrong, and no failure here stops an event.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_log = logging.getLogger(__name__)
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reached:
    """How far one producer's epoch is known to have got in one partition.

    Attributes:
        public_key: The producer's public key, hex digits.
        tenant: Its tenant.
        producer: Its name.
        topic_id: Kafka's id of the topic: a topic that was made anew is another log.
        topic: The topic's name, for people.
        partition: The partition.
        epoch: The epoch.
        sequence: A sequence of it that the broker acknowledged.
    """

    public_key: str
    tenant: str
    producer: str
    topic_id: str
    topic: str
    partition: int
    epoch: int
    sequence: int

    @property
    def log(self) -> tuple[str, str, str, str, int]:
        """What has one row in the file."""
        return (self.public_key, self.tenant, self.producer, self.topic_id, self.partition)


class EpochState:
    """The state file; several clients, and processes, may share one.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._warned = False

    def load(self) -> dict[tuple[str, str, str, str, int], Reached]:
        """Give the known rows; empty when there are none or the file cannot be read."""
        if self._path is None:
            return {}
        try:
            rows = parse(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as exc:
            _log.warning("state file %s is ignored: %s", self._path, type(exc).__name__)
            return {}
        return {row.log: row for row in rows}

    def save(self, rows: Iterable[Reached]) -> None:
        """Merge rows into the file, atomically; a failure is logged only."""
        fresh = list(rows)
        if self._path is None or not fresh:
            return
        try:
            with open(self._path.with_name(self._path.name + ".lock"), "w") as lock:  # noqa: PTH123
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._replace(render(merge(self.load(), fresh).values()))
        except OSError as exc:
            if not self._warned:
                _log.warning("state file %s is not written: %s", self._path, exc.strerror)
            self._warned = True

    def _replace(self, content: bytes) -> None:
        assert self._path is not None
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        partial.replace(self._path)


def merge(
    known: Mapping[tuple[str, str, str, str, int], Reached], fresh: Iterable[Reached]
) -> dict[tuple[str, str, str, str, int], Reached]:
    """Give the latest row of each log: the later epoch, and in it the higher sequence."""
    merged = dict(known)
    for row in fresh:
        old = merged.get(row.log)
        if old is None or (old.epoch, old.sequence) < (row.epoch, row.sequence):
            merged[row.log] = row
    return merged


def parse(content: bytes) -> list[Reached]:
    """Read a state file's bytes.

    Raises:
        ValueError: Not JSON, another version, or a number out of range.
        TypeError: Not the fields of a row.
        KeyError: No rows.
    """
    document = json.loads(content)
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ValueError(f"expected a state file of version {_VERSION}")
    rows = [Reached(**row) for row in document["logs"]]
    for row in rows:
        if not all(isinstance(n, int) and 0 <= n < 1 << 63 for n in (row.epoch, row.sequence)):
            raise ValueError("expected an epoch and a sequence of 63 bits")
    return rows


def render(rows: Iterable[Reached]) -> bytes:
    """Write a state file's bytes."""
    document = {"version": _VERSION, "logs": [asdict(row) for row in rows]}
    return json.dumps(document, indent=1).encode() + b"\n"
