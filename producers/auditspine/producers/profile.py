"""Takes the training profile that a run completes with: what drift is measured against. Pure.

::

    profile = training_profile(model, {"debt_to_income": ratios, "employment": kinds},
                               scores=scores, decisions=decisions, error_rate=0.09)
    RunCompletedBody(run_id=..., outputs=(model,), profile=profile, ...)

It holds quantiles and shares, never rows; of groups of people too, by the tokens of
:mod:`auditspine.producers.protected`. Standard library only.
"""

from collections.abc import Iterable, Mapping, Sequence

from auditspine.producers.errors import EventError
from auditspine.producers.profiled_columns import (
    categories,
    is_number,
    numbers,
    profiled,
    require_name,
)
from auditspine.producers.profiled_groups import Answers, answered_tokens, groups_of, tokens_of
from auditspine.schemas.models import (
    ArtifactRef,
    CategoricalProfile,
    NumericProfile,
    TrainingProfile,
)

MOST_CATEGORIES = 200
"""A column with more is taken for an identifier or free text."""


def training_profile(  # noqa: PLR0913 - each says one thing of the training
    model: ArtifactRef,
    columns: Mapping[str, Iterable[object]],
    *,
    scores: Iterable[object] | None = None,
    decisions: Iterable[object] | None = None,
    error_rate: float | None = None,
    protected: Mapping[str, Iterable[str | None]] | None = None,
    answered_protected: Mapping[str, Iterable[str | None]] | None = None,
    most_categories: int = MOST_CATEGORIES,
) -> TrainingProfile:
    """Take the profile of a model's training data and answers.

    A column of numbers becomes quantiles, a column of texts the shares of its categories; a
    truth value counts as the number 1 or 0. Say values in predictions as they are here: the same
    names and units, and a category as text. ``None`` is a missing value.

    A group of fewer than 30 training rows is left out, and so is of a larger one each feature
    that fewer of its rows have, and score and decision where fewer of the answered rows are its
    own: it would be said of persons. Two attributes together are not in the profile. 200 features
    of 8 groups in all fit into an event; of many more, leave groups or features out.

    Args:
        model: The model; the run must name it among its outputs.
        columns: Per feature its values in the training rows; all have as many.
        scores: The model's answers on rows that it was not fitted to.
        decisions: What it would decide on those rows, in the words of ``prediction.made``.
        error_rate: Share of them that it would decide wrongly, 0 to 1.
        protected: Per protected attribute the token of each training row, as
            :meth:`~auditspine.producers.protected.Tokens.token` gives it; None where the value is
            missing.
        answered_protected: The same of the rows that ``scores`` and ``decisions`` are of.
        most_categories: More in a column are an error; more groups of an attribute as well.

    Raises:
        EventError: A column cannot be profiled; the message names it, the row and what to do.
    """
    taken = {name: list(values) for name, values in columns.items()}
    answers = Answers(_listed(scores), _listed(decisions))
    rows = _rows(taken)
    profiles = [_profiled(name, values, most_categories) for name, values in taken.items()]
    if error_rate is not None and not (is_number(error_rate) and 0 <= error_rate <= 1):
        raise EventError("error_rate", f"expected a number from 0 to 1, got {error_rate!r}")
    score = None if answers.scores is None else _score(answers.scores)
    decision = None if answers.decisions is None else _decision(answers.decisions, most_categories)
    fitted = tokens_of("protected", protected or {}, rows, most_categories)
    answered = answered_tokens(answered_protected or {}, fitted, answers, most_categories)
    return TrainingProfile(
        model=model,
        rows=rows,
        numeric=tuple(each for each in profiles if isinstance(each, NumericProfile)),
        categorical=tuple(each for each in profiles if isinstance(each, CategoricalProfile)),
        score=score,
        decision=decision,
        error_rate=None if error_rate is None else float(error_rate),
        groups=groups_of(taken, fitted, answers, answered),
    )


def _listed(values: Iterable[object] | None) -> list[object] | None:
    return None if values is None else list(values)


def _rows(columns: Mapping[str, Sequence[object]]) -> int:
    """Give the number of rows, the same in every column."""
    if not columns:
        raise EventError("columns", "expected a column or more, got none")
    first = next(iter(columns))
    for name, values in columns.items():
        require_name("columns", name)
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
    """Profile a column of all training rows."""
    found = profiled(name, _place(name), values, most)
    if found is None:
        raise EventError(
            _place(name),
            f"all of {len(values)} rows are missing: leave the feature out until it is there",
        )
    return found


def _score(values: Sequence[object]) -> NumericProfile:
    if not values or any(each is None for each in values):
        raise EventError("scores", "expected a number for each of one or more rows, got a gap")
    return numbers("score", "scores", values)


def _decision(values: Sequence[object], most: int) -> CategoricalProfile:
    if not values or any(each is None for each in values):
        raise EventError("decisions", "expected a word for each of one or more rows, got a gap")
    return categories("decision", "decisions", values, most)


def _place(name: str) -> str:
    return f"columns[{name!r}]"
