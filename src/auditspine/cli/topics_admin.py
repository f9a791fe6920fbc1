"""Creates the topics and checks that they are what the logs need."""

import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import LatestSpec, OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from auditspine.cli.errors import BrokerUnreachableError
from auditspine.ledger.topics import Topics
from auditspine.processors.ledger.places import topic_id

_TIMEOUT_S = 15.0
_NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._NOENT,  # noqa: SLF001 - librdkafka's "No leaders found"
)
_PAUSE_S = 0.05
_LOAD_BEARING = (
    "message.timestamp.type",
    "cleanup.policy",
    "max.message.bytes",
    "compression.type",
)


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic as it is.

    Attributes:
        name: Topic.
        expected_partitions: What the deployment's settings say.
        partitions: What the broker has; 0 when the topic is missing.
        topic_id: The broker's id of the topic; empty when missing.
        problems: What is wrong with it, in words.
    """

    name: str
    expected_partitions: int
    partitions: int
    topic_id: str
    problems: tuple[str, ...]


def admin_client(kafka: dict[str, str]) -> AdminClient:
    """Give an admin client that has reached a broker.

    Raises:
        BrokerUnreachableError: None answered within 15 seconds.
    """
    client = AdminClient({"log_level": 0, **kafka})
    try:
        client.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as exc:
        raise BrokerUnreachableError(
            f"no Kafka broker answered at {kafka.get('bootstrap.servers')} "
            f"within {_TIMEOUT_S:.0f} s"
        ) from exc
    return client


def cluster_id(admin: AdminClient) -> str:
    """Give the id of the Kafka cluster, part of every log's origin."""
    return str(admin.list_topics(timeout=_TIMEOUT_S).cluster_id)


def create_topics(admin: AdminClient, topics: Topics, replication: int) -> list[str]:
    """Create the topics that are missing.

    Returns:
        Names of the topics that were created.

    Raises:
        KafkaException: The broker refuses.
    """
    wanted = []
    for name, partitions in topics.all().items():
        config = topics.config(name)
        if replication == 1:
            del config["min.insync.replicas"]
        wanted.append(NewTopic(name, partitions, replication, config=config))
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
            created.append(name)
        except KafkaException as exc:
            if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _await_leaders(admin, {name: topics.all()[name] for name in created})
    return created


def _await_leaders(admin: AdminClient, topics: dict[str, int]) -> None:
    """Wait until every partition of new topics answers: a new leader takes a moment."""
    deadline = time.monotonic() + _TIMEOUT_S
    waiting = [
        TopicPartition(name, partition)
        for name, partitions in topics.items()
        for partition in range(partitions)
    ]
    latest: OffsetSpec = LatestSpec()  # type: ignore[no-untyped-call] # it takes nothing
    while waiting:
        asked = admin.list_offsets(dict.fromkeys(waiting, latest))
        waiting = [place for place, future in asked.items() if not _answers(future)]
        if waiting and time.monotonic() > deadline:
            raise BrokerUnreachableError(
                f"{waiting[0].topic}/{waiting[0].partition} has no leader after "
                f"{_TIMEOUT_S:.0f} s: look at the brokers, then run this again"
            )
        if waiting:
            time.sleep(_PAUSE_S)


def _answers(future: Any) -> bool:
    try:
        future.result(_TIMEOUT_S)
    except KafkaException as exc:
        if exc.args[0].retriable() or exc.args[0].code() in _NOT_YET:
            return False
        raise
    return True


def topic_states(admin: AdminClient, topics: Topics) -> list[TopicState]:
    """Compare every topic with what the logs need."""
    names = list(topics.all())
    found = admin.list_topics(timeout=_TIMEOUT_S).topics
    present = [name for name in names if name in found]
    ids = _topic_ids(admin, present)
    configs = _configs(admin, present)
    states = []
    for name, expected in topics.all().items():
        partitions = len(found[name].partitions) if name in found else 0
        problems = _problems(expected, partitions, topics.config(name), configs.get(name, {}))
        states.append(TopicState(name, expected, partitions, ids.get(name, ""), problems))
    return states


def _problems(
    expected: int, partitions: int, wanted: dict[str, str], config: dict[str, str]
) -> tuple[str, ...]:
    if not partitions:
        return ("missing: run `auditspine topics create`",)
    problems = []
    if partitions != expected:
        problems.append(
            f"expected {expected} partitions, got {partitions}: set AUDITSPINE_PARTITIONS, "
            "or recreate the empty topic; a log's partitions are fixed for its life"
        )
    problems += [
        f"expected {name}={wanted[name]}, got {config[name]}"
        for name in _LOAD_BEARING
        if name in wanted and config.get(name, wanted[name]) != wanted[name]
    ]
    return tuple(problems)


def _topic_ids(admin: AdminClient, names: list[str]) -> dict[str, str]:
    if not names:
        return {}
    described = admin.describe_topics(TopicCollection(names), request_timeout=_TIMEOUT_S)
    return {
        name: topic_id(future.result(_TIMEOUT_S).topic_id) for name, future in described.items()
    }


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    return {
        resource.name: {
            name: entry.value
            for name, entry in future.result(_TIMEOUT_S).items()
            if entry.value is not None
        }
        for resource, future in described.items()
    }
