"""The serving guard: whether a model may serve here, answered locally in about a microsecond.

::

    guard = ServingGuard("kafka:9092", tenant="acme", deployment="mortgage-risk-eu",
                         keys=["9f3c…"], topics=topics)
    guard.wait_ready(10)
    verdict = guard.check(model_digest)
    if verdict.action == "serve": ...

It follows the serving topic; what is written there, and when, is the alerts processor's to say.
Told an environment, it obeys release decisions too (:mod:`~auditspine.producers.release_guard`).
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from auditspine.ledger.topics import Topics
from auditspine.producers.errors import ServingBlockedError, SetupError
from auditspine.producers.release_guard import ReleaseGuard, ReleaseVerdict
from auditspine.producers.serving_view import (
    NOTHING_SAID,
    STRICTNESS,
    Action,
    ServingKnowledge,
    View,
)
from auditspine.producers.topic_follower import now_s
from auditspine.producers.topic_guard import DIGEST_BYTES, TopicGuard, digest_of, trusted


class Verdict(NamedTuple):
    """Whether a model may serve.

    Attributes:
        action: ``serve``; ``fallback``: answer without this model; ``block``: do not answer.
        state: ``live``, ``fallback`` or ``blocked``; ``unknown`` when it cannot be known.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        reason: Why, for people.
        alert_id: The alert that it rests on, if any.
        staleness_s: How old the knowledge is, seconds; infinite when there never was any.
        decision_id: The release decision that it rests on, if it obeys decisions and there is one.
    """

    action: Action
    state: str
    releases_frozen: bool
    reason: str
    alert_id: str | None
    staleness_s: float
    decision_id: str | None = None


class ServingGuard(TopicGuard[ServingKnowledge]):
    """Knows whether the models of one deployment may serve.

    **Maximum staleness.** A stop reaches a guard as fast as Kafka does, in milliseconds. When it
    does not (the broker, the processor or the network is away, a record was deleted or an old
    one put back), a verdict is ``unknown`` at the latest ``max_staleness_s`` after the last
    moment of which all is known, plus what the local clock is behind the broker's; a clock that
    is ahead makes it sooner. A model of which nothing is said may serve: the names of tenant and
    deployment must be the ones that events have.

    **Release decisions.** Told an environment, it also obeys them: a model that no decision lets
    into it is blocked, one whose decision is revoked or over as well, and the stricter of both
    sides holds. The same maximum staleness goes for both.

    **When unknown**, ``when_unknown`` says what to do; ``block``, the default, is for decisions
    of high risk. A stop or denial that was seen before holds all the same.

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
        environment: Name of the environment, as in release requests; without it no decision is
            needed. The account then needs to read the releases topic too.
        release_keys: Public keys of the release processor; needed with ``environment``.

    Raises:
        SetupError: A setting is wrong.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        kafka: str | Mapping[str, Any],
        *,
        tenant: str,
        deployment: str,
        keys: Collection[bytes | str],
        topics: Topics | None = None,
        max_staleness_s: float = 10.0,
        when_unknown: Action = "block",
        environment: str | None = None,
        release_keys: Collection[bytes | str] | None = None,
    ) -> None:
        if when_unknown not in STRICTNESS:
            raise SetupError(
                f"when_unknown: expected {', '.join(STRICTNESS)}, got {when_unknown!r}"
            )
        if not tenant or not deployment:
            raise SetupError("tenant and deployment: expected names, got none")
        if (environment is None) != (release_keys is None):
            raise SetupError("environment and release_keys: expected both or neither, got one")
        chosen, public = topics or Topics(), trusted(keys)
        self._when_unknown: Action = when_unknown
        self._releases: ReleaseGuard | None = None
        super().__init__(
            kafka,
            chosen.serving,
            lambda: ServingKnowledge(chosen, tenant, deployment, public, max_staleness_s),
            max_staleness_s,
        )
        if environment is not None and release_keys is not None:
            try:
                self._releases = ReleaseGuard(
                    kafka,
                    tenant=tenant,
                    environment=environment,
                    keys=trusted(release_keys),
                    topics=chosen,
                    max_staleness_s=max_staleness_s,
                )
            except SetupError as exc:
                self.close()
                raise SetupError(f"releases: {exc}") from exc

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many records were not believed, by why (:class:`Knowledge`)."""
        own = Counter(super().ignored)
        return dict(own if self._releases is None else own + Counter(self._releases.ignored))

    def check(self, model_digest: bytes | str) -> Verdict:
        """Tell whether a model may serve, now.

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
            verdict = self._unknown(view, model_digest, staleness_s)
        elif (known := view.models.get(model_digest)) is None:
            frozen = view.releases_frozen
            verdict = Verdict("serve", "live", frozen, NOTHING_SAID, None, staleness_s)
        else:
            action, state, reason, alert_id = known
            verdict = Verdict(action, state, view.releases_frozen, reason, alert_id, staleness_s)
        if self._releases is None:
            return verdict
        released = self._releases.check(model_digest)
        if released.state == "unknown" and self._releases.last_denial(model_digest) is None:
            return strictest(verdict, released, self._when_unknown)
        return strictest(verdict, released, "block")

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
        deadline = time.monotonic() + timeout
        ready = super().wait_ready(timeout)
        if self._releases is None:
            return ready
        return self._releases.wait_ready(max(0.0, deadline - time.monotonic())) and ready

    def close(self) -> None:
        """Stop following; verdicts are unknown from now on. Repeating it is harmless."""
        super().close()
        if self._releases is not None:
            self._releases.close()

    def _unknown(self, view: View, digest: bytes, staleness_s: float) -> Verdict:
        reason = self._why_unknown(view, staleness_s)
        known = view.models.get(digest)
        if known is None or STRICTNESS[known.action] <= STRICTNESS[self._when_unknown]:
            return Verdict(
                self._when_unknown, "unknown", view.releases_frozen, reason, None, staleness_s
            )
        reason += f"; last known: {known.reason}"
        return Verdict(
            known.action, "unknown", view.releases_frozen, reason, known.alert_id, staleness_s
        )


def strictest(verdict: Verdict, released: ReleaseVerdict, otherwise: Action) -> Verdict:
    """Give what serving state and release decision come to.

    Args:
        verdict: By the serving state alone.
        released: By the decision alone.
        otherwise: What to do with a model that is not released.
    """
    action, state, frozen, reason, alert_id, staleness_s, _ = verdict
    allowed, decided, decision_id, why, _, age_s = released
    if not allowed:
        more = STRICTNESS[otherwise] - STRICTNESS[action]
        # Of two that are as strict, what is known goes before what is not.
        vaguer = state == "live" or (state == "unknown" and decided == "denied")
        if more > 0 or (more == 0 and vaguer):
            state = "blocked" if decided == "denied" else "unknown"
            action, reason, alert_id = otherwise, why, None
    oldest_s = max(staleness_s, age_s)
    return Verdict(action, state, frozen, reason, alert_id, oldest_s, decision_id)
