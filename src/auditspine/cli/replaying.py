"""Makes every past release decision anew from the sealed logs, and compares. Decides nothing."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from auditspine.cli.composing import history
from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.control import read_control
from auditspine.cli.settings import Settings
from auditspine.cli.speaking import release_to_check
from auditspine.ledger.segment import decode_segment
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.port import Derived
from auditspine.processors.projection.rebuild import step_patiently
from auditspine.processors.projection.sealed_partition import SealedMessage, read_sealed
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.schemas.catalogue import event_types, schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.errors import UndecodableError

_TYPE = "decision.made"
_BATCH = 128  # segments
_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that is not what its logs give.

    Attributes:
        tenant: Whose.
        decision_id: Its identifier.
        what: ``altered``, ``unfounded`` (the logs give none there) or ``unsaid`` (they give one
            that the log does not hold).
        fields: Fields of the body that differ.
    """

    tenant: str
    decision_id: str
    what: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        equal: Decisions that are what their logs give.
        entries: Entries that were folded.
        differences: Decisions that are not.
    """

    equal: int = 0
    entries: int = 0
    differences: list[Difference] = field(default_factory=list)


class _Collector:
    """Takes what is derived instead of publishing it."""

    def __init__(self) -> None:
        self.made: dict[str, Derived] = {}
        self._source = Source(ReleaseProjection.name, ReleaseProjection.logic_version)

    def say(self, derived: Sequence[Derived]) -> None:
        for each in derived:
            if each.event_type == _TYPE:
                self.made.setdefault(derived_event_id(self._source, each), each)


def replay_decisions(settings: Settings) -> Replayed:
    """Fold the sealed lifecycle logs from their start and compare every decision.

    Raises:
        CliError: There is no Kafka, or no trust file.
        ProjectionError: A sealed log cannot be read, or does not hold together.
    """
    kafka = {"log_level": "0", **kafka_properties(settings)}
    found = Replayed()
    with (
        release_to_check(settings) as projection,
        tempfile.TemporaryDirectory(prefix="auditspine-replay-") as folder,
    ):
        texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
        keys = tuple(trusted_log_keys(settings.trust_path))
        with closing(history(settings, kafka, keys)) as moved:
            parts = Parts(
                projection, Decoder(texts), None, keys, Path(folder), settings.partitions, moved
            )
            topic = settings.topics.sealed("lifecycle")
            for partition in range(settings.topics.partition_count("lifecycle")):
                _replay(parts, kafka, topic, partition, found)
    return found


def _replay(
    parts: Parts, kafka: Mapping[str, str], topic: str, partition: int, found: Replayed
) -> None:
    collector = _Collector()
    parts = replace(parts, speaker=collector)
    said: dict[str, list[Any]] = {}
    messages = read_sealed(kafka, topic, partition, _end(kafka, topic, partition))
    with closing(Follower(parts, topic, partition)) as follower:
        while batch := list(islice(messages, _BATCH)):
            step_patiently(follower, batch)
            for event_id, decoded in _decisions(parts.decoder, batch):
                if decoded not in said.setdefault(event_id, []):
                    said[event_id].append(decoded)
        found.entries += follower.entries
    _compare(said, collector.made, found)


def _decisions(decoder: Decoder, batch: Sequence[SealedMessage]) -> Iterator[tuple[str, Any]]:
    """Give the decisions that segments hold; they were verified when they were folded."""
    for message in batch:
        for entry in decode_segment(message.value or b"").sealed_entries():
            if entry.verdict is not Verdict.VALID or entry.flags & Flag.DUPLICATE:
                continue
            try:
                event = decoder.decode(entry.value)
            except UndecodableError:
                continue
            if event.event_type == _TYPE:
                yield str(event.envelope["event_id"]), event.to_model()


def _compare(
    said: Mapping[str, Sequence[Any]], made: Mapping[str, Derived], found: Replayed
) -> None:
    """Compare what was said, under each id, with what the logs give.

    What is said again is as good as once; something else under the same id is altered.
    """
    model = event_types()[_TYPE].model
    for event_id, event in ((name, each) for name, events in said.items() for each in events):
        derived = made.get(event_id)
        body, tenant = event.body, event.envelope.tenant
        if derived is None:
            found.differences.append(Difference(tenant, body.decision_id, "unfounded"))
            continue
        again = model.model_validate({"envelope": event.envelope, "body": dict(derived.body)})
        mine, theirs = dict(body), dict(again.body)
        differing = tuple(name for name in mine if mine[name] != theirs[name])
        if differing or derived.cause.envelope["tenant"] != tenant:
            found.differences.append(Difference(tenant, body.decision_id, "altered", differing))
        else:
            found.equal += 1
    for event_id in made.keys() - said.keys():
        each = made[event_id]
        decision_id = str(each.body["decision_id"])
        tenant = str(each.cause.envelope["tenant"])
        found.differences.append(Difference(tenant, decision_id, "unsaid"))


def _end(kafka: Mapping[str, str], topic: str, partition: int) -> int:
    consumer = Consumer({**kafka, "group.id": "auditspine-replay"})
    try:
        place = TopicPartition(topic, partition)
        return int(consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1])
    finally:
        consumer.close()
