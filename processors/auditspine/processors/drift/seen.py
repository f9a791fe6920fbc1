"""What is known of one model at one deployment beside its monitors' arrays. Pure."""

import json
from collections import Counter
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
_REMEMBERED_MS = 24 * _HOUR_MS
_MOST_FEATURES = 512
_MOST_CONFIGURATIONS = 16  # of a deployment, in one report
_USUAL_FROM = 6  # reports of an hour of day before it is known what is usual in it


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
        reported: When its last report began, milliseconds.
        profile_event_id: The ``run.completed`` whose profile is used; empty for none.
        warming: What came of features that no profile knows, until there is enough of it.
        signalled: When each monitor last signalled, its effect then and the rank of its tier.
        report: What was seen since the last report.
        usual: Predictions in a report on average, and how many reports there were, by hour of day.
        thresholds: The last threshold by configuration of the deployment, and the latest of all.
        monitors: Monitors among which the budget of false alarms was shared last.
    """

    tenant: str
    deployment: dict[str, str]
    model: dict[str, str]
    first_at: int
    rows: int = 0
    last_position: int = -1
    reported: int = -1
    profile_event_id: str = ""
    warming: dict[str, list[float | str | None]] = field(default_factory=dict)
    signalled: dict[str, tuple[int, float, int]] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    usual: dict[str, tuple[float, int]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    monitors: int = 0

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
        """Give it as bytes, the same whatever was told first."""
        kept = {**asdict(self), "signalled": dict(sorted(self.signalled.items()))}
        return json.dumps(kept, separators=(",", ":")).encode()

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

    def rethresholds(self, event: SealedEvent) -> tuple[float, float] | None:
        """Note a prediction's threshold; give the one before and it, where that is another.

        Each configuration of the deployment has its own; a new one is held against the latest.
        """
        now = event.body["threshold"]
        if now is None or now != now:  # noqa: PLR0124 - NaN is no threshold
            return None
        own, latest = bytes(event.body["deployment"]["digest"]).hex(), self.thresholds.get("")
        before = self.thresholds.get(own, latest)
        if before == now and latest == now:
            return None
        if own in self.thresholds or len(self.thresholds) <= _MOST_CONFIGURATIONS:
            self.thresholds[own] = now
        self.thresholds[""] = now
        return None if before is None or before == now else (before, now)

    def is_due(self, at: int, every_ms: int) -> bool:
        """Tell whether a prediction begins a report; a clock that was far ahead begins anew."""
        return not self.reported - every_ms <= at < self.reported + every_ms

    def note(self, events: list[SealedEvent], names: set[str]) -> None:
        """Note predictions for the next report."""
        report = self.report
        if not report:
            report |= {"first": events[0].position, "at": events[0].appended_at}
            report |= {"names": [], "rank": 0, "by": {}}
        known = set(report["names"])
        report["names"] = sorted(known | set(sorted(names)[:_MOST_FEATURES]))[:_MOST_FEATURES]
        levels = {each.envelope["classification"]["sensitivity"] for each in events}
        report["rank"] = max(report["rank"], *(SENSITIVITIES.index(level) for level in levels))
        counts = Counter(bytes(each.body["deployment"]["digest"]) for each in events)
        for digest, count in counts.items():
            self._count(events, digest, count)
        self.rows += len(events)
        self.last_position = events[-1].position
        self.deployment = reference(events[-1].body["deployment"])

    def _count(self, events: list[SealedEvent], digest: bytes, count: int) -> None:
        """Count the predictions of one configuration of the deployment."""
        by = self.report["by"]
        own = by.get(digest.hex())
        if own is None:
            if len(by) >= _MOST_CONFIGURATIONS:
                return
            first = next(e for e in events if bytes(e.body["deployment"]["digest"]) == digest)
            own = by[digest.hex()] = {"ref": reference(first.body["deployment"]), "count": 0}
        own["count"] += count

    @property
    def sensitivity(self) -> str:
        """The highest sensitivity since the last report."""
        return SENSITIVITIES[self.report["rank"]]

    def is_burst(self, at: int, factor: float, at_least: int = 100) -> tuple[bool, float]:
        """Tell whether the report that ends now has far more predictions than usual; learn.

        Args:
            at: When it ends, milliseconds: what is usual is of that hour of day.
            factor: How many times as many.
            at_least: Fewer are no burst.

        Returns:
            Whether it has, and how many are usual.
        """
        count = sum(each["count"] for each in self.report["by"].values())
        hour = str(at // _HOUR_MS % 24)
        usual, reports = self.usual.get(hour, (float(count), 0))
        burst = reports >= _USUAL_FROM and count >= at_least and count > factor * usual
        learned = usual + (count - usual) / min(reports + 1, 24)
        self.usual[hour] = learned, reports + 1
        return burst, usual

    def prune(self, at: int) -> None:
        """Forget what was signalled long ago."""
        kept = {k: v for k, v in self.signalled.items() if abs(at - v[0]) < _REMEMBERED_MS}
        self.signalled = kept


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
