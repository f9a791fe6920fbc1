"""Takes grants and their revocations, and finds what is remarkable about them. Pure."""

from auditspine.processors.access.grants import Grant
from auditspine.processors.access.policy import Reach
from auditspine.processors.access.step import Findings, Step, of_grant
from auditspine.processors.projection.findings import Artifact, Finding
from auditspine.processors.projection.port import SealedEvent


def granted(step: Step, event: SealedEvent) -> Findings:
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
        granted_elsewhere=event.elsewhere,
    )
    subject, artifact = of_grant(grant)
    if step.book.grant(tenant, grant.grant_id) is not None:
        detail = f"grant {grant.grant_id} was given before; what it says now changes nothing"
        yield Finding("grant_repeated", "warning", subject, artifact, detail)
        return
    held = [
        each
        for each in step.book.grants_of(tenant, grant.principal)
        if each.is_active(event.appended_at)
    ]
    step.put(event, grant)
    if grant.role not in step.policy.roles:
        detail = f"grant {grant.grant_id} gives the role {grant.role}, which no policy knows"
        yield Finding("unknown_role", "warning", subject, artifact, detail)
    roles = frozenset(each.role for each in held)
    for other in step.rules.conflicts_with(grant.role, roles):
        detail = f"{grant.principal} holds {grant.role} and {other}, which no one may at once"
        yield Finding("separation_of_duties", "critical", subject, artifact, detail)
    if grant.role not in roles and len(roles) >= step.rules.roles_most:
        detail = f"{grant.principal} holds {len(roles) + 1} roles at once"
        yield Finding("privilege_creep", "warning", subject, artifact, detail)
    if grant.principal == envelope["actor"]["principal"]:
        detail = f"{grant.principal} gave the role {grant.role} to itself"
        yield Finding("granted_to_itself", "critical", subject, artifact, detail)


def revoked(step: Step, event: SealedEvent) -> Findings:
    """Take a revocation."""
    envelope, grant_id = event.envelope, event.body["grant_id"]
    grant = step.book.grant(envelope["tenant"], grant_id)
    if grant is None or grant.revoked_at is not None:
        why = "was never given" if grant is None else "was taken back before"
        artifact = Artifact("grant", grant_id, "", b"")
        subject = envelope["actor"]["principal"]
        detail = f"grant {grant_id} {why}: there is nothing to take back"
        yield Finding("revocation_of_nothing", "warning", subject, artifact, detail)
        return
    by = envelope["actor"]["principal"]
    step.put(event, grant.revoked(event, by))


def sweep_grants(step: Step, event: SealedEvent, tenant: str) -> Findings:
    """Tell of active grants that have lain idle for too long."""
    now = event.appended_at
    for grant in step.book.grants(tenant):
        idle = now - grant.idle_since()
        if grant.is_active(now) and not grant.idle_told and idle >= step.rules.unused_ms:
            step.put(event, grant.told_idle())
            subject, artifact = of_grant(grant)
            days = idle // (24 * 3600 * 1000)
            detail = f"grant {grant.grant_id} of {grant.principal} was not used for {days} days"
            yield Finding("unused_grant", "warning", subject, artifact, detail)
