"""Takes who made a model, of what and for what, into the book. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.book import Book

Touched = tuple[str, ...] | None
"""Digests of the models that an event may change a decision on; None for all."""

_MOST_MERGED = 1024  # of what several events say of one thing
_NONE = "\0"  # a purpose that nothing has


def model_registered(book: Book, event: SealedEvent) -> Touched:
    """Take ``model.registered``.

    A digest may be registered several times: for several uses, or by somebody who would be first
    with bytes of others. So what each says of who made the model, of what and for what counts.
    """
    body, tenant = event.body, event.envelope["tenant"]
    model = Ref.of(body["model"])
    said = {
        "domains": [event.envelope["domain"]],
        "names": [[model.name, model.version]],
        "runs": [body["run_id"]],
        "by": [event.envelope["actor"]["principal"]],
        "snapshots": [asdict(Ref.of(each)) for each in body["training_snapshots"]],
        "labels": [asdict(Ref.of(each)) for each in body["labels"]],
        "features": [asdict(Ref.of(each)) for each in body["features"]],
    }
    words = {name: body[name] for name in ("run_id", "owner", "intended_use", "limitations")}
    known = book.read("m", tenant, model.digest)
    if known is None:
        known = {"event_id": event.envelope["event_id"], "crowded": False, **words, **said}
    else:
        known |= {name: known[name] or words[name] for name in words}
        _merge(known, said)
    book.write(known, "m", tenant, model.digest)
    _note_run(book, tenant, body["run_id"], {"models": [model.digest]})
    return (model.digest,)


def run_told(book: Book, event: SealedEvent) -> Touched:
    """Take ``run.started`` and ``run.completed``: who trained, and on what."""
    body = event.body
    read = [*(body.get("inputs") or ()), *(body.get("features") or ())]
    said = {
        "by": [event.envelope["actor"]["principal"]],
        "read": [asdict(Ref.of(each)) for each in read],
    }
    return _note_run(book, event.envelope["tenant"], body["run_id"], said)


def _note_run(book: Book, tenant: str, run_id: str, said: Mapping[str, list[Any]]) -> Touched:
    """Note what is said of a run; give the models that it made, if that is new."""
    known = book.read("y", tenant, run_id)
    if known is None:
        known = {"by": [], "read": [], "models": [], "crowded": False}
    if not _merge(known, said):
        return ()
    book.write(known, "y", tenant, run_id)
    return None if known["crowded"] else tuple(known["models"])


def _merge(known: dict[str, Any], said: Mapping[str, list[Any]]) -> bool:
    """Add what is new to lists; tell whether anything is.

    What there is no room for is not left out in silence: ``crowded`` says that there is more.
    """
    changed = False
    for name, values in said.items():
        have = {json.dumps(each) for each in known[name]}
        more = [each for each in values if json.dumps(each) not in have]
        if not more:
            continue
        if have and len(have) + len(more) > _MOST_MERGED:
            changed |= not known["crowded"]
            known["crowded"] = True
        else:
            known[name] = [*known[name], *more]
            changed = True
    return changed


def dataset_registered(book: Book, event: SealedEvent) -> Touched:
    """Take ``dataset.registered``; only its own workload may widen what it permits."""
    ref, tenant = Ref.of(event.body["dataset"]), event.envelope["tenant"]
    workload = (event.envelope.get("workload") or {}).get("name", "")
    purposes = list(event.body["permitted_purposes"])
    before = book.read("d", tenant, ref.digest)
    if before is not None and before["workload"] != workload:
        workload, kept = before["workload"], before["purposes"]
        if kept and purposes:
            purposes = [each for each in kept if each in purposes] or [_NONE]
        else:
            purposes = kept or purposes
    known = {
        "event_id": event.envelope["event_id"],
        "name": ref.name,
        "purposes": purposes,
        "workload": workload,
    }
    book.write(known, "d", tenant, ref.digest)
    return ()


def snapshotted(book: Book, event: SealedEvent) -> Touched:
    """Take ``dataset.snapshotted``."""
    return _came_of(book, event, "snapshot", [event.body["dataset"]])


def labelled(book: Book, event: SealedEvent) -> Touched:
    """Take ``labels.applied``."""
    return _came_of(book, event, "labels", [event.body["snapshot"]])


def feature_defined(book: Book, event: SealedEvent) -> Touched:
    """Take ``feature.defined``."""
    return _came_of(book, event, "feature", [each["artifact"] for each in event.body["inputs"]])


def _came_of(
    book: Book, event: SealedEvent, field: str, sources: list[Mapping[str, Any]]
) -> Touched:
    ref, tenant = Ref.of(event.body[field]), event.envelope["tenant"]
    refs = {Ref.of(each).digest: asdict(Ref.of(each)) for each in sources}
    known = book.read("s", tenant, ref.digest)
    if known is None:
        event_id = event.envelope["event_id"]
        known = {"event_id": event_id, "name": ref.name, "sources": [], "crowded": False}
    # What was once said to be in it stays in it, whatever is said later.
    if _merge(known, {"sources": list(refs.values())}) or not known["sources"]:
        book.write(known, "s", tenant, ref.digest)
    return ()  # they come before what is made of them
