"""A sealed partition that this sink has: what is read, what is being written, when to try again."""

import structlog

from auditspine.sinks.chunk import Chunk, Follower
from auditspine.sinks.errors import SchemaNotStoredError, SinkError
from auditspine.sinks.pool import Task

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0
_SCHEMA_WAIT_S = 1.0  # longest wait for the control log, which lands soon

_log = structlog.get_logger(__name__)


class Assigned:
    """One partition; used by the loop's thread alone.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        follower: What was read; ``None`` until ClickHouse said where to go on.
        chunk: What is being written.
        task: The request that is under way.
        is_paused: Whether its reading is paused.
        landed_next: Sealed offset after what is committed; ``None`` when this sink wrote nothing.
        reported_next: The same as the consumer group knows it.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.follower: Follower | None = None
        self.chunk: Chunk | None = None
        self.task: Task | None = None
        self.is_paused = False
        self.landed_next: int | None = None
        self.reported_next: int | None = None
        self._retry_at = 0.0
        self._wait_s = _FIRST_WAIT_S
        self._waiting_since: float | None = None

    def may_try(self, now: float) -> bool:
        """Tell whether a request may start."""
        return self.task is None and now >= self._retry_at

    def put_off(self, reason: SinkError, now: float) -> None:
        """Try again later, each time after twice as long."""
        longest = _SCHEMA_WAIT_S if isinstance(reason, SchemaNotStoredError) else _LONGEST_WAIT_S
        self._wait_s = min(self._wait_s, longest)
        self._retry_at = now + self._wait_s
        if self._waiting_since is None:
            self._waiting_since = now
            _log.warning("waiting", **self._place, reason=str(reason))
        self._wait_s *= 2

    def go_on(self, now: float) -> None:
        """Note that a request succeeded."""
        if self._waiting_since is not None:
            waited_s = round(now - self._waiting_since, 1)
            _log.info("going on", **self._place, waited_s=waited_s)
        self._waiting_since, self._wait_s, self._retry_at = None, _FIRST_WAIT_S, 0.0

    def restart(self) -> None:
        """Forget what was read; ClickHouse must say again where to go on."""
        self.follower = self.chunk = None
        self.is_paused = False

    @property
    def _place(self) -> dict[str, object]:
        return {"topic": self.topic, "partition": self.partition}
