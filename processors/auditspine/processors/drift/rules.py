"""Business rules that a prediction must keep, in CEL. A rule that cannot be evaluated is broken."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cel

from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.projection.port import SealedEvent


class Rules:
    """The rules of a policy, compiled.

    Args:
        policy: The policy.

    Raises:
        PolicyError: A rule is not CEL.
    """

    def __init__(self, policy: DriftPolicy) -> None:
        self._policy = policy
        self._programs = {rule.name: _compile(rule.name, rule.conflict) for rule in policy.rules}

    def broken(
        self, deployment: str, events: Sequence[SealedEvent]
    ) -> Iterator[tuple[int, str, int, bool]]:
        """Yield where predictions break a rule.

        Args:
            deployment: Name of the deployment.
            events: Predictions.

        Yields:
            Number and name of the rule, index of the event, and whether the rule could be
            evaluated on it.
        """
        rules = self._policy.rules_of(deployment)
        contexts = [_context(each.body) for each in events] if rules else []
        for number, rule in enumerate(rules):
            program = self._programs[rule.name]
            for index, context in enumerate(contexts):
                verdict = _conflicts(program, context)
                if verdict is not False:
                    yield number, rule.name, index, verdict is not None


def _compile(name: str, text: str) -> Any:
    try:
        return cel.compile(text)
    except Exception as exc:  # the library raises what its parser does
        raise PolicyError(f"the drift policy cannot be used: rules.{name} is not CEL") from exc


def _conflicts(program: Any, context: Mapping[str, Any]) -> bool | None:
    """Tell whether a prediction breaks a rule; ``None`` when that cannot be evaluated."""
    try:
        verdict = program.execute(context)
    except Exception:  # noqa: BLE001 - whatever it is, the rule cannot be relied on
        return None
    return verdict if isinstance(verdict, bool) else None


def _context(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "features": {
            each["name"]: each["text"] if each["number"] is None else each["number"]
            for each in body["features"]
        },
        "score": body["score"],
        "threshold": body["threshold"],
        "decision": body["decision"],
    }
