"""The piece about people: who did what, and what entitled them to decide. Pure."""

from collections.abc import Iterator

from auditspine.auditor.tabletop.dossier import Dossier
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import counted, listed, missing, present
from auditspine.auditor.tabletop.report import Fact, Found
from auditspine.auditor.tabletop.signatures import time_of

APPROVING = ("approved", "approved_with_conditions")


def people(dossier: Dossier) -> Found:
    """Whether people made and decided, and each who decided held the role that they name."""
    acts = list(_acts(dossier))
    named = {entry.principal for _, entry in acts if entry.is_person}
    facts = [Fact(did, _who(entry)) for did, entry in acts]
    entries = [entry for _, entry in acts]
    if not named:
        return missing(
            "no event about it was brought about by a person",
            "publish events with the person who acted, not the service that reported it",
            facts,
            entries,
        )
    lacking = []
    for entry in _deciding(dossier):
        grant = granted(dossier, entry)
        if grant is None:
            lacking.append(f"{entry.principal} as {entry.body['role']}")
        else:
            entries.append(grant)
            facts.append(Fact("entitled", f"{entry.principal} as {entry.body['role']}"))
    if lacking:
        return missing(
            f"no role.granted entitled, at that time, {listed(lacking)}",
            "grant the role in the access log before the person decides; a later grant "
            "does not reach back",
            facts,
            entries,
        )
    return present(f"{counted(len(named), 'person')}: {listed(sorted(named))}", facts, entries)


def granted(dossier: Dossier, entry: Entry) -> Entry | None:
    """Find the grant of the role in which somebody decided that held when they did."""
    over = {
        each.body["grant_id"] for each in dossier.of("role.revoked") if each.place < entry.place
    }
    found = None
    for each in dossier.of("role.granted"):
        held = each.body["principal"] == entry.principal and each.body["role"] == entry.body["role"]
        expires = each.body["expires_at"]
        if (
            held
            and each.place < entry.place
            and each.body["grant_id"] not in over
            and (expires is None or time_of(expires) > entry.at)
            and _reaches(each, entry)
        ):
            found = each
    return found


def _reaches(grant: Entry, entry: Entry) -> bool:
    scope = grant.body["scope"]
    environment = entry.body["environment"]
    in_domain = not scope["domains"] or entry.envelope["domain"] in scope["domains"]
    return in_domain and (
        not scope["environments"] or environment is None or environment in scope["environments"]
    )


def _deciding(dossier: Dossier) -> list[Entry]:
    approvals = [
        each for each in dossier.about("approval.decided") if each.body["decision"] in APPROVING
    ]
    return [*approvals, *dossier.about("exception.granted")]


def _acts(dossier: Dossier) -> Iterator[tuple[str, Entry]]:
    for did, entries in (
        ("trained", dossier.started() or dossier.completed()),
        ("registered", dossier.registrations()),
        ("validated", dossier.about("validation.reported")),
        ("signed the artifact", dossier.about("artifact.signed")),
        ("decided on it", dossier.about("approval.decided")),
        ("let a rule be waived", dossier.about("exception.granted")),
        ("asked to deploy", dossier.about("deployment.requested")),
        ("deployed", dossier.about("deployment.changed")),
    ):
        for entry in entries:
            yield did, entry


def _who(entry: Entry) -> str:
    kind = "" if entry.is_person else " (workload)"
    held = listed(entry.envelope["actor"]["roles"])
    return entry.principal + kind + (f", acting as {held}" if held else "")
