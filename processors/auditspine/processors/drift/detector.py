"""A detector of shifts behind river's interface, and the bank of many that a processor steps. Pure.

A block is tested, then absorbed. What is not a finite number is no value: it is left out and
counted, where most detectors would fall silent for ever (missing values have monitors of their own).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.base import DriftDetector

from auditspine.processors.drift.guard import Guard
from auditspine.processors.drift.mixture import BOTH_WAYS, Flags, Floats, Mixture
from auditspine.processors.drift.profile import NumericProfile
from auditspine.processors.drift.scores import Blocks, Location, Rate, Scale, Score
from auditspine.processors.drift.season import Season

BLOCK = 25
"""Rows after which a monitor is stepped."""

_LEARN = 8  # blocks after which the guard, the season and the tilts of rates learn
_DOUBT = 2.0  # standard deviations of the reference's own error that a bet must be worth


class Bank:
    """Monitors of one kind, stepped block by block; every array has an element per monitor.

    The reference absorbs each block as soon as it is tested; the guard, the season and the tilts of
    rates learn after every eighth. However blocks are grouped, the results are the same.

    Args:
        score: What they bet on; its arrays say how many they are.
        run_length: Rows that are to pass without a false alarm on average.
    """

    def __init__(self, score: Score, run_length: float | Floats) -> None:
        self._score = score
        monitors = score.arrays["rows"].size
        self._mixture = Mixture(_each(run_length, monitors))
        self._guard = Guard(monitors)
        self._season = Season(monitors)
        self._steps = 0  # since the bank learned
        self._learned = {"mean": score.mean(), "rows": self.rows.copy()}  # as it was then
        self._refresh()

    @classmethod
    def location(
        cls,
        mean: Floats,
        variance: Floats,
        rows: Floats,
        run_length: float | Floats,
        cumulants: Floats | None = None,
    ) -> "Bank":
        """Watch numeric values' places; see :class:`Location`."""
        return cls(Location(*_floats(mean, variance, rows), cumulants), run_length)

    @classmethod
    def scale(
        cls,
        variance: Floats,
        rows: Floats,
        run_length: float | Floats,
        cumulants: Floats | None = None,
    ) -> "Bank":
        """Watch normal scores' spreads around 0; see :class:`Scale`."""
        return cls(Scale(*_floats(variance, rows), cumulants), run_length)

    @classmethod
    def rate(cls, rate: Floats, rows: Floats, run_length: float | Floats) -> "Bank":
        """Watch how often something happens; see :class:`Rate`."""
        return cls(Rate(*_floats(rate, rows)), run_length)

    @property
    def level(self) -> Floats:
        """How near each monitor is to an alarm: 1 is the alarm itself."""
        return self._mixture.level

    @property
    def excess(self) -> Floats:
        """How much more sums of values scatter than independent values' would, at least 1."""
        excess: Floats = self._guard.excess.max(axis=0)
        return excess

    @property
    def reference_mean(self) -> Floats:
        """What the reference expects of a value's score: a value, a square or a rate."""
        return self._score.mean()

    @property
    def reference_sd(self) -> Floats:
        """By how much a value's score scatters in the reference."""
        return np.sqrt(self._score.variance())

    @property
    def rows(self) -> Floats:
        """Rows that the reference is known from."""
        return self._score.arrays["rows"]

    def set_run_length(self, run_length: float | Floats) -> None:
        """Change how many rows are to pass without a false alarm, as traffic changes."""
        self._mixture.run_length = _each(run_length, self.rows.size)

    def step(
        self,
        total: Floats,
        squares: Floats,
        rows: Floats,
        hours: NDArray[Any] | None = None,
        cumulants: Floats | None = None,
    ) -> Flags:
        """Test a block, then absorb it.

        Args:
            total: Sum of its values.
            squares: Sum of their squares.
            rows: Number of values; 0 leaves a monitor as it is, and so do sums that are not finite.
            hours: How many of the block's rows fell in each hour of day (UTC), of shape (24,).
            cumulants: For scores whose ψ differs from row to row; see :class:`Blocks`.

        Returns:
            Which monitors raise an alarm.
        """
        more = [None if given is None else np.asarray(given)[None] for given in (hours, cumulants)]
        one = [np.asarray(given, dtype=float)[None] for given in (total, squares, rows)]
        alarms: Flags = self.steps(*one, *more)[0]
        return alarms

    def steps(
        self,
        total: Floats,
        squares: Floats,
        rows: Floats,
        hours: NDArray[Any] | None = None,
        cumulants: Floats | None = None,
    ) -> Flags:
        """Take blocks one after the other, with the same results as :meth:`step` and faster.

        Every array has one axis more than there, in front: the blocks.
        """
        given = _sound(Blocks(total, squares, rows, cumulants))
        shares = None if hours is None else _shares(hours)
        alarms, at = np.zeros(given.rows.shape, dtype=bool), 0
        while at < alarms.shape[0]:
            now = slice(at, at + _LEARN - self._steps)
            alarms[now] = self._take(_part(given, now), None if shares is None else shares[now])
            at = now.stop
        return alarms

    def _take(self, blocks: Blocks, shares: Floats | None) -> Flags:
        """Take blocks up to the next time that the guard learns."""
        sums = self._score.sums(blocks)
        if shares is not None:
            sums = self._without_season(sums, blocks.rows, shares)
        evidence = self._score.take(sums, blocks)
        exponents = evidence.exponents
        exponents /= self._guard.excess
        alarms = self._mixture.run(exponents, blocks.rows, self._betting)
        self._guard.add(evidence.moved, blocks.rows)
        self._steps += alarms.shape[0]
        if self._steps >= _LEARN:
            self._learn()
        return alarms

    def _without_season(self, sums: Floats, rows: Floats, shares: Floats) -> Floats:
        """Take from sums what the hour of day explains, where it does."""
        season = self._season
        explained = season.explained(shares)
        season.add(sums - rows * self._learned["mean"], explained, sums, rows, shares)
        return sums - rows * explained * season.arrays["active"]

    def _learn(self) -> None:
        self._steps = 0
        self._guard.learn()
        begun = self._season.learn()
        if begun.any():
            self._score.explain(np.where(begun, self._season.variance, 0.0))
            self._guard.forget(begun)
        self._score.learn()
        self._learned.update(mean=self._score.mean(), rows=self.rows.copy())
        self._refresh()

    def _refresh(self) -> None:
        """Compute what follows from the arrays and stays until the guard learns again."""
        doubt = (_DOUBT**2 / 2) * self._guard.excess / self._learned["rows"]
        self._betting = (doubt <= BOTH_WAYS[:, None]).astype(float)

    def append(self, other: "Bank") -> None:
        """Add another bank's monitors behind these; they keep what they have learned."""
        added = other.state() | {"steps": np.full(other.rows.size, float(self._steps))}
        self.load({k: np.concatenate([v, added[k]], axis=-1) for k, v in self.state().items()})

    def state(self) -> dict[str, Floats]:
        """Give every array that is needed to go on; the last axis of each is the monitors."""
        arrays = {
            f"{part}.{name}": array.copy()
            for part, kept in self._parts().items()
            for name, array in kept.items()
        }
        return arrays | {
            "mass": self._mixture.mass.copy(),
            "run_length": self._mixture.run_length.copy(),
            "steps": np.full(self.rows.size, float(self._steps)),
        }

    def load(self, state: Mapping[str, Floats]) -> None:
        """Go on from a state, of as many monitors as it has.

        Raises:
            ValueError: It is none of a bank of this kind.
        """
        mine = {name: np.array(array, dtype=float) for name, array in state.items()}
        _check(self.state(), mine)
        for part, kept in self._parts().items():
            kept.update({name: mine[f"{part}.{name}"] for name in kept})
        self._mixture.mass, self._mixture.run_length = mine["mass"], mine["run_length"]
        self._steps = int(mine["steps"][0])
        self._guard.refresh()
        self._season.refresh()
        self._score.refresh()
        self._refresh()

    def _parts(self) -> dict[str, dict[str, Floats]]:
        return {
            "score": self._score.arrays,
            "guard": self._guard.arrays,
            "season": self._season.arrays,
            "learned": self._learned,
        }


class ShiftDetector(DriftDetector):
    """One monitor with the interface of river's detectors: by default of a numeric value's place.

    Args:
        profile: Of the values in training; a constant is watched for how often values differ.
        run_length: Values that are to pass without a false alarm on average.

    Attributes:
        ignored: Values that were no finite numbers.
    """

    def __init__(self, profile: NumericProfile, run_length: float = 1e5) -> None:
        super().__init__()
        self.profile = profile
        self.run_length = run_length
        self.ignored = 0
        self._block: list[float] = []
        rows = np.array([profile.known_rows])
        if profile.constant:
            self._bank = Bank.rate(np.zeros(1), rows, run_length)
        else:
            self._bank = Bank.location(
                np.array([profile.mean]),
                np.array([profile.variance]),
                rows,
                run_length,
                Location.cumulants_of(profile.training)[:, None],
            )

    @property
    def level(self) -> float:
        """How near it is to an alarm: 1 is the alarm itself."""
        return float(self._bank.level[0])

    def update(self, x: float) -> None:
        """Take a value; ``drift_detected`` tells of the block that it completes.

        What is no finite number, a string for one, is counted and left out.
        """
        self._drift_detected = False
        if isinstance(x, str | bytes) or not _finite(x):
            self.ignored += 1
            return
        self._block.append(float(x))
        if len(self._block) == BLOCK:
            self._drift_detected = self._step()

    def _step(self) -> bool:
        values = np.asarray(self._block)
        self._block = []
        profile = self.profile
        scores = profile.differs(values) if profile.constant else profile.normal_scores(values)
        total, squares = np.array([scores.sum()]), np.array([scores @ scores])
        return bool(self._bank.step(total, squares, np.array([float(BLOCK)]))[0])


def _finite(x: object) -> bool:
    try:
        return math.isfinite(x)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False


def _each(value: float | Floats, monitors: int) -> Floats:
    return np.array(np.broadcast_to(np.asarray(value, dtype=float), (monitors,)))


def _floats(*arrays: Floats) -> list[Floats]:
    return [np.array(array, dtype=float) for array in arrays]


def _sound(blocks: Blocks) -> Blocks:
    """Give the blocks with no rows where sums are not finite or there are no rows."""
    total, squares, rows = blocks.total, blocks.squares, blocks.rows
    good = np.isfinite(total + squares) & (rows > 0)
    if good.all():
        return blocks
    cumulants = blocks.cumulants
    return Blocks(
        np.where(good, total, 0.0),
        np.where(good, squares, 0.0),
        np.where(good, rows, 0.0),
        None if cumulants is None else np.where(good[:, None], cumulants, 0.0),
    )


def _part(blocks: Blocks, which: slice) -> Blocks:
    cumulants = None if blocks.cumulants is None else blocks.cumulants[which]
    return Blocks(blocks.total[which], blocks.squares[which], blocks.rows[which], cumulants)


def _shares(hours: NDArray[Any]) -> Floats:
    counts = np.asarray(hours, dtype=float)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return shares


def _check(expected: Mapping[str, Floats], state: Mapping[str, Floats]) -> None:
    if expected.keys() != state.keys():
        raise ValueError(f"expected a state of {sorted(expected)}, got {sorted(state)}")
    monitors = {array.shape[-1] if array.ndim else 0 for array in state.values()}
    wrong = [name for name, array in expected.items() if state[name].shape[:-1] != array.shape[:-1]]
    if wrong or len(monitors) != 1 or 0 in monitors:
        raise ValueError(
            f"expected arrays for one number of monitors, got {sorted(monitors)}; "
            f"of another shape: {wrong}"
        )
