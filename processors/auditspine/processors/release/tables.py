"""The rows that releases are shown by in ClickHouse. Pure."""

from uuid import UUID

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.port import Row, SealedEvent, Table
from auditspine.processors.release.values import Request, Standing, Suspect, Waiver

DECISIONS = Table(
    "release_decisions",
    (
        "origin",
        "tenant",
        "decision_id",
        "request_id",
        "model",
        "model_version",
        "model_digest",
        "environment",
        "outcome",
        "cause",
        "supersedes",
        "risk_class",
        "requester",
        "failed",
        "waived",
        "exceptions",
        "policy_digest",
        "reason",
        "position",
        "decided_at",
        "version",
    ),
)
STATES = Table(
    "release_states",
    (
        "origin",
        "tenant",
        "environment",
        "model",
        "model_version",
        "model_digest",
        "allowed",
        "decision_id",
        "exceptions",
        "reason",
        "since",
        "until",
        "version",
    ),
)
EXCEPTIONS = Table(
    "release_exceptions",
    (
        "origin",
        "tenant",
        "exception_id",
        "model",
        "model_version",
        "model_digest",
        "environment",
        "rules",
        "compensating_control",
        "reason",
        "granted_by",
        "granted_at",
        "expires_at",
        "state",
        "refused",
        "decisions",
        "version",
    ),
)
DEPLOYMENTS = Table(
    "release_deployments",
    (
        "origin",
        "tenant",
        "position",
        "event_id",
        "at",
        "deployment",
        "deployment_digest",
        "model",
        "model_version",
        "model_digest",
        "environment",
        "action",
        "decision_id",
        "exceptions",
        "verdict",
        "version",
    ),
)


def state_row(
    event: SealedEvent, model: Ref, environment: str, standing: Standing, reason: str
) -> Row:
    """Give a standing's row of :data:`STATES` after an event."""
    return (
        event.own_log,
        event.envelope["tenant"],
        environment,
        model.name,
        model.version,
        bytes.fromhex(model.digest),
        standing.allowed,
        standing.decision_id,
        list(standing.exceptions),
        reason,
        standing.since,
        standing.until,
        event.version,
    )


def exception_row(event: SealedEvent, waiver: Waiver) -> Row:
    """Give an exception's row of :data:`EXCEPTIONS` after an event."""
    return (
        waiver.elsewhere or event.own_log,
        event.envelope["tenant"],
        waiver.exception_id,
        waiver.model.name,
        waiver.model.version,
        bytes.fromhex(waiver.model.digest),
        waiver.environment,
        list(waiver.rules),
        waiver.control,
        waiver.reason,
        waiver.principal,
        waiver.granted_at,
        waiver.expires_at,
        waiver.state,
        waiver.refused,
        list(waiver.decisions),
        event.version,
    )


def decision_row(
    event: SealedEvent, request: Request, body: dict[str, object], results: dict[str, list[str]]
) -> Row:
    """Give a decision's row of :data:`DECISIONS`.

    Args:
        event: The event at which it was made.
        request: The request.
        body: Body of ``decision.made``.
        results: Names of the rules by what they came to.
    """
    digest = body["policy"]
    return (
        event.origin,
        event.envelope["tenant"],
        body["decision_id"],
        UUID(request.request_id),
        request.model.name,
        request.model.version,
        bytes.fromhex(request.model.digest),
        request.environment,
        body["outcome"],
        body["cause"],
        body["supersedes"] or "",
        body["risk_class"],
        request.requester,
        results["failed"] + results["error"],
        results["waived"],
        body["exceptions"],
        digest if isinstance(digest, bytes) else b"",
        body["reason"],
        event.position,
        event.appended_at,
        event.version,
    )


def deployment_row(
    event: SealedEvent, suspect: Suspect, verdict: str, exceptions: tuple[str, ...]
) -> Row:
    """Give a deployment's row of :data:`DEPLOYMENTS` after an event.

    Args:
        event: The event at which the verdict was found.
        suspect: The deployment.
        verdict: ``allowed``, ``late`` (allowed a little after), ``unnamed`` (allowed, but it names
            no decision), ``waiting`` or ``bypassed``.
        exceptions: Exceptions that its decision rests on.
    """
    deployment, model = suspect.deployment, suspect.model
    return (
        suspect.origin,
        event.envelope["tenant"],
        suspect.position,
        UUID(suspect.event_id),
        suspect.at,
        deployment.name,
        bytes.fromhex(deployment.digest),
        model.name,
        model.version,
        bytes.fromhex(model.digest),
        suspect.environment,
        suspect.action,
        suspect.decision_id,
        list(exceptions),
        verdict,
        event.version,
    )
