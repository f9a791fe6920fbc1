"""Profiles groups of people for a training profile, by tokens of protected attributes. Pure.

Says nothing of a group that is so small that it would be said of persons. Standard library only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from auditspine.producers.errors import EventError
from auditspine.producers.profiled_columns import profiled, require_name
from auditspine.schemas.models import CategoricalProfile, GroupProfile, NumericProfile
from auditspine.schemas.tokens import is_token

FEWEST_ROWS = 30
"""Of fewer rows of a group nothing is said."""

PLACES = (0.01, *(each / 20 for each in range(1, 20)), 0.99)
"""Where quantiles of a group are taken; of few rows, fewer."""

FEW_PLACES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Where they are taken of many features and groups: an event takes 512 KiB."""

MANY = 400
"""Features times groups from which they are many: 21 quantiles of each are 145 kB."""

Tokens: TypeAlias = Mapping[str, Sequence[str | None]]
"""By protected attribute the token of each row; None where it is missing."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers on rows that it was not fitted to.

    Attributes:
        scores: What it answered; None where that is not given.
        decisions: What it would decide; None likewise.
    """

    scores: Sequence[object] | None
    decisions: Sequence[object] | None

    def given(self) -> dict[str, Sequence[object]]:
        """Give those that are given, by what a profile calls them."""
        both = {"score": self.scores, "decision": self.decisions}
        return {name: values for name, values in both.items() if values is not None}


def tokens_of(
    place: str, given: Mapping[str, Iterable[str | None]], rows: int, most: int
) -> Tokens:
    """Check tokens.

    Args:
        place: What errors call them.
        given: By attribute the token of each row.
        rows: How many rows there are.
        most: Groups that an attribute may have.

    Raises:
        EventError: A name or a token cannot be one; or there are too many groups, or rows that
            have none.
    """
    found = {}
    for attribute, column in given.items():
        require_name(place, attribute)
        where, tokens = f"{place}[{attribute!r}]", list(column)
        if len(tokens) != rows:
            raise EventError(where, f"expected {rows} rows, got {len(tokens)}")
        for row, token in enumerate(tokens):
            if token is not None and not (isinstance(token, str) and is_token(token)):
                raise EventError(
                    f"{where}[{row}]", "expected a token, as Tokens.token gives it, got another"
                )
        if (groups := len(set(tokens) - {None})) > most:
            raise EventError(
                where,
                f"expected {most} groups or fewer, got {groups}: take wider ones, or leave the "
                "attribute out if it is an identifier",
            )
        found[attribute] = tokens
    return found


def answered_tokens(
    given: Mapping[str, Iterable[str | None]], fitted: Tokens, answers: Answers, most: int
) -> Tokens:
    """Check tokens of the rows that were answered.

    Args:
        given: By attribute the token of each row.
        fitted: Those of the training rows.
        answers: The answers.
        most: Groups that an attribute may have.

    Raises:
        EventError: As :func:`tokens_of` has it; or there are no answers, or not as many scores as
            decisions; or the training rows lack the attribute.
    """
    if not given:
        return {}
    place = "answered_protected"
    counts = {len(each) for each in (answers.scores, answers.decisions) if each is not None}
    if not counts:
        raise EventError(place, "expected scores or decisions beside it, got neither")
    if len(counts) > 1:
        raise EventError(place, "expected as many scores as decisions beside it")
    for attribute in given:
        if attribute not in fitted:
            raise EventError(
                f"{place}[{attribute!r}]", "expected an attribute that protected has, got another"
            )
    return tokens_of(place, given, counts.pop(), most)


def groups_of(
    columns: Mapping[str, Sequence[object]], fitted: Tokens, answers: Answers, answered: Tokens
) -> tuple[GroupProfile, ...]:
    """Profile the groups that are large enough: by attribute, the largest first, then by token.

    Args:
        columns: Per feature its values in the training rows; each can be profiled.
        fitted: Tokens of the training rows.
        answers: The model's answers on other rows.
        answered: Tokens of these.
    """
    others = {attribute: _members(tokens) for attribute, tokens in answered.items()}
    large = [
        (attribute, token, rows)
        for attribute in sorted(fitted)
        for token, rows in _by_size(_members(fitted[attribute]))
        if len(rows) >= FEWEST_ROWS
    ]
    places = PLACES if len(large) * len(columns) < MANY else FEW_PLACES
    return tuple(
        _group(
            GroupProfile(attribute=attribute, token=token, rows=len(rows)),
            _columns(columns, rows, places),
            _columns(answers.given(), others.get(attribute, {}).get(token, ()), places),
        )
        for attribute, token, rows in large
    )


def _by_size(members: Mapping[str, list[int]]) -> list[tuple[str, list[int]]]:
    return sorted(members.items(), key=lambda each: (-len(each[1]), each[0]))


def _members(tokens: Sequence[str | None]) -> dict[str, list[int]]:
    """Give the rows of each group."""
    members: dict[str, list[int]] = {}
    for row, token in enumerate(tokens):
        if token is not None:
            members.setdefault(token, []).append(row)
    return members


def _columns(
    columns: Mapping[str, Sequence[object]], rows: Sequence[int], places: Sequence[float]
) -> list[NumericProfile | CategoricalProfile]:
    """Profile columns in some of their rows, but those in which too few have a value."""
    found = []
    for name, values in columns.items():
        own = [values[row] for row in rows]
        if sum(each is not None for each in own) >= FEWEST_ROWS:
            found.append(profiled(name, name, own, len(own), places))
    return [each for each in found if each is not None]


def _group(
    of: GroupProfile,
    features: Sequence[NumericProfile | CategoricalProfile],
    answers: Sequence[NumericProfile | CategoricalProfile],
) -> GroupProfile:
    """Put together what is known of a group."""
    score, decision = _split(answers)
    numeric, categorical = _split(features)
    return of.model_copy(
        update={
            "numeric": numeric,
            "categorical": categorical,
            "score": next(iter(score), None),
            "decision": next(iter(decision), None),
        }
    )


def _split(
    profiles: Sequence[NumericProfile | CategoricalProfile],
) -> tuple[tuple[NumericProfile, ...], tuple[CategoricalProfile, ...]]:
    return (
        tuple(each for each in profiles if isinstance(each, NumericProfile)),
        tuple(each for each in profiles if isinstance(each, CategoricalProfile)),
    )
