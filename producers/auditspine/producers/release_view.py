"""What the releases topic means in one environment. Pure."""

import math
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, TypeAlias

from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.knowledge import Knowledge

ReleaseState: TypeAlias = Literal["allowed", "denied", "unknown"]


class Decided(NamedTuple):
    """What was decided of one model.

    Attributes:
        allowed: Whether it may run in the environment.
        state: ``allowed`` or ``denied``.
        decision_id: The decision; ``None`` when there is none.
        reason: Why.
        until: When an allowance ends, milliseconds since 1970; ``None`` if it has no end.
    """

    allowed: bool
    state: ReleaseState
    decision_id: str | None
    reason: str
    until: int | None

    def at(self, wall_ms: float) -> "Decided":
        """Give what it comes to at a time: an allowance that has ended is none.

        Args:
            wall_ms: The local wall clock, milliseconds since 1970.
        """
        if not self.allowed or self.until is None or wall_ms < self.until:
            return self
        reason = f"its allowance has ended: {self.reason}"
        return Decided(False, "denied", self.decision_id, reason, self.until)


NOT_DECIDED = Decided(False, "denied", None, "no release decision allows it", None)


class ReleaseView(NamedTuple):
    """What is known at a moment; never changed.

    Attributes:
        models: By digest, models of which something was decided.
        known_at: Monotonic time, seconds, until when all that the processor said is known.
        problem: Why signs of life did not count, in words; empty when the last one did.
    """

    models: Mapping[bytes, Decided] = {}
    known_at: float = -math.inf
    problem: str = ""

    def holds(self, digest: bytes, wall_ms: float) -> Decided | None:
        """Give the denial of a model that was last known, if it was one.

        One that was decided holds; that nothing was decided, only if all was known once.
        """
        decided = self.models.get(digest)
        if decided is None:
            return NOT_DECIDED if self.known_at > -math.inf else None
        decided = decided.at(wall_ms)
        return None if decided.allowed else decided


class ReleaseKnowledge(Knowledge[ReleaseRecord, ReleaseView]):
    """What is known of one environment.

    Args:
        topics: Names and partitions.
        tenant: Tenant.
        environment: Name of the environment.
        keys: Trusted public keys.
        max_staleness_s: As for :class:`Knowledge`.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(
        self,
        topics: Topics,
        tenant: str,
        environment: str,
        keys: Collection[bytes],
        max_staleness_s: float,
    ) -> None:
        topic = topics.releases, topics.partitions
        super().__init__(topic, ReleaseRecord, tenant, keys, max_staleness_s, ReleaseView())
        self._environment = environment

    def _look(self, changed: bool, known_at: float, problem: str) -> ReleaseView:
        models = self._models() if changed else self.view.models
        return ReleaseView(models, known_at, problem)

    def _models(self) -> dict[bytes, Decided]:
        """Give what was decided of the tenant's models here."""
        return {
            record.model_digest: Decided(
                record.allowed,
                "allowed" if record.allowed else "denied",
                record.decision_id,
                record.reason,
                record.until if record.allowed else None,
            )
            for record in self._records()
            if record.environment == self._environment
        }
