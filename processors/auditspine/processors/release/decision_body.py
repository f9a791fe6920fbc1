"""A decision as ``decision.made`` has it. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.release.deciding import Decision
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ARTIFACTS = 256
_MOST_TIME_MS = 10_413_791_999_000  # the end of the year 2299, where the contract's times end


def body_of(
    step: Step, request: Request, decision: Decision, cause: str, supersedes: str
) -> dict[str, Any]:
    """Give the body of ``decision.made``."""
    until = decision.until
    return {
        "decision_id": step.name("decision", request.request_id),
        "request_id": request.request_id,
        "model": request.model.body(),
        "environment": request.environment,
        "outcome": decision.outcome,
        "cause": cause,
        "supersedes": supersedes or None,
        "risk_class": as_token(decision.risk_class),
        "jurisdictions": tuple(as_token(each) for each in decision.jurisdictions),
        "rules": decision.results,
        "exceptions": decision.exceptions,
        "artifacts": tuple(each.body() for each in decision.artifacts[:_MOST_ARTIFACTS]),
        "policy": None if step.in_force is None else step.in_force.digest,
        "positions": tuple(
            {"origin": as_name(origin), "size": size}
            for origin, size in sorted(decision.positions.items())
        ),
        "valid_until": None
        if until is None
        else _EPOCH + timedelta(milliseconds=min(until, _MOST_TIME_MS)),
        "reason": as_sentence(decision.reason),
    }
