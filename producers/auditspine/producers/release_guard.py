"""The release guard: whether a decision lets a model into an environment, answered locally.

::

    guard = ReleaseGuard("kafka:9092", tenant="acme", environment="prod", keys=["9f3c…"],
                         topics=topics)
    guard.wait_ready(10)
    if guard.check(model_digest).allowed: ...

It follows the releases topic; what is written there, and when, is the release processor's to say.
A service that serves predictions asks :class:`~auditspine.producers.guard.ServingGuard`, which can
obey decisions as well.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from auditspine.ledger.topics import Topics
from auditspine.producers.errors import SetupError
from auditspine.producers.release_view import (
    NOT_DECIDED,
    Decided,
    ReleaseKnowledge,
    ReleaseState,
    ReleaseView,
)
from auditspine.producers.topic_follower import now_s
from auditspine.producers.topic_guard import DIGEST_BYTES, TopicGuard, digest_of, trusted


class ReleaseVerdict(NamedTuple):
    """Whether a model may run in an environment.

    Attributes:
        allowed: Whether it may; never when the state is not ``allowed``.
        state: ``allowed``, ``denied``, or ``unknown`` when it cannot be known.
        decision_id: The decision that it rests on, if any.
        reason: Why, for people.
        until: When the allowance ends, milliseconds since 1970; ``None`` if it has no end.
        staleness_s: How old the knowledge is, seconds; infinite when there never was any.
    """

    allowed: bool
    state: ReleaseState
    decision_id: str | None
    reason: str
    until: int | None
    staleness_s: float


class ReleaseGuard(TopicGuard[ReleaseKnowledge]):
    """Knows which models decisions let into one environment. It fails closed.

    What no decision allows is denied: the names of tenant and environment must be the ones that
    requests have. An allowance that ends is over when the local wall clock says so, which is a
    second line: the processor revokes it then as well.

    **Maximum staleness.** A revocation reaches a guard as fast as Kafka does, in milliseconds.
    When it does not (the broker, the processor or the network is away, a record was deleted or an
    old one put back), a verdict is ``unknown``, and nothing allowed, at the latest
    ``max_staleness_s`` after the last moment of which all is known, plus what the local clock is
    behind the broker's; a clock that is ahead makes it sooner.

    Thread-safe. ``check`` takes no lock and does no I/O. After a fork the child's verdicts are
    unknown until it has followed the topic anew, which its first ``check`` or ``wait_ready``
    begins. Close it, or use it as a context manager.

    Args:
        kafka: Bootstrap servers, or any librdkafka properties with ``bootstrap.servers``. The
            account needs to read the releases topic; no consumer group is used.
        tenant: Tenant.
        environment: Name of the environment, as in requests.
        keys: Public keys of the release processor that are trusted, 32 bytes each or hexadecimal.
        topics: Names and partitions of the topics of the tenant's space.
        max_staleness_s: Longest time without a sign of life. One comes each second.

    Raises:
        SetupError: A setting is wrong.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any],
        *,
        tenant: str,
        environment: str,
        keys: Collection[bytes | str],
        topics: Topics | None = None,
        max_staleness_s: float = 10.0,
    ) -> None:
        if not tenant or not environment:
            raise SetupError("tenant and environment: expected names, got none")
        chosen, public = topics or Topics(), trusted(keys)
        super().__init__(
            kafka,
            chosen.releases,
            lambda: ReleaseKnowledge(chosen, tenant, environment, public, max_staleness_s),
            max_staleness_s,
        )

    def check(self, model_digest: bytes | str) -> ReleaseVerdict:
        """Tell whether a model may run in the environment, now.

        Args:
            model_digest: SHA-256 of the model: 32 bytes (fastest), or hexadecimal with or
                without ``sha256:``.

        Raises:
            SetupError: It is no such digest.
        """
        if type(model_digest) is not bytes or len(model_digest) != DIGEST_BYTES:
            model_digest = digest_of(model_digest)
        view = self._knowledge.view
        staleness_s = now_s() - view.known_at
        if staleness_s > self._limit_s:
            return self._unknown(view, model_digest, staleness_s)
        decided = view.models.get(model_digest, NOT_DECIDED)
        if decided.until is not None:
            decided = decided.at(time.time() * 1000)
        return ReleaseVerdict(*decided, staleness_s)

    def last_denial(self, model_digest: bytes) -> Decided | None:
        """Give the denial of a model that was last known, if it was one; for who fails open.

        Args:
            model_digest: SHA-256 of the model, 32 bytes.
        """
        return self._knowledge.view.holds(model_digest, time.time() * 1000)

    def _unknown(self, view: ReleaseView, digest: bytes, staleness_s: float) -> ReleaseVerdict:
        reason = self._why_unknown(view, staleness_s)
        denial = view.holds(digest, time.time() * 1000)
        decision_id = None
        if denial is not None:
            reason += f"; last known: {denial.reason}"
            decision_id = denial.decision_id
        return ReleaseVerdict(False, "unknown", decision_id, reason, None, staleness_s)
