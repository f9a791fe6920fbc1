"""What monitors of a place signalled of late: what an analysis rests on. Values. Pure."""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple

from auditspine.processors.alerts.causes import EARLIEST, Seen, began
from auditspine.processors.drift import naming
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent

MOST_SIGNS = 64
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_LATEST = 4_102_444_800_000_000  # the year 2100, microseconds
_INPUTS = frozenset({"location", "scale", "shape", "constant", "category"})
_BROKEN = frozenset({"missing", "schema", "constant", "new_category"})
_WRONG = ("true_positive_rate", "false_positive_rate")


class Sign(NamedTuple):
    """The latest signal of a monitor.

    Attributes:
        event_id: The signal.
        kind: What moved, as in ``drift.signalled``.
        monitor: The monitor.
        feature: The feature; empty when it is of none.
        effect: How far it moved, signed.
        earliest: Before which it did not begin to move, microseconds since 1970.
        began: When it most likely did.
        latest: By which it had.
        clock: The tenant's clock at the signal.
    """

    event_id: str
    kind: str
    monitor: str
    feature: str
    effect: float
    earliest: int
    began: int
    latest: int
    clock: int

    @classmethod
    def of(cls, event: SealedEvent, seen: Seen, clock: int) -> "Sign":
        """Read it from ``drift.signalled``.

        Where that does not say when the change was, it was in the window of the signal.
        """
        body = event.body
        start = began(event)
        end = max(start, min(body.get("ended_at", start), event.appended_at * 1000, _LATEST))
        earliest, latest = body.get("change_earliest"), body.get("change_latest")
        if earliest is None or latest is None or not EARLIEST <= earliest <= latest <= _LATEST:
            earliest, latest = start, end
        likeliest = min(max(start, earliest), latest)
        name, feature = as_name(body["monitor"]), as_name(seen.feature) if seen.feature else ""
        own = (seen.event_id, seen.kind, name, feature, seen.effect)
        return cls(*own, earliest, likeliest, latest, clock)

    @property
    def named(self) -> naming.Named | None:
        """What its monitor's name says of groups, if it is of any."""
        return naming.read(self.monitor)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that it is about, in words; never what their numbers stand for."""
        named = self.named
        if named is None:
            return ()
        return tuple(as_name(f"{named.attribute} group {each}") for each in named.groups)

    @property
    def measure(self) -> str:
        """What of groups moved, such as ``selection_rate``; empty when it is of none."""
        named = self.named
        return "" if named is None or named.is_proxy else named.what

    @property
    def is_input(self) -> bool:
        """Whether a feature itself moved."""
        return bool(self.feature) and self.kind in _INPUTS | _BROKEN

    @property
    def is_broken(self) -> bool:
        """Whether values of a feature are missing, stuck, or such as were never seen."""
        return bool(self.feature) and self.kind in _BROKEN

    @property
    def is_score(self) -> bool:
        """Whether scores moved, of all or of a group."""
        return self.kind == "score" or self.measure == "score"

    @property
    def is_decision(self) -> bool:
        """Whether decisions moved, of all or of a group."""
        return self.kind == "decision" or self.measure == "selection_rate"

    @property
    def is_error(self) -> bool:
        """Whether the model was wrong more often or otherwise, of all or of a group."""
        return self.kind in ("error", "calibration") or self.measure in _WRONG

    @property
    def is_share(self) -> bool:
        """Whether the share of a group moved, or a group is new."""
        return self.kind == "group" and (self.measure == "share" or self.monitor.endswith(".new"))


class Signs(NamedTuple):
    """The latest signals of a place, a monitor each, the latest last."""

    signs: tuple[Sign, ...] = ()

    def with_sign(self, sign: Sign) -> "Signs":
        """Give them with one more."""
        others = (each for each in self.signs if each.monitor != sign.monitor)
        return Signs((*others, sign)[-MOST_SIGNS:])

    def encode(self) -> bytes:
        """Give the state's value."""
        return _ENCODER.encode(self.signs).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, value: bytes) -> "Signs":
        """Read the state's value."""
        return cls(
            tuple(Sign(*each) for each in json.loads(value.decode("utf-8", "surrogatepass")))
        )


def change_times(signs: Iterable[Sign]) -> tuple[int, int, int]:
    """Give when what some signals tell of began: at the earliest, most likely, at the latest.

    All passed their thresholds alike, so the narrowest interval has the most evidence. It is made
    narrower by each other one that it overlaps, the narrowest first: a change that one signal
    places after another is another change.

    Returns:
        Microseconds since 1970.
    """
    ordered = sorted(signs, key=lambda each: (each.latest - each.earliest, each[:3]))
    first = ordered[0]
    earliest, latest = first.earliest, first.latest
    for each in ordered[1:]:
        if each.earliest <= latest and earliest <= each.latest:
            earliest, latest = max(earliest, each.earliest), min(latest, each.latest)
    return earliest, min(max(first.began, earliest), latest), latest


def features_of(signs: Iterable[Sign]) -> tuple[str, ...]:
    """Give the features that moved, the most first."""
    return _most_first((each.feature, each.effect) for each in signs if each.feature)


def groups_of(signs: Iterable[Sign]) -> tuple[str, ...]:
    """Give the groups that are affected, the most first.

    A gap is of two: where a signal of one of them says which moved, the other is left out.
    """
    told = [each for each in signs if each.groups]
    moved = {each.groups[0] for each in told if len(each.groups) == 1}
    return _most_first(
        (group, each.effect)
        for each in told
        for group in each.groups
        if group in moved or moved.isdisjoint(each.groups)
    )


def _most_first(effects: Iterable[tuple[str, float]]) -> tuple[str, ...]:
    largest: dict[str, float] = {}
    for name, effect in effects:
        size = abs(effect) if math.isfinite(effect) else 0.0
        largest[name] = max(size, largest.get(name, 0.0))
    return tuple(sorted(largest, key=lambda name: (-largest[name], name)))
