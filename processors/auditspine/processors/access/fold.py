"""The access projection: who touched which artifact, on which grant, and what is remarkable.

An artifact is what its digest says: the same name with other content is another artifact.
Each log is folded for itself; a tenant's accesses, grants and reviews are in one log, so every
verdict rests on the grants that stood at its position. Time is the broker's, in the log.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from zlib import crc32

from auditspine.processors.access.book import Book
from auditspine.processors.access.edges import EDGES, Tally, Touch, edge_row, touch_of
from auditspine.processors.access.grants import (
    GRANTS,
    REVIEWS,
    VERDICTS,
    Grant,
    Review,
    event_uuid,
    grant_row,
    review_row,
)
from auditspine.processors.access.policy import AccessPolicy, Attempt, Reach
from auditspine.processors.access.rules import Rules, day_of
from auditspine.processors.access.verdict import Verdict, judge
from auditspine.processors.projection.errors import StateError
from auditspine.processors.projection.findings import (
    FINDINGS,
    Artifact,
    Finding,
    Source,
    finding_row,
)
from auditspine.processors.projection.port import Changes, Row, SealedEvent, State, Table

Findings = Iterator[Finding]


class AccessProjection:
    """Folds the access log; see :class:`~.projection.port.Projection`.

    Args:
        policy: Who may do what; the shipped policy when not given.
        rules: Limits and role conflicts.
        partitions: Of the topic; when given, an event in another partition than its tenant's is
            a finding, since the tenant's grants are not there.
    """

    name = "access"
    logic_version = 2
    streams: tuple[str, ...] = ("access",)
    event_types = frozenset(
        {
            *("artifact.accessed", "secret.read", "role.granted", "role.revoked"),
            *("access_review.opened", "access_review.decided"),
        }
    )
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
        step = _Step(self._policy, self._rules, self._partitions, state)
        findings: list[Row] = []
        source = Source(self.name, self.logic_version)
        for event in events:
            for ordinal, finding in enumerate(step.take(event)):  # all: taking has effects
                if ordinal < MOST_FINDINGS:
                    findings.append(finding_row(source, event, ordinal, finding))
        return {
            EDGES: list(step.edges.values()),
            VERDICTS: step.verdicts,
            GRANTS: list(step.grants.values()),
            REVIEWS: list(step.reviews.values()),
            FINDINGS: findings,
        }


class _Step:
    """One fold's changes: the last row of each key."""

    def __init__(
        self, policy: AccessPolicy, rules: Rules, partitions: int | None, state: State
    ) -> None:
        self._policy = policy
        self._partitions = partitions
        self._rules = rules
        self._state = state
        self._book = Book(state)
        self.edges: dict[bytes, Row] = {}
        self.verdicts: list[Row] = []
        self.grants: dict[tuple[str, str], Row] = {}
        self.reviews: dict[tuple[str, str], Row] = {}
        if not self._book.require(policy.digest + rules.digest):
            raise StateError(
                "the access policy is another one than the state was computed with: run "
                "`auditspine rebuild access` with the new one, which judges the whole log anew"
            )

    def take(self, event: SealedEvent) -> Findings:
        """Apply one event; give what is remarkable about it."""
        yield from self._placed(event)
        yield from _TAKERS[event.event_type](self, event)
        tenant: str = event.envelope["tenant"]
        if self._book.is_first_of_day(tenant, "sweep", day_of(event.appended_at)):
            yield from self._sweep(event, tenant)

    def touched(self, event: SealedEvent) -> Findings:
        """Take an access to an artifact or a secret."""
        touch = touch_of(event)
        key = touch.edge_key()
        tally = _seen(self._state.get(key), event)
        self._state.put(key, tally.encode())
        self.edges[key] = edge_row(event.origin, touch, tally)
        yield from self._reached(event, touch)
        yield from self._origins(event, touch)
        verdict = self._verdict(event, touch)
        self.verdicts.append(_verdict_row(event, touch, verdict, self._policy.digest))
        for kind in verdict.findings:
            subject = touch.principal
            detail = (
                f"{touch.principal} did {touch.operation} {_named(touch.artifact)} "
                f"{_WHY.get(kind, f'against {kind}')}"
            )
            severity = _SEVERITY.get(kind) or self._policy.severity(kind)
            yield Finding(kind, severity, subject, touch.artifact, detail)

    def granted(self, event: SealedEvent) -> Findings:
        """Take a grant."""
        envelope, body = event.envelope, event.body
        tenant, scope = envelope["tenant"], body["scope"]
        grant = Grant(
            body["grant_id"],
            body["principal"],
            body["principal_kind"],
            body["role"],
            Reach(
                scope["max_sensitivity"],
                tuple(scope["domains"]),
                tuple(scope["environments"]),
                scope["namespace"],
                scope["network"],
            ),
            event.position,
            event.appended_at,
            envelope["actor"]["principal"],
            envelope["intent"]["reason"],
            body["expires_at"],
        )
        subject, artifact = _of_grant(grant)
        if self._book.grant(tenant, grant.grant_id) is not None:
            detail = f"grant {grant.grant_id} was given before; what it says now changes nothing"
            yield Finding("grant_repeated", "warning", subject, artifact, detail)
            return
        held = [
            each
            for each in self._book.grants_of(tenant, grant.principal)
            if each.is_active(event.appended_at)
        ]
        self._put(event, grant)
        if grant.role not in self._policy.roles:
            detail = f"grant {grant.grant_id} gives the role {grant.role}, which no policy knows"
            yield Finding("unknown_role", "warning", subject, artifact, detail)
        roles = frozenset(each.role for each in held)
        for other in self._rules.conflicts_with(grant.role, roles):
            detail = f"{grant.principal} holds {grant.role} and {other}, which no one may at once"
            yield Finding("separation_of_duties", "critical", subject, artifact, detail)
        if grant.role not in roles and len(roles) >= self._rules.roles_most:
            detail = f"{grant.principal} holds {len(roles) + 1} roles at once"
            yield Finding("privilege_creep", "warning", subject, artifact, detail)
        if grant.principal == envelope["actor"]["principal"]:
            detail = f"{grant.principal} gave the role {grant.role} to itself"
            yield Finding("granted_to_itself", "critical", subject, artifact, detail)

    def revoked(self, event: SealedEvent) -> Findings:
        """Take a revocation."""
        envelope, grant_id = event.envelope, event.body["grant_id"]
        grant = self._book.grant(envelope["tenant"], grant_id)
        if grant is None or grant.revoked_at is not None:
            why = "was never given" if grant is None else "was taken back before"
            artifact = Artifact("grant", grant_id, "", b"")
            subject = envelope["actor"]["principal"]
            detail = f"grant {grant_id} {why}: there is nothing to take back"
            yield Finding("revocation_of_nothing", "warning", subject, artifact, detail)
            return
        by = envelope["actor"]["principal"]
        self._put(event, grant.revoked(event.position, event.appended_at, by))

    def review_opened(self, event: SealedEvent) -> Findings:
        """Take the opening of a review."""
        body, tenant = event.body, event.envelope["tenant"]
        review = Review(
            body["review_id"],
            body["reviewer"],
            event.position,
            event.appended_at,
            body["due_at"],
            tuple(dict.fromkeys(body["grants"])),
        )
        artifact = Artifact("access_review", review.review_id, "", b"")
        if self._book.review(tenant, review.review_id) is not None:
            detail = f"review {review.review_id} was opened before; this changes nothing"
            yield Finding("review_repeated", "warning", review.reviewer, artifact, detail)
            return
        unknown = [each for each in review.grants if self._book.grant(tenant, each) is None]
        if unknown or not review.grants:
            named = ", ".join(unknown[:_NAMED]) + (" …" if len(unknown) > _NAMED else "")
            detail = f"review {review.review_id} is of {len(unknown)} grants never given: {named}"
            yield Finding("review_of_nothing", "warning", review.reviewer, artifact, detail)
        self._put_review(event, review.begun(event.appended_at))

    def review_decided(self, event: SealedEvent) -> Findings:
        """Take a reviewer's decision."""
        body, tenant = event.body, event.envelope["tenant"]
        actor = event.envelope["actor"]["principal"]
        artifact = Artifact("grant", body["grant_id"], "", b"")
        review = self._book.review(tenant, body["review_id"])
        if review is None or body["grant_id"] not in review.grants:
            detail = f"review {body['review_id']} has no grant {body['grant_id']} to decide on"
            yield Finding("review_of_nothing", "warning", actor, artifact, detail)
            return
        if actor != review.reviewer:
            detail = f"{actor} decided in review {review.review_id}, which is {review.reviewer}'s"
            yield Finding("decided_by_another", "critical", actor, artifact, detail)
            return
        decided = review.decided(body["grant_id"], body["decision"], event.appended_at)
        self._put_review(event, decided)
        grant = self._book.grant(tenant, body["grant_id"])
        if grant is not None and grant.principal == actor:
            detail = f"{actor} decided on its own grant {grant.grant_id}"
            yield Finding("reviewed_by_itself", "critical", actor, artifact, detail)

    def _verdict(self, event: SealedEvent, touch: Touch) -> Verdict:
        tenant, envelope = touch.tenant, event.envelope
        if not touch.permitted:
            return Verdict("denied")
        if not self._book.is_governed(tenant):
            return Verdict("ungoverned")
        attempt = Attempt(
            touch.operation,
            touch.artifact.kind,
            _sensitivity(event),
            envelope["domain"],
            envelope["environment"],
            touch.workload_namespace,
            touch.network,
            envelope["intent"]["trigger"],
        )
        kind = envelope["actor"]["kind"]
        grants = [
            grant
            for grant in self._book.grants_of(tenant, touch.principal)
            if grant.principal_kind == kind
        ]
        verdict = judge(self._policy, attempt, grants, event.appended_at)
        if verdict.grant is None or verdict.kind != "allowed":
            return verdict
        self._put(event, verdict.grant.used(event.appended_at))
        environments = verdict.grant.reach.environments
        if environments and attempt.environment not in environments:
            return verdict._replace(findings=("promotion_access",))
        return verdict

    def _reached(self, event: SealedEvent, touch: Touch) -> Findings:
        """Tell when this workload never touched this artifact, and remember the pair."""
        began = self._book.first_seen(touch.tenant, touch.workload, event.appended_at)
        key = touch.pair_key()
        if self._state.get(key) is not None:
            return
        self._state.put(key, b"")
        artifact, by = touch.artifact, f"by {touch.principal} ({touch.operation})"
        if not touch.permitted:
            detail = f"workload {touch.workload} was denied {_named(artifact)} for the first time"
            yield Finding("denied_access", "warning", touch.workload, artifact, f"{detail}, {by}")
            return
        detail = f"workload {touch.workload} touched {_named(artifact)} for the first time, {by}"
        learning = event.appended_at - began < self._rules.learning_ms
        kind, severity = ("first_access", "info") if learning else ("new_reach", "warning")
        yield Finding(kind, severity, touch.workload, artifact, detail)

    def _origins(self, event: SealedEvent, touch: Touch) -> Findings:
        """Tell when one principal comes from two networks at once; once a day."""
        if not touch.network:
            return
        at, tenant = event.appended_at, touch.tenant
        other, when = self._book.other_network(tenant, touch.principal, touch.network, at)
        if not other or at - when > self._rules.origins_ms:
            return
        if self._book.is_first_of_day(tenant, f"origins {touch.principal}", day_of(at)):
            seconds = (at - when) // 1000
            detail = (
                f"{touch.principal} came from {other} and, {seconds} s later, from {touch.network}"
            )
            yield Finding("shared_credentials", "critical", touch.principal, touch.artifact, detail)

    def _sweep(self, event: SealedEvent, tenant: str) -> Findings:
        """Once a day of the log: what lies idle, and what is overdue."""
        now = event.appended_at
        for grant in self._book.grants(tenant):
            idle = now - grant.idle_since()
            if grant.is_active(now) and not grant.idle_told and idle >= self._rules.unused_ms:
                self._put(event, grant.told_idle())
                subject, artifact = _of_grant(grant)
                days = idle // (24 * 3600 * 1000)
                detail = f"grant {grant.grant_id} of {grant.principal} was not used for {days} days"
                yield Finding("unused_grant", "warning", subject, artifact, detail)
        for review in self._book.reviews(tenant):
            yield from self._carried_out(event, review)
            if review.closed_at is not None:
                continue
            if review.due_at < now * 1000 and not review.overdue_told:
                self._put_review(event, review.told_overdue())
                artifact = Artifact("access_review", review.review_id, "", b"")
                left = len(set(review.grants) - set(review.kept) - set(review.revoked))
                detail = f"review {review.review_id} is overdue: {left} grants are not decided on"
                yield Finding("overdue_review", "warning", review.reviewer, artifact, detail)

    def _carried_out(self, event: SealedEvent, review: Review) -> Findings:
        """Tell, once, of grants that a review took back and that still stand."""
        tenant = event.envelope["tenant"]
        for grant_id in review.revoked:
            grant = self._book.grant(tenant, grant_id)
            if grant is None or not grant.is_active(event.appended_at):
                continue
            if self._book.is_first_of_day(tenant, f"carried out {review.review_id} {grant_id}", 0):
                subject, artifact = _of_grant(grant)
                detail = f"review {review.review_id} took grant {grant_id} back, and it stands"
                yield Finding("review_not_carried_out", "warning", subject, artifact, detail)

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

    def _put(self, event: SealedEvent, grant: Grant) -> None:
        tenant = event.envelope["tenant"]
        self._book.put_grant(tenant, grant)
        self.grants[tenant, grant.grant_id] = grant_row(event, grant)

    def _put_review(self, event: SealedEvent, review: Review) -> None:
        tenant = event.envelope["tenant"]
        self._book.put_review(tenant, review)
        self.reviews[tenant, review.review_id] = review_row(event, review)


_TAKERS: Mapping[str, Callable[[_Step, SealedEvent], Findings]] = MappingProxyType(
    {
        "artifact.accessed": _Step.touched,
        "secret.read": _Step.touched,
        "role.granted": _Step.granted,
        "role.revoked": _Step.revoked,
        "access_review.opened": _Step.review_opened,
        "access_review.decided": _Step.review_decided,
    }
)
MOST_FINDINGS = 1000  # of one event
_NAMED = 5  # things that one sentence names
_SEVERITY = {
    "access_without_grant": "critical",
    "lapsed_grant_used": "critical",
    "beyond_scope": "warning",
    "promotion_access": "info",
}
_WHY = {
    "access_without_grant": "without a grant whose role may do it",
    "lapsed_grant_used": "with a grant that had lapsed",
    "beyond_tier": "above the sensitivity that its grant reaches",
    "beyond_domain": "in a business domain that its grant does not reach",
    "cross_environment": "in an environment that its grant does not reach, outside a promotion",
    "undeclared_namespace": "from another namespace than its grant declares",
    "undeclared_network": "from another network than its grant declares",
    "beyond_scope": "beyond what its grant reaches",
    "promotion_access": "in an environment that its grant does not reach, in a promotion",
    "auditor_writes": "as an auditor, who may write nothing",
}


def _seen(known: bytes | None, event: SealedEvent) -> Tally:
    at, when = event.position, event.appended_at
    if known is None:
        return Tally(at, when, at, when, 1)
    tally = Tally.decode(known)
    return tally._replace(last_position=at, last_at=when, times=tally.times + 1)


def _sensitivity(event: SealedEvent) -> str:
    """Give an artifact's sensitivity as its keeper says, else as the event says of itself."""
    if event.event_type == "secret.read":
        return "restricted"
    said: str | None = event.body.get("sensitivity")
    return said or str(event.envelope["classification"]["sensitivity"])


def _named(artifact: Artifact) -> str:
    return " ".join(part for part in (artifact.kind, artifact.name, artifact.version) if part)


def _of_grant(grant: Grant) -> tuple[str, Artifact]:
    return grant.principal, Artifact("grant", grant.grant_id, grant.role, b"")


def _verdict_row(event: SealedEvent, touch: Touch, verdict: Verdict, policy_digest: str) -> Row:
    artifact, grant = touch.artifact, verdict.grant
    return (
        event.origin,
        touch.tenant,
        event.position,
        event.appended_at,
        event_uuid(event),
        touch.principal,
        touch.workload_namespace,
        touch.workload_name,
        touch.network,
        touch.operation,
        artifact.kind,
        artifact.name,
        artifact.version,
        artifact.digest,
        _sensitivity(event),
        event.envelope["domain"],
        event.envelope["environment"],
        verdict.kind,
        "" if grant is None else grant.grant_id,
        "" if grant is None else grant.role,
        policy_digest,
        event.position,
    )
