"""A place: one exact model at one deployment; what moved there, and whether it may serve. Pure.

Each alert may hold the place in a state; the strongest of all holds counts.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_STATES = ("live", "fallback", "blocked")  # weakest first
_BY_ACTION = {"fallback": "fallback", "block": "blocked"}
_MOST_MOVED = 512

HOLDING = frozenset({"freeze_releases", "fallback", "block", "quarantine"})
"""Actions that hold a place."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What an alert, or all of them, hold a place in.

    Attributes:
        state: ``live``, ``fallback`` or ``blocked``.
        frozen: Whether the deployment must not be changed.
        quarantined: Whether the model may not be deployed anywhere.
        alert_id: The alert; empty for none.
    """

    state: str = "live"
    frozen: bool = False
    quarantined: bool = False
    alert_id: str = ""

    @property
    def what(self) -> tuple[str, bool, bool]:
        """What it holds, whoever does."""
        return self.state, self.frozen, self.quarantined

    @property
    def _strength(self) -> tuple[int, bool, bool]:
        return _STATES.index(self.state), self.quarantined, self.frozen

    def joined(self, other: "Hold") -> "Hold":
        """Give what two hold together; it rests on the stronger."""
        strongest = max(self, other, key=lambda each: each._strength)  # noqa: SLF001 - its own
        return Hold(
            strongest.state,
            self.frozen or other.frozen,
            self.quarantined or other.quarantined,
            strongest.alert_id or self.alert_id or other.alert_id,
        )


def hold_of(actions: tuple[str, ...], alert_id: str) -> Hold:
    """Give what an alert's actions hold; of fallback and block the stronger counts."""
    states = [_BY_ACTION[each] for each in actions if each in _BY_ACTION]
    return Hold(
        max(states, key=_STATES.index, default="live"),
        "freeze_releases" in actions,
        "quarantine" in actions,
        alert_id,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """One exact model at one deployment.

    Attributes:
        alerts: Fingerprints of its open alerts.
        moved: Features that were signalled of late, with the clock when.
        holds: What each alert holds it in, by fingerprint; a hold may outlast its alert.
        elsewhere: The log that first changed its state where it is not the state's own; None
            before that.
        reports: How many reports told that it serves, 2 for more.
        served: Clock of the first report since outcomes are expected; None before it.
        answered: Whether anything ever told of an outcome.
        unanswered: Whether an alert was raised that outcomes never came.
        first_at: When its first prediction was taken, microseconds; None before its first report.
    """

    alerts: tuple[str, ...] = ()
    moved: dict[str, int] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    elsewhere: str | None = None
    reports: int = 0
    served: int | None = None
    answered: bool = False
    unanswered: bool = False
    first_at: int | None = None

    @property
    def held(self) -> Hold:
        """What all alerts together hold it in."""
        held = Hold()
        for each in self.holds.values():
            held = held.joined(each)
        return held

    def with_alert(self, mark: str) -> "Place":
        """Give it with an open alert."""
        return replace(self, alerts=tuple(dict.fromkeys((*self.alerts, mark))))

    def without_alert(self, mark: str) -> "Place":
        """Give it when an alert is over."""
        return replace(self, alerts=tuple(each for each in self.alerts if each != mark))

    def with_hold(self, mark: str, hold: Hold) -> "Place":
        """Give it with what an alert holds it in from now; holding nothing lifts its hold."""
        holds = {key: value for key, value in self.holds.items() if key != mark}
        return replace(self, holds=holds if hold.what == Hold().what else {**holds, mark: hold})

    def with_moved(self, feature: str, now: int, span: int) -> "Place":
        """Give it after a feature moved; forget those that moved longer ago than a span."""
        kept = {key: when for key, when in self.moved.items() if when >= now - span}
        kept.pop(feature, None)
        kept[feature] = now
        return replace(self, moved=dict(list(kept.items())[-_MOST_MOVED:]))

    def encode(self) -> bytes:
        """Give the state's value."""
        return _ENCODER.encode(asdict(self)).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, value: bytes) -> "Place":
        """Read the state's value; an older one may lack fields."""
        got: dict[str, Any] = json.loads(value.decode("utf-8", "surrogatepass"))
        return cls(
            tuple(got.get("alerts", ())),
            got.get("moved", {}),
            {key: Hold(**each) for key, each in got.get("holds", {}).items()},
            got.get("elsewhere"),
            got.get("reports", 0),
            got.get("served"),
            got.get("answered", False),
            got.get("unanswered", False),
            got.get("first_at"),
        )
