"""What is known of a requested release, as a policy's rules read it, with what tells of it. Pure.

Everything is as of the event at which it is asked. ``docs/release-rules.md`` says what each is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.release.book import Book
from auditspine.processors.release.catalogue import EVERY_MODEL
from auditspine.processors.release.counting import Count, count, persons
from auditspine.processors.release.fairness import fairness
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.sources import QUARANTINED, Sources, sources_of, violations
from auditspine.processors.release.values import Request

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a requested release.

    Attributes:
        document: Facts by group, as rules read them.
        evidence: The event_ids that tell of each group.
        artifacts: Artifacts that were read of.
        count: The approvals that count.
        makers: Persons who made the model; None where they are too many to tell.
    """

    document: Mapping[str, Any]
    evidence: Mapping[str, tuple[str, ...]]
    artifacts: tuple[Ref, ...]
    count: Count
    makers: frozenset[str] | None


def gather(
    book: Book,
    policy: ReleasePolicy,
    tenant: str,
    request: Request,
    at: int,
    groups: frozenset[str] | None = None,
) -> Facts:
    """Gather what is known of a requested release.

    Args:
        book: What the log says.
        policy: The policy in force.
        tenant: Whose.
        request: The request.
        at: The broker's time, milliseconds since 1970.
        groups: Gather no other groups of facts than these, nor what only they need; None for all.
    """
    digest = request.model.digest
    evidence: dict[str, tuple[str, ...]] = {"request": (request.request_id,)}
    said = book.read("m", tenant, digest)
    runners = [] if said is None else _trainers(book, tenant, said)
    known = None if runners is None else registered(book, tenant, request)
    evidence["model"] = () if known is None else (known["event_id"],)
    approvals = count(book, policy, tenant, request, runners, at)
    evidence["approvals"] = approvals.evidence
    reports = book.read("v", tenant, digest) or []
    is_wanted = groups is None or not groups.isdisjoint(("sources", "purpose"))
    sources = sources_of(book, tenant, said or {}) if is_wanted else Sources()
    makers = persons(book, policy, tenant, runners or ())
    evidence["sources"] = evidence["purpose"] = tuple(dict.fromkeys(sources.evidence))
    made: Mapping[str, Callable[[], dict[str, Any]]] = {
        "request": lambda: _request(policy, request, domains_of(book, tenant, request)[0]),
        "model": lambda: _model(known, [policy.person(each) for each in runners or ()]),
        "approvals": approvals.document,
        "validation": lambda: _validation(
            reports, at, evidence, lambda who: bool(makers & persons(book, policy, tenant, [who]))
        ),
        "bias": lambda: _bias(reports, evidence),
        "explanation": lambda: _explanation(book, tenant, digest, evidence),
        "features": lambda: _features(book, tenant, said or {}, evidence),
        "sources": lambda: {"unknown": sources.unknown, "flagged": sources.flagged},
        "purpose": lambda: {"violations": violations(sources, request.purpose)},
        "fairness": lambda: fairness(book, tenant, request, at, evidence),
        "alerts": lambda: _alerts(book, tenant, request, evidence),
        "environments": lambda: _environments(book, policy, tenant, request, evidence),
        "signature": lambda: _signature(book, tenant, digest, evidence),
        "quarantine": lambda: _quarantine(book, tenant, digest, evidence),
    }
    document = {name: make() for name, make in made.items() if groups is None or name in groups}
    artifacts = {request.model.digest: request.model, **sources.refs}
    for each in reports:
        artifacts[each["evaluation"]["digest"]] = Ref(**each["evaluation"])
    apart = None if runners is None else makers
    return Facts(document, evidence, tuple(artifacts.values()), approvals, apart)


def registered(book: Book, tenant: str, request: Request) -> dict[str, Any] | None:
    """Give what is known of a model; None where nobody registered it so.

    It is registered under the name and version of the request, and not so often, or by so many,
    that it cannot be told who made it.
    """
    known: dict[str, Any] | None = book.read("m", tenant, request.model.digest)
    if known is None or [request.model.name, request.model.version] not in known["names"]:
        return None
    return None if known["crowded"] or _trainers(book, tenant, known) is None else known


def domains_of(book: Book, tenant: str, request: Request) -> tuple[str, ...]:
    """Give the business domains that a release is judged in: those of the model's registrations.

    Whoever asks does not choose them; only for a model that nobody registered it is the request's.
    """
    known = book.read("m", tenant, request.model.digest)
    return (request.domain,) if known is None else tuple(known["domains"])


def in_domain(facts: Facts, policy: ReleasePolicy, domain: str) -> Mapping[str, Any]:
    """Give facts as they are for one of a model's domains."""
    request = facts.document.get("request")
    if request is None or request["domain"] == domain:
        return facts.document
    assigned = policy.domain(domain).risk_class
    return {**facts.document, "request": {**request, "domain": domain, "assigned_class": assigned}}


def _request(policy: ReleasePolicy, request: Request, domain: str) -> dict[str, Any]:
    return {
        "digest": request.model.digest,
        "name": request.model.name,
        "version": request.model.version,
        "environment": request.environment,
        "purpose": request.purpose,
        "requester": request.requester,
        "risk_class": request.risk_class,
        "assigned_class": policy.domain(domain).risk_class,
        "domain": domain,
        "jurisdictions": list(request.jurisdictions),
    }


def _trainers(book: Book, tenant: str, known: Mapping[str, Any]) -> list[str] | None:
    """Give who trained and who registered the model; None where they are too many to tell."""
    runs = [book.read("y", tenant, each) for each in known["runs"]]
    if any(run["crowded"] for run in runs if run):
        return None
    runners = [each for run in runs if run for each in run["by"]]
    return list(dict.fromkeys((*runners, *known["by"])))


def _model(known: Mapping[str, Any] | None, trainers: list[str]) -> dict[str, Any]:
    if known is None:
        return {"registered": False}
    kept = {name: known[name] for name in ("limitations", "intended_use", "owner", "run_id")}
    return {"registered": True, **kept, "trainers": list(dict.fromkeys(trainers))}


def _validation(
    reports: list[dict[str, Any]],
    at: int,
    evidence: dict[str, tuple[str, ...]],
    made_it: Callable[[str], bool],
) -> dict[str, Any]:
    last = reports[-1] if reports else None
    evidence["validation"] = () if last is None else (last["event_id"],)
    return {
        "reported": last is not None,
        "passed": last is not None and last["passed"],
        "newer": last is not None and last["newer"],
        "independent": last is not None and last["independent"] and not made_it(last["by"]),
        "age_days": -1 if last is None else max(0, at - last["at"]) // _DAY_MS,
        "critical": 0 if last is None else last["critical"],
    }


def _bias(reports: list[dict[str, Any]], evidence: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    with_groups = [each for each in reports if each["attributes"]]
    evidence["bias"] = tuple(each["event_id"] for each in with_groups[-1:])
    return {
        "reported": bool(with_groups),
        "attributes": with_groups[-1]["attributes"] if with_groups else [],
    }


def _explanation(
    book: Book, tenant: str, digest: str, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    explanations = book.read("x", tenant, digest) or []
    evidence["explanation"] = tuple(explanations[-1:])
    return {"attached": bool(explanations)}


def _features(
    book: Book, tenant: str, known: Mapping[str, Any], evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    features = [Ref(**each) for each in known.get("features", ())]
    marks = {each: book.read("g", tenant, each.digest) or {} for each in features}
    gone = [each for each in features if "deprecated" in marks[each]]
    evidence["features"] = tuple(marks[each]["deprecated"] for each in gone)
    return {
        "used": [each.name for each in features],
        "deprecated": [f"{each.name} {each.version}" for each in gone],
    }


def _alerts(
    book: Book, tenant: str, request: Request, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Name the open alerts on the model, and on the deployments that it may be for.

    Where the request names no deployment, those are all that serve a model of this name there.
    """
    known: dict[str, Any] = book.read("z", tenant) or {}
    at = {request.deployment} if request.deployment else set()
    if known and not at:
        at = _deployments_like(book, tenant, request)
    found = {
        alert_id: each["event_id"]
        for alert_id, each in known.items()
        if each["model"] in (request.model.digest, EVERY_MODEL) or each["deployment"] in at
    }
    evidence["alerts"] = tuple(found.values())
    return {"open": list(found)}


def _deployments_like(book: Book, tenant: str, request: Request) -> set[str]:
    found = set()
    names: dict[str, bool] = {}
    for place, digests in (book.read("l", tenant) or {}).items():
        where, _, deployment = place.partition("\0")
        if where != request.environment:
            continue
        for digest in digests:
            if digest not in names:
                model = book.read("m", tenant, digest) or {"names": ()}
                names[digest] = any(name == request.model.name for name, _ in model["names"])
            if names[digest]:
                found.add(deployment)
    return found


def _environments(
    book: Book,
    policy: ReleasePolicy,
    tenant: str,
    request: Request,
    evidence: dict[str, tuple[str, ...]],
) -> dict[str, Any]:
    order = policy.environments
    is_known = request.environment in order
    rank = order.index(request.environment) if is_known else 0
    previous = order[rank - 1] if rank else ""
    deployed: dict[str, str] = book.read("h", tenant, request.model.digest) or {}
    evidence["environments"] = (deployed[previous],) if previous in deployed else ()
    return {"known": is_known, "previous": previous, "deployed_before": previous in deployed}


def _signature(
    book: Book, tenant: str, digest: str, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    known = book.read("i", tenant, digest)
    evidence["signature"] = () if known is None else (known["event_id"],)
    if known is None:
        return {"present": False, "valid": False, "problem": "nobody signed it"}
    return {"present": True, "valid": not known["problem"], "problem": known["problem"]}


def _quarantine(
    book: Book, tenant: str, digest: str, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    marks: dict[str, str] = book.read("g", tenant, digest) or {}
    active = {mark: each for mark, each in marks.items() if mark.startswith(QUARANTINED)}
    evidence["quarantine"] = tuple(marks.values())
    return {"active": bool(active), "retired": "retired" in marks}
