"""What an alert is about: the cause, its fingerprint, and the identifiers made of it. Pure.

Two signals are of one cause when they are of the same tenant, deployment name, exact model and
feature, whichever monitors of the feature they come from. Signals of no feature are of one cause
when they are of the same kind; business rules are told apart by their monitors.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.projection.port import SealedEvent

SEVERAL = "several"
"""The kind of an alert that many features share."""
SILENCE = "silence"
"""The cause of an alert that nothing serves any more."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MAX_POSITION = 2**63 - 1
EARLIEST = 31_536_000_000_000  # the year 1971, where times of the contract begin, microseconds
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Ref:
    """An exact artifact, as a state keeps it: its words are such as the contract takes.

    Attributes:
        kind: What it is.
        name: Its name.
        version: Its version.
        digest: SHA-256 of its content, hex.
    """

    kind: str
    name: str
    version: str
    digest: str

    @classmethod
    def of(cls, ref: Mapping[str, Any]) -> "Ref":
        """Read it from an event's body; what the contract does not take is made fit here.

        So states, rows, derived events and serving records name it alike. No contract is held
        where an event is sealed: it may name anything.
        """
        kind, name, version = as_token(ref["kind"]), as_name(ref["name"]), as_name(ref["version"])
        return cls(kind, name, version, ref["digest"].hex())

    def body(self) -> dict[str, Any]:
        """Give it as a derived event's body has it."""
        digest = bytes.fromhex(self.digest)
        return {"kind": self.kind, "name": self.name, "version": self.version, "digest": digest}


@dataclass(frozen=True, slots=True)
class Seen:
    """What gives rise to an alert or adds to one.

    Attributes:
        deployment: The deployment.
        model: The model that it serves.
        domain: Business domain of the event.
        kind: What moved, as in ``drift.signalled``.
        cause: Symbol of ``alert.raised``'s cause for a new alert.
        feature: The feature; empty when it is of none.
        effect: How far it moved, signed.
        event_id: The event that tells of it.
        origin: Log of the evidence.
        first: Position of the first entry of the evidence.
        last: Position of the last.
        since: When it began, microseconds since 1970.
        title: One sentence.
        monitor: The monitor that signals it; empty when none does.
    """

    deployment: Ref
    model: Ref
    domain: str
    kind: str
    cause: str
    feature: str
    effect: float
    event_id: str
    origin: str
    first: int
    last: int
    since: int
    title: str
    monitor: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Name of the deployment and digest of the model."""
        return self.deployment.name, self.model.digest

    def encode(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, fields: Mapping[str, Any]) -> "Seen":
        """Read it from JSON."""
        refs = {name: Ref(**fields[name]) for name in ("deployment", "model")}
        return cls(**{**fields, **refs})


def signal(event: SealedEvent) -> Seen:
    """Read ``drift.signalled``; an effect that is no number counts as none."""
    body = event.body
    deployment, model = Ref.of(body["deployment"]), Ref.of(body["model"])
    effect = float(body["effect_size"])
    return Seen(
        deployment,
        model,
        event.envelope["domain"],
        as_token(body["kind"]),
        "signal",
        body["feature"],
        effect if math.isfinite(effect) else 0.0,
        event.envelope["event_id"],
        *evidence_of(body),
        began(event),
        as_sentence(f"{body['detail']} ({model.name} {model.version} at {deployment.name})"),
        as_name(body["monitor"]),
    )


def evidence_of(body: Mapping[str, Any]) -> tuple[str, int, int]:
    """Read the log, first and last position that an event rests on, made fit for the contract."""
    evidence = body["evidence"]
    last = min(max(0, evidence["last"]), _MAX_POSITION)
    return as_name(evidence["origin"]), min(max(0, evidence["first"]), last), last


def began(event: SealedEvent) -> int:
    """Read since when an event's window lasts, microseconds: no later than the event itself."""
    started: int = event.body["started_at"]
    return max(EARLIEST, min(started, event.appended_at * 1000))


def cause_of(seen: Seen, monitor: str) -> str:
    """Name the cause of a signal within its deployment and model."""
    if seen.feature:
        return f"feature {seen.feature}"
    return f"rule {monitor}" if seen.kind == "rule" else f"kind {seen.kind}"


def fingerprint(tenant: str, place: tuple[str, str], cause: str) -> str:
    """Give what is the same for all that has the same cause: 128 bits of SHA-256, hex."""
    return _hash("fingerprint", tenant, *place, cause)


def alert_id(mark: str, event_id: str) -> str:
    """Name the alert that an event opens for a fingerprint."""
    return f"alert-{_hash('alert', mark, event_id)[:16]}"


def as_event_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """Give those of some identifiers of events that the contract takes."""
    return tuple(each for each in map(str.lower, ids) if _UUID7.fullmatch(each))


def _hash(*parts: str) -> str:
    text = _ENCODER.encode(parts).encode("utf-8", "surrogatepass")
    return sha256(text).hexdigest()[:32]
