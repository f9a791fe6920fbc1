"""The monitors of groups: which there are, and what is expected of each. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from auditspine.processors.drift.fair_reference import References, Side
from auditspine.processors.drift.layout import SCORE, Layout, Monitor, NumericInput
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.naming import of_group, of_pair, of_proxy
from auditspine.processors.drift.policy_parts import Fairness
from auditspine.processors.projection.fit import shortened

RATE, PLACE, CONTRAST, ODDS = range(4)
"""The panels: shares of rows; the score of a group's rows; contrasts of numbers; of shares."""

SHARE, MISSING_SHARE, FAVOURABLE = -1, -2, -3
"""What a monitor may be of, beside a place or a rate by its number."""

_LEAST_SHARE = 1e-4
_LEAST_VARIANCE = 1e-2
_MOST_NAME = 160  # characters of a rate's name in a proxy's
_TELLING = ("category", "missing", "constant")


class Watched(NamedTuple):
    """One monitor of groups.

    Attributes:
        panel: Its panel.
        side: The groups; the first alone in the first two panels, 0 for all of the attribute.
        of: What of them: a place, a rate, or one of the constants above.
        name: Its name.
        kind: As in ``drift.signalled``.
        feature: The feature; empty for none.
        mean: Expected mean of a row.
        variance: Expected variance of a row.
        rows: Rows that this is known from.
        share: Share of the rows that it sees.
        spread: π(1 - π) of a contrast's sides; 1 for others.
        ratio: Expected odds ratio of a contrast of shares; 1 for others.
        rate: Expected share in both groups of such a contrast.
    """

    panel: int
    side: Side
    of: int
    name: str
    kind: str
    feature: str
    mean: float
    variance: float
    rows: float
    share: float
    spread: float = 1.0
    ratio: float = 1.0
    rate: float = 0.5

    @property
    def monitor(self) -> Monitor:
        """It as any monitor."""
        return Monitor(self.name, self.kind, self.feature)

    @property
    def unit(self) -> float:
        """What a contrast's slope is multiplied by, for people: a gap is told in its own unit."""
        return self.spread**-0.5 if self.panel == CONTRAST and self.kind == "fairness" else 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a look for new monitors needs to know.

    Attributes:
        layout: The model's other monitors.
        attributes: Names of the attributes by column.
        crossed: Which of them are two together.
        fairness: The policy's part.
        warm_up_rows: Rows of an attribute before anything of it is compared.
    """

    layout: Layout
    attributes: Sequence[str]
    crossed: Sequence[bool]
    fairness: Fairness
    warm_up_rows: int

    @property
    def score(self) -> int:
        """Column of the score among places; -1 where there is none."""
        slot = self.layout.slots.get(SCORE)
        if slot is None or not isinstance(slot.given, NumericInput) or slot.given.profile.constant:
            return -1
        return slot.score

    @property
    def telling(self) -> list[int]:
        """Numbers of the rates of features that may tell of a group.

        Of a feature of two categories the second tells all that the first does.
        """
        rates = self.layout.rates
        shown = Counter(each.feature for each in rates if each.kind == "category")
        found, skipped = [], set()
        for number, monitor in enumerate(rates):
            if not monitor.feature or monitor.kind not in _TELLING:
                continue
            is_first = monitor.kind == "category" and monitor.feature not in skipped
            if is_first and shown[monitor.feature] == 2:
                skipped.add(monitor.feature)
            else:
                found.append(number)
        return found


def new_monitors(
    setting: Setting, known: References, watched: Mapping[tuple[int, Side, int], object]
) -> list[Watched]:
    """Give the monitors that there are enough rows for now, and that are not there yet.

    Proxies of features come last: there may not be room for all.
    """
    found = [
        *_of_attributes(setting, known),
        *_of_groups(setting, known),
        *sorted(_of_contrasts(setting, known), key=lambda each: bool(each.feature)),
    ]
    return [each for each in found if (each.panel, each.side, each.of) not in watched]


def _of_attributes(setting: Setting, known: References) -> Iterator[Watched]:
    """How often an attribute is missing; that of two together follows from theirs."""
    for column, (rows, missing) in ((c, known.known[c].tolist()) for c in sorted(known.known)):
        if setting.crossed[column] or rows + missing < setting.warm_up_rows:
            continue
        side, name = Side(column, 0, 0), f"{setting.attributes[column]}.missing"
        yield _rate(side, MISSING_SHARE, name, "protected", missing, rows + missing, 1.0)


def _of_groups(setting: Setting, known: References) -> Iterator[Watched]:
    """A group's share, its favourable decisions, and its scores."""
    for (column, number), sums in sorted(known.groups.items(), key=itemgetter(0)):
        if not _is_ready(setting, known, column, sums[0]):
            continue
        attribute, side = setting.attributes[column], Side(column, number, number)
        rows, decided, favourable, scored, total, squares = sums.tolist()
        everyone = float(known.known[column][0])
        share = rows / everyone
        if not setting.crossed[column]:
            name = of_group(attribute, number, "share")
            yield _rate(side, SHARE, name, "group", rows, everyone, 1.0)
        if decided >= setting.fairness.least_group_rows:
            name = of_group(attribute, number, "selection_rate")
            yield _rate(side, FAVOURABLE, name, "group", favourable, decided, share)
        if setting.score >= 0 and scored >= setting.fairness.least_group_rows:
            mean = total / scored
            variance = max(squares / scored - mean**2, _LEAST_VARIANCE)
            name = of_group(attribute, number, "score")
            at = setting.score
            yield Watched(PLACE, side, at, name, "group", "", mean, variance, scored, share)


def _of_contrasts(setting: Setting, known: References) -> Iterator[Watched]:
    for side in sorted(known.numeric):
        first = float(known.groups[side.column, side.first][0])
        everyone = float(known.known[side.column][0])
        second = (
            float(known.groups[side.column, side.second][0]) if side.is_pair else everyone - first
        )
        if not all(_is_ready(setting, known, side.column, rows) for rows in (first, second)):
            continue
        own = first / (first + second)
        sides = own * (1 - own), (first + second) / everyone
        yield from _of_places(setting, side, known.numeric[side], *sides)
        yield from _of_rates(setting, side, known.odds[side], *sides)


def _of_places(
    setting: Setting, side: Side, sums: Floats, spread: float, share: float
) -> Iterator[Watched]:
    """Whether numbers tell of a group, and how far the scores of two lie apart."""
    attribute = setting.attributes[side.column]
    start = setting.score if side.is_pair else 0
    for place, (total, weight, squares) in enumerate(sums.T.tolist(), start):
        monitor, is_score = setting.layout.places[place], place == setting.score
        if weight < spread * setting.fairness.least_group_rows:
            continue
        rows, slope = weight / spread, total / weight * spread**0.5
        variance = max(squares / weight - slope**2, _LEAST_VARIANCE)
        if side.is_pair:
            name, kind = of_pair(attribute, side.first, side.second, "score"), "fairness"
        else:
            given = SCORE if is_score else monitor.feature
            name, kind = of_proxy(given, attribute, side.first), "proxy"
        feature = "" if is_score else monitor.feature
        yield Watched(
            CONTRAST, side, place, name, kind, feature, slope, variance, rows, share, spread
        )


def _of_rates(
    setting: Setting, side: Side, sums: Floats, spread: float, share: float
) -> Iterator[Watched]:
    """Whether categories tell of a group, and how far favourable decisions lie apart."""
    attribute = setting.attributes[side.column]
    rates = setting.layout.rates
    for of, own in zip([FAVOURABLE] if side.is_pair else setting.telling, sums.T, strict=False):
        mantel, haenszel, hits, rows, first, slope, weight = own.tolist()
        if min(first, rows - first) < setting.fairness.least_group_rows or not weight:
            continue
        rate = min(max(hits / rows, _LEAST_SHARE), 1 - _LEAST_SHARE)
        ratio = (mantel + 0.5) / (haenszel + 0.5)
        if side.is_pair:
            name, kind = of_pair(attribute, side.first, side.second, "selection_rate"), "fairness"
        else:
            given = shortened(rates[of].name, _MOST_NAME)
            name, kind = of_proxy(given, attribute, side.first), "proxy"
        feature = "" if side.is_pair else rates[of].feature
        yield Watched(
            *(ODDS, side, of, name, kind, feature),
            *(slope / weight, rate * (1 - rate) / spread, rows, share, spread, ratio, rate),
        )


def _is_ready(setting: Setting, known: References, column: int, rows: float) -> bool:
    enough = known.known[column][0] >= setting.warm_up_rows
    return enough and rows >= setting.fairness.least_group_rows


def _rate(
    side: Side, of: int, name: str, kind: str, hits: float, rows: float, share: float
) -> Watched:
    rate = min(max(hits / rows, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return Watched(RATE, side, of, name, kind, "", rate, rate * (1 - rate), rows, share)
