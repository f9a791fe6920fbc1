"""Finds out which logs the topics are: cluster and topic ids, and whether they can be logs."""

import base64
import struct
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stub re-exports little
    AdminClient,
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from auditspine.ledger.segment import Place
from auditspine.ledger.topics import Topics
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.errors import BrokerError, SetupError

_TIMEOUT_S = 15.0
_TOO_LARGE = "a message could be larger than any segment and stop the ledger"
_REQUIRED = {
    "message.timestamp.type": "the producers' clocks would stand for the broker's",
    "compression.type": _TOO_LARGE,
    "max.message.bytes": _TOO_LARGE,
}


class Places:
    """The logs behind a deployment's topics.

    Args:
        region: First part of every origin.
        cluster_id: Kafka's cluster id.
        topic_ids: Source topic to the broker's id of it.
    """

    def __init__(self, region: str, cluster_id: str, topic_ids: Mapping[str, str]) -> None:
        self._cluster = f"{region}/{cluster_id}"
        self._topic_ids = topic_ids

    def place(self, topic: str, partition: int) -> Place:
        """Give the log of a source partition."""
        origin = f"{self._cluster}/{self._topic_ids[topic]}/{partition}"
        return Place(origin, topic, partition)


def find_places(admin: AdminClient, config: LedgerConfig) -> Places:
    """Check the topics and find out which logs they are.

    Raises:
        SetupError: A topic is missing, has another partition count, or a source topic's
            configuration is not what logs need.
        BrokerError: The broker does not answer.
    """
    expected = {
        name(stream): config.topics.partition_count(stream)
        for stream in {*config.streams, "control"}
        for name in (config.topics.source, config.topics.sealed)
    }
    try:
        metadata = admin.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as exc:
        servers = config.kafka.get("bootstrap.servers")
        raise BrokerError(f"no broker answered at {servers} within {_TIMEOUT_S:.0f} s") from exc
    for name, partitions in sorted(expected.items()):
        found = metadata.topics.get(name)
        check_partitions(name, partitions, 0 if found is None else len(found.partitions))
    sources = [config.topics.source(stream) for stream in config.streams]
    _check_sources(admin, config.topics, sources)
    return Places(config.region, str(metadata.cluster_id), _topic_ids(admin, sources))


def check_partitions(topic: str, expected: int, got: int) -> None:
    """Check that a topic exists with the partitions that the settings say.

    Raises:
        SetupError: It does not.
    """
    if not got:
        raise SetupError("the topic does not exist; run: auditspine topics create", topic)
    if got != expected:
        raise SetupError(
            f"expected {expected} partitions, got {got}; partitions are fixed for a log's life: "
            "set AUDITSPINE_PARTITIONS to what the topics have",
            topic,
        )


def topic_id(uuid: Any) -> str:
    """Give a topic id as Kafka's tools print it: URL-safe base64, 22 characters.

    ``str(uuid)`` is the other base64, whose ``/`` and ``+`` an origin and a note cannot hold.

    Args:
        uuid: A ``confluent_kafka.Uuid``, whose type stub lacks its methods.
    """
    bits = (uuid.get_most_significant_bits(), uuid.get_least_significant_bits())
    return base64.urlsafe_b64encode(struct.pack(">qq", *bits)).decode().rstrip("=")


def _topic_ids(admin: AdminClient, topics: list[str]) -> dict[str, str]:
    described = admin.describe_topics(TopicCollection(topics), request_timeout=_TIMEOUT_S)
    return {name: topic_id(_result(future).topic_id) for name, future in described.items()}


def _check_sources(admin: AdminClient, topics: Topics, names: list[str]) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    for resource, future in described.items():
        wanted, got = topics.config(resource.name), _result(future)
        for setting, why in _REQUIRED.items():
            found = got[setting].value
            if found != wanted[setting]:
                raise SetupError(
                    f"expected {setting}={wanted[setting]}, got {found}: {why}; correct the "
                    "topic's configuration",
                    resource.name,
                )


def _result(future: "Future[Any]") -> Any:
    try:
        return future.result(_TIMEOUT_S)
    except (KafkaException, TimeoutError) as exc:
        raise BrokerError(f"the broker did not describe the topics: {exc}") from exc
