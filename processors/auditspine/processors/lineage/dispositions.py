"""What investigations found, on the nodes that they were about: model and deployment. Pure.

A disposition names an alert, and what the alert is about is said by ``alert.raised``. Whichever
comes first waits for the other, so that the marks are the same in either order.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from auditspine.processors.lineage.graph import Mark, Node
from auditspine.processors.projection.port import SealedEvent, State

EVENT_TYPES = frozenset({"alert.raised", "investigation.dispositioned"})
_MOST = 16  # nodes of an alert, and dispositions of one
_ABOUT = ("model", "deployment")


class Said(NamedTuple):
    """A disposition, with the event that says it.

    Attributes:
        event: What a mark's row needs of it.
        value: The disposition.
        detail: The investigation, and why.
    """

    event: SealedEvent
    value: str
    detail: str

    @classmethod
    def of(cls, event: SealedEvent) -> "Said":
        """Read it from ``investigation.dispositioned``."""
        body = event.body
        detail = f"{body['investigation_id']}: {body['rationale']}"
        return cls(event, body["disposition"], detail)

    def encode(self) -> list[Any]:
        """Give it as JSON takes it."""
        event, envelope = self.event, self.event.envelope
        place = [event.origin, event.position, event.appended_at, event.base]
        who = [envelope["occurred_at"], envelope["event_id"], envelope["actor"]["principal"]]
        return [place, who, self.value, self.detail]

    @classmethod
    def decode(cls, value: list[Any], tenant: str) -> "Said":
        """Read it from JSON."""
        (origin, position, appended_at, base), (occurred_at, event_id, who), *words = value
        envelope = {
            "tenant": tenant,
            "occurred_at": occurred_at,
            "event_id": event_id,
            "actor": {"principal": who},
        }
        kind = "investigation.dispositioned"
        event = SealedEvent(origin, position, appended_at, kind, envelope, {}, base=base)
        return cls(event, *words)


def marked(state: State, event: SealedEvent) -> Iterator[tuple[SealedEvent, Mark]]:
    """Take one of :data:`EVENT_TYPES`; give marks, those that were given before as well.

    Args:
        state: The projection's state.
        event: The event.

    Yields:
        The event that says a mark, and the mark.
    """
    tenant = event.envelope["tenant"]
    alert = json.dumps([tenant, event.body["alert_id"]]).encode()
    key = b"q" + sha256(alert).digest()[:16]
    stored = state.get(key)
    about: list[list[str]]
    said: list[list[Any]]
    about, said = json.loads(stored) if stored else ([], [])
    if event.event_type == "alert.raised":
        refs = (event.body[name] for name in _ABOUT)
        new = [[r["kind"], r["name"], r["version"], bytes(r["digest"]).hex()] for r in refs]
        about = sorted([*about, *(each for each in new if each not in about)])[:_MOST]
    else:
        new = Said.of(event).encode()
        said = sorted(said if new in said else [*said, new])[:_MOST]
    state.put(key, json.dumps([about, said]).encode())
    for kind, name, version, digest in about:
        node = Node(tenant, kind, name, version, bytes.fromhex(digest))
        for each in (Said.decode(one, tenant) for one in said):
            yield each.event, Mark(node, "disposition", each.value, each.detail)
