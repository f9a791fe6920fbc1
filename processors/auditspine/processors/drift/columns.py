"""Predictions as columns: what each monitor sees of each row. Pure.

Python touches each event once; what follows is numpy. A missing value is NaN for the monitors of a
feature's values and 1 for that of its missing values: it blinds nothing, and nor does a string
where a number should be, NaN or infinity.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from auditspine.processors.drift.fair_reference import GroupBlocks
from auditspine.processors.drift.layout import (
    DECISION,
    INNER,
    MOST_TEXT,
    SCORE,
    SHARED,
    CategoricalInput,
    Layout,
    NumericInput,
    Slot,
)
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.projection.fit import shortened
from auditspine.processors.projection.port import SealedEvent

_NAME, _NUMBER, _TEXT = itemgetter("name"), itemgetter("number"), itemgetter("text")
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Rows:
    """Rows as monitors see them.

    Attributes:
        scores: Normal scores, of shape (rows, places); NaN where there is none.
        rates: What rates count, 0 or 1, of shape (rows, rates); NaN where it cannot be told.
        positions: Positions of the events in their log.
        times: The broker's times, milliseconds.
        favourable: 1 for a decision that the person hopes for, 0 for another; of shape (rows, 1).
        codes: Numbers of the groups of people, of shape (rows, attributes); see
            :class:`~.protected.Membership`.
    """

    scores: Floats
    rates: Floats
    positions: NDArray[np.int64]
    times: NDArray[np.int64]
    favourable: Floats
    codes: Floats

    def __len__(self) -> int:
        return int(self.positions.size)

    def __add__(self, other: "Rows") -> "Rows":
        """Put rows behind these; they may know of more attributes."""
        return Rows(
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.rates, other.rates]),
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.times, other.times]),
            np.concatenate([self.favourable, other.favourable]),
            np.concatenate([_widen(self.codes, other.codes.shape[1]), other.codes]),
        )

    def part(self, start: int, end: int) -> "Rows":
        """Give some of the rows."""
        return Rows(*(getattr(self, each.name)[start:end] for each in fields(self)))

    def widened(self, scores: int, rates: int) -> "Rows":
        """Give the rows with room for further monitors, which know nothing of them."""
        return replace(self, scores=_widen(self.scores, scores), rates=_widen(self.rates, rates))

    def group_blocks(self, start: int, end: int, block: int) -> GroupBlocks:
        """Give some of the rows as groups see them, in blocks of so many."""
        parts = (self.scores, self.rates, self.favourable, self.codes)
        shape = (end - start) // block, block
        return GroupBlocks(*(each[start:end].reshape(*shape, each.shape[1]) for each in parts))

    @property
    def hours(self) -> NDArray[np.int64]:
        """The hour of day of each row, UTC."""
        return (self.times // _HOUR_MS) % 24


@dataclass(slots=True)
class Group:
    """Events that name the same features in the same order.

    Attributes:
        names: The features.
        rows: Indices of the events.
        numbers: Their numbers, in that order.
        texts: Their texts.
    """

    names: tuple[str, ...]
    rows: list[int] = field(default_factory=list)
    numbers: list[list[float | None]] = field(default_factory=list)
    texts: list[list[str | None]] = field(default_factory=list)

    def values(self, place: int) -> Iterator[float | str | None]:
        """Give what a feature was in each event: number, text or nothing."""
        for numbers, texts in zip(self.numbers, self.texts, strict=True):
            number = numbers[place]
            yield texts[place] if number is None else float(number)


def grouped(events: Sequence[SealedEvent]) -> list[Group]:
    """Sort events by the features that they name."""
    groups: dict[tuple[str, ...], Group] = {}
    for index, event in enumerate(events):
        features = event.body["features"]
        names = tuple(map(_NAME, features))
        group = groups.get(names)
        if group is None:
            group = groups[names] = Group(names)
        group.rows.append(index)
        group.numbers.append(list(map(_NUMBER, features)))
        group.texts.append(list(map(_TEXT, features)))
    return list(groups.values())


def columns(
    layout: Layout,
    events: Sequence[SealedEvent],
    groups: Sequence[Group],
    hoped_for: frozenset[str] = frozenset(),
    codes: Floats | None = None,
) -> Rows:
    """Give what the monitors of a layout see of events.

    Args:
        layout: The inputs.
        events: The events.
        groups: The same events, by :func:`grouped`.
        hoped_for: Decisions that a person hopes for.
        codes: Numbers of the groups of people, as :class:`Rows` has them; None where there is none.
    """
    count = len(events)
    scores = np.full((count, len(layout.places)), np.nan)
    rates = np.full((count, len(layout.rates)), np.nan)
    for group in groups:
        _fill(layout, group, np.array(group.rows), scores, rates)
    _fill_answers(layout, events, scores, rates)
    return Rows(
        scores,
        rates,
        np.array([each.position for each in events], dtype=np.int64),
        np.array([each.appended_at for each in events], dtype=np.int64),
        np.array([[float(each.body["decision"] in hoped_for)] for each in events]),
        np.zeros((count, 0)) if codes is None else codes,
    )


def _fill(
    layout: Layout, group: Group, rows: NDArray[np.int64], scores: Floats, rates: Floats
) -> None:
    places = {name: place for place, name in reversed(list(enumerate(group.names)))}
    numbers = np.array(group.numbers, dtype=float).reshape(len(rows), len(group.names))
    for slot in layout.slots.values():
        if slot.given.name in (SCORE, DECISION):
            continue
        place = places.get(slot.given.name)
        if place is None:  # not named at all: what may be missing is, and else the schema changed
            is_missing = slot.given.missing > 0
            rates[rows, slot.rate + slot.rates - (2 if is_missing else 1)] = 1.0
            rates[rows, slot.rate + slot.rates - (1 if is_missing else 2)] = (
                0.0 if is_missing else np.nan
            )
            continue
        texts = [each[place] for each in group.texts]
        if isinstance(slot.given, NumericInput):
            wrong = np.array([each is not None for each in texts])
            scores_, found = _number(slot.given, numbers[:, place], wrong)
        else:
            scores_, found = None, _category(slot.given, texts, np.isfinite(numbers[:, place]))
        _put(slot, rows, scores, rates, scores_, found)


def _fill_answers(
    layout: Layout, events: Sequence[SealedEvent], scores: Floats, rates: Floats
) -> None:
    rows, none = np.arange(len(events)), np.zeros(len(events), dtype=bool)
    score, decision = layout.slots.get(SCORE), layout.slots.get(DECISION)
    if score is not None and isinstance(score.given, NumericInput):
        values = np.array([each.body["score"] for each in events], dtype=float)
        _put(score, rows, scores, rates, *_number(score.given, values, none))
    if decision is not None and isinstance(decision.given, CategoricalInput):
        texts = [each.body["decision"] for each in events]
        found = _category(decision.given, texts, none)
        _put(decision, rows, scores, rates, None, found)


def _put(
    slot: Slot,
    rows: NDArray[np.int64],
    scores: Floats,
    rates: Floats,
    normal: Floats | None,
    found: Sequence[Floats],
) -> None:
    if normal is not None:
        scores[rows, slot.score] = normal
    for column, values in enumerate(found[: slot.rates], slot.rate):
        rates[rows, column] = values


def _number(
    given: NumericInput, values: Floats, wrong: NDArray[np.bool_]
) -> tuple[Floats | None, list[Floats]]:
    """Give normal scores and what the rates count, in the order of the layout's monitors."""
    profile = given.profile
    normal = profile.normal_scores(values)
    has = np.isfinite(normal)
    found = [] if profile.constant else [np.where(has, np.abs(normal) < INNER, np.nan)]
    if profile.mode_share >= SHARED:
        found.append(profile.differs(values))
    found += [np.where(wrong, np.nan, ~has), wrong.astype(float)]
    return None if profile.constant else normal, found


def _category(
    given: CategoricalInput, texts: Sequence[str | None], wrong: NDArray[np.bool_]
) -> list[Floats]:
    if not given.shares:  # an identifier, or never a value: whether it is there is all
        missing = np.array([each is None for each in texts]) & ~wrong
        return [missing.astype(float), np.zeros(len(texts))]
    known = {shortened(name, MOST_TEXT): index for index, name in enumerate(given.shares)}
    codes = np.array(
        [-1 if each is None else known.get(shortened(each, MOST_TEXT), -2) for each in texts]
    )
    has, own = (codes != -1) & ~wrong, len(given.watched)
    found = [np.where(has, codes == index, np.nan) for index in range(own)]
    if len(given.shares) > own:
        found.append(np.where(has, codes >= own, np.nan))
    found += [np.where(has, codes == -2, np.nan)]
    return [*found, np.where(wrong, np.nan, ~has), wrong.astype(float)]


def _widen(array: Floats, columns: int) -> Floats:
    more = np.full((array.shape[0], columns - array.shape[1]), np.nan)
    return np.concatenate([array, more], axis=1)
