"""What is known of a requested release, as a policy's rules read it, with what tells of it. Pure.

Everything is as of the event at which it is asked. ``docs/release-rules.md`` says what each is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.release.book import Book
from auditspine.processors.release.counting import Count, count
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.values import Request

_DAY_MS = 24 * 3600 * 1000
_MOST_SOURCES = 1000  # that a model came of
_QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a requested release.

    Attributes:
        document: Facts by group, as rules read them.
        evidence: The event_ids that tell of each group.
        artifacts: Artifacts that were read of.
        count: The approvals that count.
    """

    document: Mapping[str, Any]
    evidence: Mapping[str, tuple[str, ...]]
    artifacts: tuple[Ref, ...]
    count: Count


@dataclass(slots=True)
class _Sources:
    """What a model came of."""

    datasets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    refs: dict[str, Ref] = field(default_factory=dict)


def gather(book: Book, policy: ReleasePolicy, tenant: str, request: Request, at: int) -> Facts:
    """Gather what is known of a requested release.

    Args:
        book: What the log says.
        policy: The policy in force.
        tenant: Whose.
        request: The request.
        at: The broker's time, milliseconds since 1970.
    """
    digest = request.model.digest
    evidence: dict[str, tuple[str, ...]] = {}
    known = book.read("m", tenant, digest)
    domain = policy.domain(domain_of(book, tenant, request))
    runners = [] if known is None else _trainers(book, tenant, known)
    approvals = count(book, policy, tenant, request, runners, at)
    sources = _sources(book, tenant, known or {})
    document = {
        "request": {
            "digest": digest,
            "name": request.model.name,
            "version": request.model.version,
            "environment": request.environment,
            "purpose": request.purpose,
            "requester": request.requester,
            "risk_class": request.risk_class,
            "assigned_class": domain.risk_class,
            "domain": domain_of(book, tenant, request),
            "jurisdictions": list(request.jurisdictions),
        },
        "model": _model(known, [policy.person(each) for each in runners]),
        "approvals": approvals.document(),
        **_reports(book, tenant, digest, at, evidence),
        "features": _features(book, tenant, known or {}, evidence),
        "sources": {"unknown": sources.unknown, "flagged": sources.flagged},
        "purpose": {"violations": _violations(sources, request.purpose)},
        "alerts": _alerts(book, tenant, request, evidence),
        "environments": _environments(book, policy, tenant, request, evidence),
        "signature": _signature(book, tenant, digest, evidence),
        "quarantine": _quarantine(book, tenant, digest, evidence),
    }
    evidence["request"] = (request.request_id,)
    evidence["model"] = () if known is None else (known["event_id"],)
    evidence["approvals"] = approvals.evidence
    evidence["sources"] = evidence["purpose"] = tuple(dict.fromkeys(sources.evidence))
    artifacts = {request.model.digest: request.model, **sources.refs}
    for each in book.read("v", tenant, digest) or ():
        artifacts[each["evaluation"]["digest"]] = Ref(**each["evaluation"])
    return Facts(document, evidence, tuple(artifacts.values()), approvals)


def domain_of(book: Book, tenant: str, request: Request) -> str:
    """Give the business domain that a release is judged in: that of the model's registration.

    Whoever asks does not choose it; only for a model that nobody registered it is the request's.
    """
    known = book.read("m", tenant, request.model.digest)
    return request.domain if known is None else str(known["domain"])


def _trainers(book: Book, tenant: str, known: Mapping[str, Any]) -> list[str]:
    """Give who trained and who registered the model."""
    runners: list[str] = book.read("y", tenant, known["run_id"]) or []
    return list(dict.fromkeys((*runners, known["by"])))


def _model(known: Mapping[str, Any] | None, trainers: list[str]) -> dict[str, Any]:
    if known is None:
        return {"registered": False}
    kept = {name: known[name] for name in ("limitations", "intended_use", "owner", "run_id")}
    return {"registered": True, **kept, "trainers": list(dict.fromkeys(trainers))}


def _reports(
    book: Book, tenant: str, digest: str, at: int, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    reports = book.read("v", tenant, digest) or []
    last = reports[-1] if reports else None
    with_groups = [each for each in reports if each["attributes"]]
    explanations = book.read("x", tenant, digest) or []
    evidence["validation"] = () if last is None else (last["event_id"],)
    evidence["bias"] = tuple(each["event_id"] for each in with_groups[-1:])
    evidence["explanation"] = tuple(explanations[-1:])
    return {
        "validation": {
            "reported": last is not None,
            "passed": last is not None and last["passed"],
            "newer": last is not None and last["newer"],
            "independent": last is not None and last["independent"],
            "age_days": -1 if last is None else max(0, at - last["at"]) // _DAY_MS,
            "critical": 0 if last is None else last["critical"],
        },
        "bias": {
            "reported": bool(with_groups),
            "attributes": with_groups[-1]["attributes"] if with_groups else [],
        },
        "explanation": {"attached": bool(explanations)},
    }


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


def _sources(book: Book, tenant: str, known: Mapping[str, Any]) -> _Sources:
    """Follow a model's snapshots, labels and features to the datasets that they came of."""
    found = _Sources()
    waiting = [
        Ref(**each)
        for field_name in ("snapshots", "labels", "features")
        for each in known.get(field_name, ())
    ]
    while waiting and len(found.refs) < _MOST_SOURCES:
        ref = waiting.pop()
        if ref.digest in found.refs:
            continue
        found.refs[ref.digest] = ref
        for mark, event_id in (book.read("g", tenant, ref.digest) or {}).items():
            if mark in ("flagged", _QUARANTINED):
                found.flagged.append(f"{ref.name} {ref.version}")
                found.evidence.append(event_id)
        dataset = book.read("d", tenant, ref.digest)
        came = book.read("s", tenant, ref.digest)
        if dataset is not None:
            found.datasets[ref.digest] = dataset
            found.evidence.append(dataset["event_id"])
        elif came is not None:
            found.evidence.append(came["event_id"])
            waiting += [Ref(**each) for each in came["sources"]]
        else:
            found.unknown.append(f"{ref.kind} {ref.name} {ref.version}")
    if waiting:
        found.unknown.append(f"more than {_MOST_SOURCES} sources")
    found.flagged, found.unknown = sorted(set(found.flagged)), sorted(set(found.unknown))
    return found


def _violations(sources: _Sources, purpose: str) -> list[str]:
    """Name the datasets that may not be used for a purpose."""
    bound = [each for each in sources.datasets.values() if each["purposes"]]
    return sorted({each["name"] for each in bound if purpose not in each["purposes"]})


def _alerts(
    book: Book, tenant: str, request: Request, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Name the open alerts on the model, and on the deployment that is to serve it."""
    found = {
        alert_id: each["event_id"]
        for alert_id, each in (book.read("z", tenant) or {}).items()
        if each["model"] == request.model.digest
        or (request.deployment and each["deployment"] == request.deployment)
    }
    evidence["alerts"] = tuple(found.values())
    return {"open": list(found)}


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
    active = {mark: each for mark, each in marks.items() if mark.startswith(_QUARANTINED)}
    evidence["quarantine"] = tuple(marks.values())
    return {"active": bool(active), "retired": "retired" in marks}
