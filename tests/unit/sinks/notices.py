"""Rows of the notifications table, made by the projection that writes them."""

import json
from typing import Any

from tests.unit.processors.memory_state import Memory

from auditspine.processors.notify.fold import NOTIFICATIONS, NotifyProjection
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json
from auditspine.sinks.notify.port import Notice

COLUMNS = NOTIFICATIONS.columns
NOW = 1_800_000_000.0  # seconds since 1970
_DECODER = Decoder(schema_texts())


class Alerts:
    """Alert events in one log, and the rows that follow from them."""

    def __init__(self) -> None:
        self.state = Memory()
        self.events: list[SealedEvent] = []
        self.behind_s = 0  # how late events are derived

    def event(self, event_type: str, tenant: str = "acme", **body: Any) -> SealedEvent:
        position = len(self.events)
        content = json.loads(example(event_type))
        content["envelope"]["tenant"] = tenant
        content["envelope"]["event_id"] = f"019ab5d5-3b84-7b01-8c11-{position:012d}"
        content["body"].update(body)
        decoded = _DECODER.decode(encode(parse_json(json.dumps(content))))
        at = int(NOW * 1000) + position
        envelope = {**decoded.envelope, "occurred_at": (at - self.behind_s * 1000) * 1000}
        sealed = SealedEvent("o", position, at, event_type, envelope, decoded.body)
        self.events.append(sealed)
        return sealed

    def rows(self, *events: SealedEvent) -> list[tuple]:
        return list(NotifyProjection().fold(events, self.state)[NOTIFICATIONS])

    def raised(self, alert: str = "alert-1", tier: str = "review", **other: Any) -> list[tuple]:
        return self.rows(self.event("alert.raised", alert_id=alert, tier=tier, **other))

    def resolved(self, alert: str = "alert-1", **other: Any) -> list[tuple]:
        return self.rows(self.event("alert.resolved", alert_id=alert, **other))


def notice(rows: list[tuple]) -> Notice:
    (row,) = rows
    return Notice.from_row(COLUMNS, row)
