"""What the lifecycle log says of a tenant's models and releases, in a projection's state. Pure.

Keys are a letter and the JSON of what follows::

    n  tenant                            the clock
    c  tenant, principal                 person of an account that signed
    m  tenant, digest                    the model
    y  tenant, run                       who ran it
    v  tenant, digest                    validations of a model, the latest last
    x  tenant, digest                    explanations of a model
    f  tenant, digest                    assessments of bias, the latest last
    s  tenant, digest                    what a snapshot, labels or a feature came of
    d  tenant, digest                    the dataset
    g  tenant, digest                    what was flagged, deprecated, retired or quarantined
    i  tenant, digest                    the signature of an artifact
    z  tenant                            open alerts of review- and stop-tier
    h  tenant, digest                    environments in which a model was deployed as allowed
    a  tenant, digest                    approvals of a model
    b  tenant, name, version             digests that were approved under a name
    e  tenant                            exceptions
    r  tenant, request                   the request
    p  tenant                            requests that wait for people, and their models
    k  tenant, digest, environment       the standing
    o  tenant, digest's first digit      places of standings that allow
    j  tenant, decision                  the decision
    w  tenant                            suspects
    t  tenant                            what a finding told of
    l  tenant, digest, environment       deployments that run
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.alerts.clock import Clock
from auditspine.processors.projection.port import State
from auditspine.processors.release.values import (
    Approval,
    Made,
    Request,
    Standing,
    Suspect,
    Waiver,
)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MOST_TOLD = 256
_DIGITS = "0123456789abcdef"  # with which digests begin


class Book:
    """One log's releases, by tenant.

    Args:
        state: The projection's state.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def clock(self, tenant: str) -> Clock:
        """Give a tenant's clock."""
        stored = self._state.get(_key("n", tenant))
        return Clock.decode(stored) if stored else Clock()

    def put_clock(self, tenant: str, clock: Clock) -> None:
        """Note a tenant's clock."""
        self._state.put(_key("n", tenant), clock.encode())

    def read(self, kind: str, *parts: str) -> Any:
        """Give a value of the catalogue by its letter and key; None when there is none."""
        stored = self._state.get(_key(kind, *parts))
        return json.loads(stored.decode("utf-8", "surrogatepass")) if stored else None

    def write(self, value: object, kind: str, *parts: str) -> None:
        """Note a value of the catalogue."""
        encoded = _ENCODER.encode(value).encode("utf-8", "surrogatepass")
        self._state.put(_key(kind, *parts), encoded)

    def approvals(self, tenant: str, digest: str) -> list[Approval]:
        """Give what was decided on a model, the earliest signed first."""
        found = [_approval(each) for each in self.read("a", tenant, digest) or ()]
        return sorted(found, key=lambda each: (each.signed_at, each.event_id))

    def put_approvals(self, tenant: str, digest: str, approvals: Iterable[Approval]) -> None:
        """Note what was decided on a model."""
        self.write([asdict(each) for each in approvals], "a", tenant, digest)

    def waivers(self, tenant: str) -> list[Waiver]:
        """Give a tenant's exceptions, as they were granted."""
        return [_waiver(each) for each in self.read("e", tenant) or ()]

    def put_waiver(self, tenant: str, waiver: Waiver) -> None:
        """Note an exception."""
        known = self.waivers(tenant)
        places = [each.exception_id for each in known]
        if waiver.exception_id in places:
            known[places.index(waiver.exception_id)] = waiver
        else:
            known.append(waiver)
        self.write([asdict(each) for each in known], "e", tenant)

    def request(self, tenant: str, request_id: str) -> Request | None:
        """Give a request."""
        stored = self.read("r", tenant, request_id)
        return None if stored is None else _request(stored)

    def put_request(self, tenant: str, request: Request) -> None:
        """Note a request."""
        self.write(asdict(request), "r", tenant, request.request_id)

    def pending(self, tenant: str) -> list[tuple[str, str]]:
        """Give the requests that wait for people, as they were made, each with its model."""
        return [(request_id, digest) for request_id, digest in self.read("p", tenant) or ()]

    def put_pending(self, tenant: str, request: Request, *, waits: bool) -> None:
        """Note whether a request waits for people."""
        known, own = self.pending(tenant), (request.request_id, request.model.digest)
        if waits != (own in known):
            rest = [each for each in known if each != own]
            self.write([*rest, own] if waits else rest, "p", tenant)

    def standing(self, tenant: str, digest: str, environment: str) -> Standing | None:
        """Give what stands for a model in an environment."""
        stored = self.read("k", tenant, digest, environment)
        return None if stored is None else _standing(stored)

    def put_standing(self, tenant: str, place: tuple[str, str], standing: Standing) -> None:
        """Note what stands for a model in an environment."""
        self.write(asdict(standing), "k", tenant, *place)
        known = self.allowed(tenant, (place[0],))
        if standing.allowed != (place in known):
            rest = [each for each in known if each != place]
            self.write([*rest, place] if standing.allowed else rest, "o", tenant, place[0][:1])

    def allowed(self, tenant: str, digests: Iterable[str] | None = None) -> list[tuple[str, str]]:
        """Give digest and environment of each standing that allows.

        They are kept in sixteen parts, so that one more does not write all of them.

        Args:
            tenant: Whose.
            digests: Give at least those of these models; None for all.
        """
        parts = dict.fromkeys(_DIGITS if digests is None else (each[:1] for each in digests))
        found = (self.read("o", tenant, each) or () for each in parts)
        return [(digest, where) for part in found for digest, where in part]

    def made(self, tenant: str, decision_id: str) -> Made | None:
        """Give a decision that was made."""
        stored = self.read("j", tenant, decision_id)
        if stored is None:
            return None
        return Made(**{**stored, "exceptions": tuple(stored["exceptions"])})

    def put_made(self, tenant: str, decision_id: str, made: Made) -> None:
        """Note a decision that was made."""
        self.write(asdict(made), "j", tenant, decision_id)

    def suspects(self, tenant: str) -> list[Suspect]:
        """Give the deployments that wait to be allowed."""
        return [_suspect(each) for each in self.read("w", tenant) or ()]

    def put_suspects(self, tenant: str, suspects: Iterable[Suspect]) -> None:
        """Note the deployments that wait to be allowed."""
        self.write([asdict(each) for each in suspects], "w", tenant)

    def is_told(self, tenant: str, mark: str) -> bool:
        """Tell whether a finding told of something, and note that it did."""
        known: list[str] = self.read("t", tenant) or []
        if mark in known:
            return True
        self.write([*known, mark][-_MOST_TOLD:], "t", tenant)
        return False

    def forget_told(self, tenant: str, mark: str) -> None:
        """Let a finding tell of something anew."""
        known: list[str] = self.read("t", tenant) or []
        if mark in known:
            self.write([each for each in known if each != mark], "t", tenant)

    def forget_stopped(self, tenant: str, deployment: str, environment: str) -> None:
        """Let findings tell anew of what a deployment served, as it stops."""
        known: list[str] = self.read("t", tenant) or []
        kept = [each for each in known if each.split("\0")[1:4:2] != [deployment, environment]]
        if kept != known:
            self.write(kept, "t", tenant)


def _approval(stored: dict[str, Any]) -> Approval:
    return Approval(**{**stored, **{name: tuple(stored[name]) for name in ("grant", "domains")}})


def _waiver(stored: dict[str, Any]) -> Waiver:
    lists = {name: tuple(stored[name]) for name in ("rules", "decisions", "grant", "domains")}
    return Waiver(**{**stored, **lists, "model": Ref(**stored["model"])})


def _request(stored: dict[str, Any]) -> Request:
    failed = tuple((rule, result) for rule, result in stored["failed"])
    lists = {"jurisdictions": tuple(stored["jurisdictions"]), "failed": failed}
    return Request(**{**stored, **lists, "model": Ref(**stored["model"])})


def _standing(stored: dict[str, Any]) -> Standing:
    return Standing(
        **{**stored, **{name: tuple(stored[name]) for name in ("exceptions", "waived")}}
    )


def _suspect(stored: dict[str, Any]) -> Suspect:
    refs = {name: Ref(**stored[name]) for name in ("deployment", "model")}
    return Suspect(**{**stored, **refs})


def _key(kind: str, *parts: str) -> bytes:
    return kind.encode() + _ENCODER.encode(parts).encode("utf-8", "surrogatepass")
