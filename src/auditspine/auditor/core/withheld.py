"""Heartbeats against the logs: events that a producer sent and no log holds. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from auditspine.auditor.core.defects import Defect, Kind
from auditspine.auditor.core.signatures import Claim


class Heartbeat(NamedTuple):
    """The body of a ``producer.heartbeat``.

    Attributes:
        epoch: The producer's epoch.
        streams: Topic, partition and last sequence of each stream it wrote in this epoch.
    """

    epoch: int
    streams: tuple[tuple[str, int, int], ...]


HeartbeatDecoder = Callable[[bytes], Heartbeat | None]
"""Decodes a raw value; ``None`` when it is another event."""


class Sent(NamedTuple):
    """One stream that a heartbeat names."""

    public_key: bytes
    tenant: str
    producer: str
    epoch: int
    topic: str
    partition: int


class Stated(NamedTuple):
    """The highest sequence that heartbeats state for a stream, and where it was said first."""

    sequence: int
    appended_at: int
    origin: str
    position: int


class Held(NamedTuple):
    """What a log holds, as far as heartbeats ask.

    Attributes:
        origin: The log.
        sealed_to: Time up to which it is known to be sealed, milliseconds since 1970.
        highest: Highest sequence per (public key, tenant, producer, epoch).
    """

    origin: str
    sealed_to: int
    highest: Mapping[tuple[bytes, str, str, int], int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: defects, and streams for which it is too early to say."""

    defects: tuple[Defect, ...]
    compared: int
    pending: int


class HeartbeatCollector:
    """Keeps the highest sequence that heartbeats state per stream.

    Args:
        decode: Reads a heartbeat.
        prefixes: First five bytes of values that may be heartbeats.
    """

    def __init__(self, decode: HeartbeatDecoder, prefixes: frozenset[bytes]) -> None:
        self.prefixes = prefixes
        self.stated: dict[Sent, Stated] = {}
        self._decode = decode

    def take(
        self, origin: str, position: int, appended_at: int, claim: Claim, value: bytes
    ) -> None:
        """Take an authentic, valid entry that may be a heartbeat."""
        heartbeat = self._decode(value)
        if heartbeat is None:
            return
        for topic, partition, sequence in heartbeat.streams:
            stream = Sent(*claim[:3], heartbeat.epoch, topic, partition)
            known = self.stated.get(stream)
            if known is None or known.sequence < sequence:
                self.stated[stream] = Stated(sequence, appended_at, origin, position)


def find_withheld(
    stated: Mapping[Sent, Stated], logs: Mapping[tuple[str, int], Held]
) -> Comparison:
    """Compare what producers state with what the logs hold.

    Args:
        stated: From :class:`HeartbeatCollector`.
        logs: What each log holds, by topic and partition.
    """
    defects, pending = [], 0
    for stream, said in stated.items():
        held = logs.get((stream.topic, stream.partition))
        if held is None:
            pending += 1
            continue
        highest = held.highest.get(stream[:4], 0)
        if highest >= said.sequence:
            continue
        if held.sealed_to <= said.appended_at:
            pending += 1
            continue
        defects.append(_withheld(stream, said, held, highest))
    return Comparison(tuple(defects), len(stated) - pending, pending)


def _withheld(stream: Sent, said: Stated, held: Held, highest: int) -> Defect:
    return Defect(
        Kind.WITHHELD,
        said.origin,
        said.position,
        said.position,
        "entries",
        column="sequence",
        expected=str(said.sequence),
        got=str(highest),
        detail=(
            f"the heartbeat of {stream.producer} at this position lists a sequence of "
            f"{stream.topic}/{stream.partition} that log {held.origin} does not hold"
        ),
    )


def merge_stated(parts: Iterable[Mapping[Sent, Stated]]) -> dict[Sent, Stated]:
    """Join what heartbeats in several logs state."""
    merged: dict[Sent, Stated] = {}
    for part in parts:
        for stream, said in part.items():
            known = merged.get(stream)
            if known is None or known.sequence < said.sequence:
                merged[stream] = said
    return merged
