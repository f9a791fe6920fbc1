"""A bank of monitors of one kind, stepped block by block. Pure.

Blocks are tested one by one with a score, a mixture of bets, a guard against values that hang
together, and what the hour of day explains. What an alarm means, and to whom, is not known here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.calibrated import Calibration
from auditspine.processors.drift.guard import Guard
from auditspine.processors.drift.hold import Hold
from auditspine.processors.drift.mixture import BOTH_WAYS, Flags, Floats, Mixture, plus
from auditspine.processors.drift.odds import OddsRatio
from auditspine.processors.drift.rate import Rate
from auditspine.processors.drift.scores import Blocks, Delay, Location, Scale, Score
from auditspine.processors.drift.season import Season

_LEARN = 8  # blocks after which reference, guard and season learn
_DOUBT = 2.0  # standard deviations of the reference's own error that a bet must be worth


class Bank:
    """Monitors of one kind, stepped block by block; every array has an element per monitor.

    Every block is tested as it comes; reference, guard and season learn after every eighth. However
    blocks are grouped, the results are the same.

    Args:
        score: What they bet on; its arrays say how many they are.
        run_length: Rows that are to pass without a false alarm on average.
    """

    def __init__(self, score: Score, run_length: float | Floats) -> None:
        self._score = score
        monitors = score.arrays["rows"].size
        self._mixture = Mixture(_each(run_length, monitors), score.overshoot)
        self._guard = Guard(monitors)
        self._season = Season(monitors)
        self._hold = Hold(monitors)
        self._new = {name: np.zeros(monitors) for name in ("sums", "squares", "rows")}
        self._steps = 0  # since the bank learned
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
        return cls(Location(_floats(mean), _floats(variance), _floats(rows), cumulants), run_length)

    @classmethod
    def scale(
        cls,
        variance: Floats,
        rows: Floats,
        run_length: float | Floats,
        cumulants: Floats | None = None,
    ) -> "Bank":
        """Watch normal scores' spreads around 0; see :class:`Scale`."""
        return cls(Scale(_floats(variance), _floats(rows), cumulants), run_length)

    @classmethod
    def rate(cls, rate: Floats, rows: Floats, run_length: float | Floats) -> "Bank":
        """Watch how often something happens; see :class:`Rate`."""
        return cls(Rate(_floats(rate), _floats(rows)), run_length)

    @classmethod
    def odds(
        cls,
        ratio: Floats,
        rate: Floats,
        share: Floats,
        rows: Floats,
        run_length: float | Floats,
    ) -> "Bank":
        """Watch whether something happens more in one of two groups; see :class:`OddsRatio`."""
        score = OddsRatio(_floats(ratio), _floats(rate), _floats(share), _floats(rows))
        return cls(score, run_length)

    @classmethod
    def calibration(cls, rate: Floats, run_length: float | Floats) -> "Bank":
        """Watch whether outcomes come as often as was said; see :class:`Calibration`."""
        return cls(Calibration(_floats(rate)), run_length)

    @classmethod
    def delay(cls, mean: Floats, rows: Floats, run_length: float | Floats) -> "Bank":
        """Watch how long outcomes take; see :class:`Delay`."""
        return cls(Delay(_floats(mean), _floats(rows)), run_length)

    @property
    def level(self) -> Floats:
        """How near each monitor is to an alarm: 1 is the alarm itself."""
        return self._mixture.level

    @property
    def shifted(self) -> Floats:
        """To which side a monitor is in a shift: 1 upwards, -1 downwards, 0 for none."""
        return self._hold.side

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
        first: Floats | None = None,
    ) -> Flags:
        """Test a block, then absorb it.

        Args:
            total: Sum of its values.
            squares: Sum of their squares.
            rows: Number of values; 0 leaves a monitor as it is, and so do sums that are not finite.
            hours: How many of the block's rows fell in each hour of day (UTC), of shape (24,).
            cumulants: For scores whose ψ differs from row to row; see :class:`Blocks`.
            first: For odds ratios, the rows of the first group.

        Returns:
            Which monitors raise an alarm: when a shift begins, and again after 1,000 rows of it,
            2,000 more, 4,000 more and so on; :attr:`shifted` tells of it all the time.
        """
        one = [_floats(given).reshape(1, -1) for given in (total, squares, rows)]
        more = [
            None if given is None else np.asarray(given)[None]
            for given in (hours, cumulants, first)
        ]
        alarms = self.steps(one[0], one[1], one[2], *more)
        return alarms.reshape(-1)

    def steps(
        self,
        total: Floats,
        squares: Floats,
        rows: Floats,
        hours: NDArray[Any] | None = None,
        cumulants: Floats | None = None,
        first: Floats | None = None,
    ) -> Flags:
        """Take blocks one after the other, with the same results as :meth:`step` and faster.

        Every array has one axis more than there, in front: the blocks.
        """
        given = _sound(Blocks(total, squares, rows, cumulants, first))
        shares = None if hours is None else _shares(hours)
        alarms, at = np.zeros(given.rows.shape, dtype=bool), 0
        while at < len(alarms):
            now = slice(at, at + _LEARN - self._steps)
            alarms[now] = self._take(_part(given, now), None if shares is None else shares[now])
            at = now.stop
        return alarms

    def _take(self, blocks: Blocks, shares: Floats | None) -> Flags:
        """Take blocks up to the next time that the guard learns."""
        sums = self._score.sums(blocks)
        if shares is not None:
            sums = self._without_season(sums, blocks.rows, shares)
        exponents = self._score.exponents(sums, blocks)
        exponents /= self._weight
        alarms, upwards = self._mixture.run(exponents, blocks.rows, self._betting)
        alarms = self._hold.add(alarms, upwards, blocks.rows)
        self._guard.add(self._score.moved(sums, blocks), blocks.rows)
        added = *self._score.learned(sums, blocks), blocks.rows
        for name, array in zip(("sums", "squares", "rows"), added, strict=True):
            self._new[name] = plus(self._new[name], array)
        self._steps += len(alarms)
        if self._steps >= _LEARN:
            self._learn()
        return alarms

    def _without_season(self, sums: Floats, rows: Floats, shares: Floats) -> Floats:
        """Take from sums what the hour of day explains, where it does."""
        season, mean = self._season, self._score.mean()
        explained = season.explained(shares)
        season.add(sums - rows * mean, explained, sums, rows, shares)
        return self._score.without(explained * season.arrays["active"], sums, rows)

    def _learn(self) -> None:
        """Let the blocks since the last time count, little for monitors in a shift."""
        weight, kept = self._hold.weight, self._new
        self._hold.forget()
        there = self._score.mean() + self._guard.offset * self._sd
        self._guard.learn(weight, np.maximum(self._score.variance_at(there) / self._sd**2, 1.0))
        self._score.absorb(*(weight * kept[name] for name in ("sums", "squares", "rows")))
        self._new.update({name: np.zeros_like(array) for name, array in kept.items()})
        begun = self._season.learn(weight)
        if begun.any():
            self._score.explain(np.where(begun, self._season.variance, 0.0))
            self._guard.forget(begun)
        self._steps = 0
        self._refresh()

    def _refresh(self) -> None:
        """Compute what follows from the arrays and stays until the bank learns again."""
        self._sd = self.reference_sd
        self._weight = self._season.doubt * self._guard.excess
        doubt = (_DOUBT**2 / 2) * self._weight / self.rows
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
        self._steps = int(mine["steps"].max(initial=0.0))
        self._guard.refresh()
        self._season.refresh()
        self._score.refresh()
        self._refresh()

    def _parts(self) -> dict[str, dict[str, Floats]]:
        return {
            "score": self._score.arrays,
            "guard": self._guard.arrays,
            "season": self._season.arrays,
            "hold": self._hold.arrays,
            "new": self._new,
        }


def _each(value: float | Floats, monitors: int) -> Floats:
    return np.array(np.broadcast_to(np.asarray(value, dtype=float), (monitors,)))


def _floats(array: Floats) -> Floats:
    return np.array(array, dtype=float)


def _sound(blocks: Blocks) -> Blocks:
    """Give the blocks with no rows where sums are not finite or there are no rows."""
    total, squares, rows, first = blocks.total, blocks.squares, blocks.rows, blocks.first
    sums = total + squares if first is None else total + squares + first
    good = np.isfinite(sums) & (rows > 0)
    if good.all():
        return blocks
    cumulants = blocks.cumulants
    return Blocks(
        np.where(good, total, 0.0),
        np.where(good, squares, 0.0),
        np.where(good, rows, 0.0),
        None if cumulants is None else np.where(good[:, None], cumulants, 0.0),
        None if first is None else np.where(good, first, 0.0),
    )


def _part(blocks: Blocks, which: slice) -> Blocks:
    cumulants, first = (
        None if given is None else given[which] for given in (blocks.cumulants, blocks.first)
    )
    total, squares, rows = blocks.total[which], blocks.squares[which], blocks.rows[which]
    return Blocks(total, squares, rows, cumulants, first)


def _shares(hours: NDArray[Any]) -> Floats:
    counts = np.asarray(hours, dtype=float)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return shares


def _check(expected: Mapping[str, Floats], state: Mapping[str, Floats]) -> None:
    if expected.keys() != state.keys():
        raise ValueError(f"expected a state of {sorted(expected)}, got {sorted(state)}")
    monitors = {[-1, *array.shape][-1] for array in state.values()}
    wrong = [name for name, array in expected.items() if state[name].shape[:-1] != array.shape[:-1]]
    if wrong or len(monitors) != 1 or -1 in monitors:
        raise ValueError(
            f"expected arrays for one number of monitors, got {sorted(monitors)}; "
            f"of another shape: {wrong}"
        )
