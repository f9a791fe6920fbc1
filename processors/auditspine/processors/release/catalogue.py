"""Takes what the lifecycle log says of models, data and their state into the book. Pure.

Nothing is decided here. Each taker gives the digests of models that it may change a decision on;
``None`` stands for all of the tenant's.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from auditspine.ledger.errors import LedgerError
from auditspine.ledger.intoto import covers
from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.book import Book

Touched = tuple[str, ...] | None
"""Digests of the models that an event may change a decision on; None for all."""

_MOST_VALIDATIONS = 16
_MOST_EXPLANATIONS = 16
_MOST_ALERTS = 512
_FULL = "more"
EVERY_MODEL = "*"
"""In the place of an alert's model: alerts that there was no room for may be of any."""
_MOST_MERGED = 1024  # of what several events say of one thing
_NONE = "\0"  # a purpose that nothing has
_HELD_TIERS = frozenset(("review", "stop_the_line"))
_REJECTING = frozenset(("critical",))


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
        "snapshots": [_plain(Ref.of(each)) for each in body["training_snapshots"]],
        "labels": [_plain(Ref.of(each)) for each in body["labels"]],
        "features": [_plain(Ref.of(each)) for each in body["features"]],
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
        "read": [_plain(Ref.of(each)) for each in read],
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


def validated(book: Book, event: SealedEvent) -> Touched:
    """Take ``validation.reported``."""
    body, tenant = event.body, event.envelope["tenant"]
    digest = Ref.of(body["model"]).digest
    sliced = {each["slice"]["attribute"] for each in body["metrics"] if each["slice"]}
    known = {
        "event_id": event.envelope["event_id"],
        "at": event.appended_at,
        "by": event.envelope["actor"]["principal"],
        "evaluation": _plain(Ref.of(body["evaluation"])),
        "passed": body["passed"],
        "independent": body["independent"],
        "newer": book.read("m", tenant, digest) is not None,
        "critical": sum(each["severity"] in _REJECTING for each in body["findings"]),
        "attributes": sorted(sliced),
    }
    before = book.read("v", tenant, digest) or []
    book.write([*before, known][-_MOST_VALIDATIONS:], "v", tenant, digest)
    return (digest,)


def explained(book: Book, event: SealedEvent) -> Touched:
    """Take ``explanation.attached``, if it explains a model and not one prediction."""
    body, tenant = event.body, event.envelope["tenant"]
    if body["prediction_id"] is not None:
        return ()
    digest = Ref.of(body["subject"]).digest
    known = book.read("x", tenant, digest) or []
    event_ids = [*known, event.envelope["event_id"]][-_MOST_EXPLANATIONS:]
    book.write(event_ids, "x", tenant, digest)
    return (digest,)


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


def flagged(book: Book, event: SealedEvent) -> Touched:
    """Take ``dataset.flagged``."""
    return _marked(book, event, "flagged", Ref.of(event.body["dataset"]).digest)


def deprecated(book: Book, event: SealedEvent) -> Touched:
    """Take ``feature.deprecated``."""
    return _marked(book, event, "deprecated", Ref.of(event.body["feature"]).digest)


def retired(book: Book, event: SealedEvent) -> Touched:
    """Take ``artifact.retired``."""
    digest = Ref.of(event.body["artifact"]).digest
    _marked(book, event, "retired", digest)
    return (digest,)  # what came of it may stay


def quarantined(book: Book, event: SealedEvent) -> Touched:
    """Take ``artifact.quarantined``: a quarantine that begins or ends."""
    digest = Ref.of(event.body["artifact"]).digest
    return _marked(book, event, "quarantined", digest, stands=event.body["action"] == "quarantined")


def serving_changed(book: Book, event: SealedEvent) -> Touched:
    """Take ``serving_state.changed``: monitoring may quarantine a model."""
    body = event.body
    digest = Ref.of(body["model"]).digest
    mark = f"quarantined at {Ref.of(body['deployment']).name}"
    known = book.read("g", event.envelope["tenant"], digest) or {}
    if body["quarantined"] or mark in known:
        _marked(book, event, mark, digest, stands=body["quarantined"])
        return (digest,)
    return ()


def signed(book: Book, event: SealedEvent) -> Touched:
    """Take ``artifact.signed``: the key of the event must have signed the artifact's digest.

    So it is a key that the control log lets say so for this tenant. A signature that holds is not
    undone by a later one that does not.
    """
    body, tenant = event.body, event.envelope["tenant"]
    ref = Ref.of(body["artifact"])
    problem = _problem(body, event.signing_key, bytes.fromhex(ref.digest))
    known = book.read("i", tenant, ref.digest)
    if known is None or known["problem"]:
        found = {"event_id": event.envelope["event_id"], "problem": problem}
        book.write(found, "i", tenant, ref.digest)
    return (ref.digest,)


def alerted(book: Book, event: SealedEvent) -> Touched:
    """Take ``alert.raised``: an alert is open until it is resolved."""
    body, tenant = event.body, event.envelope["tenant"]
    known: dict[str, Any] = book.read("z", tenant) or {}
    digest = Ref.of(body["model"]).digest
    known.pop(body["alert_id"], None)
    if body["tier"] in _HELD_TIERS:
        known[body["alert_id"]] = {
            "event_id": event.envelope["event_id"],
            "tier": body["tier"],
            "model": digest,
            "deployment": Ref.of(body["deployment"]).name,
        }
    if len(known) > _MOST_ALERTS:
        gone, *_ = (each for each in known if each != _FULL)
        known[_FULL] = {**known.pop(gone), "model": EVERY_MODEL}
    book.write(known, "z", tenant)
    return None


def alert_resolved(book: Book, event: SealedEvent) -> Touched:
    """Take ``alert.resolved``."""
    tenant = event.envelope["tenant"]
    known: dict[str, Any] = book.read("z", tenant) or {}
    if known.pop(event.body["alert_id"], None) is None:
        return ()
    book.write(known, "z", tenant)
    return None


def _came_of(
    book: Book, event: SealedEvent, field: str, sources: list[Mapping[str, Any]]
) -> Touched:
    ref, tenant = Ref.of(event.body[field]), event.envelope["tenant"]
    refs = {Ref.of(each).digest: _plain(Ref.of(each)) for each in sources}
    known = book.read("s", tenant, ref.digest)
    if known is None:
        event_id = event.envelope["event_id"]
        known = {"event_id": event_id, "name": ref.name, "sources": [], "crowded": False}
    # What was once said to be in it stays in it, whatever is said later.
    if _merge(known, {"sources": list(refs.values())}) or not known["sources"]:
        book.write(known, "s", tenant, ref.digest)
    return ()  # they come before what is made of them


def _marked(
    book: Book, event: SealedEvent, mark: str, digest: str, *, stands: bool = True
) -> Touched:
    tenant = event.envelope["tenant"]
    known: dict[str, str] = book.read("g", tenant, digest) or {}
    known.pop(mark, None)
    if stands:
        known[mark] = event.envelope["event_id"]
    book.write(known, "g", tenant, digest)
    return None


def _problem(body: Mapping[str, Any], signing_key: bytes, digest: bytes) -> str:
    if body["format"] != "dsse":
        return "its signature is in a format that is not read here"
    if body["public_key"] != signing_key:
        return "it is signed with another key than the event that tells of it"
    try:
        covers(body["envelope"], signing_key, digest)
    except LedgerError as exc:
        return str(exc)
    return ""


def _plain(ref: Ref) -> dict[str, str]:
    return {"kind": ref.kind, "name": ref.name, "version": ref.version, "digest": ref.digest}


TAKERS: Mapping[str, Callable[[Book, SealedEvent], Touched]] = MappingProxyType(
    {
        "model.registered": model_registered,
        "run.started": run_told,
        "run.completed": run_told,
        "validation.reported": validated,
        "explanation.attached": explained,
        "dataset.registered": dataset_registered,
        "dataset.snapshotted": snapshotted,
        "labels.applied": labelled,
        "feature.defined": feature_defined,
        "dataset.flagged": flagged,
        "feature.deprecated": deprecated,
        "artifact.retired": retired,
        "artifact.quarantined": quarantined,
        "serving_state.changed": serving_changed,
        "artifact.signed": signed,
        "alert.raised": alerted,
        "alert.resolved": alert_resolved,
    }
)
"""What takes each type of event."""
