"""What ``bias.assessed`` says of a model, taken into the book and given to rules. Pure.

Of each model the latest assessment per deployment and basis is kept, and of it how far groups lie
apart at most: attributes and numbers of groups, never tokens.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.book import Book
from auditspine.processors.release.making import Touched
from auditspine.processors.release.values import Request

_DAY_MS = 24 * 3600 * 1000
_MOST_ASSESSMENTS = 32  # deployments and bases of a model
_MEASURES = {"selection_rate": "selection", "true_positive_rate": "true_positive"}
_EQUAL = 1.0  # the ratio of groups that nobody compared
_NOTHING = "nothing was assessed yet, neither of this model nor of what serves in its place"


def assessed(book: Book, event: SealedEvent) -> Touched:
    """Take ``bias.assessed``."""
    body, tenant = event.body, event.envelope["tenant"]
    model, deployment = Ref.of(body["model"]), Ref.of(body["deployment"]).name
    known: dict[str, Any] = book.read("f", tenant, model.digest) or {}
    place = f"{deployment}\0{body['basis']}"
    known.pop(place, None)
    known[place] = {
        "event_id": event.envelope["event_id"],
        "at": event.appended_at,
        "name": model.name,
        "version": model.version,
        "deployment": deployment,
        "gaps": {
            short: worst
            for measure, short in _MEASURES.items()
            if (worst := _furthest(body["gaps"], measure)) is not None
        },
        "ratio": _least(body["gaps"]),
    }
    book.write(dict(list(known.items())[-_MOST_ASSESSMENTS:]), "f", tenant, model.digest)
    # Requests for other versions may be for what this one serves.
    return tuple(dict.fromkeys((model.digest, *(each for _, each in book.pending(tenant)))))


def fairness(
    book: Book, tenant: str, request: Request, at: int, evidence: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Give what assessments say of the model, and of the versions that serve in its place now.

    What is worst counts. Without an assessment there is no gap, and ratios are 1.

    Args:
        book: What the log says.
        tenant: Whose.
        request: The request.
        at: The broker's time, milliseconds since 1970.
        evidence: Takes the event_ids of the assessments.
    """
    found = list((book.read("f", tenant, request.model.digest) or {}).values())
    found += _in_its_place(book, tenant, request)
    evidence["fairness"] = tuple(each["event_id"] for each in found)
    ratios = [each for each in found if each["ratio"] is not None]
    least = min(ratios, key=lambda each: each["ratio"]["high"], default=None)
    ratio = {"value": _EQUAL, "high": _EQUAL, "groups": ""} if least is None else least["ratio"]
    age = max(0, at - max((each["at"] for each in found), default=at)) // _DAY_MS
    document = {
        "assessed": bool(found),
        "age_days": age if found else -1,
        "selection_ratio": ratio["value"],
        "selection_ratio_high": ratio["high"],
        "selection_ratio_groups": ratio["groups"],
        "summary": _summary(found, least, age),
    }
    for short in _MEASURES.values():
        gaps = [each["gaps"][short] for each in found if short in each["gaps"]]
        gap = max(gaps, key=_apart, default={"value": 0.0, "least": 0.0, "groups": ""})
        document[f"{short}_gap"] = gap["value"]
        document[f"{short}_gap_least"] = gap["least"]
        document[f"{short}_gap_groups"] = gap["groups"]
    return document


def _in_its_place(book: Book, tenant: str, request: Request) -> list[dict[str, Any]]:
    """Give the assessments of other versions of the model at deployments that serve them now.

    Where the request names no deployment, those are all of its environment.
    """
    found: list[dict[str, Any]] = []
    for place, digests in (book.read("l", tenant) or {}).items():
        where, _, deployment = place.partition("\0")
        if where != request.environment or request.deployment not in ("", deployment):
            continue
        for digest in digests:
            if digest != request.model.digest:
                known = (book.read("f", tenant, digest) or {}).values()
                found += [
                    each
                    for each in known
                    if (each["name"], each["deployment"]) == (request.model.name, deployment)
                ]
    return found


def _furthest(gaps: Iterable[Mapping[str, Any]], measure: str) -> dict[str, Any] | None:
    """Give the gap that is widest even at the end of its interval that is nearest to 0."""
    found = [
        {"value": abs(each["gap"]), "least": _at_least(each), "groups": _groups(each)}
        for each in gaps
        if each["measure"] == measure
        and all(math.isfinite(each[name]) for name in ("gap", "low", "high"))
    ]
    return max(found, key=_apart, default=None)


def _apart(gap: Mapping[str, Any]) -> tuple[float, float]:
    return gap["least"], gap["value"]


def _at_least(gap: Mapping[str, Any]) -> float:
    """Give how wide a gap is at least, by its interval."""
    low, high = float(gap["low"]), float(gap["high"])
    return max(0.0, low, -high)


def _least(gaps: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Give the selection-rate ratio that is least even at the upper end of its interval."""
    found = [
        {"value": each["ratio"], "high": each["ratio_high"], "groups": _groups(each)}
        for each in gaps
        if each["measure"] == "selection_rate"
        and all(each[name] is not None for name in ("ratio", "ratio_high"))
        and all(math.isfinite(each[name]) for name in ("ratio", "ratio_high"))
    ]
    return min(found, key=lambda each: (each["high"], each["value"]), default=None)


def _groups(gap: Mapping[str, Any]) -> str:
    return f"{as_name(gap['attribute'])} {gap['first']} and {gap['second']}"


def _summary(found: list[dict[str, Any]], least: dict[str, Any] | None, age: int) -> str:
    if not found:
        return _NOTHING
    if least is None:
        return f"no two groups were large enough to compare; last assessed {age} days ago"
    ratio, who = least["ratio"], f"{least['name']} {least['version']} at {least['deployment']}"
    return (
        f"{who} selects groups {ratio['groups']} at rates of ratio {ratio['value']:.3f}, at most "
        f"{ratio['high']:.3f}; last assessed {age} days ago"
    )
