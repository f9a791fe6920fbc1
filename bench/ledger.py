"""The whole ledger against a plain Faust agent with a table, on the same source topic."""

import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from auditspine.auditor.sealed import SealedTopics
from auditspine.cli.flow import measure as measure_flow
from auditspine.ledger.batch import SIG_HEADER
from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.judge import Judge
from auditspine.ledger.judge import Message as SourceMessage
from auditspine.ledger.keyfile import read_key
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Place, SealingContext, decode_segment, encode_segment, seal
from bench.backbone import PARTITIONS, Backbone, wait_for

SEGMENT = 500  # entries, as SealingLimits has it


def measure(backbone: Backbone, agent_events: int) -> dict[str, float]:
    """Give events per second of one worker process each, start-up left out."""
    source = backbone.settings.topics.source("inference")
    sealed = backbone.settings.topics.sealed("inference")
    with backbone.command("worker", "ledger", "--instance", "ledger-1"):
        wait_for(
            lambda: all(flow.sealed >= flow.published for flow in measure_flow(backbone.settings)),
            "everything is sealed",
        )
    segments = [decode_segment(m.value() or b"") for m in read_all(backbone, sealed)]
    full = sorted((s.sealed_at, len(s.entries)) for s in segments if s.entries)
    ledger = sum(count for _, count in full[1:]) / ((full[-1][0] - full[0][0]) / 1000)
    return {"ledger": ledger, "agent": faust_agent(backbone, source, agent_events, "table")}


def faust_agent(backbone: Backbone, topic: str, events: int, kind: str) -> float:
    """Give events per second of a plain Faust agent."""
    servers = backbone.kafka["bootstrap.servers"]
    [rate] = backbone.run("faust_agent.py", servers, topic, events, kind)
    return rate


def stages(backbone: Backbone, events: int) -> dict[str, float]:
    """Give microseconds per event of each step that the ledger takes, in one thread."""
    topic = backbone.settings.topics.source("inference")
    taken, reading_s = _timed_read(backbone, topic, _fullest(backbone), events)
    began = time.perf_counter()
    messages = [
        SourceMessage(
            m.offset() or 0,
            m.timestamp()[1],
            m.value() or b"",
            dict(m.headers() or []).get(SIG_HEADER, b""),
        )
        for m in taken
    ]
    spent = {"consume": reading_s + time.perf_counter() - began}
    partition = taken[0].partition() or 0
    control = _control_state(backbone)
    judge = Judge("inference", topic, partition)
    key = read_key(backbone.settings.log_key_path)
    place, head = Place("bench/bench/bench/0", topic, partition), Head()
    for first in range(0, len(messages), SEGMENT):
        batch = messages[first : first + SEGMENT]
        times = [time.perf_counter()]
        admitted = [judge.admit(message) for message in batch]
        times.append(time.perf_counter())
        judged = [judge.rule(each, control) for each in admitted]
        times.append(time.perf_counter())
        context = SealingContext(control.size, judged[-1].offset + 1, 0)
        segment, head = seal(place, head, judged, context, key)
        times.append(time.perf_counter())
        encode_segment(segment)
        times.append(time.perf_counter())
        names = (
            "batch signature and sequence",
            "decode and verdict",
            "leaf, chain, tree",
            "encode",
        )
        for name, start, end in zip(names, times, times[1:], strict=False):
            spent[name] = spent.get(name, 0.0) + end - start
    return {name: seconds / len(messages) * 1e6 for name, seconds in spent.items()}


def read_all(
    backbone: Backbone, topic: str, partition: int | None = None, most: int | None = None
) -> list[Message]:
    """Read a topic, or one of its partitions, to its end."""
    consumer = _consumer(backbone)
    wanted = range(PARTITIONS) if partition is None else [partition]
    consumer.assign([TopicPartition(topic, number, 0) for number in wanted])
    found: list[Message] = []
    ended = 0
    while ended < len(wanted) and (most is None or len(found) < most):
        for message in consumer.consume(SEGMENT, 0.1):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                ended += 1
    consumer.close()
    return found


def _consumer(backbone: Backbone) -> Consumer:
    return Consumer(
        {
            **backbone.kafka,
            "group.id": "bench",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )


def _timed_read(
    backbone: Backbone, topic: str, partition: int, most: int
) -> tuple[list[Message], float]:
    """Read messages that the client has fetched mostly, and tell how long it took."""
    consumer = _consumer(backbone)
    consumer.assign([TopicPartition(topic, partition, 0)])
    first = consumer.consume(1, 30)
    time.sleep(0.5)  # librdkafka fetches ahead meanwhile, as it does while the ledger seals
    began = time.perf_counter()
    found = consumer.consume(most, 1.0)
    took = time.perf_counter() - began
    consumer.close()
    found = [m for m in (*first, *found) if m.error() is None]
    return found, took if len(found) >= most else took - 1.0


def _fullest(backbone: Backbone) -> int:
    heads = SealedTopics(backbone.kafka, [backbone.settings.topics.sealed("inference")]).heads()
    return max(heads, key=lambda head: head.size).partition


def _control_state(backbone: Backbone):
    state = initial_control_state()
    topic = backbone.settings.topics.source("control")
    for message in read_all(backbone, topic, partition=0):
        state.apply(state.size, state.decode(message.value() or b""))
    return state
