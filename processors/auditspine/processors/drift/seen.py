"""What is known of one model at one deployment beside its monitors' arrays. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.relations import SENSITIVITIES

_WEEK_MS = 7 * 24 * 3_600_000
_HOUR_MS = 3_600_000
_UNKNOWN_TRAFFIC = 100_000  # rows a week, until some were seen
_REPEAT_MS = 30 * 60_000  # a monitor that goes on signals as often, or when it grew by half
_GROWN = 1.5
_MOST_FEATURES = 512


@dataclass(slots=True)
class Seen:
    """A model at a deployment; JSON holds it whole.

    Attributes:
        tenant: Whose.
        deployment: The deployment as the last prediction names it; digests as hex.
        model: The model.
        first_at: From when its traffic is counted, milliseconds.
        rows: Predictions since.
        last_position: Position of the last one.
        bucket: Number of the report that it belongs to.
        profile_event_id: The ``run.completed`` whose profile is used; empty for none.
        warming: What came of features that no profile knows, until there is enough of it.
        signalled: When each monitor last signalled, its effect then and the rank of its tier.
        report: What was seen since the last report.
        usual: Predictions in a report, on average; negative until it is known.
        reports: How many there were.
    """

    tenant: str
    deployment: dict[str, str]
    model: dict[str, str]
    first_at: int
    rows: int = 0
    last_position: int = -1
    bucket: int = -1
    profile_event_id: str = ""
    warming: dict[str, list[float | str | None]] = field(default_factory=dict)
    signalled: dict[str, tuple[int, float, int]] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    usual: float = -1.0
    reports: int = 0

    @classmethod
    def begin(cls, event: SealedEvent) -> "Seen":
        """Begin with the first prediction."""
        body = event.body
        return cls(
            str(event.envelope["tenant"]),
            reference(body["deployment"]),
            reference(body["model"]),
            event.appended_at,
        )

    @classmethod
    def decode(cls, value: bytes) -> "Seen":
        """Read what :meth:`encode` gave."""
        seen = cls(**json.loads(value))
        seen.signalled = {name: (at, by, rank) for name, (at, by, rank) in seen.signalled.items()}
        return seen

    def encode(self) -> bytes:
        """Give it as bytes."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    def rows_a_week(self, at: int) -> float:
        """Give how many predictions are to be expected in a week; older traffic counts less."""
        elapsed = at - self.first_at
        if elapsed > _WEEK_MS:
            self.first_at, self.rows = self.first_at + elapsed // 2, self.rows // 2
            elapsed = at - self.first_at
        if elapsed < _HOUR_MS:
            return max(float(self.rows) * _WEEK_MS / _HOUR_MS, _UNKNOWN_TRAFFIC)
        return self.rows * _WEEK_MS / elapsed

    def speaks(
        self, monitor: str, at: int, effect: float = 1.0, rank: int = 0, *, begun: bool = True
    ) -> bool:
        """Tell whether a monitor is to signal what it finds, and note that.

        Args:
            monitor: Its name.
            at: The broker's time, milliseconds.
            effect: How far it moved.
            rank: Of the tier that a signal of this would have.
            begun: Whether an alarm was raised now; else only a worse one is worth a word.
        """
        when, before, known = self.signalled.get(monitor, (-_REPEAT_MS, 0.0, -1))
        worse = rank > known or abs(effect) >= _GROWN * abs(before)
        if not worse and (not begun or 0 <= at - when < _REPEAT_MS):
            return False
        self.signalled[monitor] = at, effect, rank
        return True

    def note(self, events: list[SealedEvent], names: set[str]) -> None:
        """Note predictions for the next report."""
        report = self.report
        if not report:
            report |= {
                "first": events[0].position,
                "at": events[0].appended_at,
                "count": 0,
                "names": [],
                "rank": 0,
            }
        report["count"] += len(events)
        known = set(report["names"])
        report["names"] = sorted(known | set(sorted(names)[:_MOST_FEATURES]))[:_MOST_FEATURES]
        levels = {each.envelope["classification"]["sensitivity"] for each in events}
        report["rank"] = max(report["rank"], *(SENSITIVITIES.index(level) for level in levels))
        self.rows += len(events)
        self.last_position = events[-1].position
        self.deployment = reference(events[-1].body["deployment"])

    @property
    def sensitivity(self) -> str:
        """The highest sensitivity since the last report."""
        return SENSITIVITIES[self.report["rank"]]

    def is_burst(self, factor: float, at_least: int = 100) -> bool:
        """Tell whether the report that ends now has far more predictions than usual; learn."""
        count = self.report["count"]
        burst = self.reports > 12 and count >= at_least and count > factor * self.usual
        self.usual = count if self.usual < 0 else self.usual + (count - self.usual) / 24
        self.reports += 1
        return burst


def reference(artifact: Mapping[str, Any]) -> dict[str, str]:
    """Give an artifact with its digest as hex."""
    return {
        "kind": artifact["kind"],
        "name": artifact["name"],
        "version": artifact["version"],
        "digest": bytes(artifact["digest"]).hex(),
    }


def artifact(reference: Mapping[str, str]) -> dict[str, Any]:
    """Give an artifact as an event's body has it."""
    return {**reference, "digest": bytes.fromhex(reference["digest"])}
