"""The rows that alerts are shown by in ClickHouse. Pure."""

from uuid import UUID

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.places import Place
from auditspine.processors.alerts.precision import Precision
from auditspine.processors.projection.port import Row, SealedEvent, Table

ALERTS = Table(
    "alerts",
    (
        "origin",
        "tenant",
        "alert_id",
        "fingerprint",
        "deployment",
        "deployment_digest",
        "model",
        "model_version",
        "model_digest",
        "kind",
        "tier",
        "state",
        "risk_class",
        "owner",
        "features",
        "effect_size",
        "signals",
        "since",
        "raised_at",
        "last_signal_at",
        "acknowledged_at",
        "acknowledged_by",
        "resolved_at",
        "silenced_until",
        "investigation_id",
        "investigating",
        "level",
        "title",
        "evidence_origin",
        "evidence_first",
        "evidence_last",
        "version",
    ),
)
HISTORY = Table(
    "alert_history",
    (
        "origin",
        "tenant",
        "alert_id",
        "position",
        "ordinal",
        "at",
        "what",
        "who",
        "detail",
        "event_id",
        "version",
    ),
)
SERVING_STATES = Table(
    "serving_states",
    (
        "origin",
        "tenant",
        "deployment",
        "model",
        "model_version",
        "model_digest",
        "state",
        "releases_frozen",
        "quarantined",
        "alert_id",
        "reason",
        "since",
        "version",
    ),
)
PRECISION = Table(
    "monitor_precision",
    (
        "origin",
        "tenant",
        "deployment",
        "model",
        "monitor",
        "kind",
        "feature",
        "risk_class",
        "signals",
        "true_alerts",
        "false_alerts",
        "expected_alerts",
        "true_effects",
        "false_effects",
        "version",
    ),
)


def alert_row(event: SealedEvent, alert: Alert, owner: str, silenced: int | None) -> Row:
    """Give an alert's row of :data:`ALERTS` after an event.

    Args:
        event: The event.
        alert: The alert.
        owner: Who is told of it.
        silenced: Until when nobody is, microseconds since 1970; None when they are.
    """
    deployment, model = alert.deployment, alert.model
    evidence = alert.evidence[0] if alert.evidence else ("", 0, 0)
    return (
        alert.elsewhere or event.own_log,
        event.envelope["tenant"],
        alert.alert_id,
        alert.fingerprint,
        deployment.name,
        bytes.fromhex(deployment.digest),
        model.name,
        model.version,
        bytes.fromhex(model.digest),
        alert.kind,
        alert.tier.value,
        alert.state,
        alert.risk,
        owner,
        list(alert.features),
        alert.effect,
        alert.signals,
        alert.since,
        alert.raised_at,
        alert.last_signal_at,
        alert.acknowledged_at,
        alert.acknowledged_by,
        alert.resolved_at,
        silenced,
        alert.investigation,
        alert.investigating,
        alert.level,
        alert.title,
        *evidence,
        event.version,
    )


def history_row(event: SealedEvent, ordinal: int, alert_id: str, *words: str) -> Row:
    """Give a row of :data:`HISTORY`; ``words`` are what, who and detail."""
    return (
        event.origin,
        event.envelope["tenant"],
        alert_id,
        event.position,
        ordinal,
        event.appended_at,
        *words,
        UUID(event.envelope["event_id"]),
        event.version,
    )


def serving_row(event: SealedEvent, alert: Alert, place: Place, reason: str) -> Row:
    """Give a place's row of :data:`SERVING_STATES` after an event that changed its state.

    Args:
        event: The event.
        alert: An alert of the place; it names deployment and model.
        place: The place.
        reason: Why.
    """
    held = place.held
    return (
        place.elsewhere or event.own_log,
        event.envelope["tenant"],
        alert.deployment.name,
        alert.model.name,
        alert.model.version,
        bytes.fromhex(alert.model.digest),
        *held.what,
        held.alert_id,
        reason,
        event.appended_at,
        event.version,
    )


def precision_row(event: SealedEvent, where: tuple[str, str, str], known: Precision) -> Row:
    """Give a monitor's row of :data:`PRECISION` after an event.

    Args:
        event: The event.
        where: Names of the deployment, the model and the monitor.
        known: How often it was right.
    """
    return (
        known.elsewhere or event.own_log,
        event.envelope["tenant"],
        *where,
        known.kind,
        known.feature,
        known.risk,
        known.signals,
        known.true,
        known.false,
        known.expected,
        list(known.true_effects),
        list(known.false_effects),
        event.version,
    )
