"""What the ledger processor is told: where, with which key, and how large segments get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.note import raw_public_key
from auditspine.ledger.topics import STREAMS, Topics


class KnownHeads(Protocol):
    """Port: what somebody else has already seen of a log, for example ClickHouse's commits."""

    def size_and_root(self, origin: str) -> tuple[int, bytes] | None:
        """Give the largest committed size of a log and its Merkle root, 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class SealingLimits:
    """When a segment is closed.

    Attributes:
        max_entries: Entries in a segment.
        max_bytes: Values and signatures in a segment, bytes; one larger entry goes alone.
        linger_s: Longest time that an entry waits for others, seconds.
        quiet_s: A log without entries gets a checkpoint this often, seconds.
        table_every: Every n-th segment carries the producer table.
    """

    max_entries: int = 500
    max_bytes: int = 512 * 1024
    linger_s: float = 0.020
    quiet_s: float = 60.0
    table_every: int = 256


@dataclass(frozen=True, slots=True)
class LedgerConfig:
    """One ledger worker.

    Attributes:
        topics: Topics of the deployment; all must exist.
        kafka: librdkafka properties, ``bootstrap.servers`` among them. Those that the
            ledger's guarantees rest on cannot be overridden.
        key: The log's private key.
        region: First part of every origin.
        streams: Streams that this worker seals.
        former_keys: Public log keys used before ``key``, 32 bytes each.
        instance_id: Static membership of the consumer group, unique among running workers:
            a worker that was killed gets its partitions back at once.
        session_timeout_ms: A worker silent for longer loses its partitions.
        compression: librdkafka's ``compression.type`` of sealed topics.
        limits: When a segment is closed.
        known_heads: What to compare the sealed tails with; nothing when ``None``.
    """

    topics: Topics
    kafka: Mapping[str, str]
    key: Ed25519PrivateKey
    region: str = "local"
    streams: tuple[str, ...] = STREAMS
    former_keys: tuple[bytes, ...] = ()
    instance_id: str | None = None
    session_timeout_ms: int = 6000
    compression: str = "lz4"
    limits: SealingLimits = field(default_factory=SealingLimits)
    known_heads: KnownHeads | None = None

    @property
    def group_id(self) -> str:
        """The consumer group of the deployment's ledger workers."""
        return f"{self.topics.prefix}ledger"

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Keys that may have signed the sealed topics, 32 bytes each."""
        return (raw_public_key(self.key), *self.former_keys)
