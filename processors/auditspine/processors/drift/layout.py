"""What is watched of one model: its inputs, and the monitors that each is given. Pure.

Inputs are the model's features, its score and its decision. A profile, of training or of the first
rows of a feature that training did not know, says what to expect of each.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from auditspine.processors.drift.detector import Bank
from auditspine.processors.drift.errors import ProfileError
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.profile import NumericProfile
from auditspine.processors.drift.scores import Location, Scale
from auditspine.processors.projection.fit import as_name, shortened

SCORE, DECISION = "(score)", "(decision)"
"""Names of the inputs that are no features; no feature can be named so by chance."""

INNER = 0.6745
"""Half of a standard normal lies within this distance of 0."""
SHARED = 0.02
"""Where as many rows share a value, it is worth a monitor of how many differ from it."""

_LEAST_RATE, _LEAST_SD = 1e-4, 1e-3  # of what never or hardly varied in training
MOST_TEXT = 64
"""Characters of a category; of a longer one, its beginning and a mark stand for it."""
_MOST_NAME = 160  # characters of a feature's name in a monitor's
_MOST_DISTINCT, _MOST_ONCE = 200, 0.2  # texts, and the share that came once, of a category
_START = 1e5  # rows between false alarms until the budget is known


@dataclass(frozen=True, slots=True)
class Monitor:
    """One thing that is watched.

    Attributes:
        name: For people, unique within the model, such as ``debt_to_income.location``.
        kind: As in ``drift.signalled``.
        feature: The feature; empty for the score, the decision and what is of no single one.
    """

    name: str
    kind: str
    feature: str


@dataclass(frozen=True, slots=True)
class NumericInput:
    """An input that is a number.

    Attributes:
        name: Its name.
        profile: What to expect.
        missing: Share of rows without a value.
        rows: Rows that this is known from.
    """

    name: str
    profile: NumericProfile
    missing: float
    rows: int


@dataclass(frozen=True, slots=True)
class CategoricalInput:
    """An input that is a category.

    Attributes:
        name: Its name.
        shares: Share of each known category, the most frequent first; what they lack to 1 is the
            share of categories that were never seen. Empty where only its being there is watched.
        missing: Share of rows without a value.
        rows: Rows that this is known from.
        watched: Categories with a monitor of their own.
    """

    name: str
    shares: Mapping[str, float]
    missing: float
    rows: int
    watched: tuple[str, ...]


Input = NumericInput | CategoricalInput


@dataclass(frozen=True, slots=True)
class Slot:
    """An input and where its monitors are.

    Attributes:
        given: The input.
        score: Column of its normal scores, if it has one.
        rate: First column of its rates.
        rates: How many it has.
    """

    given: Input
    score: int
    rate: int
    rates: int


class Expected(NamedTuple):
    """What is expected of each monitor's score; arrays have an element per monitor.

    Attributes:
        means: Of a row.
        sds: By how much a row scatters.
        rows: Rows that this is known from.
    """

    means: Floats
    sds: Floats
    rows: Floats


class Layout:
    """The inputs of a model and their monitors, in a fixed order.

    Attributes:
        slots: The inputs by name, in the order in which they were added.
        placed: Numeric inputs that have a place and a spread to be watched: not constants.
        places: Their monitors of location, in order; and so on.
        spreads: Monitors of scale.
        rates: Monitors of rates.
    """

    def __init__(self, inputs: Iterable[Input]) -> None:
        self.slots: dict[str, Slot] = {}
        self.placed: list[NumericInput] = []
        self.places: list[Monitor] = []
        self.spreads: list[Monitor] = []
        self.rates: list[Monitor] = []
        self._expected: list[tuple[float, int]] = []
        self._known: Expected | None = None
        for each in inputs:
            self.add(each)

    @property
    def monitors(self) -> list[Monitor]:
        """All monitors: of places, spreads and rates."""
        return [*self.places, *self.spreads, *self.rates]

    @property
    def inputs(self) -> list[Input]:
        """All inputs."""
        return [slot.given for slot in self.slots.values()]

    def add(self, given: Input) -> None:
        """Add an input behind the others."""
        score, rate = len(self.places), len(self.rates)
        if isinstance(given, NumericInput):
            self._add_numeric(given)
        else:
            self._add_categorical(given)
        self.slots[given.name] = Slot(given, score, rate, len(self.rates) - rate)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many monitors there are of places, spreads and rates."""
        return len(self.places), len(self.spreads), len(self.rates)

    def banks(self, since: tuple[int, int, int] = (0, 0, 0)) -> tuple[Bank, Bank, Bank]:
        """Make the banks of its monitors: places, spreads, rates.

        Args:
            since: Its sizes before inputs were added: then of the added monitors only.
        """
        placed, expected = self.placed[since[0] :], self._expected[since[2] :]
        profiles = [each.profile for each in placed]
        rows = np.array([each.known_rows for each in profiles])
        means = np.array([each.mean for each in profiles])
        variances = np.array([each.variance for each in profiles])
        return (
            Bank.location(means, variances, rows, _START, _each(profiles, Location.cumulants_of)),
            Bank.scale(variances + means**2, rows, _START, _each(profiles, Scale.cumulants_of)),
            Bank.rate(
                np.array([rate for rate, _ in expected]),
                np.array([float(known) for _, known in expected]),
                _START,
            ),
        )

    @property
    def expected(self) -> Expected:
        """What the profiles say of each monitor's score; unlike a bank's reference it stays."""
        if self._known is None or self._known.means.size != len(self.monitors):
            self._known = self._expect()
        return self._known

    def _expect(self) -> Expected:
        training = [each.profile.training for each in self.placed]
        rates = np.clip([rate for rate, _ in self._expected], _LEAST_RATE, 1 - _LEAST_RATE)
        means = [each.mean() for each in training] + [(each**2).mean() for each in training]
        sds = [each.std() for each in training] + [(each**2).std() for each in training]
        rows = 2 * [each.rows for each in self.placed] + [known for _, known in self._expected]
        return Expected(
            np.concatenate([means, rates]),
            np.maximum(np.concatenate([sds, np.sqrt(rates * (1 - rates))]), _LEAST_SD),
            np.array(rows, dtype=float),
        )

    def _add_numeric(self, given: NumericInput) -> None:
        profile, kind = given.profile, _kind(given.name)
        if not profile.constant:
            self.placed.append(given)
            self.places.append(_monitor(given, "location", kind))
            self.spreads.append(_monitor(given, "scale", kind))
            inner = float((np.abs(profile.training) < INNER).mean())
            self._rate(_monitor(given, "shape", kind), inner, given.rows)
        if profile.mode_share >= SHARED:
            self._rate(_monitor(given, "constant", kind), 1 - profile.mode_share, given.rows)
        self._common(given)

    def _add_categorical(self, given: CategoricalInput) -> None:
        if given.shares:
            self._add_categories(given)
        self._common(given)

    def _add_categories(self, given: CategoricalInput) -> None:
        kind = _kind(given.name) or "category"
        for category in given.watched:
            name = f"{given.name}={shortened(category, MOST_TEXT)}"
            monitor = Monitor(as_name(name), kind, _feature(given.name))
            self._rate(monitor, given.shares[category], given.rows)
        rest = sum(share for name, share in given.shares.items() if name not in given.watched)
        if len(given.shares) > len(given.watched):
            self._rate(_monitor(given, "other", kind), rest, given.rows)
        unseen = max(0.0, 1 - sum(given.shares.values()))
        self._rate(_monitor(given, "new_category", ""), unseen, given.rows)

    def _common(self, given: Input) -> None:
        if _feature(given.name):
            self._rate(_monitor(given, "missing", ""), given.missing, given.rows)
            self._rate(_monitor(given, "schema", ""), 0.0, given.rows)

    def _rate(self, monitor: Monitor, rate: float, rows: int) -> None:
        self.rates.append(monitor)
        self._expected.append((rate, rows))


def profiled_inputs(profile: Mapping[str, Any], most_categories: int) -> list[Input]:
    """Read the inputs from a training profile's body.

    Args:
        profile: ``profile`` of a ``run.completed``, decoded.
        most_categories: Categories of an input with a monitor each.

    Raises:
        ProfileError: It cannot be used; the message names the input.
    """
    rows = int(profile["rows"])
    if rows < 1:
        raise ProfileError("profile.rows: expected 1 or more, got 0")
    numbers = [(each["name"], each) for each in profile["numeric"]]
    categories = [(each["name"], each) for each in profile["categorical"]]
    if profile["score"] is not None:
        numbers.append((SCORE, profile["score"]))
    if profile["decision"] is not None:
        categories.append((DECISION, profile["decision"]))
    names = Counter(name for name, _ in [*numbers, *categories])
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise ProfileError(f"profile: {twice[0]} is given twice")
    if not names:
        raise ProfileError("profile: it has no inputs")
    return [
        *(_numeric(name, each, rows) for name, each in numbers),
        *(_categorical(name, each, rows, most_categories) for name, each in categories),
    ]


def learned_input(name: str, values: Sequence[Any], most_categories: int) -> Input:
    """Make an input of the first values of a feature that training did not know.

    Texts that hardly ever repeat, such as identifiers, are watched for being there alone; and so is
    a feature without any value.

    Args:
        name: Its name.
        values: Numbers, texts and ``None`` as they came.
        most_categories: As in :func:`profiled_inputs`.
    """
    numbers = np.array([each for each in values if isinstance(each, float)])
    texts = Counter(each for each in values if isinstance(each, str))
    count, rows = texts.total(), len(values)
    finite = numbers[np.isfinite(numbers)]
    missing = 1 - (finite.size + count) / rows
    if finite.size >= count and finite.size:
        return NumericInput(name, NumericProfile.of(finite), missing, rows)
    once = sum(seen == 1 for seen in texts.values())
    if len(texts) > _MOST_DISTINCT or once > _MOST_ONCE * count:
        return CategoricalInput(name, {}, missing, rows, ())
    # As likely as what came once, something comes that never did (Good and Turing).
    known = count + once
    shares = {text: seen / known for text, seen in texts.most_common()}
    return CategoricalInput(name, shares, missing, rows, tuple(shares)[:most_categories])


def write_input(given: Input) -> dict[str, Any]:
    """Give an input as JSON takes it; :func:`read_input` reads it."""
    value: dict[str, Any] = {"name": given.name, "missing": given.missing, "rows": given.rows}
    if isinstance(given, NumericInput):
        profile = given.profile
        value["probabilities"] = profile.probabilities.tolist()
        value["quantiles"] = profile.quantiles.tolist()
        value["of"] = profile.rows
    else:
        value["shares"] = dict(given.shares)
        value["watched"] = list(given.watched)
    return value


def read_input(value: Mapping[str, Any]) -> Input:
    """Read what :func:`write_input` gave."""
    if "shares" in value:
        watched = tuple(value["watched"])
        return CategoricalInput(
            value["name"], value["shares"], value["missing"], value["rows"], watched
        )
    profile = NumericProfile(
        np.array(value["quantiles"]), value["of"], np.array(value["probabilities"])
    )
    return NumericInput(value["name"], profile, value["missing"], value["rows"])


def _numeric(name: str, given: Mapping[str, Any], rows: int) -> NumericInput:
    try:
        pairs = zip(given["probabilities"], given["quantiles"], strict=True)
        profile = NumericProfile.from_pairs(pairs, rows)
    except ValueError as exc:
        raise ProfileError(f"profile.numeric {name}: {exc}") from None
    return NumericInput(name, profile, _missing(name, given), rows)


def _categorical(name: str, given: Mapping[str, Any], rows: int, most: int) -> CategoricalInput:
    shares = {each["category"]: float(each["share"]) for each in given["shares"]}
    total = sum(shares.values())
    if not all(0 <= share <= 1 for share in shares.values()):
        raise ProfileError(f"profile.categorical {name}: expected shares from 0 to 1")
    if len(shares) != len(given["shares"]):
        raise ProfileError(f"profile.categorical {name}: a category is given twice")
    if not 0.99 <= total <= 1.01:
        raise ProfileError(f"profile.categorical {name}: expected shares of 1, got {total:.3f}")
    ordered = dict(sorted(shares.items(), key=lambda each: (-each[1], each[0])))
    return CategoricalInput(name, ordered, _missing(name, given), rows, tuple(ordered)[:most])


def _missing(name: str, given: Mapping[str, Any]) -> float:
    missing = float(given["missing"])
    if not 0 <= missing <= 1:
        raise ProfileError(f"profile {name}: expected missing from 0 to 1")
    return missing


def _each(profiles: Sequence[NumericProfile], make: Any) -> Floats | None:
    return np.stack([make(each.training) for each in profiles], axis=1) if profiles else None


def _monitor(given: Input, what: str, kind: str) -> Monitor:
    name = f"{shortened(given.name, _MOST_NAME)}.{what}"
    return Monitor(as_name(name), kind or what, _feature(given.name))


def _kind(name: str) -> str:
    return {SCORE: "score", DECISION: "decision"}.get(name, "")


def _feature(name: str) -> str:
    return "" if name in (SCORE, DECISION) else as_name(shortened(name, _MOST_NAME))
