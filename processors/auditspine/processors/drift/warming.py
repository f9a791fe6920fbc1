"""Features that no profile knows: their first values, which become what is expected. Pure.

What is collected depends on the order of the predictions alone, not on how segments cut them.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence

from auditspine.processors.drift.columns import Group
from auditspine.processors.drift.layout import DECISION, MOST_TEXT, SCORE, Input, learned_input
from auditspine.processors.projection.fit import shortened
from auditspine.processors.projection.port import SealedEvent

MOST_INPUTS = 512
"""Features of one model that are watched or collected; others are only told of."""

Value = float | str | None
Collected = MutableMapping[str, list[Value]]


def begin(
    collected: Collected, watched: Mapping[str, object], groups: Sequence[Group]
) -> Iterator[tuple[int, str, bool]]:
    """Begin to collect the features that come for the first time.

    Args:
        collected: What is collected so far, by feature.
        watched: What is watched already.
        groups: Predictions.

    Yields:
        Index of the prediction, name of the feature, and whether there is room for it.
    """
    for answer in (SCORE, DECISION):
        if answer not in watched:
            collected.setdefault(answer, [])
    first: dict[str, int] = {}
    for group in groups:
        for name in group.names:
            if name not in watched and name not in collected:
                first[name] = min(group.rows[0], first.get(name, group.rows[0]))
    for name, row in sorted(first.items(), key=lambda each: (each[1], each[0])):
        has_room = len(watched) + len(collected) < MOST_INPUTS
        if has_room:
            collected[name] = []
        yield row, name, has_room


def collect(collected: Collected, events: Sequence[SealedEvent], groups: Sequence[Group]) -> None:
    """Add the values of predictions; a feature that one does not name has none in it."""
    values: dict[str, dict[int, Value]] = {}
    for group in groups:
        for place, name in enumerate(group.names):
            if name in collected:
                column = zip(group.rows, group.values(place), strict=True)
                values.setdefault(name, {}).update(column)
    for name, kept in collected.items():
        if name in (SCORE, DECISION):
            field = "score" if name == SCORE else "decision"
            kept.extend(_short(each.body[field]) for each in events)
        else:
            own = values.get(name, {})
            start = min(own, default=0) if not kept else 0
            kept.extend(_short(own.get(index)) for index in range(start, len(events)))


def ready(collected: Collected, rows: int, most_categories: int) -> list[Input]:
    """Give what is known of enough predictions to be watched; it is collected no more."""
    names = sorted(name for name, kept in collected.items() if len(kept) >= rows)
    return [learned_input(name, collected.pop(name), most_categories) for name in names]


def _short(value: Value) -> Value:
    return shortened(value, MOST_TEXT) if isinstance(value, str) else value
