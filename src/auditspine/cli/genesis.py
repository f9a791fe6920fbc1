"""Prepares a deployment: topics, keys, the first entries of the control log, the trust file."""

import json
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.connections import clickhouse_client, schema_ids
from auditspine.cli.control import SPEAKERS, Operator, read_control
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.cli.topics_admin import admin_client, cluster_id, create_topics, topic_states
from auditspine.embedded.datadir import write_json
from auditspine.ledger.keyfile import create_key, read_key
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.segment import Place
from auditspine.sinks.migrate import migrate


@dataclass(frozen=True, slots=True)
class Prepared:
    """What ``init`` did.

    Attributes:
        topics: Topics that were created.
        events: Control events that were published.
        trust: The trust file.
        logs: The deployment's logs.
    """

    topics: list[str]
    events: int
    trust: Path
    logs: list[Place]


def prepare(settings: Settings, kafka: dict[str, str]) -> Prepared:
    """Bring a deployment, all its spaces, to where producers and workers can start. Repeatable.

    Raises:
        CliError: No broker answers, a topic is not what logs need, or the trust file names
            other keys.
        KeyFileError: A key file cannot be used.
        ProducerError: A control event cannot be published.
        RegistryError: A schema registry is set and does not take the schemas.
    """
    admin = admin_client(kafka)
    log_key = _key(settings.log_key_path)
    operator_key = _key(settings.operator_key_path)
    speakers = {name: raw_public_key(_key(settings.processor_key_path(name))) for name in SPEAKERS}
    spaces = [settings.in_space(space.name) for space in settings.routing]
    created = [
        topic for each in spaces for topic in create_topics(admin, each.topics, each.replication)
    ]
    logs = [log for each in spaces for log in find_logs(admin, each)]
    state = settings.operator_key_path.with_name(settings.operator_key_path.name + ".state")
    operator = Operator(kafka, settings.topics, operator_key, state)
    try:
        said = read_control(kafka, settings.topics)
        published = operator.begin(
            said, raw_public_key(log_key), logs, schema_ids(settings), speakers
        )
        for delivery in published:
            delivery.result(30)
    finally:
        operator.close()
    _write_trust(settings.trust_path, logs[0].origin, operator_key, log_key)
    return Prepared(created, len(published), settings.trust_path, logs)


def find_logs(admin: AdminClient, settings: Settings) -> list[Place]:
    """Give the logs of a space's own topics, control first where it is one of them.

    Raises:
        CliError: A topic is not what logs need.
    """
    states = topic_states(admin, settings.topics)
    for topic in states:
        if topic.problems:
            raise CliError(f"topic {topic.name}: {'; '.join(topic.problems)}")
    ids = {topic.name: topic.topic_id for topic in states}
    cluster = cluster_id(admin)
    return [
        Place(f"{settings.region}/{cluster}/{ids[topic]}/{partition}", topic, partition)
        for stream in settings.topics.own_streams
        for topic in [settings.topics.source(stream)]
        for partition in range(settings.topics.partition_count(stream))
    ]


def prepare_clickhouse(settings: Settings) -> list[str]:
    """Create each space's database, tables and views; give the names of the migrations applied.

    Raises:
        SinkError: ClickHouse is away or refuses, or has other migrations.
    """
    client = clickhouse_client(settings, database="default")
    try:
        return [done.name for space in settings.routing for done in migrate(client, space.database)]
    finally:
        client.close()


def _key(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return create_key(path)
    return read_key(path)


def _write_trust(
    path: Path, control_origin: str, operator: Ed25519PrivateKey, log: Ed25519PrivateKey
) -> None:
    trust = {
        "version": 1,
        "control_origin": control_origin,
        "operator_keys": [raw_public_key(operator).hex()],
        "log_keys": [
            {"public_key": raw_public_key(log).hex(), "valid_from": None, "valid_to": None}
        ],
        "witnesses": [],
    }
    if not path.exists():
        write_json(path, trust)
    elif _known_trust(path) != trust:
        raise CliError(
            f"the trust file {path} names other keys: it is never overwritten; move it away to "
            "accept the new ones"
        )


def _known_trust(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as exc:
        raise CliError(
            f"the trust file {path} is not JSON: move it away, and run this again"
        ) from exc
