"""What rules may speak of: the facts, with an example of each, and how CEL is read. Pure.

An expression is read once, when its policy is parsed: it compiles, names only facts and parameters
that exist, and comes to a boolean on the example. What it comes to on a real release is for
:mod:`~auditspine.processors.release.rules`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import cel

PARAMETERS = "parameters"
SUMMARY = "summary"
"""A fact that says its group in words: it is told with a rule that is kept, too."""

EXAMPLE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "request": {
            "digest": "00" * 32,
            "name": "model",
            "version": "1",
            "environment": "production",
            "purpose": "scoring",
            "requester": "person",
            "risk_class": "high",
            "assigned_class": "high",
            "domain": "credit",
            "jurisdictions": ["eu"],
        },
        "model": {
            "registered": True,
            "limitations": "none",
            "intended_use": "scoring",
            "owner": "owner",
            "run_id": "run",
            "trainers": ["trainer"],
        },
        "approvals": {
            "persons": ["person"],
            "roles": ["role"],
            "refused": ["person: why"],
            "rejected": False,
            "other_digests": ["11" * 32],
        },
        "validation": {
            "reported": True,
            "passed": True,
            "newer": True,
            "independent": True,
            "age_days": 1,
            "critical": 0,
        },
        "bias": {"reported": True, "attributes": ["attribute"]},
        "fairness": {
            "assessed": True,
            "age_days": 1,
            "selection_gap": 0.1,
            "selection_gap_least": 0.05,
            "selection_gap_groups": "attribute 1 and 2",
            "true_positive_gap": 0.1,
            "true_positive_gap_least": 0.05,
            "true_positive_gap_groups": "attribute 1 and 2",
            "selection_ratio": 0.9,
            "selection_ratio_high": 0.95,
            "selection_ratio_groups": "attribute 1 and 2",
            "summary": "what was assessed",
        },
        "explanation": {"attached": True},
        "features": {"used": ["feature"], "deprecated": ["feature"]},
        "sources": {"unknown": ["source"], "flagged": ["source"]},
        "purpose": {"violations": ["dataset"]},
        "alerts": {"open": ["alert"]},
        "environments": {"previous": "staging", "deployed_before": True, "known": True},
        "signature": {"present": True, "valid": True, "problem": ""},
        "quarantine": {"active": False, "retired": False},
    }
)
"""Every fact that a rule can read, with a value of its type. ``model`` has only ``registered`` for
a model that is not registered."""

FUNCTIONS = frozenset(("size", "matches", "startsWith", "endsWith", "contains", "@in", "in"))
"""Functions that an expression may call, beside operators and macros: all give the same on the
same facts, whenever and wherever they are asked."""

MAX_EXPRESSION = 2048  # characters

_TEXTS_AND_REMARKS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_TESTED = re.compile(r"\bhas\s*\(\s*([\w.]+)\s*\)")
_PATH = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\s*\.\s*([A-Za-z_]\w*)\b(?!\s*\())?")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    Attributes:
        program: The CEL program.
        reads: Facts and :data:`PARAMETERS`, as far as it names them.
        fields: Fields of them that must be known; not those that it asks for with ``has``.
        parameters: Parameters that it names.
    """

    program: Any
    reads: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]


@lru_cache(maxsize=4096)
def compiled(text: str) -> Expression:
    """Compile an expression and read what it names; each text once.

    Raises:
        ValueError: It is not CEL, or names what no rule can read; the message says what, and holds
            no more of the expression than a name.
    """
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"expected at most {MAX_EXPRESSION} characters")
    if "\\" in text or "'''" in text or '"""' in text:
        raise ValueError("expected no backslash and no triple quotes")
    program = _compile(text)
    bare = _TEXTS_AND_REMARKS.sub("''", text)
    names = _names(program, frozenset(_BOUND.findall(bare)))
    paths = [found for found in _PATH.findall(bare) if found[0] in names]
    if whole := sorted(name for name, member in paths if not member):
        raise ValueError(f"expected a field of {whole[0]}, as in {whole[0]}.NAME")
    if not names - {PARAMETERS}:
        raise ValueError("expected an expression that reads a fact")
    tested = {tuple(each.split(".")[:2]) for each in _TESTED.findall(bare)}
    members = dict.fromkeys(paths)
    parameters = tuple(member for name, member in members if name == PARAMETERS)
    fields = tuple(each for each in members if each[0] != PARAMETERS and each not in tested)
    if lost := [f"{n}.{m}" for n, m in members if n != PARAMETERS and m not in EXAMPLE[n]]:
        raise ValueError(f"there is no fact {lost[0]}")
    return Expression(program, tuple(sorted(names)), fields, parameters)


def try_out(text: str, parameters: Mapping[str, Any]) -> str:
    """Give why an expression cannot be a rule, by what it comes to on the example; empty if it can.

    Args:
        text: An expression that compiles.
        parameters: Parameters of the class.
    """
    expression = compiled(text)
    missing = sorted(set(expression.parameters) - parameters.keys())
    if missing:
        return f"there is no parameter {missing[0]}"
    try:
        verdict = expression.program.execute({**EXAMPLE, PARAMETERS: dict(parameters)})
    except Exception as exc:  # noqa: BLE001 - whatever it is, the rule cannot be relied on
        return f"it cannot be evaluated on an example ({type(exc).__name__})"
    return "" if isinstance(verdict, bool) else "expected true or false, got another type"


def _compile(text: str) -> Any:
    try:
        return cel.compile(text)
    except Exception:  # noqa: BLE001 - the library raises what its parser does, quoting the text
        raise ValueError("not a CEL expression") from None


def _names(program: Any, bound: frozenset[str]) -> frozenset[str]:
    known = EXAMPLE.keys() | {PARAMETERS}
    if hidden := sorted(bound & known):
        raise ValueError(f"{hidden[0]} is a fact: expected another name for what a macro binds")
    names = frozenset(program.variables()) - bound
    if lost := sorted(names - known):
        raise ValueError(f"there is no fact {lost[0][:64]}")
    called = (each for each in program.functions() if each.isidentifier())
    if lost := sorted(set(called) - FUNCTIONS):
        raise ValueError(f"there is no function {lost[0][:64]}")
    return names
