"""Signed publish against raw confluent-kafka and fastavro, both acknowledged by all replicas."""

import json
import time
import uuid
from collections.abc import Callable
from io import BytesIO
from statistics import median
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.models import Event, PredictionMade
from bench.backbone import PARTITIONS, Backbone, predictions, schema_text, schema_texts

RAW_TOPIC = "bench.raw"


def measure(backbone: Backbone, events: int, rounds: int) -> dict[str, float]:
    """Give events per second: medians over rounds in which every way takes its turn."""
    _create(backbone)
    decoder = Decoder(schema_texts())
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        ready = predictions(number * 2 * events, events)
        values = [encode(event) for event in ready]
        records = [decoder.decode(value).record for value in values]
        for name, work in {
            "signed": lambda ready=ready: _signed(backbone, ready),
            "plain": lambda records=records: _plain(backbone, records),
            "bytes": lambda values=values: _bytes(backbone, values),
            "signed, event built too": lambda ready=ready: _signed_built(backbone, ready),
            "plain, record built too": lambda records=records: _plain_built(backbone, records),
        }.items():
            rates.setdefault(name, []).append(events / work())
    return {name: median(found) for name, found in rates.items()}


def _signed(backbone: Backbone, events: list[Event]) -> float:
    with backbone.client() as client:
        client.publish(events[0]).result(60)  # connected, epoch begun
        began = time.perf_counter()
        for event in events:
            client.publish(event)
        client.flush(120)
        return time.perf_counter() - began


def _signed_built(backbone: Backbone, events: list[Event]) -> float:
    with backbone.client() as client:
        client.publish(events[0]).result(60)
        began = time.perf_counter()
        for event in events:
            envelope = client.envelope("request", "A customer applied for a mortgage")
            client.publish(PredictionMade(envelope=envelope, body=event.body))
        client.flush(120)
        return time.perf_counter() - began


def _plain(backbone: Backbone, records: list[dict[str, Any]]) -> float:
    return _produce(backbone, records, lambda record: record)


def _plain_built(backbone: Backbone, records: list[dict[str, Any]]) -> float:
    def build(record: dict[str, Any]) -> dict[str, Any]:
        now = time.time_ns() // 1000
        fresh = {"event_id": str(uuid.uuid4()), "occurred_at": now}
        return {"envelope": {**record["envelope"], **fresh}, "body": record["body"]}

    return _produce(backbone, records, build)


def _produce(backbone: Backbone, records: list[Any], build: Callable[[Any], Any]) -> float:
    schema = fastavro.parse_schema(json.loads(schema_text("prediction.made")))
    producer = _connected(backbone)
    began = time.perf_counter()
    for number, record in enumerate(records):
        out = BytesIO()
        out.write(b"\0\0\0\0\1")
        fastavro.schemaless_writer(out, schema, build(record))
        _send(producer, out.getvalue(), number)
    producer.flush(120)
    return time.perf_counter() - began


def _bytes(backbone: Backbone, values: list[bytes]) -> float:
    producer = _connected(backbone)
    began = time.perf_counter()
    for number, value in enumerate(values):
        _send(producer, value, number)
    producer.flush(120)
    return time.perf_counter() - began


def _send(producer: Producer, value: bytes, number: int) -> None:
    while True:
        try:
            producer.produce(RAW_TOPIC, value, key=b"north/mortgage-risk-%d" % (number % 8))
        except BufferError:
            producer.poll(0.1)
        else:
            break
    if not number % 256:
        producer.poll(0)


def _connected(backbone: Backbone) -> Producer:
    own = {"linger.ms": "5", "compression.type": "lz4", "acks": "all", "enable.idempotence": "true"}
    producer = Producer({**backbone.kafka, **own})
    for number in range(8):
        _send(producer, b"\0", number)
    producer.flush(60)
    return producer


def _create(backbone: Backbone) -> None:
    topic = NewTopic(RAW_TOPIC, PARTITIONS, 1, config=backbone.settings.topics.config(RAW_TOPIC))
    admin = AdminClient(backbone.kafka)
    admin.create_topics([topic])[RAW_TOPIC].result(30)
