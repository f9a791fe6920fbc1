"""Predictions that wait for their outcomes, in one SQLite file per partition.

What is in it is a function of the logs; writing it again changes nothing, so it needs no
transaction with the projection's state. It is bounded by time: what no outcome that is still to
come can find is deleted. That depends on how far the outcome log is read, not the inference log,
so that a replay of a long history finds what was found.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from auditspine.processors.drift.port import Answer, NotYet, Prediction

_DAY_MS = 24 * 3_600_000
_LATER_MS = 7 * _DAY_MS  # for which what comes too late is still told from what answers nothing
_PATIENCE_S = 10.0
_DDL = """
CREATE TABLE IF NOT EXISTS models (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
    UNIQUE (name, version, digest)
);
CREATE TABLE IF NOT EXISTS predictions (
    key BLOB PRIMARY KEY, at INTEGER NOT NULL, model INTEGER NOT NULL, decision TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, at INTEGER NOT NULL, position INTEGER NOT NULL, label TEXT NOT NULL
) WITHOUT ROWID;
"""
_FIND = """
SELECT p.at, p.decision, m.name, m.version, m.digest FROM predictions AS p
JOIN models AS m ON m.id = p.model WHERE p.key = ?
"""


class Logs(Protocol):
    """Port: how far the logs are folded that predictions and outcomes are in."""

    def is_complete(self, partition: int) -> bool:
        """Tell whether all that an inference partition's source holds now is folded."""
        ...

    def position(self, partition: int) -> int:
        """Give how many entries of an inference partition are folded."""
        ...

    def are_outcomes_complete(self, partition: int) -> bool:
        """Tell whether all that an outcome partition's source holds now is folded."""
        ...


class ReadLogs:
    """Logs of which the inference log was folded to its end, and the outcome log is next."""

    def is_complete(self, partition: int) -> bool:  # noqa: ARG002 - as the port
        """Tell that it is."""
        return True

    def position(self, partition: int) -> int:  # noqa: ARG002 - as the port
        """Give no more than that it does not move."""
        return 0

    def are_outcomes_complete(self, partition: int) -> bool:  # noqa: ARG002 - as the port
        """Tell that they are not."""
        return False


class PredictionFiles:
    """The predictions of the partitions that this process reads.

    Args:
        folder: Where the files are.
        logs: How far logs are folded. That an inference partition is complete is asked only about
            an outcome whose prediction is not there.
        keep_days: How long outcomes are waited for.
        clock: Monotonic seconds, for how long to wait for a log that stands still.
    """

    def __init__(
        self,
        folder: Path,
        logs: Logs,
        keep_days: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._keep_ms = keep_days * _DAY_MS + _LATER_MS
        self._clock = clock
        self._files: dict[int, sqlite3.Connection] = {}
        self._through: dict[int, int] = {}
        self._swept: dict[int, int] = {}
        self._still: dict[int, tuple[tuple[int, int], float]] = {}

    def put(self, origin: str, predictions: Sequence[Prediction], through: int) -> None:
        """Remember predictions of one log; see :class:`~.port.Predictions`."""
        partition = _partition(origin)
        file = self._file(partition)
        with file:
            # The first with a key stays: a later one of the same id is another prediction, which
            # no outcome can tell apart.
            models = {each.model for each in predictions}
            ids = {model: _model_id(file, model) for model in models}
            rows = sorted((key, at, ids[model], said) for key, at, model, said in predictions)
            file.executemany("INSERT OR IGNORE INTO predictions VALUES (?, ?, ?, ?)", rows)
        self._through[partition] = max(through, self._through.get(partition, 0))
        if self._is_due(partition, through) and self._logs.are_outcomes_complete(partition):
            self._sweep(partition, through)  # every outcome to come is of a later time

    def find(self, origin: str, key: bytes, at: int) -> Prediction | None:
        """Give the prediction that the broker took until a time; see :class:`~.port.Predictions`.

        A prediction that is older than the outcome by a week more than what is waited for is not
        found, deleted or not. The inference log is taken as read when it has not moved for ten
        seconds, until it moves on.
        """
        partition = _partition(origin)
        self._sweep(partition, at)
        found = self._file(partition).execute(_FIND, (key,)).fetchone()
        if found is not None:
            taken, decision, *model = found
            if not at - self._keep_ms <= taken <= at:
                return None
            return Prediction(key, taken, tuple(model), decision)
        behind = self._through.get(partition, -1) <= at and not self._logs.is_complete(partition)
        if behind and not self._stands_still(partition):
            raise NotYet(f"inference partition {partition} is not read through {at}")
        return None

    def answer(self, origin: str, key: bytes, answer: Answer) -> Answer:
        """Give the first answer to a prediction; see :class:`~.port.Predictions`."""
        file = self._file(_partition(origin))
        with file:
            row = (key, answer.at, answer.position, answer.label)
            file.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", row)
        found = file.execute("SELECT at, position, label FROM answers WHERE key = ?", (key,))
        return Answer(*found.fetchone())

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _stands_still(self, partition: int) -> bool:
        """Tell whether an inference partition has not moved for too long to be waited for."""
        now = self._clock()
        at = self._through.get(partition, -1), self._logs.position(partition)
        known, since = self._still.get(partition, (None, now))
        if known != at:
            self._still[partition] = at, now
            return False
        return now - since >= _PATIENCE_S

    def _is_due(self, partition: int, at: int) -> bool:
        return (at - self._keep_ms) // _DAY_MS > self._swept.get(partition, -1)

    def _sweep(self, partition: int, at: int) -> None:
        """Delete, once a day, what no outcome finds that the broker took at a time or later."""
        if not self._is_due(partition, at):
            return
        before = at - self._keep_ms
        file = self._file(partition)
        with file:
            for table in ("predictions", "answers"):
                old = f"DELETE FROM {table} WHERE at < ?"  # noqa: S608 - both are ours
                file.execute(old, (before,))
        self._swept[partition] = before // _DAY_MS

    def _file(self, partition: int) -> sqlite3.Connection:
        file = self._files.get(partition)
        if file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"predictions-{partition}.sqlite3"
            file = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            file.executescript(_DDL)
            self._files[partition] = file
        return file


def _model_id(file: sqlite3.Connection, model: tuple[str, str, str]) -> int:
    file.execute("INSERT OR IGNORE INTO models (name, version, digest) VALUES (?, ?, ?)", model)
    found = file.execute(
        "SELECT id FROM models WHERE name = ? AND version = ? AND digest = ?", model
    )
    return int(found.fetchone()[0])


def _partition(origin: str) -> int:
    return int(origin.rpartition("/")[2])
