"""The notify projection: which alerts and findings people must be told of, as rows. Pure.

It decides that somebody is to be told and with which words, not who and how: the notification
settings of the sinks do. It emits nothing: that somebody was told is said by whoever told them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from auditspine.processors.projection.port import Changes, Row, SealedEvent, State, Table

NOTIFICATIONS = Table(
    "notifications",
    (
        "event_id",
        "tenant",
        "environment",
        "happened",
        "alert_id",
        "fingerprint",
        "owner",
        "tier",
        "tiers_told",
        "cause",
        "level",
        "kind",
        "deployment_name",
        "deployment_version",
        "model_name",
        "model_version",
        "model_digest",
        "risk_class",
        "features",
        "effect_size",
        "signals",
        "since",
        "actions",
        "title",
        "reason",
        "appended_at",
        "occurred_at",
        "origin",
        "position",
        "version",
    ),
)
"""One row per event to tell; ``event_id`` is its key.

``happened`` is ``raised`` or ``resolved``; ``tiers_told``, ``features`` and ``actions`` are JSON
arrays of strings; ``signals`` counts; ``model_digest`` is 32 bytes; ``since``,
``appended_at`` and ``occurred_at`` are milliseconds since 1970; ``reason`` is why an alert is over,
else empty. A ``resolved`` row has the other fields of the alert as it was last told.
"""

_NOTIFY = "notify"
RELEASE = "release"
"""The cause of what the release processor found or asks for."""


class NotifyProjection:
    """Folds the lifecycle log; see :class:`~auditspine.processors.projection.port.Projection`.

    An alert is told when the policy's actions ask for it, and its end is told when it was told.
    The state holds, for each alert that was told and is not over, what was last said of it. What
    the release processor finds, and the approvals that it asks for, are told once.
    """

    name = "notify"
    logic_version = 1
    streams: tuple[str, ...] = ("lifecycle",)
    event_types = frozenset(
        {"alert.raised", "alert.resolved", "finding.raised", "approval.requested"}
    )
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = (NOTIFICATIONS,)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state.

        Args:
            events: Consecutive events of one log, of the types that it wants.
            state: The state before them; updated in place.

        Returns:
            One row of :data:`NOTIFICATIONS` for each event that must be told.
        """
        rows: list[Row] = []
        for event in events:
            said = _TAKERS[event.event_type](event, state)
            if said is not None:
                rows.append(_row(event, said))
        return {NOTIFICATIONS: rows}


def _raised(event: SealedEvent, state: State) -> dict[str, Any] | None:
    body = event.body
    if _NOTIFY not in body["actions"]:
        return None
    key = _key(event)
    before = _told(state, key)
    tiers: list[str] = before["tiers_told"] if before else []
    said = {"happened": "raised", "tiers_told": tiers, "reason": "", **_content(body)}
    told = tiers if body["tier"] in tiers else [*tiers, body["tier"]]
    _remember(state, key, {**said, "tiers_told": told})
    return said


def _resolved(event: SealedEvent, state: State) -> dict[str, Any] | None:
    key = _key(event)
    before = _told(state, key)
    if before is None:
        return None
    state.put(key, b"")  # over: a second end tells nobody
    body = event.body
    return {**before, "happened": "resolved", "cause": body["cause"], "reason": body["reason"]}


def _found(event: SealedEvent, _state: State) -> dict[str, Any]:
    body = event.body
    return _release(
        event,
        {"deployment": body["deployment"], "evidence": body["evidence"]},
        kind=body["kind"],
        tier=body["tier"],
        owner=body["owner"],
        title=body["title"],
    )


def _asked(event: SealedEvent, _state: State) -> dict[str, Any]:
    body = event.body
    model = body["model"]
    missing = body["needed"] - body["given"]
    title = (
        f"{model['name']} {model['version']} waits for {missing} more "
        f"approval{'' if missing == 1 else 's'} for {body['environment']}"
    )
    return _release(
        event,
        {"deployment": None, "evidence": [body["request_id"]]},
        kind="approval_requested",
        tier="caution",
        owner=" or ".join(body["roles"]),
        title=title,
    )


def _release(event: SealedEvent, about: Mapping[str, Any], **words: str) -> dict[str, Any]:
    """Give what a message needs of what is no alert: it is told once, and has no end."""
    deployment, model = about["deployment"], event.body["model"]
    return {
        "happened": "raised",
        "tiers_told": [],
        "reason": "",
        "fingerprint": event.envelope["event_id"],
        "cause": RELEASE,
        "level": 0,
        "risk_class": "-",
        "effect_size": 0.0,
        "deployment_name": "-" if deployment is None else deployment["name"],
        "deployment_version": "-" if deployment is None else deployment["version"],
        "model_name": model["name"],
        "model_version": model["version"],
        "model_digest": model["digest"].hex(),
        "features": [],
        "signals": len(about["evidence"]),
        "since": event.appended_at,
        "actions": [_NOTIFY],
        "alert_id": event.body.get("finding_id") or event.body["request_id"],
        "environment": event.body["environment"],
        **words,
    }


_TAKERS: Mapping[str, Callable[[SealedEvent, State], dict[str, Any] | None]] = MappingProxyType(
    {
        "alert.raised": _raised,
        "alert.resolved": _resolved,
        "finding.raised": _found,
        "approval.requested": _asked,
    }
)


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a message needs of an ``alert.raised`` body."""
    deployment, model = body["deployment"], body["model"]
    return {
        **{name: body[name] for name in ("fingerprint", "owner", "tier", "cause", "level")},
        **{name: body[name] for name in ("kind", "risk_class", "effect_size", "title")},
        "deployment_name": deployment["name"],
        "deployment_version": deployment["version"],
        "model_name": model["name"],
        "model_version": model["version"],
        "model_digest": model["digest"].hex(),
        "features": list(body["features"]),
        "signals": len(body["signals"]),
        "since": body["since"] // 1000,  # microseconds on the wire
        "actions": list(body["actions"]),
    }


def _row(event: SealedEvent, said: Mapping[str, Any]) -> Row:
    values = {
        **said,
        **{name: json.dumps(said[name]) for name in ("tiers_told", "features", "actions")},
        "model_digest": bytes.fromhex(said["model_digest"]),
        "event_id": UUID(event.envelope["event_id"]),
        "tenant": str(event.envelope["tenant"]),
        "environment": str(said.get("environment", event.envelope["environment"])),
        "alert_id": str(said.get("alert_id") or event.body["alert_id"]),
        "appended_at": event.appended_at,
        "occurred_at": event.envelope["occurred_at"] // 1000,  # microseconds on the wire
        "origin": event.origin,
        "position": event.position,
        "version": event.version,
    }
    return tuple(values[column] for column in NOTIFICATIONS.columns)


def _key(event: SealedEvent) -> bytes:
    return f"told\0{event.envelope['tenant']}\0{event.body['alert_id']}".encode(
        "utf-8", "surrogatepass"
    )


def _told(state: State, key: bytes) -> dict[str, Any] | None:
    value = state.get(key)
    return json.loads(value) if value else None


def _remember(state: State, key: bytes, said: Mapping[str, Any]) -> None:
    state.put(key, json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
