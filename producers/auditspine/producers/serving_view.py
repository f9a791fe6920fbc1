"""What the serving topic means at one deployment. Pure."""

import math
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, TypeAlias

from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import Topics
from auditspine.producers.knowledge import Knowledge

Action: TypeAlias = Literal["serve", "fallback", "block"]
STRICTNESS: Mapping[Action, int] = {"serve": 0, "fallback": 1, "block": 2}
NOTHING_SAID = "nothing is said against it"

_ACTIONS: Mapping[str, Action] = {"live": "serve", "fallback": "fallback", "blocked": "block"}


class Known(NamedTuple):
    """What is said of one model.

    Attributes:
        action: What to do with a request.
        state: ``live``, ``fallback`` or ``blocked``.
        reason: Why.
        alert_id: The alert that it rests on, if any.
    """

    action: Action
    state: str
    reason: str
    alert_id: str | None


class View(NamedTuple):
    """What is known at a moment; never changed.

    Attributes:
        models: By digest, models of which something is said.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        known_at: Monotonic time, seconds, until when all that the processor said is known.
        problem: Why signs of life did not count, in words; empty when the last one did.
    """

    models: Mapping[bytes, Known] = {}
    releases_frozen: bool = False
    known_at: float = -math.inf
    problem: str = ""


class ServingKnowledge(Knowledge[ServingRecord, View]):
    """What is known of one deployment.

    Args:
        topics: Names and partitions.
        tenant: Tenant.
        deployment: Name of the deployment.
        keys: Trusted public keys.
        max_staleness_s: As for :class:`Knowledge`.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(
        self,
        topics: Topics,
        tenant: str,
        deployment: str,
        keys: Collection[bytes],
        max_staleness_s: float,
    ) -> None:
        topic = topics.serving, topics.partitions
        super().__init__(topic, ServingRecord, tenant, keys, max_staleness_s, View())
        self._deployment = deployment

    def _look(self, changed: bool, known_at: float, problem: str) -> View:
        models, frozen = self._models() if changed else self.view[:2]
        return View(models, frozen, known_at, problem)

    def _models(self) -> tuple[dict[bytes, Known], bool]:
        """Give what is said of the tenant's models, and whether the deployment is frozen."""
        models: dict[bytes, Known] = {}
        frozen = False
        for record in self._records():
            known = self._judge(record)
            if known is not None:
                other = models.get(record.model_digest)
                if other is None or STRICTNESS[known.action] > STRICTNESS[other.action]:
                    models[record.model_digest] = known
            frozen |= record.releases_frozen and record.deployment == self._deployment
        return models, frozen

    def _judge(self, record: ServingRecord) -> Known | None:
        """Give what one record means here; a quarantine holds at every deployment."""
        here = record.deployment == self._deployment
        action = _ACTIONS[record.state] if here else "serve"
        if record.quarantined and action == "serve":
            return Known("block", "blocked", f"quarantined: {record.reason}", record.alert_id)
        return Known(action, record.state, record.reason, record.alert_id) if here else None
