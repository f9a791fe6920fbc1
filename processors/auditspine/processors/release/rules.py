"""Rules of a release policy and what they come to on facts. Pure, and fails closed.

Only the boolean ``true`` passes. A rule that reads what is not known, raises, or comes to anything
but a boolean is an error, which is no pass either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from auditspine.processors.release.vocabulary import PARAMETERS, SUMMARY, Expression, compiled

Scalar: TypeAlias = int | float | bool | str
Otherwise: TypeAlias = Literal["deny", "review"]
Result: TypeAlias = Literal["passed", "failed", "error"]

_SHOWN_ITEMS = 5
_SHOWN_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a class.

    Attributes:
        id: Its name.
        expression: CEL that is true when the rule is kept.
        reason: One sentence for when it is not.
        otherwise: What a release then gets: ``deny``, or ``review`` where people can mend it by
            deciding.
        waivable: Whether an exception may stand for it.
        continuous: Whether an allowed release must go on keeping it.
        obligations: What it serves, such as an article of a law.
        reads: Facts that the expression names, and ``parameters``.
        shows: Facts and parameters that are told with the reason, like ``features.deprecated``.
    """

    id: str
    expression: str
    reason: str
    otherwise: Otherwise = "deny"
    waivable: bool = False
    continuous: bool = False
    obligations: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that a release is judged by.

    Attributes:
        risk_class: The class.
        jurisdictions: Jurisdictions whose overlays are in it, sorted.
        rules: Its rules: the class's, then what overlays add.
        parameters: What expressions read as ``parameters.NAME``.
    """

    risk_class: str
    jurisdictions: tuple[str, ...]
    rules: tuple[Rule, ...]
    parameters: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule came to.

    Attributes:
        rule: The rule.
        result: ``passed``, ``failed``, or ``error`` when it could not be judged.
        reason: One sentence for people.
    """

    rule: Rule
    result: Result
    reason: str


def judge(ruleset: RuleSet, facts: Mapping[str, Any]) -> tuple[Judged, ...]:
    """Judge a release by each rule, in their order.

    Args:
        ruleset: The rules.
        facts: What is known; see :data:`~auditspine.processors.release.vocabulary.EXAMPLE`.

    Returns:
        One result for each rule. Nothing that facts can be makes it raise.
    """
    known = {**facts, PARAMETERS: dict(ruleset.parameters)}
    return tuple(_judge(rule, known) for rule in ruleset.rules)


def _judge(rule: Rule, known: Mapping[str, Any]) -> Judged:
    try:
        expression = compiled(rule.expression)
    except ValueError as exc:
        return Judged(rule, "error", f"The rule cannot be read, so it is not kept: {exc}.")
    if missing := _missing(expression, known):
        return Judged(rule, "error", f"{missing} is not known, so the rule is not kept.")
    try:
        verdict = expression.program.execute({name: known[name] for name in expression.reads})
    except Exception as exc:  # noqa: BLE001 - whatever it is, the rule cannot be relied on
        what = type(exc).__name__
        return Judged(rule, "error", f"The rule cannot be evaluated ({what}), so it is not kept.")
    if verdict is True:
        return Judged(rule, "passed", f"The rule is kept{_summed(expression, known)}.")
    if verdict is False:
        return Judged(rule, "failed", rule.reason + _shown(rule, known))
    return Judged(rule, "error", "The rule came to no boolean, so it is not kept.")


def _missing(expression: Expression, known: Mapping[str, Any]) -> str:
    """Give the first fact that an expression needs and that is not there; empty when all are.

    CEL's ``||`` and ``&&`` pass over an error on one side, so a fact that is missing must be
    noticed before.
    """
    for name in expression.reads:
        if not isinstance(known.get(name), Mapping):
            return name
    for name, member in expression.fields:
        if known[name].get(member) is None:
            return f"{name}.{member}"
    return next(
        (f"{PARAMETERS}.{each}" for each in expression.parameters if each not in known[PARAMETERS]),
        "",
    )


def _shown(rule: Rule, known: Mapping[str, Any]) -> str:
    told = [f"{_label(path)}: {_words(_value(path, known))}" for path in rule.shows]
    return f" ({'; '.join(told)})" if told else ""


def _summed(expression: Expression, known: Mapping[str, Any]) -> str:
    """Give what the facts' summaries say, of those that a rule reads."""
    told = [_words(known[each][SUMMARY]) for each in expression.reads if SUMMARY in known[each]]
    return f": {'; '.join(told)}" if told else ""


def _label(path: str) -> str:
    """Give a fact's name in words; a parameter is what the policy asks for."""
    group, _, member = path.partition(".")
    words = member.replace("_", " ")
    return f"{words} asked for" if group == PARAMETERS else f"{group} {words}"


def _value(path: str, known: Mapping[str, Any]) -> Any:
    name, _, member = path.partition(".")
    part = known.get(name)
    return part.get(member) if isinstance(part, Mapping) else None


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        more = len(value) - _SHOWN_ITEMS
        words = ", ".join(str(each) for each in value[:_SHOWN_ITEMS]) or "none"
        words += f" and {more} more" if more > 0 else ""
    elif isinstance(value, bool):
        words = "true" if value else "false"
    else:
        words = str(value) if value not in (None, "") else "none"
    return words if len(words) <= _SHOWN_CHARACTERS else words[: _SHOWN_CHARACTERS - 1] + "…"
