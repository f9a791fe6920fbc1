"""An alert as the log has it so far. Values and their encoding. Pure.

Two times are kept: the broker's, which rows show, and the tenant's clock, which timers use and
which never goes back (see :mod:`~auditspine.processors.alerts.clock`).
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from auditspine.processors.alerts.causes import SEVERAL, Ref, Seen
from auditspine.processors.drift.policy_parts import Tier
from auditspine.processors.projection.fit import as_name, as_sentence

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MOST_FEATURES = 200  # of one alert that are named: an event holds 512 KiB
_MOST_SIGNALS = 32  # event ids of the latest signals; the opening one is always kept
_MOST_MONITORS = 64  # of one alert whose precision is counted
_NAMED = 5  # features that a title names

OPEN, ACKNOWLEDGED, RESOLVED = "open", "acknowledged", "resolved"


class Watched(NamedTuple):
    """A monitor whose signals an alert rests on.

    Attributes:
        monitor: The monitor.
        effect: Its largest effect, signed.
    """

    monitor: str
    effect: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. ``*_at`` are the broker's milliseconds; "clock" is the tenant's clock.

    Attributes:
        alert_id: Its identifier.
        fingerprint: Of its cause.
        kind: What moved most, or ``several``.
        tier: What it asks for.
        risk: Risk class of the decisions.
        deployment: The deployment, as the last signal has it.
        model: The model.
        features: Features that moved.
        effect: The largest effect, signed.
        signals: How many signals.
        signal_ids: The opening one and the latest.
        evidence: Per log: first and last position that the signals rest on.
        since: When it began to move, microseconds since 1970.
        began: Clock at the first signal.
        last: Clock at the last signal.
        raised_at: When it was opened.
        last_signal_at: When it was last signalled.
        title: One sentence.
        cause: Why it was last raised.
        state: ``open``, ``acknowledged`` or ``resolved``.
        level: How often it was raised again.
        announced: Whether an ``alert.raised`` told of it.
        told: Clock when its owner was told; None when nobody waits for an acknowledgement.
        asked: How often it was raised again for want of an acknowledgement.
        pending: Whether its owner is to be told when the silence ends.
        acknowledged_at: When.
        acknowledged_by: By whom.
        ended: Clock when it was over; None while it is not.
        resolved_at: When it was over.
        dispositioned: Whether a person's disposition ended it.
        settled: Clock until which that disposition stands; None when none does.
        investigation: The latest investigation; empty for none.
        investigations: How many there were.
        investigating: Whether the latest is open.
        silent: Whether the silence that it tells of goes on.
        elsewhere: The log that opened it where it is not the state's own.
        monitors: Monitors that signalled it, since a person last ended it.
    """

    alert_id: str
    fingerprint: str
    kind: str
    tier: Tier
    risk: str
    deployment: Ref
    model: Ref
    features: tuple[str, ...]
    effect: float
    signals: int
    signal_ids: tuple[str, ...]
    evidence: tuple[tuple[str, int, int], ...]
    since: int
    began: int
    last: int
    raised_at: int
    last_signal_at: int
    title: str
    cause: str
    state: str = OPEN
    level: int = 0
    announced: bool = False
    told: int | None = None
    asked: int = 0
    pending: bool = False
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    ended: int | None = None
    resolved_at: int | None = None
    dispositioned: bool = False
    settled: int | None = None
    investigation: str = ""
    investigations: int = 0
    investigating: bool = False
    silent: bool = False
    elsewhere: str = ""
    monitors: tuple[Watched, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state != RESOLVED

    @property
    def place(self) -> tuple[str, str]:
        """Name of the deployment and digest of the model."""
        return self.deployment.name, self.model.digest

    def with_signal(self, seen: Seen, at: int, clock: int) -> "Alert":
        """Give it after one more signal.

        Args:
            seen: The signal.
            at: The broker's time, milliseconds since 1970.
            clock: The tenant's clock.
        """
        is_larger = abs(seen.effect) > abs(self.effect)
        feature = (as_name(seen.feature),) if seen.feature else ()
        ids = (*self.signal_ids, seen.event_id)
        alert = replace(
            self,
            deployment=seen.deployment,
            model=seen.model,
            features=tuple(dict.fromkeys((*self.features, *feature)))[:_MOST_FEATURES],
            effect=seen.effect if is_larger else self.effect,
            title=seen.title if is_larger and self.kind == seen.kind else self.title,
            signals=self.signals + 1,
            signal_ids=ids if len(ids) <= _MOST_SIGNALS else (ids[0], *ids[2:]),
            evidence=_widened(self.evidence, (seen.origin, seen.first, seen.last)),
            since=min(self.since, seen.since),
            last=clock,
            last_signal_at=at,
            monitors=widest(self.monitors, seen),
        )
        return alert.titled() if self.kind == SEVERAL else alert

    def absorbing(self, other: "Alert") -> "Alert":
        """Give it, as one of several features, after it took over another alert's signals."""
        evidence = self.evidence
        for each in other.evidence:
            evidence = _widened(evidence, each)
        alert = replace(
            self,
            kind=SEVERAL,
            tier=max(self.tier, other.tier, key=lambda tier: tier.rank),
            features=tuple(dict.fromkeys((*other.features, *self.features)))[:_MOST_FEATURES],
            effect=max(self.effect, other.effect, key=abs),
            signals=self.signals + other.signals,
            signal_ids=(*other.signal_ids, *self.signal_ids)[-_MOST_SIGNALS:],
            evidence=evidence,
            since=min(self.since, other.since),
            began=min(self.began, other.began),
            monitors=_together(self.monitors, other.monitors),
        )
        return alert.titled()

    def titled(self) -> "Alert":
        """Give it, as one of several features, with a title that names some of them."""
        named = ", ".join(self.features[:_NAMED])
        more = len(self.features) - _NAMED
        title = (
            f"{len(self.features)} features of {self.model.name} {self.model.version} at "
            f"{self.deployment.name} moved: {named}{f' and {more} more' if more > 0 else ''}"
        )
        return replace(self, title=as_sentence(title))

    def of_tier(self, tier: Tier, seen: Seen) -> "Alert":
        """Give it with the tier that a signal gives it: who took it on must do so anew."""
        is_several = self.kind == SEVERAL
        return replace(
            self,
            tier=tier,
            kind=self.kind if is_several else seen.kind,
            title=self.title if is_several else seen.title,
            state=OPEN,
            acknowledged_at=None,
            acknowledged_by="",
        )

    def over(self, at: int, clock: int, *, by_person: bool) -> "Alert":
        """Give it when it is over.

        Args:
            at: The broker's time, milliseconds since 1970.
            clock: The tenant's clock when it ended, which may be earlier than when that is seen.
            by_person: Whether a person's disposition ended it.
        """
        return replace(
            self,
            state=RESOLVED,
            ended=clock,
            resolved_at=at,
            dispositioned=by_person,
            settled=None,
            told=None,
            asked=0,
            pending=False,
            investigating=False,
            silent=False,
        )

    def encode(self) -> bytes:
        """Give the state's value."""
        values = {name: getattr(self, name) for name in _FIELDS}
        refs = {name: asdict(values[name]) for name in ("deployment", "model")}
        return _ENCODER.encode({**values, **refs}).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, value: bytes) -> "Alert":
        """Read the state's value."""
        got: dict[str, Any] = json.loads(value.decode("utf-8", "surrogatepass"))
        got["tier"] = Tier(got["tier"])
        for name in ("deployment", "model"):
            got[name] = Ref(**got[name])
        for name in ("features", "signal_ids"):
            got[name] = tuple(got[name])
        got["monitors"] = tuple(Watched(*each) for each in got.get("monitors", ()))
        got["evidence"] = tuple((log, first, last) for log, first, last in got["evidence"])
        return cls(**got)


_FIELDS = tuple(each.name for each in fields(Alert))


def widest(known: tuple[Watched, ...], seen: Seen) -> tuple[Watched, ...]:
    """Give an alert's monitors after a signal, each with its largest effect."""
    return _together(known, (Watched(seen.monitor, seen.effect),)) if seen.monitor else known


def _together(known: tuple[Watched, ...], more: tuple[Watched, ...]) -> tuple[Watched, ...]:
    largest: dict[str, float] = {}
    for monitor, effect in (*known, *more):
        largest[monitor] = max(largest.get(monitor, 0.0), effect, key=abs)
    return tuple(Watched(*each) for each in list(largest.items())[:_MOST_MONITORS])


def _widened(
    known: tuple[tuple[str, int, int], ...], new: tuple[str, int, int]
) -> tuple[tuple[str, int, int], ...]:
    """Widen the range of a log; a deployment is in one partition, so there are few."""
    ranges = {origin: (first, last) for origin, first, last in known}
    first, last = ranges.get(new[0], new[1:])
    ranges[new[0]] = min(first, new[1]), max(last, new[2])
    return tuple((origin, *span) for origin, span in ranges.items())
