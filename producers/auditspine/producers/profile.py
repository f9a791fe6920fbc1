"""Takes the training profile that a run completes with: what drift is measured against. Pure.

::

    profile = training_profile(model, {"debt_to_income": ratios, "employment": kinds},
                               scores=scores, decisions=decisions, error_rate=0.09)
    RunCompletedBody(run_id=..., outputs=(model,), profile=profile, ...)

It holds quantiles and shares, never rows. Standard library only.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

from auditspine.producers.errors import EventError
from auditspine.schemas.formats import MAX_NAME, MAX_TEXT
from auditspine.schemas.models import (
    ArtifactRef,
    CategoricalProfile,
    CategoryShare,
    NumericProfile,
    TrainingProfile,
)

PLACES = (0.001, 0.005, *(each / 100 for each in range(1, 100)), 0.995, 0.999)
"""Where quantiles are taken; of few rows, only those with some rows beyond them."""

MOST_CATEGORIES = 200
"""A column with more is taken for an identifier or free text."""

_LEAST_BEYOND = 5  # rows beyond an outermost quantile, which else would be a row's own value
_FEWEST = (0.25, 0.5, 0.75)  # of rows that are too few for any other


def training_profile(
    model: ArtifactRef,
    columns: Mapping[str, Iterable[object]],
    *,
    scores: Iterable[object] | None = None,
    decisions: Iterable[object] | None = None,
    error_rate: float | None = None,
    most_categories: int = MOST_CATEGORIES,
) -> TrainingProfile:
    """Take the profile of a model's training data and answers.

    A column of numbers becomes quantiles, a column of texts the shares of its categories; a
    truth value counts as the number 1 or 0. Say values in predictions as they are here: the same
    names and units, and a category as text. ``None`` is a missing value.

    Args:
        model: The model; the run must name it among its outputs.
        columns: Per feature its values in the training rows; all have as many.
        scores: The model's answers on rows that it was not fitted to.
        decisions: What it would decide on those rows, in the words of ``prediction.made``.
        error_rate: Share of them that it would decide wrongly, 0 to 1.
        most_categories: More in a column are an error.

    Raises:
        EventError: A column cannot be profiled; the message names it, the row and what to do.
    """
    taken = {name: list(values) for name, values in columns.items()}
    rows = _rows(taken)
    profiles = [_profiled(name, values, most_categories) for name, values in taken.items()]
    numeric = tuple(each for each in profiles if isinstance(each, NumericProfile))
    categorical = tuple(each for each in profiles if isinstance(each, CategoricalProfile))
    if error_rate is not None and not (_is_number(error_rate) and 0 <= error_rate <= 1):
        raise EventError("error_rate", f"expected a number from 0 to 1, got {error_rate!r}")
    return TrainingProfile(
        model=model,
        rows=rows,
        numeric=numeric,
        categorical=categorical,
        score=None if scores is None else _score(list(scores)),
        decision=None if decisions is None else _decision(list(decisions), most_categories),
        error_rate=None if error_rate is None else float(error_rate),
    )


def _rows(columns: Mapping[str, Sequence[object]]) -> int:
    """Give the number of rows, the same in every column."""
    if not columns:
        raise EventError("columns", "expected a column or more, got none")
    first = next(iter(columns))
    for name, values in columns.items():
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise EventError("columns", f"expected names of 1 to {MAX_NAME} characters, got one")
        if not values:
            raise EventError(_place(name), "expected a row or more, got none")
        if len(values) != len(columns[first]):
            raise EventError(
                _place(name),
                f"expected {len(columns[first])} rows, as {first!r} has, got {len(values)}",
            )
    return len(columns[first])


def _profiled(
    name: str, values: Sequence[object], most: int
) -> NumericProfile | CategoricalProfile:
    """Profile a column by what its first value is."""
    place = _place(name)
    first = next((each for each in values if each is not None), None)
    if first is None:
        raise EventError(
            place, f"all of {len(values)} rows are missing: leave the feature out until it is there"
        )
    if isinstance(first, str):
        return _categories(name, place, values, most)
    return _numbers(name, place, values)


def _score(values: Sequence[object]) -> NumericProfile:
    if not values or any(each is None for each in values):
        raise EventError("scores", "expected a number for each of one or more rows, got a gap")
    return _numbers("score", "scores", values)


def _decision(values: Sequence[object], most: int) -> CategoricalProfile:
    if not values or any(each is None for each in values):
        raise EventError("decisions", "expected a word for each of one or more rows, got a gap")
    return _categories("decision", "decisions", values, most)


def _numbers(name: str, place: str, values: Sequence[object]) -> NumericProfile:
    """Take the quantiles of a column."""
    numbers = []
    for row, value in enumerate(values):
        if value is None:
            continue
        if not _is_number(value):
            raise EventError(f"{place}[{row}]", f"expected a number, got {_kind(value)}")
        number = _number(value)
        if not math.isfinite(number):
            raise EventError(
                f"{place}[{row}]",
                f"expected a finite number, got {number}; give None for a missing value",
            )
        numbers.append(number)
    numbers.sort()
    places = [each for each in PLACES if _beyond(each, len(numbers)) >= _LEAST_BEYOND]
    if len(places) < len(_FEWEST):
        places = list(_FEWEST)
    return NumericProfile(
        name=name,
        probabilities=tuple(places),
        quantiles=tuple(_quantile(numbers, each) for each in places),
        missing=1 - len(numbers) / len(values),
    )


def _categories(name: str, place: str, values: Sequence[object], most: int) -> CategoricalProfile:
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


def _is_number(value: object) -> bool:
    return isinstance(value, Real)  # numpy's numbers and truth values of Python among them


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _kind(value: object) -> str:
    return "NaN" if _is_nan(value) else f"a value of type {type(value).__name__}"


def _place(name: str) -> str:
    return f"columns[{name!r}]"
