"""How often a monitor was right, as people said when they closed its alerts. Values. Pure."""

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from auditspine.processors.alerts.likelihoods import CLASSES

_MOST_EFFECTS = 32
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

TRUE = frozenset(CLASSES)
"""Dispositions of an alert that was about something."""
FALSE, EXPECTED = "false_alarm", "expected_change"


@dataclass(frozen=True, slots=True)
class Precision:
    """What became of a monitor's signals. Alerts are counted when a person closes them.

    Attributes:
        kind: What it watches, as in ``drift.signalled``.
        feature: The feature; empty when it is of none.
        risk: Risk class of the decisions.
        signals: How often it signalled.
        true: Alerts that rested on it and were about something.
        false: Alerts that were false alarms.
        expected: Alerts of what was expected.
        true_effects: Its largest effect in each of the latest that were about something.
        false_effects: The same of the latest false alarms.
        elsewhere: The log that first told of it where it is not the state's own; None before that.
    """

    kind: str = ""
    feature: str = ""
    risk: str = ""
    signals: int = 0
    true: int = 0
    false: int = 0
    expected: int = 0
    true_effects: tuple[float, ...] = ()
    false_effects: tuple[float, ...] = ()
    elsewhere: str | None = None

    def signalled(self, kind: str, feature: str, risk: str, elsewhere: str) -> "Precision":
        """Give it after a signal; ``elsewhere`` is that of the event."""
        first = elsewhere if self.elsewhere is None else self.elsewhere
        return replace(
            self,
            kind=kind,
            feature=feature,
            risk=risk,
            signals=self.signals + 1,
            elsewhere=first,
        )

    def judged(self, disposition: str, effect: float) -> "Precision":
        """Give it after a person closed an alert that rested on it.

        Args:
            disposition: What they said that it was about.
            effect: Its largest effect in that alert.
        """
        if disposition in TRUE:
            effects = (*self.true_effects, effect)[-_MOST_EFFECTS:]
            return replace(self, true=self.true + 1, true_effects=effects)
        if disposition == FALSE:
            effects = (*self.false_effects, effect)[-_MOST_EFFECTS:]
            return replace(self, false=self.false + 1, false_effects=effects)
        return replace(self, expected=self.expected + 1) if disposition == EXPECTED else self

    def encode(self) -> bytes:
        """Give the state's value."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return _ENCODER.encode(values).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, value: bytes) -> "Precision":
        """Read the state's value."""
        got: dict[str, Any] = json.loads(value.decode("utf-8", "surrogatepass"))
        effects = {name: tuple(got[name]) for name in ("true_effects", "false_effects")}
        return cls(**{**got, **effects})


_FIELDS = tuple(each.name for each in fields(Precision))
