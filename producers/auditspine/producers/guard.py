"""The serving guard: whether a model may serve here, answered locally in about a microsecond.

::

    guard = ServingGuard("kafka:9092", tenant="acme", deployment="mortgage-risk-eu",
                         keys=["9f3c…"], topics=topics)
    guard.wait_ready(10)
    verdict = guard.check(model_digest)
    if verdict.action == "serve": ...

It follows the serving topic; what is written there, and when, is the alerts processor's to say.
"""

import threading
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from auditspine.ledger.errors import FormatError
from auditspine.ledger.topics import Topics
from auditspine.producers import lifetime
from auditspine.producers.errors import ServingBlockedError, SetupError
from auditspine.producers.serving_follower import ServingFollower, now_s
from auditspine.producers.serving_view import NOTHING_SAID, STRICTNESS, Action, Knowledge, View
from auditspine.producers.settings import connection

_DIGEST_BYTES = 32
_LOOK_S = 0.05


class Verdict(NamedTuple):
    """Whether a model may serve.

    Attributes:
        action: ``serve``; ``fallback``: answer without this model; ``block``: do not answer.
        state: ``live``, ``fallback`` or ``blocked``; ``unknown`` when it cannot be known.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        reason: Why, for people.
        alert_id: The alert that it rests on, if any.
        staleness_s: How old the knowledge is, seconds; infinite when there never was any.
    """

    action: Action
    state: str
    releases_frozen: bool
    reason: str
    alert_id: str | None
    staleness_s: float


class ServingGuard:
    """Knows whether the models of one deployment may serve.

    **Maximum staleness.** A stop reaches a guard as fast as Kafka does, in milliseconds. When it
    does not (the broker, the processor or the network is away, a record was deleted or an old
    one put back), a verdict is ``unknown`` at the latest ``max_staleness_s`` after the last
    moment of which all is known, plus what the local clock is behind the broker's; a clock that
    is ahead makes it sooner. A model of which nothing is said may serve: the names of tenant and
    deployment must be the ones that events have.

    **When unknown**, ``when_unknown`` says what to do; ``block``, the default, is for decisions
    of high risk. A stop that was seen before holds all the same.

    Thread-safe. ``check`` takes no lock and does no I/O. After a fork the child's verdicts are
    unknown until it has followed the topic anew, which its first ``check`` or ``wait_ready``
    begins. Close it, or use it as a context manager.

    Args:
        kafka: Bootstrap servers, or any librdkafka properties with ``bootstrap.servers``. The
            account needs to read the serving topic; no consumer group is used.
        tenant: Tenant.
        deployment: Name of the deployment, as in events.
        keys: Public keys of the processor that are trusted, 32 bytes each or hexadecimal.
        topics: Names and partitions of the topics of the tenant's space.
        max_staleness_s: Longest time without a sign of life. One comes each second.
        when_unknown: What to do when it cannot know: ``block``, ``fallback`` or ``serve``.

    Raises:
        SetupError: A setting is wrong.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        *,
        tenant: str,
        deployment: str,
        keys: Collection[bytes | str],
        topics: Topics | None = None,
        max_staleness_s: float = 10.0,
        when_unknown: Action = "block",
    ) -> None:
        if when_unknown not in STRICTNESS:
            raise SetupError(
                f"when_unknown: expected {', '.join(STRICTNESS)}, got {when_unknown!r}"
            )
        if not 2 <= max_staleness_s <= 86_400:
            raise SetupError(f"max_staleness_s: expected 2 to 86400, got {max_staleness_s}")
        if not tenant or not deployment:
            raise SetupError("tenant and deployment: expected names, got none")
        self._connection = connection(kafka)
        self._topics = topics or Topics()
        self._names = tenant, deployment
        self._keys = _trusted(keys)
        self._max_staleness_s = float(max_staleness_s)
        self._when_unknown: Action = when_unknown
        self._starting = threading.Lock()
        self._closed = False
        self._knowledge = self._fresh()
        self._follower: ServingFollower | None = None
        lifetime.track(self)
        self._start()

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many records were not believed, by why (:class:`Knowledge`)."""
        return dict(self._knowledge.ignored)

    def check(self, model_digest: bytes | str) -> Verdict:
        """Tell whether a model may serve, now.

        Args:
            model_digest: SHA-256 of the model: 32 bytes (fastest), or hexadecimal with or
                without ``sha256:``.

        Raises:
            SetupError: It is no such digest.
        """
        if type(model_digest) is not bytes or len(model_digest) != _DIGEST_BYTES:
            model_digest = _digest(model_digest)
        view = self._knowledge.view
        staleness_s = now_s() - view.known_at
        if staleness_s > self._max_staleness_s or self._closed:
            return self._unknown(view, model_digest, staleness_s)
        known = view.models.get(model_digest)
        if known is None:
            return Verdict("serve", "live", view.releases_frozen, NOTHING_SAID, None, staleness_s)
        action, state, reason, alert_id = known
        return Verdict(action, state, view.releases_frozen, reason, alert_id, staleness_s)

    def require(self, model_digest: bytes | str) -> Verdict:
        """Give the verdict of a model that may serve.

        Raises:
            ServingBlockedError: It may not; the error has the verdict, whose action may be
                ``fallback``.
            SetupError: It is no digest.
        """
        verdict = self.check(model_digest)
        if verdict.action != "serve":
            raise ServingBlockedError(verdict.action, verdict.state, verdict.reason, verdict)
        return verdict

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
            follower, self._follower = self._follower, None
        lifetime.untrack(self)
        if follower is not None:
            follower.stop()

    def forget(self) -> None:
        """Drop, in a forked child, what belongs to the parent; the SDK calls it."""
        self._starting = threading.Lock()
        self._follower = None
        stopped = self._knowledge.view
        self._knowledge = self._fresh()
        # What was seen stopped stays so until the child knows better.
        self._knowledge.view = View(stopped.models, stopped.releases_frozen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _fresh(self) -> Knowledge:
        try:
            return Knowledge(self._topics, *self._names, self._keys, self._max_staleness_s)
        except FormatError as exc:
            raise SetupError(f"keys: {exc}") from exc

    def _start(self) -> None:
        with self._starting:
            if self._follower is None and not self._closed:
                topic = self._topics.serving
                self._follower = ServingFollower(self._connection, topic, self._knowledge)
                self._follower.start()

    def _is_known(self) -> bool:
        return now_s() - self._knowledge.view.known_at <= self._max_staleness_s

    def _unknown(self, view: View, digest: bytes, staleness_s: float) -> Verdict:
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
        if view.problem:
            reason += f" ({view.problem})"
        known = view.models.get(digest)
        if known is None or STRICTNESS[known.action] <= STRICTNESS[self._when_unknown]:
            return Verdict(
                self._when_unknown, "unknown", view.releases_frozen, reason, None, staleness_s
            )
        reason += f"; last known: {known.reason}"
        return Verdict(
            known.action, "unknown", view.releases_frozen, reason, known.alert_id, staleness_s
        )


def _trusted(keys: Collection[bytes | str]) -> list[bytes]:
    if isinstance(keys, str | bytes):
        raise SetupError("keys: expected a list of public keys, got one alone")
    try:
        return [key if isinstance(key, bytes) else bytes.fromhex(key) for key in keys]
    except ValueError as exc:
        raise SetupError("keys: expected 32 bytes, or 64 hexadecimal digits, each") from exc


def _digest(given: object) -> bytes:
    if isinstance(given, bytearray | memoryview):
        given = bytes(given)
    if isinstance(given, str):
        try:
            given = bytes.fromhex(given.removeprefix("sha256:"))
        except ValueError:
            given = b""
    if not isinstance(given, bytes) or len(given) != _DIGEST_BYTES:
        raise SetupError("model_digest: expected SHA-256, 32 bytes or hexadecimal, got another")
    return given
