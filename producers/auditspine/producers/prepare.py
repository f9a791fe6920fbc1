"""Turns an event into what goes to Kafka, or says which field forbids it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from auditspine.ledger.topics import MAX_EVENT_BYTES, STREAMS
from auditspine.producers.errors import EventError
from auditspine.schemas.errors import EventTooLargeError, InvalidEventError
from auditspine.schemas.models import Event, PredictionMade, ProtectedValue
from auditspine.schemas.tokens import is_token

MAX_AHEAD_S = 300.0  # how far an event's own time may lie in the future
_BY_DEPLOYMENT = ("inference", "outcomes")


def require_publishable(event: Event, tenant: str, producer: str) -> None:
    """Check what would be quarantined or misread, before it is signed.

    Raises:
        EventError: Another tenant or workload than the client's, a time too far in the future,
            a stream that does not exist, or a protected attribute twice or in clear.
    """
    envelope = event.envelope
    if envelope.tenant != tenant:
        raise EventError(
            "envelope.tenant", f"expected this client's {tenant}, got {envelope.tenant}"
        )
    if envelope.workload.name != producer:
        raise EventError(
            "envelope.workload.name",
            f"expected this client's producer {producer}, got {envelope.workload.name}",
        )
    ahead = envelope.occurred_at.timestamp() - time.time()
    if ahead > MAX_AHEAD_S:
        raise EventError(
            "envelope.occurred_at",
            f"expected at most {MAX_AHEAD_S:.0f} s in the future, got {ahead:.0f} s; check the "
            "clock and the time zone",
        )
    if event.stream not in STREAMS:
        raise EventError("event_type", f"{event.event_type!r} belongs to no known stream")
    if isinstance(event, PredictionMade):
        _require_tokens(event.body.protected)


def partition_key(event: Event) -> bytes:
    """Give the key that places an event.

    Predictions and outcomes are ordered by deployment, everything else by tenant.
    """
    tenant = event.envelope.tenant
    if event.stream in _BY_DEPLOYMENT:
        deployment: Any = getattr(event.body, "deployment", None)
        if deployment is not None:
            return f"{tenant}/{deployment.name}".encode()
    return tenant.encode()


def encode_event(event: Event, encode: Callable[[Event], bytes]) -> bytes:
    """Give an event's Kafka value.

    Raises:
        EventError: It does not fit its schema, or exceeds 512 KiB.
    """
    try:
        value = encode(event)
    except EventTooLargeError as exc:
        raise EventError("event", str(exc).removeprefix("event: ")) from exc
    except InvalidEventError as exc:
        raise EventError(event.event_type or type(event).__name__, str(exc)) from None
    if len(value) > MAX_EVENT_BYTES:
        raise EventError(
            "event",
            f"expected at most {MAX_EVENT_BYTES} bytes, got {len(value)}; put the content into "
            "an artifact and cite its digest",
        )
    return value


def _require_tokens(protected: Sequence[ProtectedValue]) -> None:
    """Check that each attribute is said once, and as a token: a value in clear is never sent."""
    names = [each.attribute for each in protected]
    for name, value in zip(names, protected, strict=True):
        if (times := names.count(name)) > 1:
            raise EventError("body.protected", f"expected {name!r} once, got it {times} times")
        if value.token is not None and not is_token(value.token):
            raise EventError(
                f"body.protected[{name!r}]", "expected a token, as Tokens.token gives it"
            )
