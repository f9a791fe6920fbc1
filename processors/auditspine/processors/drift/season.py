"""What the hour of day explains of a score, learned as it flows, and used where it helps. Pure.

Each monitor has a mean per hour of day (UTC), as a deviation from its mean over all hours, so that
a shift common to all hours is never explained away. It is used once every hour has been seen and
blocks have turned out to be predicted better with it than without.
"""

import numpy as np

from auditspine.processors.drift.mixture import BOTH_WAYS, Flags, Floats, plus

HOURS = 24
_HELPS, _HARMS = 0.85, 1.0  # squared error with it over that without: to begin, to end
_MEMORY = 400.0  # blocks that the errors are taken over
_BLOCKS = 80.0  # that must have been predicted before it is used
_REACH = 12.0  # nats until an alarm: a tilt bets over about as many rows as this over KL
_LEAST = 0.2  # weight of rows during what may be a shift or a cycle
_SHRINK = 25.0  # rows of an hour that count as much as its being like all others


class Season:
    """Means by hour of day.

    Args:
        monitors: How many.

    Attributes:
        arrays: All that it remembers, by name; the last axis is the monitors.
    """

    def __init__(self, monitors: int) -> None:
        self.arrays = {
            "total": np.zeros((HOURS, monitors)),
            "rows": np.zeros((HOURS, monitors)),
            "new_total": np.zeros((HOURS, monitors)),  # since it last learned
            "new_rows": np.zeros((HOURS, monitors)),
            "errors": np.zeros((2, monitors)),  # without and with it
            "blocks": np.zeros(monitors),
            "usual": np.zeros((2, monitors)),
            "predicted": np.zeros(monitors),
            "active": np.zeros(monitors),
            "passed": np.zeros(monitors),  # hours
            "new_passed": np.zeros(monitors),
            "latest": np.full(monitors, -1.0),  # hour
        }
        self.refresh()

    def refresh(self) -> None:
        """Compute what follows from the arrays."""
        total, rows = self.arrays["total"], self.arrays["rows"]
        overall = total.sum(axis=0) / np.maximum(rows.sum(axis=0), 1.0)
        self._deviation: Floats = (total - overall * rows) / (rows + _SHRINK)
        self._known = (rows > 0).all(axis=0)

    @property
    def variance(self) -> Floats:
        """The variance of a row's score that the hours explain."""
        rows = self.arrays["rows"]
        spread: Floats = (rows * self._deviation**2).sum(axis=0) / np.maximum(rows.sum(axis=0), 1.0)
        return spread

    @property
    def doubt(self) -> Floats:
        """How much more sums scatter since hours are known from some days only, by tilt.

        An hour's mean that is known from N rows adds min(w, n) / N to the variance of a tilt that
        bets over w rows, where n is an hour's rows.
        """
        active = self.arrays["active"]
        if not active.any():
            return np.ones((BOTH_WAYS.size, active.size))
        known = np.maximum(self.arrays["rows"].sum(axis=0) / HOURS, 1.0)
        hour = known / np.maximum(self.arrays["passed"] / HOURS, 1.0)
        doubt: Floats = np.minimum(_REACH / BOTH_WAYS[:, None], hour) / known
        inflated: Floats = 1 + doubt * active
        return inflated

    def explained(self, shares: Floats) -> Floats:
        """Give what a row's score deviates by on average, of shape (blocks, monitors).

        Args:
            shares: The share of each hour of day in each block's rows, of shape (blocks, 24).
        """
        explained = np.zeros((shares.shape[0], self._known.size))
        for hour in np.flatnonzero(shares.any(axis=0)):
            explained += shares[:, hour, None] * self._deviation[hour]
        return explained

    def add(
        self, moved: Floats, explained: Floats, sums: Floats, rows: Floats, shares: Floats
    ) -> None:
        """Take blocks; what they say counts after :meth:`learn`.

        Args:
            moved: Sums of the score less what the reference expects, whatever the hour.
            explained: What :meth:`explained` gave for them.
            sums: Of the score.
            rows: Number of values.
            shares: The share of each hour of day in them.
        """
        count = np.maximum(rows, 1.0)
        plain, seasonal = moved**2 / count, (moved - rows * explained) ** 2 / count
        kept = self.arrays
        kept["errors"] = plus(kept["errors"], np.stack([plain, seasonal], axis=1))
        kept["blocks"] = plus(kept["blocks"], (rows > 0).astype(float))
        for hour in np.flatnonzero(shares.any(axis=0)):
            share = shares[:, hour, None]
            kept["new_total"][hour] = plus(kept["new_total"][hour], share * sums)
            kept["new_rows"][hour] = plus(kept["new_rows"][hour], share * rows)
        self._pass(shares)

    def _pass(self, shares: Floats) -> None:
        """Count the hours that were entered."""
        kept = self.arrays
        for share in shares:
            now = np.flatnonzero(share)
            if not now.size or (now.size == 1 and np.all(kept["latest"] == now[0])):
                continue
            kept["new_passed"] += now.size - 1 + ~np.isin(kept["latest"], now)
            midnight = now[0] == 0 and now[-1] == HOURS - 1
            last = now[now < HOURS // 2][-1] if midnight else now[-1]
            kept["latest"] = np.full_like(kept["latest"], last)

    def learn(self, weight: Floats) -> Flags:
        """Let the blocks that were taken count.

        Args:
            weight: How much they count, per monitor.

        Returns:
            The monitors that the hour explains something of from now on.
        """
        kept = self.arrays
        if not kept["blocks"].any():
            return np.zeros(self._known.size, dtype=bool)
        blocks = np.where(self._known, kept["blocks"], 0.0)
        kept["predicted"] = kept["predicted"] + blocks
        weight = blocks / np.maximum(np.minimum(kept["predicted"], _MEMORY), 1.0)
        error = kept["errors"] / np.maximum(kept["blocks"], 1.0)
        kept["usual"] = kept["usual"] + weight * (error - kept["usual"])
        kept["errors"], kept["blocks"] = np.zeros_like(error), np.zeros_like(blocks)
        kept["passed"] = kept["passed"] + kept["new_passed"]
        kept["new_passed"] = np.zeros_like(blocks)
        for name in ("total", "rows"):
            kept[name] = kept[name] + np.maximum(weight, _LEAST) * kept[f"new_{name}"]
            kept[f"new_{name}"] = np.zeros_like(kept[name])
        before = kept["active"] > 0
        bound = np.where(before, _HARMS, _HELPS)
        active = (kept["usual"][1] < bound * kept["usual"][0]) & (kept["predicted"] >= _BLOCKS)
        kept["active"] = active.astype(float)
        self.refresh()
        begun: Flags = active & ~before
        return begun
