"""Puts jurisdiction overlays over a class. An overlay can tighten only. Pure.

Every rule of the class stays, with its expression. An overlay may add rules, move a parameter the
way that its class calls stricter, take a rule's exceptions away, make it deny where it asked for
review, or make it continuous. Of several overlays the strictest counts, in whatever order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy_text import (
    ClassPart,
    OverlayClassPart,
    OverlayParameterPart,
    OverlayPart,
    RulePart,
    Stricter,
    TightenPart,
    place,
)
from auditspine.processors.release.rules import Rule, RuleSet, Scalar
from auditspine.processors.release.vocabulary import EXAMPLE, PARAMETERS, compiled, try_out

_Loc: TypeAlias = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Parameter:
    value: Scalar
    stricter: Stricter


@dataclass(slots=True)
class _Building:
    """A rule set while overlays are put over it.

    Attributes:
        rules: Rules by id, in order.
        parameters: Parameters by name.
    """

    rules: dict[str, Rule]
    parameters: dict[str, _Parameter]


def combine(risk_class: str, base: ClassPart, overlays: Mapping[str, OverlayPart]) -> RuleSet:
    """Put overlays over a class.

    Args:
        risk_class: Name of the class.
        base: What the class says.
        overlays: Overlays by jurisdiction.

    Raises:
        PolicyError: An overlay loosens, or two say different things of one name, or a rule or a
            parameter cannot be used; the message names file and field.
    """
    file: _Loc = ("classes", risk_class)
    building = _Building({}, {})
    for name, part in base.parameters.items():
        _check_parameter((*file, "parameters", name), part.value, part.stricter)
        building.parameters[name] = _Parameter(part.value, part.stricter)
    for number, rule in enumerate(base.rules):
        loc = (*file, "rules", number)
        if rule.id in building.rules:
            raise _error((*loc, "id"), f"the rule {rule.id} is there twice")
        building.rules[rule.id] = _rule(loc, rule)
    for jurisdiction in sorted(overlays):
        said = overlays[jurisdiction].classes.get(risk_class)
        if said is not None:
            _overlay(("overlays", jurisdiction, "classes", risk_class), base, said, building)
    return RuleSet(
        risk_class,
        tuple(sorted(overlays)),
        tuple(building.rules.values()),
        {name: each.value for name, each in building.parameters.items()},
    )


def check(risk_class: str, base: ClassPart, overlays: Mapping[str, OverlayPart]) -> None:
    """Check that a class gives a rule set, alone, with each overlay, and with all of them.

    Raises:
        PolicyError: See :func:`combine`; or a rule comes to no boolean on an example.
    """
    _try_out(("classes", risk_class), combine(risk_class, base, {}), base.rules)
    for jurisdiction, overlay in overlays.items():
        ruleset = combine(risk_class, base, {jurisdiction: overlay})
        if said := overlay.classes.get(risk_class):
            _try_out(("overlays", jurisdiction, "classes", risk_class), ruleset, said.rules)
    combine(risk_class, base, overlays)


def _overlay(file: _Loc, base: ClassPart, said: OverlayClassPart, building: _Building) -> None:
    for name, part in said.parameters.items():
        _set_parameter((*file, "parameters", name), name, base, part, building)
    seen: set[str] = set()
    for number, rule in enumerate(said.rules):
        loc = (*file, "rules", number)
        if rule.id in seen or any(rule.id == each.id for each in base.rules):
            raise _error((*loc, "id"), f"the rule {rule.id} is there already: use tighten")
        seen.add(rule.id)
        _add_rule(loc, _rule(loc, rule), building)
    for rule_id, tighter in said.tighten.items():
        if all(rule_id != each.id for each in base.rules):
            raise _error((*file, "tighten", rule_id), "the class has no such rule")
        building.rules[rule_id] = _tightened(building.rules[rule_id], tighter)


def _set_parameter(
    loc: _Loc, name: str, base: ClassPart, part: OverlayParameterPart, building: _Building
) -> None:
    own = base.parameters.get(name)
    if own is not None:
        if part.stricter is not None:
            raise _error((*loc, "stricter"), "only the class says which way it gets stricter")
        value = _as(loc, part.value, own.value)
        if own.stricter == "fixed" or _strictest(own.stricter, own.value, value) != value:
            raise _error((*loc, "value"), f"it loosens the class: {_ways(own.stricter)}")
        found = _Parameter(value, own.stricter)
    elif part.stricter is None:
        raise _error(loc, "the class has no such parameter; one of the overlay's needs stricter")
    else:
        _check_parameter(loc, part.value, part.stricter)
        found = _Parameter(part.value, part.stricter)
    building.parameters[name] = _merged(loc, building.parameters.get(name), found)


def _merged(loc: _Loc, known: _Parameter | None, found: _Parameter) -> _Parameter:
    """Give the stricter of what two overlays say of one parameter."""
    if known is None or known == found:
        return found
    if known.stricter != found.stricter or found.stricter == "fixed":
        raise _error(loc, "another overlay says something else of it")
    value = _as(loc, found.value, known.value)
    return _Parameter(_strictest(found.stricter, known.value, value), found.stricter)


def _add_rule(loc: _Loc, rule: Rule, building: _Building) -> None:
    known = building.rules.get(rule.id)
    if known is None:
        building.rules[rule.id] = rule
        return
    if (known.expression, known.reason, known.shows) != (rule.expression, rule.reason, rule.shows):
        raise _error((*loc, "id"), f"another overlay has another rule {rule.id}")
    building.rules[rule.id] = replace(
        known,
        otherwise="deny" if "deny" in (known.otherwise, rule.otherwise) else "review",
        waivable=known.waivable and rule.waivable,
        continuous=known.continuous or rule.continuous,
        obligations=_both(known.obligations, rule.obligations),
    )


def _tightened(rule: Rule, part: TightenPart) -> Rule:
    return replace(
        rule,
        otherwise=part.otherwise or rule.otherwise,
        waivable=rule.waivable and part.waivable is None,
        continuous=rule.continuous or part.continuous is not None,
        obligations=_both(rule.obligations, part.obligations),
    )


def _both(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _rule(loc: _Loc, part: RulePart) -> Rule:
    try:
        reads = compiled(part.expression).reads
    except ValueError as exc:
        raise _error((*loc, "expression"), f"the rule {part.id}: {exc}") from None
    return Rule(
        part.id,
        part.expression,
        part.reason,
        part.otherwise,
        part.waivable,
        part.continuous,
        part.obligations,
        reads,
        part.shows,
    )


def _try_out(file: _Loc, ruleset: RuleSet, parts: Iterable[RulePart]) -> None:
    """Check what a file's rules come to and show, with the parameters that there are."""
    values = ruleset.parameters
    for number, part in enumerate(parts):
        if problem := try_out(part.expression, values):
            raise _error((*file, "rules", number, "expression"), f"the rule {part.id}: {problem}")
        for path in part.shows:
            name, _, member = path.partition(".")
            if member not in (values if name == PARAMETERS else EXAMPLE.get(name, {})):
                raise _error((*file, "rules", number, "shows"), f"there is no {path}")


def _check_parameter(loc: _Loc, value: Scalar, stricter: Stricter) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {"higher": is_number, "lower": is_number, "fixed": True}.get(
        stricter, isinstance(value, bool)
    )
    if not fits:
        raise _error((*loc, "stricter"), f"a value of this type gets no stricter by {stricter}")


def _as(loc: _Loc, value: Scalar, like: Scalar) -> Scalar:
    """Give a value in the type of another; a whole number may stand for a number."""
    if type(like) is float and type(value) is int:
        return float(value)
    if type(value) is not type(like):
        raise _error((*loc, "value"), f"expected a value of type {type(like).__name__}")
    return value


def _strictest(stricter: Stricter, left: Scalar, right: Scalar) -> Scalar:
    if stricter in ("higher", "true"):
        return max(left, right)
    return min(left, right)


def _ways(stricter: Stricter) -> str:
    return "it cannot be changed" if stricter == "fixed" else f"stricter is {stricter}"


def _error(loc: _Loc, text: str) -> PolicyError:
    return PolicyError(f"{place(loc)}: {text}")
