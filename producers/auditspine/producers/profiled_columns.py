"""Profiles one column for a training profile: quantiles of numbers, shares of categories. Pure.

It holds no row: an outermost quantile has rows beyond it. Standard library only.
"""

import math
from collections import Counter
from collections.abc import Sequence
from numbers import Real

from auditspine.producers.errors import EventError
from auditspine.schemas.formats import MAX_NAME, MAX_TEXT
from auditspine.schemas.models import CategoricalProfile, CategoryShare, NumericProfile

PLACES = (0.001, 0.005, *(each / 100 for each in range(1, 100)), 0.995, 0.999)
"""Where quantiles are taken; of few rows, only those with some rows beyond them."""

_LEAST_BEYOND = 5  # rows beyond an outermost quantile, which else would be a row's own value
_FEWEST = (0.25, 0.5, 0.75)  # of rows that are too few for any other


def profiled(
    name: str,
    place: str,
    values: Sequence[object],
    most: int,
    places: Sequence[float] = PLACES,
) -> NumericProfile | CategoricalProfile | None:
    """Profile a column by what its first value is; None where no row has one.

    Args:
        name: The column's name in the profile.
        place: What errors call it.
        values: Its values; None where one is missing.
        most: Categories that it may have.
        places: Where quantiles are taken, rising.

    Raises:
        EventError: A value is of another kind than the first, or cannot be one; or there are too
            many categories.
    """
    first = next((each for each in values if each is not None), None)
    if first is None:
        return None
    if isinstance(first, str):
        return categories(name, place, values, most)
    return numbers(name, place, values, places)


def numbers(
    name: str, place: str, values: Sequence[object], places: Sequence[float] = PLACES
) -> NumericProfile:
    """Take the quantiles of a column, as :func:`profiled` has it."""
    found = []
    for row, value in enumerate(values):
        if value is None:
            continue
        if not is_number(value):
            raise EventError(f"{place}[{row}]", f"expected a number, got {_kind(value)}")
        number = _number(value)
        if not math.isfinite(number):
            raise EventError(
                f"{place}[{row}]",
                f"expected a finite number, got {number}; give None for a missing value",
            )
        found.append(number)
    found.sort()
    taken = [each for each in places if _beyond(each, len(found)) >= _LEAST_BEYOND]
    if len(taken) < len(_FEWEST):
        taken = list(_FEWEST)
    return NumericProfile(
        name=name,
        probabilities=tuple(taken),
        quantiles=tuple(_quantile(found, each) for each in taken),
        missing=1 - len(found) / len(values),
    )


def categories(name: str, place: str, values: Sequence[object], most: int) -> CategoricalProfile:
    """Take the shares of a column's categories, the most frequent first."""
    counts: Counter[str] = Counter()
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, str):
            hint = "; give None for a missing value" if _is_nan(value) else ""
            raise EventError(f"{place}[{row}]", f"expected text, got {_kind(value)}{hint}")
        if len(value) > MAX_TEXT:
            raise EventError(
                f"{place}[{row}]", f"expected {MAX_TEXT} characters or fewer, got {len(value)}"
            )
        counts[value] += 1
    if len(counts) > most:
        raise EventError(
            place,
            f"expected {most} categories or fewer, got {len(counts)}: group the rare ones, or "
            "leave it out if it is an identifier",
        )
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return CategoricalProfile(
        name=name,
        shares=tuple(CategoryShare(category=text, share=n / total) for text, n in ordered),
        missing=1 - total / len(values),
    )


def _quantile(ordered: Sequence[float], place: float) -> float:
    """Give a quantile, linear between the values about it: Hyndman and Fan 1996, type 7."""
    at = place * (len(ordered) - 1)
    low = math.floor(at)
    if low + 1 >= len(ordered) or ordered[low] == ordered[low + 1]:
        return ordered[low]
    part = at - low
    between = ordered[low] * (1 - part) + ordered[low + 1] * part  # a difference may overflow
    return min(max(between, ordered[low]), ordered[low + 1])


def _beyond(place: float, rows: int) -> float:
    return min(place, 1 - place) * rows


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type] # a Real, as the caller knows
    except OverflowError:
        return math.inf  # a whole number that no event can say


def require_name(place: str, name: object) -> None:
    """Check the name of a column.

    Raises:
        EventError: It cannot be one.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise EventError(place, f"expected names of 1 to {MAX_NAME} characters, got one")


def is_number(value: object) -> bool:
    """Tell whether a value is a real number; NaN is one."""
    return isinstance(value, Real)  # numpy's numbers and truth values of Python among them


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _kind(value: object) -> str:
    return "NaN" if _is_nan(value) else f"a value of type {type(value).__name__}"
