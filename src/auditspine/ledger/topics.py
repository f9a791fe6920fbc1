"""The topics of the backbone: their names, partitions and configuration. Pure."""

from dataclasses import dataclass

STREAMS = ("control", "lifecycle", "access", "inference", "outcomes")
"""What is published; each stream has a source topic and a sealed topic."""

TOPIC_PREFIX = r"^[A-Za-z0-9._-]{1,200}\.$"
"""What a prefix of topics looks like: a stream's name is what follows the last dot."""

MAX_EVENT_BYTES = 512 * 1024
MAX_SEGMENT_BYTES = 4 * 1024 * 1024
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_SOURCE_BYTES = 2 * 1024 * 1024
"""Largest message of a source topic, as it is uncompressed: a segment always has room for it."""

MAX_SERVING_BYTES = 64 * 1024
"""Largest value of a record of the compacted topics, ``serving`` and ``releases``."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names of one deployment, or of one space of it (:mod:`auditspine.ledger.spaces`).

    Attributes:
        prefix: First part of every name, so that deployments can share a cluster.
        partitions: Partitions of each stream but control, which has one. Fixed for a
            log's life: events are placed by key, and each partition is a log.
        control_prefix: First part of the control topics' names, which all spaces of a
            deployment share; ``prefix`` when empty.
    """

    prefix: str = "auditspine."
    partitions: int = 4
    control_prefix: str = ""

    @property
    def serving(self) -> str:
        """The topic that tells services whether a model may serve: compacted, and not sealed."""
        return self.prefix + "serving"

    @property
    def releases(self) -> str:
        """The topic that tells what decisions let into which environment: as ``serving`` is."""
        return self.prefix + "releases"

    @property
    def own_streams(self) -> tuple[str, ...]:
        """The streams whose topics are its own: all, or all but the deployment's control."""
        shares = self.control_prefix not in ("", self.prefix)
        return tuple(s for s in STREAMS if not shares or s != "control")

    def source(self, stream: str) -> str:
        """Give the topic that services publish a stream to."""
        is_control = _known(stream) == "control"
        return ((self.control_prefix if is_control else "") or self.prefix) + stream

    def sealed(self, stream: str) -> str:
        """Give the topic that carries a stream's sealed segments."""
        return self.source(stream) + ".sealed"

    def stream(self, topic: str) -> str:
        """Give the stream of a source or sealed topic's name.

        Raises:
            ValueError: The topic is not one of this deployment's.
        """
        source = topic.removesuffix(".sealed")
        for stream in STREAMS:
            if source == self.source(stream):
                return stream
        raise ValueError(f"expected a topic that starts with {self.prefix}, got {topic}")

    def partition_count(self, stream: str) -> int:
        """Give the number of partitions of a stream's topics."""
        return 1 if _known(stream) == "control" else self.partitions

    def all(self) -> dict[str, int]:
        """Give every topic of its own with its number of partitions."""
        logs = {
            name(stream): self.partition_count(stream)
            for stream in self.own_streams
            for name in (self.source, self.sealed)
        }
        return {**logs, self.serving: self.partitions, self.releases: self.partitions}

    def config(self, topic: str) -> dict[str, str]:
        """Give the configuration that a topic is created with."""
        if topic in (self.serving, self.releases):
            return {**_CONFIG, **_COMPACTED}
        if topic.endswith(".sealed"):
            return dict(_CONFIG)
        # Uncompressed, the broker's limit holds for what the ledger will see: a small message
        # could else hold more than any segment, and stop whoever seals its partition.
        own = {"compression.type": "uncompressed", "max.message.bytes": str(MAX_SOURCE_BYTES)}
        return {**_CONFIG, **own}


_CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "min.insync.replicas": "2",  # accepted at replication 1 as well
    "unclean.leader.election.enable": "false",
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
}

_COMPACTED = {
    "cleanup.policy": "compact",
    "compression.type": "uncompressed",
    "max.message.bytes": str(16 * MAX_SERVING_BYTES),
    # A sign of life each second is what fills it: short segments and a low ratio keep what a
    # service reads at its start to about half an hour of them.
    "segment.ms": "300000",
    "segment.bytes": str(16 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": "1800000",
    # A newer record that an older one follows stays until the writer has put it right.
    "min.compaction.lag.ms": "600000",
}


def _known(stream: str) -> str:
    if stream not in STREAMS:
        raise ValueError(f"expected one of the streams {', '.join(STREAMS)}, got {stream}")
    return stream
