"""Predictions that wait for their outcomes, in one SQLite file per partition.

What is in it is a function of the logs; writing it again changes nothing, so it needs no
transaction with the projection's state. It is bounded by time: what no outcome that is still to
come can find is deleted. That depends on how far the outcome log is read, not the inference log,
so that a replay of a long history finds what was found.
"""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from auditspine.processors.drift.port import Answer, Due, Member, NotYet, Prediction

_DAY_MS = 24 * 3_600_000
_LATER_MS = 7 * _DAY_MS  # for which what comes too late is still told from what answers nothing
_PATIENCE_S = 10.0
_MOST_KNOWN = 10_000  # memberships that are held in memory
_DDL = """
CREATE TABLE IF NOT EXISTS models (
    id INTEGER PRIMARY KEY, place BLOB NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    digest TEXT NOT NULL, UNIQUE (place, name, version, digest)
);
CREATE TABLE IF NOT EXISTS memberships (id INTEGER PRIMARY KEY, said TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS predictions (
    key BLOB PRIMARY KEY, at INTEGER NOT NULL, model INTEGER NOT NULL, decision TEXT NOT NULL,
    occurred_at INTEGER NOT NULL, score REAL, membership INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (model, at, key, membership);
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, at INTEGER NOT NULL, position INTEGER NOT NULL, label TEXT NOT NULL,
    delay INTEGER
) WITHOUT ROWID;
"""
_FIND = """
SELECT p.at, p.decision, p.occurred_at, p.score, p.membership, m.place, m.name, m.version, m.digest
FROM predictions AS p JOIN models AS m ON m.id = p.model WHERE p.key = ?
"""
_DUE = """
SELECT p.at, p.membership, a.key IS NOT NULL, a.delay
FROM predictions AS p LEFT JOIN answers AS a ON a.key = p.key AND a.position < ?
WHERE p.model = ? AND p.at > ? AND p.at <= ? ORDER BY p.at, p.key
"""

Membership = tuple[tuple[Member, ...], tuple[str, ...]]


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
        self._members: dict[int, _Memberships] = {}
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
            models = {(each.place, *each.model) for each in predictions}
            ids = {model: _model_id(file, model) for model in models}
            member_ids = self._members[partition].ids(file, predictions)
            rows = sorted(
                (key, at, ids[(place, *model)], said, made, score, member_ids[members, without])
                for key, at, model, said, made, score, place, members, without in predictions
            )
            file.executemany("INSERT OR IGNORE INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
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
        file = self._file(partition)
        found = file.execute(_FIND, (key,)).fetchone()
        if found is None:
            self._wait_for(partition, at)
            return None
        taken, decision, made, score, membership, place, *model = found
        if not at - self._keep_ms <= taken <= at:
            return None
        score = math.nan if score is None else score  # as SQLite keeps NaN
        members = self._members[partition].get(file, membership)
        return Prediction(key, taken, tuple(model), decision, made, score, place, *members)

    def answer(self, origin: str, key: bytes, answer: Answer) -> Answer:
        """Give the first answer to a prediction; see :class:`~.port.Predictions`."""
        file = self._file(_partition(origin))
        row = (key, *answer)
        if file.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", row).rowcount:
            return answer
        found = file.execute("SELECT at, position, label, delay FROM answers WHERE key = ?", (key,))
        return Answer(*found.fetchone())

    def keep(self, origin: str) -> None:
        """Keep the answers that were noted; see :class:`~.port.Predictions`."""
        self._file(_partition(origin)).commit()

    def due(
        self, origin: str, of: Prediction, after: int, through: int, answer: tuple[int, int]
    ) -> Iterator[Due]:
        """Yield predictions and whether they were answered; see :class:`~.port.Predictions`."""
        partition = _partition(origin)
        self._wait_for(partition, through)
        file, known = self._file(partition), self._members[partition]
        at, position = answer
        model = _model_id(file, (of.place, *of.model))
        start = max(after, at - self._keep_ms - 1)
        found = file.execute(_DUE, (position, model, start, through))
        for taken, membership, answered, delay in found:
            yield Due(taken, known.get(file, membership)[0], bool(answered), delay)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _wait_for(self, partition: int, at: int) -> None:
        behind = self._through.get(partition, -1) <= at and not self._logs.is_complete(partition)
        if behind and not self._stands_still(partition):
            raise NotYet(f"inference partition {partition} is not read through {at}")

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
            self._members[partition] = _Memberships()
        return file


class _Memberships:
    """The combinations of groups that people are of: each is in a file once."""

    def __init__(self) -> None:
        self._ids: dict[Membership, int] = {}
        self._said: dict[int, Membership] = {}

    def ids(
        self, file: sqlite3.Connection, predictions: Sequence[Prediction]
    ) -> dict[Membership, int]:
        """Give the id of each combination that predictions have."""
        if len(self._ids) > _MOST_KNOWN:
            self._ids.clear()
        for given in {(each.members, each.without) for each in predictions} - self._ids.keys():
            members, without = given
            kept = [(name, number, token if number else "") for name, number, token in members]
            said = (json.dumps([kept, without]),)
            file.execute("INSERT OR IGNORE INTO memberships (said) VALUES (?)", said)
            found = file.execute("SELECT id FROM memberships WHERE said = ?", said)
            self._ids[given] = found.fetchone()[0]
        return self._ids

    def get(self, file: sqlite3.Connection, number: int) -> Membership:
        """Give the combination of an id."""
        known = self._said.get(number)
        if known is None:
            found = file.execute("SELECT said FROM memberships WHERE id = ?", (number,))
            members, without = json.loads(found.fetchone()[0])
            if len(self._said) > _MOST_KNOWN:
                self._said.clear()
            known = tuple((name, at, token) for name, at, token in members), tuple(without)
            self._said[number] = known
        return known


def _model_id(file: sqlite3.Connection, model: tuple[bytes, str, str, str]) -> int:
    columns = "place, name, version, digest"
    file.execute(f"INSERT OR IGNORE INTO models ({columns}) VALUES (?, ?, ?, ?)", model)  # noqa: S608
    found = file.execute(f"SELECT id FROM models WHERE ({columns}) = (?, ?, ?, ?)", model)  # noqa: S608
    return int(found.fetchone()[0])


def _partition(origin: str) -> int:
    return int(origin.rpartition("/")[2])
