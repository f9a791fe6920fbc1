"""A release policy in words: what its classes ask for, and what its overlays tighten. Pure."""

from collections.abc import Iterator
from typing import Any

from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.rules import Rule, RuleSet


def tightened(policy: ReleasePolicy, risk_class: str, jurisdiction: str) -> tuple[str, ...]:
    """Tell what an overlay changes in a class, one phrase each; nothing when it says nothing of it.

    Raises:
        PolicyError: There is no such class or jurisdiction.
    """
    base, over = policy.ruleset(risk_class), policy.ruleset(risk_class, (jurisdiction,))
    return (*_parameters(base, over), *_rules(base, over))


def flags(rule: Rule) -> str:
    """Tell what a rule that is not kept means."""
    told: list[str] = [rule.otherwise]
    told += ["can be waived"] if rule.waivable else []
    told += ["continuous"] if rule.continuous else []
    return ", ".join(told)


def as_json(ruleset: RuleSet) -> dict[str, Any]:
    """Give a rule set for machines."""
    return {
        "class": ruleset.risk_class,
        "jurisdictions": ruleset.jurisdictions,
        "parameters": dict(ruleset.parameters),
        "rules": [
            {
                "id": each.id,
                "expression": each.expression.strip(),
                "reason": each.reason,
                "otherwise": each.otherwise,
                "waivable": each.waivable,
                "continuous": each.continuous,
                "obligations": each.obligations,
            }
            for each in ruleset.rules
        ],
    }


def _parameters(base: RuleSet, over: RuleSet) -> Iterator[str]:
    for name, value in over.parameters.items():
        if name not in base.parameters:
            yield f"{name} is {_value(value)}"
        elif base.parameters[name] != value:
            yield f"{name} is {_value(value)}, not {_value(base.parameters[name])}"


def _rules(base: RuleSet, over: RuleSet) -> Iterator[str]:
    known = {each.id: each for each in base.rules}
    for rule in over.rules:
        was = known.get(rule.id)
        if was is None:
            yield f"{rule.id} is added"
            continue
        if rule.waivable != was.waivable:
            yield f"{rule.id} cannot be waived"
        if rule.otherwise != was.otherwise:
            yield f"{rule.id} denies"
        if rule.continuous != was.continuous:
            yield f"{rule.id} is continuous"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
