"""What a model came of: followed through snapshots, labels and features to its datasets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.release.book import Book

QUARANTINED = "quarantined"
"""How marks of a quarantine begin."""

_MOST_SOURCES = 1000  # of one model


@dataclass(slots=True)
class Sources:
    """What a model came of.

    Attributes:
        datasets: Registered datasets, by digest.
        unknown: What the log does not know, in words.
        flagged: What is flagged or quarantined, in words.
        evidence: The event_ids that tell of them.
        refs: All that was read of, by digest.
    """

    datasets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    refs: dict[str, Ref] = field(default_factory=dict)


def sources_of(book: Book, tenant: str, known: Mapping[str, Any]) -> Sources:
    """Follow a model's snapshots, labels and features to the datasets that they came of."""
    found = Sources()
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
            if mark in ("flagged", QUARANTINED):
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


def violations(sources: Sources, purpose: str) -> list[str]:
    """Name the datasets that may not be used for a purpose."""
    bound = [each for each in sources.datasets.values() if each["purposes"]]
    return sorted({each["name"] for each in bound if purpose not in each["purposes"]})
