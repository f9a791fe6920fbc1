"""How far events have come: published, sealed, landed."""

from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, KafkaException, TopicPartition

from auditspine.auditor.errors import SourceError
from auditspine.auditor.sealed import SealedTopics
from auditspine.cli.connections import clickhouse_client, has_clickhouse, kafka_properties
from auditspine.cli.settings import Settings
from auditspine.ledger.topics import STREAMS, Topics
from auditspine.sinks.store import sort_error

_TIMEOUT_S = 10.0
_LANDED = "SELECT toString(topic), sum(last + 1) FROM commits FINAL GROUP BY topic"
_QUARANTINED = """
SELECT toString(e.topic), count() FROM quarantine AS q
INNER JOIN entries AS e ON q.origin = e.origin AND q.position = e.position GROUP BY e.topic
"""


@dataclass(frozen=True, slots=True)
class StreamFlow:
    """How far one stream is, in events over all of its partitions.

    Attributes:
        stream: The stream.
        published: Messages in the source topic.
        sealed: Entries sealed.
        landed: Entries committed in ClickHouse; ``None`` when it was not asked.
        quarantined: Of those, entries that do not count.
    """

    stream: str
    published: int
    sealed: int
    landed: int | None
    quarantined: int | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is on its way."""
        return self.sealed >= self.published and (
            self.landed is None or self.landed >= self.published
        )


def measure(settings: Settings) -> list[StreamFlow]:
    """Measure every stream of the deployment that the settings name.

    Raises:
        CliError: There is none.
        SourceError: Kafka does not answer.
        SinkError: ClickHouse does not answer or refuses.
    """
    topics = settings.topics
    kafka = {"log_level": "0", **kafka_properties(settings)}
    published = _published(kafka, topics)
    sealed = _sealed(kafka, topics)
    stored = _stored(settings) if has_clickhouse(settings) else None
    return [
        StreamFlow(
            stream,
            published[topics.source(stream)],
            sealed.get(topics.sealed(stream), 0),
            None if stored is None else stored[0].get(topics.sealed(stream), 0),
            None if stored is None else stored[1].get(topics.source(stream), 0),
        )
        for stream in STREAMS
    ]


def _published(kafka: dict[str, str], topics: Topics) -> dict[str, int]:
    consumer = Consumer({**kafka, "group.id": "auditspine-status"})
    try:
        return {
            topic: sum(
                consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=_TIMEOUT_S)[1]
                for each in range(topics.partition_count(topics.stream(topic)))
            )
            for topic in map(topics.source, STREAMS)
        }
    except KafkaException as exc:
        raise SourceError(f"Kafka does not answer: {exc.args[0].str()}") from exc
    finally:
        consumer.close()


def _sealed(kafka: dict[str, str], topics: Topics) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for head in SealedTopics(kafka, map(topics.sealed, STREAMS)).heads():
        sizes[head.topic] = sizes.get(head.topic, 0) + head.size
    return sizes


def _stored(settings: Settings) -> tuple[dict[str, int], dict[str, int]]:
    """Count what is committed by sealed topic, and what is in quarantine by source topic."""
    client = clickhouse_client(settings, reader=True)
    try:
        landed, quarantined = (
            {str(topic): int(count) for topic, count in client.query(sql).result_rows}
            for sql in (_LANDED, _QUARANTINED)
        )
    except ClickHouseError as exc:
        raise sort_error(exc) from exc
    finally:
        client.close()
    return landed, quarantined
