"""The access projection: who touched which artifact, on which grant, and what is remarkable.

An artifact is what its digest says: the same name with other content is another artifact.
Each log is folded for itself; a tenant's accesses, grants and reviews are in one log, so every
verdict rests on the grants that stood at its position. Time is the broker's, in the log.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from zlib import crc32

from auditspine.processors.access.edges import EDGES
from auditspine.processors.access.granting import granted, revoked, sweep_grants
from auditspine.processors.access.grants import GRANTS, REVIEWS, VERDICTS
from auditspine.processors.access.policy import AccessPolicy
from auditspine.processors.access.reviewing import review_decided, review_opened, sweep_reviews
from auditspine.processors.access.rules import Rules, day_of
from auditspine.processors.access.step import Findings, Step
from auditspine.processors.access.touching import touched
from auditspine.processors.projection.errors import StateError
from auditspine.processors.projection.findings import (
    FINDINGS,
    MOST_FINDINGS,
    Artifact,
    Finding,
    Source,
    finding_row,
)
from auditspine.processors.projection.port import Changes, Row, SealedEvent, State, Table

_TAKERS: Mapping[str, Callable[[Step, SealedEvent], Findings]] = MappingProxyType(
    {
        "artifact.accessed": touched,
        "secret.read": touched,
        "role.granted": granted,
        "role.revoked": revoked,
        "access_review.opened": review_opened,
        "access_review.decided": review_decided,
    }
)


class AccessProjection:
    """Folds the access log; see :class:`~.projection.port.Projection`.

    Args:
        policy: Who may do what; the shipped policy when not given.
        rules: Limits and role conflicts.
        partitions: Of the topic; when given, an event in another partition than its tenant's is
            a finding, since the tenant's grants are not there.
    """

    name = "access"
    logic_version = 3
    streams: tuple[str, ...] = ("access",)
    event_types = frozenset(_TAKERS)
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = (EDGES, VERDICTS, GRANTS, REVIEWS, FINDINGS)

    def __init__(
        self,
        policy: AccessPolicy | None = None,
        rules: Rules | None = None,
        partitions: int | None = None,
    ) -> None:
        self._policy = policy or AccessPolicy()
        self._rules = rules or Rules()
        self._partitions = partitions

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state; give the changed rows.

        Raises:
            StateError: The state was computed with another policy.
        """
        step = Step(self._policy, self._rules, state)
        if not step.book.require(self._policy.digest + self._rules.digest):
            raise StateError(
                "the access policy is another one than the state was computed with: run "
                "`auditspine rebuild access` with the new one, which judges the whole log anew"
            )
        findings: list[Row] = []
        source = Source(self.name, self.logic_version)
        for event in events:
            for ordinal, finding in enumerate(self._take(step, event)):  # all: it has effects
                if ordinal < MOST_FINDINGS:
                    findings.append(finding_row(source, event, ordinal, finding))
        return {
            EDGES: list(step.edges.values()),
            VERDICTS: step.verdicts,
            GRANTS: list(step.grants.values()),
            REVIEWS: list(step.reviews.values()),
            FINDINGS: findings,
        }

    def _take(self, step: Step, event: SealedEvent) -> Findings:
        """Apply one event; give what is remarkable about it."""
        yield from self._placed(event)
        yield from _TAKERS[event.event_type](step, event)
        tenant: str = event.envelope["tenant"]
        if step.book.is_first_of_day(tenant, "sweep", day_of(event.appended_at)):
            yield from sweep_grants(step, event, tenant)
            yield from sweep_reviews(step, event, tenant)

    def _placed(self, event: SealedEvent) -> Findings:
        """Tell of an event that is in another log than its tenant's."""
        if self._partitions is None:
            return
        tenant = event.envelope["tenant"]
        expected = crc32(tenant.encode("utf-8", "surrogatepass")) % self._partitions
        if event.origin.rpartition("/")[2] != str(expected):
            workload = event.envelope["workload"]["name"]
            artifact = Artifact("log", event.origin, "", b"")
            detail = f"{workload} published in another partition than that of tenant {tenant}"
            yield Finding("misplaced_event", "critical", workload, artifact, detail)
