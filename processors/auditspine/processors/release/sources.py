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
    waiting = {
        each["digest"]: Ref(**each)
        for field_name in ("snapshots", "labels", "features")
        for each in known.get(field_name, ())
    }
    waiting |= _read_by_runs(book, tenant, known)
    crowded = bool(known.get("crowded"))
    while waiting and len(found.refs) + len(waiting) <= _MOST_SOURCES:
        digest, ref = waiting.popitem()
        found.refs[digest] = ref
        crowded |= _follow(book, tenant, ref, found, waiting)
    if waiting or crowded:
        found.unknown.append(f"more than {_MOST_SOURCES} sources")
    found.flagged, found.unknown = sorted(set(found.flagged)), sorted(set(found.unknown))
    return found


def _follow(book: Book, tenant: str, ref: Ref, found: Sources, waiting: dict[str, Ref]) -> bool:
    """Take what is known of one source, and what it came of; tell whether there is more of that."""
    for mark, event_id in (book.read("g", tenant, ref.digest) or {}).items():
        if mark in ("flagged", QUARANTINED):
            found.flagged.append(f"{ref.name} {ref.version}")
            found.evidence.append(event_id)
    dataset = book.read("d", tenant, ref.digest)
    if dataset is not None:
        found.datasets[ref.digest] = dataset
        found.evidence.append(dataset["event_id"])
    came = book.read("s", tenant, ref.digest)
    if came is None:
        if dataset is None:
            found.unknown.append(f"{ref.kind} {ref.name} {ref.version}")
        return False
    # What is also registered as a dataset came of something all the same.
    found.evidence.append(came["event_id"])
    for each in came["sources"]:
        if each["digest"] not in found.refs:
            waiting[each["digest"]] = Ref(**each)
    return bool(came["crowded"])


def _read_by_runs(book: Book, tenant: str, known: Mapping[str, Any]) -> dict[str, Ref]:
    """Give what the model's runs read, by digest, as far as the log knows more of it.

    A registration may leave out what its run says; what a run reads beside, such as settings, is
    no source that had to be known.
    """
    runs = (book.read("y", tenant, each) for each in known.get("runs", ()))
    read = {each["digest"]: Ref(**each) for run in runs if run for each in run["read"]}
    return {
        digest: ref
        for digest, ref in read.items()
        if any(book.read(kind, tenant, digest) is not None for kind in ("d", "s", "g"))
    }


def violations(sources: Sources, purpose: str) -> list[str]:
    """Name the datasets that may not be used for a purpose."""
    bound = [each for each in sources.datasets.values() if each["purposes"]]
    return sorted({each["name"] for each in bound if purpose not in each["purposes"]})
