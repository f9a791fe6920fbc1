"""The notify projection: which alerts people must be told of, as rows of one table. Pure.

It decides that somebody is to be told and with which words, not who and how: the notification
settings of the sinks do. It emits nothing: that somebody was told is said by whoever told them.
"""

import json
from collections.abc import Iterable, Mapping
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


class NotifyProjection:
    """Folds the lifecycle log; see :class:`~auditspine.processors.projection.port.Projection`.

    An alert is told when the policy's actions ask for it, and its end is told when it was told.
    The state holds, for each alert that was told and is not over, what was last said of it.
    """

    name = "notify"
    logic_version = 1
    streams: tuple[str, ...] = ("lifecycle",)
    event_types = frozenset({"alert.raised", "alert.resolved"})
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = (NOTIFICATIONS,)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state.

        Args:
            events: Consecutive ``alert.raised`` and ``alert.resolved`` events of one log.
            state: The state before them; updated in place.

        Returns:
            One row of :data:`NOTIFICATIONS` for each event that must be told.
        """
        rows: list[Row] = []
        for event in events:
            take = _raised if event.event_type == "alert.raised" else _resolved
            said = take(event, state)
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
        "environment": str(event.envelope["environment"]),
        "alert_id": str(event.body["alert_id"]),
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
