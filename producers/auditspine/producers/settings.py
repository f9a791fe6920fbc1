"""Settings of the producer SDK, and the librdkafka configuration that they give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditspine.ledger.batch import MAX_BATCH
from auditspine.ledger.topics import MAX_EVENT_BYTES
from auditspine.producers.errors import SetupError

_OWNED = {
    "acks": "acknowledgement by all replicas is what a delivery means",
    "enable.idempotence": "without it a retry can repeat or reorder events",
    "transactional.id": "sequences and signatures stand in for transactions",
    "delivery.timeout.ms": "set delivery_timeout_s",
    "message.timeout.ms": "set delivery_timeout_s",
    "queue.buffering.max.messages": "set max_queue_events",
    "queue.buffering.max.kbytes": "set max_queue_bytes",
    "on_delivery": "pass on_delivery to publish",
    "error_cb": "errors are logged by auditspine.producers",
}
_DEFAULTS = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "reconnect.backoff.max.ms": 1000,
    "client.id": "auditspine",
}


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """How a client batches, bounds and delivers.

    Attributes:
        batch_events: Events per signature, 1 to 1,024.
        linger_ms: Longest time that an event waits for its batch to fill.
        max_queue_events: Events that may wait for the broker before ``publish`` blocks.
        max_queue_bytes: Their size, bytes.
        block_s: Longest time that ``publish`` blocks on a full queue.
        delivery_timeout_s: How long delivery is tried. A short one leaves holes when a broker
            stalls: later events can be delivered after an earlier one was given up.
        heartbeat_s: Seconds between signed heartbeats; 0 turns them off.
    """

    batch_events: int = 64
    linger_ms: float = 5.0
    max_queue_events: int = 100_000
    max_queue_bytes: int = 64 * 1024 * 1024
    block_s: float = 30.0
    delivery_timeout_s: float = 120.0
    heartbeat_s: float = 60.0

    def __post_init__(self) -> None:
        _require("batch_events", self.batch_events, 1, MAX_BATCH)
        _require("linger_ms", self.linger_ms, 0, 10_000)
        _require("max_queue_events", self.max_queue_events, 1, 5_000_000)
        _require("max_queue_bytes", self.max_queue_bytes, MAX_EVENT_BYTES, 1 << 34)
        _require("block_s", self.block_s, 0, 86_400)
        _require("delivery_timeout_s", self.delivery_timeout_s, 1, 86_400)
        _require("heartbeat_s", self.heartbeat_s, 0, 86_400)


def connection(kafka: str | Mapping[str, Any]) -> dict[str, Any]:
    """Give the librdkafka properties that the caller chose.

    Args:
        kafka: Bootstrap servers, or librdkafka properties with ``bootstrap.servers``.

    Raises:
        SetupError: No bootstrap servers, or a property that the SDK owns.
    """
    given = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
    if not given.get("bootstrap.servers"):
        raise SetupError("expected bootstrap servers (host:port), got none")
    for name, reason in _OWNED.items():
        if name in given:
            raise SetupError(f"Kafka property {name} cannot be set here: {reason}")
    return given


def producer_config(given: Mapping[str, Any], settings: ProducerSettings) -> dict[str, Any]:
    """Give the configuration of the librdkafka producer.

    The client bounds its queue itself and blocks; librdkafka's own bounds lie above, so that
    it never refuses an event that the client took.
    """
    return {
        **_DEFAULTS,
        **given,
        "acks": "all",
        "enable.idempotence": True,
        "delivery.timeout.ms": int(settings.delivery_timeout_s * 1000),
        "queue.buffering.max.messages": settings.max_queue_events * 2 + 10_000,
        "queue.buffering.max.kbytes": min(settings.max_queue_bytes // 512 + 65_536, 2_097_151),
    }


def _require(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SetupError(f"{name}: expected {low} to {high}, got {value}")
