"""Whether decisions are what the sealed logs say, in every place where they are kept."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition
from tests.chaos.folded import Nowhere, compare
from tests.chaos.independent import ClickHouse

from auditspine.cli.connections import kafka_properties
from auditspine.cli.settings import Settings
from auditspine.cli.speaking import release_to_check
from auditspine.ledger.keyfile import public_bytes, read_key
from auditspine.ledger.record_signing import SIGNATURE_HEADER, Verifier
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.releases import ReleaseRecord
from auditspine.processors.projection.port import Derived
from auditspine.sinks.releases import ReleaseStates


class _State(NamedTuple):
    allowed: bool
    decision_id: str
    since: int
    until: int | None
    position: int


_States = dict[tuple[str, str, str], _State]


class _Collected:
    """Stands in for the topic: keeps what the fold says."""

    def __init__(self) -> None:
        self.states: _States = {}

    def publish(self, records: Sequence[ReleaseRecord]) -> None:
        for each in records:
            known = self.states.get(_place(each))
            if known is None or known.position <= each.position:
                self.states[_place(each)] = _state(each)


def release_differences(settings: Settings, store: ClickHouse) -> list[str]:
    """Fold releases from nothing; compare the state, derived events, rows and the topic."""
    kafka = kafka_properties(settings)
    collected = _Collected()
    with release_to_check(settings) as projection:
        tee = ReleaseStates(Nowhere(), collected)
        problems, said = compare(projection, settings, kafka, store, tee)
    problems += _decisions(said, store)
    for where, found in (("release_states", _rows(store)), ("releases topic", _topic(settings))):
        different = {
            place
            for place in found.keys() | collected.states.keys()
            if found.get(place) != collected.states.get(place)
        }
        if different:
            problems.append(
                f"{where}: {len(different)} of {len(collected.states)} states differ: "
                f"{[(found.get(p), collected.states.get(p)) for p in sorted(different)][:2]}"
            )
    return problems


def _decisions(said: dict[str, Derived], store: ClickHouse) -> list[str]:
    """Compare what each decision says, in evidence and in its table, with the fold."""
    folded = {
        event_id: (each.body["decision_id"], each.body["outcome"], each.body["cause"])
        for event_id, each in said.items()
        if each.event_type == "decision.made"
    }
    sealed = {
        event_id: (decision_id, outcome, cause)
        for event_id, decision_id, outcome, cause in store.rows(
            "SELECT DISTINCT toString(event_id), JSONExtractString(body, 'decision_id'), "
            "JSONExtractString(body, 'outcome'), JSONExtractString(body, 'cause') "
            "FROM committed_evidence WHERE event_type = 'decision.made'"
        )
    }
    rows = {
        (decision_id, outcome, cause)
        for decision_id, outcome, cause in store.rows(
            "SELECT decision_id, outcome, cause FROM release_decisions FINAL"
        )
    }
    problems = []
    if other := [each for each in folded if sealed.get(each, folded[each]) != folded[each]]:
        problems.append(f"{len(other)} of {len(folded)} decisions say something else than the fold")
    if rows != set(folded.values()):
        problems.append(
            f"release_decisions: {len(rows - set(folded.values()))} invented, "
            f"{len(set(folded.values()) - rows)} missing of {len(folded)}"
        )
    return problems


def _rows(store: ClickHouse) -> _States:
    return {
        (tenant, environment, digest): _State(
            allowed, decision_id, int(since), None if until is None else int(until), int(version)
        )
        for tenant, environment, digest, allowed, decision_id, since, until, version in store.rows(
            "SELECT tenant, environment, lower(hex(model_digest)), allowed, decision_id, "
            "toString(toUnixTimestamp64Milli(since)), "
            "if(until IS NULL, NULL, toString(toUnixTimestamp64Milli(assumeNotNull(until)))), "
            "toString(version) FROM release_states FINAL"
        )
    }


def _topic(settings: Settings) -> _States:
    """Read the topic to its end, as a guard does: signed records, the newest of each key."""
    topics, key = settings.topics, read_key(settings.processor_key_path("release"))
    verifier = Verifier(topics.releases, {public_bytes(key)}, ReleaseRecord)
    table: RecordTable[ReleaseRecord] = RecordTable()
    consumer = Consumer(
        {
            "log_level": 0,
            "group.id": "chaos",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            **kafka_properties(settings),
        }
    )
    waiting = set(range(topics.partitions))
    try:
        consumer.assign([TopicPartition(topics.releases, each, 0) for each in waiting])
        while waiting:
            for message in consumer.consume(1000, 1.0):
                if message.error() is None:
                    header = dict(message.headers() or ()).get(SIGNATURE_HEADER)
                    place = message.partition(), message.key(), message.value(), header
                    record = verifier.open(*place)
                    if isinstance(record, ReleaseRecord):
                        table.take(record)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition())
    finally:
        consumer.close()
    return {_place(each): _state(each) for each in table}


def _place(record: ReleaseRecord) -> tuple[str, str, str]:
    return record.tenant, record.environment, record.model_digest.hex()


def _state(record: ReleaseRecord) -> _State:
    return _State(record.allowed, record.decision_id, record.since, record.until, record.position)
