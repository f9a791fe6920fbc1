"""Predictions that wait for their outcomes, in one SQLite file per partition.

What is in it is a function of the logs; writing it again changes nothing, so it needs no
transaction with the projection's state. It is bounded by time: what is too old is deleted.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from auditspine.processors.drift.port import Answer, NotYet, Prediction

_DAY_MS = 24 * 3_600_000
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


class PredictionFiles:
    """The predictions of the partitions that this process reads.

    Args:
        folder: Where the files are.
        is_complete: Tells of an inference partition whether all that its source topic holds now
            is folded; asked only about an outcome whose prediction is not there.
        keep_days: How long predictions are kept.
        clock: Monotonic seconds, for how long to wait for a log that is behind.
    """

    def __init__(
        self,
        folder: Path,
        is_complete: Callable[[int], bool],
        keep_days: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._is_complete = is_complete
        self._keep_ms = keep_days * _DAY_MS
        self._clock = clock
        self._files: dict[int, sqlite3.Connection] = {}
        self._through: dict[int, int] = {}
        self._swept: dict[int, int] = {}
        self._waiting: dict[int, float] = {}

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
            day = through // _DAY_MS
            if self._swept.get(partition) != day:
                for table in ("predictions", "answers"):
                    old = f"DELETE FROM {table} WHERE at < ?"  # noqa: S608 - both are ours
                    file.execute(old, (through - self._keep_ms,))
                self._swept[partition] = day
        self._through[partition] = max(through, self._through.get(partition, 0))

    def find(self, origin: str, key: bytes, at: int) -> Prediction | None:
        """Give the prediction that the broker took until a time; see :class:`~.port.Predictions`.

        After ten seconds of waiting for the inference log, it is taken as read.
        """
        partition = _partition(origin)
        found = self._file(partition).execute(_FIND, (key,)).fetchone()
        if found is not None:
            taken, decision, *model = found
            return Prediction(key, taken, tuple(model), decision) if taken <= at else None
        if self._through.get(partition, -1) <= at and not self._is_complete(partition):
            since = self._waiting.setdefault(partition, self._clock())
            if self._clock() - since < _PATIENCE_S:
                raise NotYet(f"inference partition {partition} is not read through {at}")
        self._waiting.pop(partition, None)
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
