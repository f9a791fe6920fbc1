"""Takes what the lifecycle log says of models and data, and how they stand, into the book. Pure.

Nothing is decided here. Each taker gives the digests of models that it may change a decision on;
``None`` stands for all of the tenant's.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from auditspine.ledger.errors import LedgerError
from auditspine.ledger.intoto import covers
from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release import fairness, making
from auditspine.processors.release.book import Book
from auditspine.processors.release.making import Touched

_MOST_VALIDATIONS = 16
_MOST_EXPLANATIONS = 16
_MOST_ALERTS = 512
_FULL = "more"
EVERY_MODEL = "*"
"""In the place of an alert's model: alerts that there was no room for may be of any."""
_HELD_TIERS = frozenset(("review", "stop_the_line"))
_REJECTING = frozenset(("critical",))


def validated(book: Book, event: SealedEvent) -> Touched:
    """Take ``validation.reported``."""
    body, tenant = event.body, event.envelope["tenant"]
    digest = Ref.of(body["model"]).digest
    sliced = {each["slice"]["attribute"] for each in body["metrics"] if each["slice"]}
    known = {
        "event_id": event.envelope["event_id"],
        "at": event.appended_at,
        "by": event.envelope["actor"]["principal"],
        "evaluation": asdict(Ref.of(body["evaluation"])),
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


TAKERS: Mapping[str, Callable[[Book, SealedEvent], Touched]] = MappingProxyType(
    {
        "model.registered": making.model_registered,
        "run.started": making.run_told,
        "run.completed": making.run_told,
        "validation.reported": validated,
        "explanation.attached": explained,
        "dataset.registered": making.dataset_registered,
        "dataset.snapshotted": making.snapshotted,
        "labels.applied": making.labelled,
        "feature.defined": making.feature_defined,
        "dataset.flagged": flagged,
        "feature.deprecated": deprecated,
        "artifact.retired": retired,
        "artifact.quarantined": quarantined,
        "serving_state.changed": serving_changed,
        "artifact.signed": signed,
        "bias.assessed": fairness.assessed,
        "alert.raised": alerted,
        "alert.resolved": alert_resolved,
    }
)
"""What takes each type of event."""
