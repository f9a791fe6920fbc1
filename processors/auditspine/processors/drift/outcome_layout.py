"""The monitors over outcomes: which there are rows enough for, and what is expected of each. Pure.

The training profile says how often decisions are wrong. All else is learned from the first answered
predictions: a monitor of a group begins when the model is warm and there are rows enough of the
group that say something of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.naming import of_group, of_pair
from auditspine.processors.drift.outcome_board import CALIBRATION, DELAY, ODDS, RATE, Watched
from auditspine.processors.drift.outcome_rows import EVERYONE, Answered, IsDue, Judged, People
from auditspine.processors.drift.policy import DriftPolicy

MOST = 1000
"""Monitors over outcomes of one model at one deployment."""

_LEAST_RATE = 1e-4
_LEAST_SD = 0.1  # of a delay's score, which is 1 for exponential delays
_MEASURES = (
    ("true_positive_rate", Answered.GOOD_FAVOURED, Answered.GOOD),
    ("false_positive_rate", Answered.BAD_FAVOURED, Answered.BAD),
)


class Need(NamedTuple):
    """How many rows make a reference.

    Attributes:
        answered: Answered predictions of the model.
        group: Rows of a group.
    """

    answered: int
    group: int

    @classmethod
    def of(cls, policy: DriftPolicy) -> "Need":
        """Give what a policy asks for."""
        return cls(policy.monitors.warm_up_rows, policy.fairness.least_group_rows)


@dataclass(slots=True)
class Pairs:
    """What blocks say of each two groups of an attribute.

    Attributes:
        first: Index of the one group of each pair.
        second: Of the other.
        sums: Per pair and measure: Mantel's and Haenszel's sums, the gap's and its weight.
        people: Groups of which the pairs are known.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    sums: Floats
    people: int = 0

    @classmethod
    def begin(cls) -> "Pairs":
        """Begin without any."""
        none = np.zeros(0, dtype=np.intp)
        return cls(none, none, np.zeros((0, len(_MEASURES), 4)))

    def learn(self, people: People, sums: Floats) -> None:
        """Take a block's sums per group."""
        if len(people) > self.people:
            self._find(people)
        for place, (_, hits, rows) in enumerate(_MEASURES):
            k1, k2 = sums[self.first, hits], sums[self.second, hits]
            n1, n2 = sums[self.first, rows], sums[self.second, rows]
            both = np.maximum(n1 + n2, 1.0)
            parts = (k1 * (n2 - k2), (n1 - k1) * k2, k1 * n2 - k2 * n1, n1 * n2)
            self.sums[:, place] += np.stack(parts, axis=1) / both[:, None]

    def _find(self, people: People) -> None:
        """Make room for the pairs of groups that came since."""
        pairs = [
            (a, b) if m < n else (b, a)
            for (a, name, m), (b, other, n) in combinations(people.compared(), 2)
            if name == other and max(a, b) >= self.people
        ]
        self.people = len(people)
        if pairs:
            first, second = np.array(pairs, dtype=np.intp).T
            self.first = np.concatenate([self.first, first])
            self.second = np.concatenate([self.second, second])
            more = np.zeros((len(pairs), *self.sums.shape[1:]))
            self.sums = np.concatenate([self.sums, more])


def error(rate: float, rows: float) -> Watched:
    """Give the monitor of errors, for a rate that is known from some rows."""
    columns = Answered.WRONG, Answered.WRONG, Answered.ROWS
    return _rate("error", "error", EVERYONE, columns, rate, rows, 1.0)


def of_answers(people: People, known: Floats, pairs: Pairs, need: Need) -> Iterator[Watched]:
    """Yield the monitors of answered predictions that there are rows enough for.

    Args:
        people: The groups.
        known: Sums per group and column.
        pairs: What is known of pairs.
        need: How many are enough.
    """
    answered = known[EVERYONE, Answered.ROWS]
    yield from _calibrations(people, known, need)
    if answered < need.answered:
        return
    yield error(known[EVERYONE, Answered.WRONG] / answered, answered)
    for at, attribute, number in people.compared():
        for what, hits, rows in _MEASURES:
            count = known[at, rows]
            if count >= need.group:
                name, rate = of_group(attribute, number, what), known[at, hits] / count
                columns = hits, hits, rows
                yield _rate(name, "group", at, columns, rate, count, count / answered)
    yield from _gaps(people, known, pairs, need)


def of_due(people: People, known: Floats, need: Need) -> Iterator[Watched]:
    """Yield the monitors of outcomes that are due that there are rows enough for."""
    columns = IsDue.ANSWERED, IsDue.ANSWERED, IsDue.ROWS
    due = known[EVERYONE, IsDue.ROWS]
    if due < need.answered:
        return
    for at, name in _everyone_and(people, "coverage"):
        rows = known[at, IsDue.ROWS] if at < len(known) else 0.0
        if rows >= need.group:
            rate = known[at, IsDue.ANSWERED] / rows
            yield _rate(name, "coverage", at, columns, rate, rows, rows / due)


def of_delays(people: People, known: Floats, need: Need, late: float) -> Iterator[Watched]:
    """Yield the monitors of delays that there are rows enough for.

    Args:
        people: The groups.
        known: Sums per group and column of the predictions that were judged.
        need: How many are enough.
        late: Share of those above the horizon.
    """
    columns = Judged.RANK, Judged.RANK_SQUARES, Judged.ROWS
    judged = known[EVERYONE, Judged.ROWS]
    for at, name in _everyone_and(people, "delay"):
        rows = known[at, Judged.ROWS] if at < len(known) else 0.0
        if rows >= need.group:
            mean = known[at, Judged.RANK] / rows
            variance = known[at, Judged.RANK_SQUARES] / rows - mean**2
            sd = max(variance, _LEAST_SD**2) ** 0.5
            of = (DELAY, at, -1, columns, name, "delay")
            yield Watched(*of, mean, sd, rows, rows / judged, late)


def _calibrations(people: People, known: Floats, need: Need) -> Iterator[Watched]:
    """What was said is what is expected: no more rows are needed than tell how often it happens."""
    columns = Answered.OFF, Answered.OFF_SQUARES, Answered.SAID
    for at, name in _everyone_and(people, "calibration"):
        rows = known[at, Answered.SAID]
        if rows >= need.group:
            rate = _within(known[at, Answered.HAPPENED] / rows)
            sd = max(known[at, Answered.OFF_SQUARES] / rows, _LEAST_RATE) ** 0.5
            share = rows / known[EVERYONE, Answered.ROWS]
            yield Watched(
                *(CALIBRATION, at, -1, columns, name, "calibration"), *(0.0, sd, rows, share, rate)
            )


def _gaps(people: People, known: Floats, pairs: Pairs, need: Need) -> Iterator[Watched]:
    answered = known[EVERYONE, Answered.ROWS]
    for place, (what, hits, rows) in enumerate(_MEASURES):
        n1, n2 = known[pairs.first, rows], known[pairs.second, rows]
        enough = (np.minimum(n1, n2) >= need.group) & (pairs.sums[:, place, 3] > 0)
        for pair in np.flatnonzero(enough):
            first, second = int(pairs.first[pair]), int(pairs.second[pair])
            attribute, number, _ = people.entries[first]
            name = of_pair(attribute, number, people.entries[second][1], what)
            both, own = float(n1[pair] + n2[pair]), float(n1[pair] / (n1[pair] + n2[pair]))
            rate = _within((known[first, hits] + known[second, hits]) / both)
            mantel, haenszel, gap, weight = pairs.sums[pair, place].tolist()
            sd = (rate * (1 - rate) / (own * (1 - own))) ** 0.5
            ratio = (mantel + 0.5) / (haenszel + 0.5)
            yield Watched(
                *(ODDS, first, second, (hits, hits, rows), name, "fairness"),
                *(gap / weight, sd, both, both / answered, rate, ratio, own),
            )


def _everyone_and(people: People, what: str) -> Iterator[tuple[int, str]]:
    yield EVERYONE, what
    for at, attribute, number in people.compared():
        yield at, of_group(attribute, number, what)


def _rate(
    name: str,
    kind: str,
    group: int,
    columns: tuple[int, int, int],
    rate: float,
    rows: float,
    share: float,
) -> Watched:
    within = _within(rate)
    sd = (within * (1 - within)) ** 0.5
    return Watched(RATE, group, -1, columns, name, kind, within, sd, rows, share)


def _within(rate: float) -> float:
    return float(min(max(rate, _LEAST_RATE), 1 - _LEAST_RATE))
