"""Takes approvals and exceptions: who signed them, and in which role. Pure but for look-ups."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.book import Book
from auditspine.processors.release.counting import alike
from auditspine.processors.release.identity import ProviderLike
from auditspine.processors.release.making import Touched
from auditspine.processors.release.personal import (
    SignatureRefusedError,
    Signed,
    approval_of,
    exception_of,
)
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.port import Grants, HeldRole
from auditspine.processors.release.values import Approval, Waiver

_MOST_SPARE = 128  # approvals of one model that change nothing; the latest signed
_LONG_US = 3600 * 1_000_000
_UNREGISTERED = "nobody had registered the model"
_MOST_DIGESTS = 64  # approved under one name


def approval_decided(
    book: Book, policy: ReleasePolicy | None, grants: Grants, event: SealedEvent
) -> Touched:
    """Take ``approval.decided`` on a model; give its digest, or all when an account became known.

    The latest that a person signed for an environment counts; one that was signed before it and
    comes later, such as one that somebody publishes again, changes nothing.

    Raises:
        NotYet: The access log is not read that far.
    """
    subject = Ref.of(event.body["subject"])
    if subject.kind != "model":
        return ()
    tenant = event.envelope["tenant"]
    person = person_of(book, event)
    approval = _approval(book, policy, grants, event)
    # Whose second account it is may concern any release.
    touched = (subject.digest,) if person_of(book, event) == person else None
    known = book.approvals(tenant, subject.digest)
    own = [each for each in known if _slot(each) == _slot(approval)]
    if any(each.signed_at >= approval.signed_at for each in own):
        return () if touched else None
    kept = [each for each in known if _slot(each) != _slot(approval)]
    kept = _with_room(kept, event.appended_at * 1000)
    book.put_approvals(tenant, subject.digest, [*kept, approval])
    if approval.refused in ("", _UNREGISTERED):
        digests: list[str] = book.read("b", tenant, subject.name, subject.version) or []
        if subject.digest not in digests:
            book.write(
                [*digests, subject.digest][-_MOST_DIGESTS:],
                "b",
                *(tenant, subject.name, subject.version),
            )
    return touched


def _with_room(known: list[Approval], now: int) -> list[Approval]:
    """Make room for one more: of what changes nothing any more, the earliest goes.

    What does not count goes, and what somebody took back so long ago that nothing of before can
    be published any more. An approval or a rejection that counts stays.
    """
    spare = [
        each
        for each in known
        if each.refused or (each.decision == "withdrawn" and now - each.signed_at > _LONG_US)
    ]
    gone = spare[: max(0, len(spare) + 1 - _MOST_SPARE)]
    return [each for each in known if each not in gone]


def person_of(book: Book, event: SealedEvent) -> str | None:
    """Give the person that an event's actor is, if they ever signed."""
    principal = alike(event.envelope["actor"]["principal"])
    person: str | None = book.read("c", event.envelope["tenant"], principal)
    return person


def exception_granted(
    book: Book, policy: ReleasePolicy | None, grants: Grants, event: SealedEvent
) -> Waiver | None:
    """Take ``exception.granted``; give it, or None where one of that name was granted before.

    Raises:
        NotYet: The access log is not read that far.
    """
    body, tenant = event.body, event.envelope["tenant"]
    name = as_token(body["exception_id"])
    if any(each.exception_id == name for each in book.waivers(tenant)):
        return None
    principal = as_name(event.envelope["actor"]["principal"])
    person, held, refused = principal, None, ""
    domains: tuple[str, ...] = ()
    try:
        signed = exception_of(event, _providers(policy))
        person = _known_person(book, tenant, signed)
        domains = _domains(book, event)
        if not domains:
            refused = _UNREGISTERED
        else:
            roles = () if policy is None else policy.exception_roles
            found = _held(grants, signed, roles, domains, event)
            held = found[0] if all(found) else None
            refused = "" if held else "they hold no role that may grant it"
    except SignatureRefusedError as exc:
        refused = str(exc)
    return Waiver(
        name,
        Ref.of(body["subject"]),
        as_token(body["environment"]),
        tuple(as_token(each) for each in body["rules"]),
        as_sentence(body["compensating_control"]),
        person,
        principal,
        as_sentence(event.envelope["intent"]["reason"]),
        event.appended_at,
        body["expires_at"] // 1000,
        event.envelope["event_id"],
        as_sentence(refused) if refused else "",
        elsewhere=event.elsewhere,
        grant=_where(held),
        domains=domains,
    )


def _approval(
    book: Book, policy: ReleasePolicy | None, grants: Grants, event: SealedEvent
) -> Approval:
    body, envelope = event.body, event.envelope
    principal = as_name(envelope["actor"]["principal"])
    expires, environment = body["expires_at"], body.get("environment") or ""
    reported = Approval(
        envelope["event_id"],
        principal,
        principal,
        "",
        body["decision"],
        environment,
        event.appended_at * 1000,
        None if expires is None else expires // 1000,
    )
    try:
        signed = approval_of(event, _providers(policy))
    except SignatureRefusedError as exc:
        return replace(reported, refused=as_sentence(str(exc)))
    person = _known_person(book, envelope["tenant"], signed)
    approval = replace(reported, person=person, signed_at=signed.statement.signed_at)
    if body["decision"] == "withdrawn":  # whoever gave an approval may take it back
        return approval
    if not envelope["intent"]["reason"].strip():
        return replace(approval, refused="no justification is recorded")
    domains = _domains(book, event)
    roles = () if policy is None else policy.approver_roles
    found = _held(grants, signed, roles, domains or (envelope["domain"],), event)
    held = next((each for each in found if each), None)
    may_reject = held is not None and body["decision"] == "rejected"
    if held is None or not (may_reject or all(found)):
        return replace(approval, refused="they hold no role that may approve it")
    if not (domains or may_reject):
        return replace(approval, refused=_UNREGISTERED)
    return replace(approval, role=held.role, grant=_where(held), domains=domains)


def _held(
    grants: Grants,
    signed: Signed,
    roles: Collection[str],
    domains: Sequence[str],
    event: SealedEvent,
) -> list[HeldRole | None]:
    """Give the role that was held in each of a model's domains.

    Raises:
        NotYet: The access log is not read that far.
    """
    tenant, principal = event.envelope["tenant"], signed.person.principal
    environment = event.body.get("environment") or ""
    return [
        grants.held(tenant, principal, roles, (domain, environment), event.appended_at)
        for domain in domains
    ]


def _domains(book: Book, event: SealedEvent) -> tuple[str, ...]:
    """Give the business domains in which a role must be held: those of the model's registrations.

    Whoever publishes the event does not choose them; empty for a model that nobody registered.
    """
    digest = Ref.of(event.body["subject"]).digest
    known = book.read("m", event.envelope["tenant"], digest)
    return () if known is None else tuple(known["domains"])


def _providers(policy: ReleasePolicy | None) -> Sequence[ProviderLike]:
    return () if policy is None else policy.providers


def _known_person(book: Book, tenant: str, signed: Signed) -> str:
    """Note which person an account is, as its identity token says; give the person."""
    person = as_name(signed.person.person)
    book.write(person, "c", tenant, alike(signed.person.principal))
    return person


def _where(held: HeldRole | None) -> tuple[str, int] | tuple[()]:
    return () if held is None else (held.origin, held.position)


def _slot(approval: Approval) -> tuple[str, str, bool]:
    """Give what only the latest counts of: a report by a service never displaces a signature."""
    return approval.person, approval.environment, bool(approval.refused)
