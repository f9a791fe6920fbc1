"""Streams that change, and streams that do not however odd they look."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Random = np.random.Generator
Draw = Callable[[Random, int, int], Floats]
"""Draws values of shape (runs, rows)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One kind of change.

    ``kind`` is the monitor: location, scale or rate. ``ratio``, the log likelihood ratio of each
    value, is known to the oracle alone.
    """

    name: str
    kind: str
    before: Draw
    after: Draw
    ratio: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that does not change; ``day`` is the length of its day in rows, if any."""

    name: str
    kind: str
    draw: Draw
    day: int = 0


def normal(mean: float = 0.0, sd: float = 1.0) -> Draw:
    return lambda random, runs, rows: random.standard_normal((runs, rows)) * sd + mean


def binary(rate: float) -> Draw:
    return lambda random, runs, rows: (random.random((runs, rows)) < rate).astype(float)


def _rate(name: str, before: float, after: float) -> Shift:
    up, down = math.log(after / before), math.log((1 - after) / (1 - before))
    return Shift(name, "rate", binary(before), binary(after), lambda x: x * up + (1 - x) * down)


SHIFTS = (
    Shift("mean +.5 sd", "location", normal(), normal(0.5), lambda x: 0.5 * x - 0.125),
    Shift("mean +.25 sd", "location", normal(), normal(0.25), lambda x: 0.25 * x - 0.03125),
    Shift(
        "variance x1.5",
        "scale",
        normal(),
        normal(sd=math.sqrt(1.5)),
        lambda x: -0.5 * math.log(1.5) + x * x / 6,
    ),
    _rate("category .2→.35", 0.2, 0.35),
    _rate("missing .02→.06", 0.02, 0.06),
    _rate("positive .10→.15", 0.10, 0.15),
    _rate("error .10→.14", 0.10, 0.14),
)


def ramp(random: Random, runs: int, rows: int, over: int = 2000, to: float = 0.5) -> Floats:
    """Draw values whose mean moves by half a spread, bit by bit."""
    mean = np.minimum(np.arange(rows) / over, 1.0) * to
    return random.standard_normal((runs, rows)) + mean


def autoregressive(phi: float, noise: float = 0.0) -> Draw:
    """Draw AR(1) values of variance 1, of which ``noise`` is white."""

    def draw(random: Random, runs: int, rows: int) -> Floats:
        steps = random.standard_normal((rows, runs)) * math.sqrt(1 - phi * phi)
        values = np.empty((rows, runs))
        now = random.standard_normal(runs)
        for row in range(rows):
            now = phi * now + steps[row]
            values[row] = now
        white = random.standard_normal((runs, rows)) * math.sqrt(noise)
        return values.T * math.sqrt(1 - noise) + white

    return draw


def daily(rows_a_day: int, amplitude: float) -> Draw:
    """Draw values of variance 1 whose mean goes up and down once a day."""

    def draw(random: Random, runs: int, rows: int) -> Floats:
        wave = amplitude * np.sin(2 * math.pi * np.arange(rows) / rows_a_day)
        return random.standard_normal((runs, rows)) * math.sqrt(1 - amplitude**2 / 2) + wave

    return draw


def zero_inflated(zeros: float) -> Draw:
    return lambda random, runs, rows: np.where(
        random.random((runs, rows)) < zeros, 0.0, random.exponential(size=(runs, rows))
    )


def holes(missing: float) -> Draw:
    return lambda random, runs, rows: np.where(
        random.random((runs, rows)) < missing, np.nan, random.standard_normal((runs, rows))
    )


_ODD: tuple[tuple[str, Draw, int], ...] = (
    ("AR(.7)", autoregressive(0.7), 0),
    ("AR(.9) + noise", autoregressive(0.9, 0.3), 0),
    ("daily cycle, 2,000 rows", daily(2000, 0.7), 2000),
    ("daily cycle, 20,000 rows", daily(20_000, 0.7), 20_000),
    ("t with 3 degrees", lambda random, runs, rows: random.standard_t(3, (runs, rows)), 0),
    ("40% zeros", zero_inflated(0.4), 0),
    ("99% zeros", zero_inflated(0.99), 0),
    ("counts, mean .3", lambda random, runs, rows: random.poisson(0.3, (runs, rows)) * 1.0, 0),
    ("2% NaN", holes(0.02), 0),
)

STREAMS = (
    Stream("independent", "location", normal()),
    Stream("independent", "scale", normal()),
    Stream("rate .2", "rate", binary(0.2)),
    Stream("rate .1", "rate", binary(0.1)),
    Stream("rate .02", "rate", binary(0.02)),
    *(Stream(name, kind, draw, day) for name, draw, day in _ODD for kind in ("location", "scale")),
)
