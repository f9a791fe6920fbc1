"""Rebuilds a projection's state from its sealed log, to compare it or to replace it.

The sealed log is the truth; a state is a cache of its fold. A rebuild notifies nobody.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from auditspine.processors.projection.app import ProjectionConfig
from auditspine.processors.projection.arrivals import Moved
from auditspine.processors.projection.errors import NotYet, ReplayError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_partition import SealedMessage, read_sealed
from auditspine.processors.projection.state import Overlay, Position, StateFile

_BATCH = 256  # segments
_PATIENCE_S = 300.0
_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How a state compares with the fold of its log.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        position: Position of the state, hence of the rebuild.
        keys: Keys of the rebuilt state.
        differing: Keys that are missing, surplus or of another value in the state.
        replaced: Whether the state was replaced.
        moved: Tenants that came to this log with a history elsewhere.
    """

    topic: str
    partition: int
    position: Position
    keys: int
    differing: int
    replaced: bool
    moved: Mapping[str, Moved]

    @property
    def equal(self) -> bool:
        """Whether the state was what its log says."""
        return self.differing == 0


def rebuild(config: ProjectionConfig, parts: Parts, *, replace: bool = False) -> Iterator[Rebuild]:
    """Rebuild each partition's state up to where the present one has read.

    The worker may go on meanwhile when states are compared; when they are replaced, it must
    be stopped. When ``parts.store`` is given, all rows are written again.

    Args:
        config: Where the projection reads.
        parts: The projection and its ports.
        replace: Put the rebuilt state in place of the present one.

    Yields:
        One result for each partition that has a state.

    Raises:
        ReplayError: The sealed topic cannot be read that far.
        SegmentRefused: It holds something that must not drive a projection.
        StateMoved: A worker advanced the state that was to be replaced.
    """
    for stream in parts.projection.streams:
        topic = config.topics.sealed(stream)
        for partition in range(config.topics.partition_count(stream)):
            path = parts.state_path(topic, partition)
            if path.exists():
                with (
                    tempfile.TemporaryDirectory(dir=path.parent, prefix="rebuild-") as folder,
                    closing(StateFile(path)) as live,
                    closing(
                        Follower(parts, topic, partition, Path(folder) / path.name)
                    ) as follower,
                ):
                    yield _rebuild(config, live, follower, topic, partition, replace=replace)


def _rebuild(
    config: ProjectionConfig,
    live: StateFile,
    follower: Follower,
    topic: str,
    partition: int,
    *,
    replace: bool,
) -> Rebuild:
    position = live.position()
    with live.snapshot(position) as present:
        kafka = {"bootstrap.servers": config.bootstrap_servers, **config.kafka}
        messages = read_sealed(kafka, topic, partition, position.next_offset)
        while batch := list(islice(messages, _BATCH)):
            step_patiently(follower, batch)
        keys, differing = _compare(live, present, follower.state)
    differing += follower.position != position
    if replace and differing:
        live.replace(position, follower.state)
    moved = follower.moved()
    return Rebuild(topic, partition, position, keys, differing, replace and differing > 0, moved)


def step_patiently(follower: Follower, batch: list[SealedMessage]) -> None:
    """Take messages; wait for logs that the fold looks into, as a worker does.

    Raises:
        ReplayError: Another log was waited for in vain.
        SegmentRefused: The messages hold something that must not drive a projection.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return follower.step(batch)
        except NotYet as exc:
            if time.monotonic() > deadline:
                raise ReplayError(f"waited {_PATIENCE_S:.0f} s for another log: {exc}") from exc
            time.sleep(_AGAIN_S)


def _compare(live: StateFile, present: Overlay, rebuilt: StateFile) -> tuple[int, int]:
    keys = same = missing = 0
    for key, value in rebuilt.items():
        keys += 1
        found = present.get(key)
        same += found == value
        missing += found is None
    surplus = sum(1 for _ in live.items()) - (keys - missing)
    return keys, keys - same + surplus
