"""Kafka clients of the ledger, with the properties that its guarantees rest on (FACTS.md)."""

import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.processors.ledger.config import LedgerConfig

_log = logging.getLogger(__name__)

FatalCallback = Callable[[KafkaError], None]


def source_consumer(config: LedgerConfig, on_fatal: FatalCallback) -> Consumer:
    """Make the group's consumer of source topics.

    Positions come from the sealed tails alone, so a position that no longer exists is an
    error. Classic protocol: with the new one a restarted static member got no partition. All
    partitions are given out in one step: between the two of a cooperative rebalance, a leader
    that restarts leaves partitions with nobody (docs/adr/0007-eager-rebalance.md).
    """
    properties = {
        **_reading(config),
        "group.id": config.group_id,
        "group.protocol": "classic",
        "partition.assignment.strategy": "roundrobin",
        "session.timeout.ms": config.session_timeout_ms,
        "heartbeat.interval.ms": max(200, config.session_timeout_ms // 5),
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 32 * 1024,
        "error_cb": _error_callback(on_fatal),
    }
    if config.instance_id:
        properties["group.instance.id"] = config.instance_id
    return Consumer(properties)


def tail_consumer(config: LedgerConfig) -> Consumer:
    """Make a consumer for reading sealed topics by offset; it joins no group."""
    return Consumer(
        {
            **_reading(config),
            "group.id": f"{config.group_id}-tail",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        }
    )


def segment_producer(config: LedgerConfig, on_fatal: FatalCallback) -> Producer:
    """Make the producer of sealed topics; the loop keeps one segment per partition in flight."""
    return Producer(
        {
            "linger.ms": 0,
            "delivery.timeout.ms": 120_000,
            "reconnect.backoff.max.ms": 1000,
            **config.kafka,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": config.compression,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "error_cb": _error_callback(on_fatal),
        }
    )


def admin_client(config: LedgerConfig) -> AdminClient:
    """Make the client that asks for topics and their ids."""
    return AdminClient(dict(config.kafka))


def _reading(config: LedgerConfig) -> dict[str, Any]:
    return {
        "fetch.min.bytes": 1,
        "reconnect.backoff.max.ms": 1000,
        **config.kafka,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
    }


def _error_callback(on_fatal: FatalCallback) -> FatalCallback:
    def callback(error: KafkaError) -> None:
        # A fenced member is reported by this code, with fatal() false.
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
            on_fatal(error)
        else:  # librdkafka goes on trying by itself
            _log.warning("kafka: %s", error.str())

    return callback
