"""The evidence sink against consume, decode, insert rows, from the same events."""

import json
import threading
import time
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, TopicPartition

from auditspine.cli.connections import clickhouse_client, clickhouse_store, trusted_log_keys
from auditspine.cli.flow import measure as measure_flow
from auditspine.schemas.projection import without_logical_types
from auditspine.sinks.sink import EvidenceSink
from bench.backbone import PARTITIONS, Backbone, schema_text, wait_for

_CHUNK = 20_000  # rows in one insert, as the sink's own limit
_COLUMNS = [
    "origin",
    "position",
    "appended_at",
    "tenant",
    "event_type",
    "event_id",
    "occurred_at",
    "domain",
    "environment",
    "actor_principal",
    "actor_kind",
    "actor_roles",
    "actor_network",
    "workload_name",
    "workload_namespace",
    "workload_node",
    "workload_version",
    "intent_trigger",
    "intent_reason",
    "intent_justification",
    "run_id",
    "trace_id",
    "causation_id",
    "sensitivity",
    "regulatory_domains",
    "retention_class",
    "artifacts",
    "body",
    "flags",
    "value",
    "sig",
]


def measure(backbone: Backbone) -> dict[str, float]:
    """Give entries and rows per second: after the first chunk is in, and with the start-up."""
    flow = {each.stream: each for each in measure_flow(backbone.settings)}
    everything = sum(each.sealed - (each.landed or 0) for each in flow.values())
    sink = EvidenceSink(
        backbone.kafka,
        backbone.settings.topics,
        clickhouse_store(backbone.settings),
        trusted_log_keys(backbone.settings.trust_path),
    )
    thread = threading.Thread(target=sink.run)
    began = time.perf_counter()
    thread.start()
    try:
        wait_for(lambda: sink.landed_entries > 0, "a first chunk has landed")
        first, at = sink.landed_entries, time.perf_counter()
        wait_for(lambda: sink.landed_entries >= everything, "everything has landed")
        ended = time.perf_counter()
    finally:
        sink.stop()
        thread.join(60)
    found = {
        "sink": (everything - first) / (ended - at),
        "sink, from cold": everything / (ended - began),
    }
    client = clickhouse_client(backbone.settings)
    client.command("CREATE TABLE naive AS evidence ENGINE = MergeTree ORDER BY (origin, position)")
    count = flow["inference"].published
    began = time.perf_counter()
    at = _decode_and_insert(backbone, client, count)
    ended = time.perf_counter()
    stored = client.query("SELECT count() FROM naive").result_rows[0][0]
    if stored != count:
        raise AssertionError(f"expected {count} rows, got {stored}")
    client.command("DROP TABLE naive")
    client.close()
    found["plain"] = (count - _CHUNK) / (ended - at)
    found["plain, from cold"] = count / (ended - began)
    return found


def _decode_and_insert(backbone: Backbone, client: Client, count: int) -> float:
    """Do it; give when the first chunk was in."""
    consumer = Consumer(
        {**backbone.kafka, "group.id": "bench-naive", "auto.offset.reset": "earliest"}
    )
    topic = backbone.settings.topics.source("inference")
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    parsed = fastavro.parse_schema(
        without_logical_types(json.loads(schema_text("prediction.made")))
    )
    rows: list[tuple[Any, ...]] = []
    taken, first = 0, 0.0
    while taken < count:
        for message in consumer.consume(min(500, _CHUNK - len(rows)), 0.1):
            value = message.value() or b""
            event = fastavro.schemaless_reader(BytesIO(value[5:]), parsed, None)
            rows.append(_row(message, value, event))
            taken += 1
        if len(rows) >= _CHUNK or taken >= count:
            client.insert("naive", rows, column_names=_COLUMNS)
            rows = []
            first = first or time.perf_counter()
    consumer.close()
    return first


def _row(message: Any, value: bytes, event: dict[str, Any]) -> tuple[Any, ...]:
    envelope, body = event["envelope"], event["body"]
    actor, workload, intent = envelope["actor"], envelope["workload"], envelope["intent"]
    related, labels = envelope["correlation"], envelope["classification"]
    artifacts = [
        tuple(ref[name] for name in ("kind", "name", "version", "digest"))
        for ref in (body["deployment"], body["model"])
    ]
    return (
        f"local/bench/{message.partition()}",
        message.offset(),
        datetime.fromtimestamp(message.timestamp()[1] / 1e3, UTC),
        envelope["tenant"],
        envelope["event_type"],
        envelope["event_id"],
        datetime.fromtimestamp(envelope["occurred_at"] / 1e6, UTC),
        envelope["domain"],
        envelope["environment"],
        actor["principal"],
        actor["kind"],
        actor["roles"],
        actor["origin"]["network"],
        workload["name"],
        workload["namespace"],
        workload["node"],
        workload["version"],
        intent["trigger"],
        intent["reason"],
        intent["justification"] or "",
        related["run_id"] or "",
        related["trace_id"] or "",
        related["causation_id"] or "",
        labels["sensitivity"],
        labels["regulatory_domains"],
        labels["retention_class"],
        artifacts,
        json.dumps(body, default=bytes.hex),
        0,
        value,
        dict(message.headers())["sig"],
    )
