"""What guards have in common: a topic that is followed, how old the knowledge is, forks, the end.

What the records mean, and what is answered, is each guard's own to say.
"""

import threading
import time
from abc import ABC
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from auditspine.ledger.errors import FormatError
from auditspine.producers import lifetime
from auditspine.producers.errors import SetupError
from auditspine.producers.knowledge import Knowledge, Sight
from auditspine.producers.settings import connection
from auditspine.producers.topic_follower import TopicFollower, now_s

DIGEST_BYTES = 32

_LOOK_S = 0.05

K = TypeVar("K", bound=Knowledge[Any, Any])


class TopicGuard(ABC, Generic[K]):
    """Follows a signed topic in a thread; see the guards for what callers need to know.

    Args:
        kafka: Bootstrap servers or librdkafka properties.
        topic: The topic.
        fresh: Gives a knowledge that knows nothing yet.
        max_staleness_s: Longest time without a sign of life.

    Raises:
        SetupError: A setting is wrong.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        topic: str,
        fresh: Callable[[], K],
        max_staleness_s: float,
    ) -> None:
        if not 2 <= max_staleness_s <= 86_400:
            raise SetupError(f"max_staleness_s: expected 2 to 86400, got {max_staleness_s}")
        self._connection = connection(kafka)
        self._topic = topic
        self._fresh = fresh
        self._max_staleness_s = self._limit_s = float(max_staleness_s)
        self._starting = threading.Lock()
        self._closed = False
        try:
            self._knowledge = fresh()
        except FormatError as exc:
            raise SetupError(f"keys: {exc}") from exc
        self._follower: TopicFollower | None = None
        lifetime.track(self)
        self._start()

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many records were not believed, by why (:class:`Knowledge`)."""
        return dict(self._knowledge.ignored)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until it knows, for example before a service says that it is ready.

        Args:
            timeout: Seconds.

        Returns:
            Whether it knows now.
        """
        self._start()
        deadline = time.monotonic() + timeout
        while not self._is_known():
            left = deadline - time.monotonic()
            if left <= 0 or self._closed:
                return False
            time.sleep(min(left, _LOOK_S))
        return True

    def close(self) -> None:
        """Stop following; verdicts are unknown from now on. Repeating it is harmless."""
        with self._starting:
            self._closed = True
            self._limit_s = -1.0  # nothing is as fresh: one comparison tells whether it knows
            follower, self._follower = self._follower, None
        lifetime.untrack(self)
        if follower is not None:
            follower.stop()

    def forget(self) -> None:
        """Drop, in a forked child, what belongs to the parent; the SDK calls it."""
        self._starting = threading.Lock()
        self._follower = None
        seen = self._knowledge.view
        self._knowledge = self._fresh()
        # What was seen stopped stays so until the child knows better.
        self._knowledge.recall(seen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        with self._starting:
            if self._follower is None and not self._closed:
                self._follower = TopicFollower(self._connection, self._topic, self._knowledge)
                self._follower.start()

    def _is_known(self) -> bool:
        view: Sight = self._knowledge.view
        return now_s() - view.known_at <= self._limit_s

    def _why_unknown(self, view: Sight, staleness_s: float) -> str:
        """Say why it cannot know; begins to follow where that was not begun."""
        if self._follower is None:  # a forked child's first look
            self._start()
        if self._closed:
            reason = "unknown: the guard is closed"
        elif staleness_s == float("inf"):
            reason = "unknown: no sign of life of the processor was read yet"
        else:
            reason = (
                f"unknown: what is known is {staleness_s:.1f} s old, "
                f"at most {self._max_staleness_s:g} s are allowed"
            )
        return f"{reason} ({view.problem})" if view.problem else reason


def trusted(keys: Collection[bytes | str], setting: str = "keys") -> list[bytes]:
    """Give public keys as bytes.

    Raises:
        SetupError: They are no list, or one is no hexadecimal.
    """
    if isinstance(keys, str | bytes):
        raise SetupError(f"{setting}: expected a list of public keys, got one alone")
    try:
        return [key if isinstance(key, bytes) else bytes.fromhex(key) for key in keys]
    except ValueError as exc:
        raise SetupError(f"{setting}: expected 32 bytes, or 64 hexadecimal digits, each") from exc


def digest_of(given: object) -> bytes:
    """Give a model's digest as bytes.

    Raises:
        SetupError: It is none.
    """
    if isinstance(given, bytearray | memoryview):
        given = bytes(given)
    if isinstance(given, str):
        try:
            given = bytes.fromhex(given.removeprefix("sha256:"))
        except ValueError:
            given = b""
    if not isinstance(given, bytes) or len(given) != DIGEST_BYTES:
        raise SetupError("model_digest: expected SHA-256, 32 bytes or hexadecimal, got another")
    return given
