"""Takes accesses: counts them, holds them against the grants, finds what is remarkable. Pure."""

from auditspine.processors.access.edges import Tally, Touch, edge_row, touch_of
from auditspine.processors.access.grants import event_uuid
from auditspine.processors.access.policy import Attempt
from auditspine.processors.access.rules import day_of
from auditspine.processors.access.step import Findings, Step
from auditspine.processors.access.verdict import Verdict, judge
from auditspine.processors.projection.findings import Artifact, Finding
from auditspine.processors.projection.port import Row, SealedEvent

_SEVERITY = {
    "access_without_grant": "critical",
    "lapsed_grant_used": "critical",
    "beyond_scope": "warning",
    "policy_error": "critical",
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
    "policy_error": "and the policy could not be evaluated, which never allows",
    "beyond_scope": "beyond what its grant reaches",
    "promotion_access": "in an environment that its grant does not reach, in a promotion",
    "auditor_writes": "as an auditor, who may write nothing",
}


def touched(step: Step, event: SealedEvent) -> Findings:
    """Take an access to an artifact or a secret."""
    touch = touch_of(event)
    key = touch.edge_key()
    tally = _seen(step.state.get(key), event)
    step.state.put(key, tally.encode())
    step.edges[key] = edge_row(event, touch, tally)
    yield from _reached(step, event, touch)
    yield from _origins(step, event, touch)
    verdict = _verdict(step, event, touch)
    step.verdicts.append(_verdict_row(event, touch, verdict, step.policy.digest))
    for kind in verdict.findings:
        subject = touch.principal
        detail = (
            f"{touch.principal} did {touch.operation} {_named(touch.artifact)} "
            f"{_WHY.get(kind, f'against {kind}')}"
        )
        severity = _SEVERITY.get(kind) or step.policy.severity(kind)
        yield Finding(kind, severity, subject, touch.artifact, detail)


def _verdict(step: Step, event: SealedEvent, touch: Touch) -> Verdict:
    tenant, envelope = touch.tenant, event.envelope
    if not touch.permitted:
        return Verdict("denied")
    if not step.book.is_governed(tenant):
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
        for grant in step.book.grants_of(tenant, touch.principal)
        if grant.principal_kind == kind
    ]
    verdict = judge(step.policy, attempt, grants, event.appended_at)
    if verdict.grant is None or verdict.kind != "allowed":
        return verdict
    step.put(event, verdict.grant.used(event.appended_at))
    environments = verdict.grant.reach.environments
    if environments and attempt.environment not in environments:
        return verdict._replace(findings=("promotion_access",))
    return verdict


def _reached(step: Step, event: SealedEvent, touch: Touch) -> Findings:
    """Tell when this workload never touched this artifact, and remember the pair."""
    began = step.book.first_seen(touch.tenant, touch.workload, event.appended_at)
    key = touch.pair_key()
    if step.state.get(key) is not None:
        return
    step.state.put(key, b"")
    artifact, by = touch.artifact, f"by {touch.principal} ({touch.operation})"
    if not touch.permitted:
        detail = f"workload {touch.workload} was denied {_named(artifact)} for the first time"
        yield Finding("denied_access", "warning", touch.workload, artifact, f"{detail}, {by}")
        return
    detail = f"workload {touch.workload} touched {_named(artifact)} for the first time, {by}"
    learning = event.appended_at - began < step.rules.learning_ms
    kind, severity = ("first_access", "info") if learning else ("new_reach", "warning")
    yield Finding(kind, severity, touch.workload, artifact, detail)


def _origins(step: Step, event: SealedEvent, touch: Touch) -> Findings:
    """Tell when one signing key, or one principal, is in two places at once; once a day."""
    of_key = list(_key_origins(step, event, touch))
    of_principal = list(_principal_origins(step, event, touch))
    yield from of_key or of_principal


def _key_origins(step: Step, event: SealedEvent, touch: Touch) -> Findings:
    """A key belongs to one workload: to its namespace and, if it acts itself, its network."""
    if event.signing_key:
        key = event.signing_key.hex()
        acts = event.envelope["actor"]["kind"] == "workload"
        place = f"{touch.workload} in {touch.network}" if acts and touch.network else touch.workload
        who = f"the key {key[:16]}… signed"
        yield from _at_once(step, event, touch, ("k", key, place, who, touch.workload))


def _principal_origins(step: Step, event: SealedEvent, touch: Touch) -> Findings:
    if touch.network:
        who = f"{touch.principal} came"
        yield from _at_once(
            step, event, touch, ("o", touch.principal, touch.network, who, touch.principal)
        )


def _at_once(
    step: Step, event: SealedEvent, touch: Touch, about: tuple[str, str, str, str, str]
) -> Findings:
    kind, name, place, who, subject = about
    at, tenant = event.appended_at, touch.tenant
    other, when = step.book.other_origin(kind, tenant, name, place, at)
    if not other or at - when > step.rules.origins_ms:
        return
    if step.book.is_first_of_day(tenant, f"origins {kind} {name}", day_of(at)):
        verb = "for" if kind == "k" else "from"
        detail = f"{who} {verb} {other} and, {(at - when) // 1000} s later, {verb} {place}"
        yield Finding("shared_credentials", "critical", subject, touch.artifact, detail)


def _seen(known: bytes | None, event: SealedEvent) -> Tally:
    at, when = event.position, event.appended_at
    log = event.elsewhere
    if known is None:
        return Tally(at, when, at, when, 1, log, log)
    tally = Tally.decode(known)
    return tally._replace(last_position=at, last_at=when, times=tally.times + 1, last_elsewhere=log)


def _sensitivity(event: SealedEvent) -> str:
    """Give an artifact's sensitivity as its keeper says, else as the event says of itself."""
    if event.event_type == "secret.read":
        return "restricted"
    said: str | None = event.body.get("sensitivity")
    return said or str(event.envelope["classification"]["sensitivity"])


def _named(artifact: Artifact) -> str:
    return " ".join(part for part in (artifact.kind, artifact.name, artifact.version) if part)


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
        event.version,
    )
