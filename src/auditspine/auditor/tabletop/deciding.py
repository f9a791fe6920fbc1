"""The pieces about the decision, from approvals to exceptions. Pure."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from auditspine.auditor.tabletop.dossier import Dossier
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import counted, listed, missing, present, unverifiable
from auditspine.auditor.tabletop.people import APPROVING
from auditspine.auditor.tabletop.report import Fact, Found
from auditspine.auditor.tabletop.signatures import (
    check_approval,
    check_artifact,
    check_exception,
    signer_name,
)
from auditspine.ledger.control import EVERY_TENANT

_PASSED = ("passed", "waived")


def approvals(dossier: Dossier) -> Found:
    """Whether as many people as were asked for approved it under their own signature.

    Who trained it, registered it or asked for it does not count, nor who withdrew later.
    """
    entries = dossier.about("approval.decided")
    facts = [_approval(each) for each in entries]
    bad = [
        f"{each.principal}: {problem}"
        for each in entries
        if each.body["signature"] and (problem := check_approval(each))
    ]
    if bad:
        return unverifiable(
            f"a personal signature does not hold: {listed(bad)}",
            "have the person approve again with `auditspine approve`",
            facts,
            entries,
        )
    own = dossier.people_of(
        dossier.started(), dossier.registrations(), dossier.about("deployment.requested")
    )
    valid = sorted(_approvers(entries) - own)
    needed = max((e.body["needed"] for e in dossier.about("approval.requested")), default=1) or 1
    if len(valid) < needed:
        there = f"only {listed(valid)} did" if valid else "nobody did"
        return missing(
            f"{counted(needed, 'person')} had to approve under their own signature, {there}",
            "have somebody who neither trained nor requested it run `auditspine approve`",
            facts,
            entries,
        )
    return present(f"{listed(valid)}, each under their own signature", facts, entries)


def signature(dossier: Dossier) -> Found:
    """Whether whoever made it signed exactly these bytes."""
    entries = dossier.about("artifact.signed")
    if not entries:
        return missing(
            "nobody signed its bytes", "sign them where they are made: `auditspine artifact sign`"
        )
    facts = [
        Fact("signed", f"{each.body['format']}, key {each.key.hex()[:16]}, by {each.principal}")
        for each in entries
    ]
    bad = [problem for each in entries if (problem := check_artifact(each))]
    if bad:
        return unverifiable(
            f"a signature of its bytes does not hold: {listed(bad)}",
            "sign the bytes again with the producer's key: `auditspine artifact sign`",
            facts,
            entries,
        )
    return present(f"{entries[-1].body['format']}, with the producer's own key", facts, entries)


def request(dossier: Dossier) -> Found:
    """Whether somebody asked to deploy it."""
    entries = dossier.about("deployment.requested")
    if not entries:
        return missing(
            "nobody asked to deploy it", "ask with `auditspine gate`, before it is deployed"
        )
    facts = [
        Fact(
            each.body["environment"],
            f"for {each.body['purpose']}, risk class {each.body['risk_class']}, asked by "
            f"{each.principal}",
        )
        for each in entries
    ]
    return present(listed(f"{each.label}: {each.text}" for each in facts), facts, entries)


def decision(dossier: Dossier) -> Found:
    """Whether the policy decided, on evidence that is there, and says what its rules say."""
    entries = dossier.decisions()
    if not entries:
        return missing(
            "no decision.made about this digest",
            "ask for one with `auditspine gate`; the release processor must run",
        )
    facts = [fact for each in entries for fact in _rules(each)]
    bad = [problem for each in entries for problem in _doubts(dossier, each)]
    if bad:
        return unverifiable(
            listed(bad),
            "`auditspine decisions replay` says what the same evidence gives; what is cited must "
            "be in the evidence that is read here",
            facts,
            entries,
        )
    said = [f"{e.body['outcome']} in {e.body['environment']}" for e in standing_of(entries)]
    return present(listed(said), facts, entries)


def policy(dossier: Dossier) -> Found:
    """Whether the text of the policy that decided is published."""
    published = dossier.of("policy.published")
    texts = {each.body["digest"]: each for each in published}
    cited = {each.body["policy"] for each in dossier.decisions()} - {None}
    entries = [texts[digest] for digest in sorted(cited & texts.keys())]
    if not cited:
        entries = [each for each in published if each.body["name"] == "release"]
    facts = [Fact(each.body["name"], _holds_for(each), each.body["digest"]) for each in entries]
    bad = [
        each
        for each in entries
        if f"sha256:{sha256(each.body['text'].encode()).hexdigest()}" != each.body["digest"]
        or not {dossier.tenant, EVERY_TENANT} & set(each.body["tenants"])
    ]
    lacking = sorted(cited - texts.keys())
    if lacking or not entries:
        return missing(
            f"no published text has the digest that decided: {listed(lacking)}"
            if lacking
            else "no release policy is published",
            "publish the text that decided: `auditspine policy publish`",
            facts,
            entries,
        )
    if bad:
        return unverifiable(
            "a published text is not for this tenant, or has not the digest that it says",
            "publish it again: `auditspine policy publish`; `auditspine verify` says whether the "
            "control log holds",
            facts,
            entries,
        )
    return present(
        listed(f"{e.body['name']} {e.body['digest'][7:19]}" for e in entries), facts, entries
    )


def exceptions(dossier: Dossier) -> Found:
    """Whether every exception is there that a decision rests on, under a personal signature."""
    entries = dossier.about("exception.granted")
    facts = [
        Fact(
            each.body["exception_id"],
            f"{listed(each.body['rules'])} in {each.body['environment']} until "
            f"{each.body['expires_at'][:16]}Z, instead: {each.body['compensating_control']}; "
            f"granted by {_signed_by(each)}",
        )
        for each in entries
    ]
    known = {each.body["exception_id"] for each in entries}
    lacking = sorted(dossier.exceptions().keys() - known)
    if lacking:
        return missing(
            f"a decision rests on an exception that nobody granted here: {listed(lacking)}",
            "publish exception.granted, signed by whoever granted it",
            facts,
            entries,
        )
    bad = [f"{e.body['exception_id']}: {why}" for e in entries if (why := check_exception(e))]
    if bad:
        return unverifiable(
            f"a personal signature does not hold: {listed(bad)}",
            "have the person grant it again with `auditspine exceptions grant`",
            facts,
            entries,
        )
    if not entries:
        return present("none: no rule was waived")
    return present(
        f"{counted(len(entries), 'exception')}, signed: {listed(sorted(known))}", facts, entries
    )


def standing_of(decisions: Iterable[Entry]) -> list[Entry]:
    """Give the last decision of each environment."""
    return list({each.body["environment"]: each for each in decisions}.values())


def _approvers(entries: Iterable[Entry]) -> set[str]:
    """Give who approved under their own signature and took nothing back since, in ledger order."""
    standing: set[str] = set()
    for each in entries:
        if each.body["decision"] not in APPROVING:
            standing.discard(each.principal)
        elif each.body["signature"]:
            standing.add(each.principal)
    return standing


def _doubts(dossier: Dossier, entry: Entry) -> list[str]:
    body, name = entry.body, entry.body["decision_id"]
    cited = {body["request_id"], *(event for rule in body["rules"] for event in rule["evidence"])}
    absent = sorted(each for each in cited if dossier.by_id(each) is None)
    failed = [rule["rule"] for rule in body["rules"] if rule["result"] not in _PASSED]
    doubts = []
    if absent:
        doubts.append(
            f"{name} cites {counted(len(absent), 'event')} that the evidence does not have: "
            f"{listed(absent, 2)}"
        )
    if body["outcome"] == "allow" and (failed or not body["rules"]):
        doubts.append(f"{name} allows although not passed: {listed(failed) or 'any rule'}")
    if any(rule["result"] == "waived" and not rule["exception_id"] for rule in body["rules"]):
        doubts.append(f"{name} waives a rule and names no exception")
    return doubts


def _rules(entry: Entry) -> list[Fact]:
    body: Mapping[str, Any] = entry.body
    head = Fact(
        body["decision_id"],
        f"{body['outcome']} in {body['environment']}, risk class {body['risk_class']}: "
        f"{body['reason']}",
        body["policy"] or "",
    )
    return [
        head,
        *(Fact(f"·\u00a0{r['rule']}", f"{r['result']}: {r['reason']}") for r in body["rules"]),
    ]


def _approval(entry: Entry) -> Fact:
    body = entry.body
    where = f" for {body['environment']}" if body["environment"] else ""
    return Fact(
        body["decision"].replace("_", " "),
        f"{_signed_by(entry)} as {body['role']}{where}: {body['meaning']} — {entry.reason}",
    )


def _signed_by(entry: Entry) -> str:
    if not entry.body["signature"]:
        return f"{entry.principal} (reported by a service, not signed)"
    name = signer_name(entry)
    return f"{name} ({entry.principal})" if name else entry.principal


def _holds_for(entry: Entry) -> str:
    tenants = entry.body["tenants"]
    return "for every tenant" if EVERY_TENANT in tenants else f"for {listed(tenants)}"
