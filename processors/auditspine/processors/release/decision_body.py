"""A decision as ``decision.made`` has it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.release.outcome import Decision
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ARTIFACTS = 256
_MOST_ARTIFACT_BYTES = 65_536  # of their words: an event has a limit
_MOST_TIME_MS = 10_382_255_999_000  # the end of the year 2298, where the contract's times end


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
        "artifacts": tuple(each.body() for each in _artifacts(decision.artifacts)),
        "policy": decision.policy,
        "positions": tuple(
            {"origin": as_name(origin), "size": size}
            for origin, size in sorted(decision.positions.items())
        ),
        "valid_until": None
        if until is None
        else _EPOCH + timedelta(milliseconds=min(until, _MOST_TIME_MS)),
        "reason": as_sentence(decision.reason),
    }


def _artifacts(found: Sequence[Ref]) -> Iterator[Ref]:
    """Give as many as an event has room for; the model is the first."""
    left = _MOST_ARTIFACT_BYTES
    for each in found[:_MOST_ARTIFACTS]:
        left -= sum(
            len(word.encode("utf-8", "replace")) for word in (each.kind, each.name, each.version)
        )
        if left < 0:
            return
        yield each
