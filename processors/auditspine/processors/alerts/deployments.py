"""What is said to be deployed under a name, and what was seen to serve there. Values. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from auditspine.processors.alerts.causes import Ref, Seen
from auditspine.processors.alerts.rhythm import Rhythm
from auditspine.processors.projection.fit import as_token

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MOST_FORMER = 16

_STARTS = frozenset({"deployed", "resumed", "scaled", "rolled_back"})


@dataclass(frozen=True, slots=True)
class Serving:
    """A model that is, or was, deployed under a name.

    Attributes:
        model: Its digest, hex.
        deployment: Digest of the deployment's configuration, hex.
        environment: Where.
        share: Share of the traffic.
        until: When it ceased to be, the broker's milliseconds; None while it is.
    """

    model: str
    deployment: str
    environment: str
    share: float
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Odd:
    """Something seen to serve that is not said to be deployed; it has a little time to be said.

    Attributes:
        due: Clock at which that is over.
        seen: What was seen.
    """

    due: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is known of a deployment's name.

    Attributes:
        serving: What is deployed.
        former: What was, the latest last.
        odd: What serves and is not said to be deployed, and waits for that.
        told: Pairs of model and deployment that a finding told of.
        watched: Clock since which there is no traffic; None before there was any.
        report: What was last seen to serve.
        silence: Fingerprint of the open alert that nothing serves; empty for none.
        rhythm: When it usually has traffic.
    """

    serving: tuple[Serving, ...] = ()
    former: tuple[Serving, ...] = ()
    odd: tuple[Odd, ...] = ()
    told: tuple[str, ...] = ()
    watched: int | None = None
    report: Seen | None = field(default=None)
    silence: str = ""
    rhythm: Rhythm = field(default_factory=Rhythm)

    @property
    def is_live(self) -> bool:
        """Whether a model is said to be deployed with some of the traffic."""
        return any(each.share > 0 for each in self.serving)

    def reported(self, seen: Seen, now: int) -> "Deployment":
        """Give it after a report of what serves, at the tenant's clock."""
        rhythm = self.rhythm.reported(self.watched, now)
        return replace(self, watched=now, report=seen, rhythm=rhythm)

    def watched_anew(self, now: int) -> "Deployment":
        """Give it when its traffic is expected anew, if there was any."""
        if self.watched is None:
            return self
        return replace(self, watched=now, rhythm=self.rhythm.apart())

    def changed(self, body: Mapping[str, Any], at: int) -> "Deployment":
        """Give it after ``deployment.changed``.

        A model with all of the traffic takes the place of all others in its environment; one
        with a part of it stands beside them.
        """
        model, pair = Ref.of(body["model"]), Ref.of(body["deployment"])
        environment, share = as_token(body["environment"]), float(body["traffic_share"])
        if body["action"] not in _STARTS:
            return self.without(at, model=model.digest, environment=environment)
        kept = [
            each
            for each in self.serving
            if each.environment != environment or (share < 1 and each.model != model.digest)
        ]
        gone = [
            replace(each, until=at)
            for each in self.serving
            if each not in kept and (each.model, each.deployment) != (model.digest, pair.digest)
        ]
        now = Serving(model.digest, pair.digest, environment, share)
        odd = tuple(each for each in self.odd if not _is_of(now, each.seen))
        return self._with((*kept, now), gone, odd)

    def without(self, at: int, *, model: str = "", environment: str = "") -> "Deployment":
        """Give it when a model, or all of them, serve there no more, or not in an environment."""
        kept = [
            each
            for each in self.serving
            if (model and each.model != model) or (environment and each.environment != environment)
        ]
        gone = [replace(each, until=at) for each in self.serving if each not in kept]
        return self._with(tuple(kept), gone, self.odd)

    def allows(self, seen: Seen, ended: int, grace: int) -> bool:
        """Tell whether what was seen is deployed, or was until shortly before it was seen.

        Args:
            seen: What was seen.
            ended: When it was last seen, the broker's milliseconds.
            grace: How long after it ceased to be deployed it may still serve, milliseconds.
        """
        now = any(_is_of(each, seen) for each in self.serving)
        return now or ended <= self.left(seen) + grace

    def left(self, seen: Seen) -> int:
        """Give when what was seen ceased to be deployed; a time long ago if it never was."""
        times = (each.until or 0 for each in self.former if _is_of(each, seen))
        return max(times, default=-(2**62))

    def _with(
        self, serving: tuple[Serving, ...], gone: list[Serving], odd: tuple[Odd, ...]
    ) -> "Deployment":
        former = (*self.former, *gone)[-_MOST_FORMER:]
        return replace(self, serving=serving, former=former, odd=odd)

    def encode(self) -> bytes:
        """Give the state's value."""
        return _ENCODER.encode(asdict(self)).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, value: bytes) -> "Deployment":
        """Read the state's value; an older one may lack fields."""
        got: dict[str, Any] = json.loads(value.decode("utf-8", "surrogatepass"))
        return cls(
            tuple(Serving(**each) for each in got.get("serving", ())),
            tuple(Serving(**each) for each in got.get("former", ())),
            tuple(Odd(each["due"], Seen.decode(each["seen"])) for each in got.get("odd", ())),
            tuple(got.get("told", ())),
            got.get("watched"),
            Seen.decode(got["report"]) if got.get("report") else None,
            got.get("silence", ""),
            Rhythm.decode(got.get("rhythm", {})),
        )


def _is_of(serving: Serving, seen: Seen) -> bool:
    return (serving.model, serving.deployment) == (seen.model.digest, seen.deployment.digest)
