"""One fold over the lifecycle log: what its parts share, and what they lead to. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.book import Book
from auditspine.processors.alerts.clock import MINUTE_MS, NEVER, Clock
from auditspine.processors.alerts.silences import silenced_until
from auditspine.processors.alerts.tables import (
    ALERTS,
    HISTORY,
    PRECISION,
    SERVING_STATES,
    alert_row,
    history_row,
)
from auditspine.processors.alerts.upstream import Upstream
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.projection.findings import (
    FINDINGS,
    MOST_FINDINGS,
    Artifact,
    Finding,
    Source,
    finding_row,
)
from auditspine.processors.projection.fit import as_name, as_sentence
from auditspine.processors.projection.port import (
    DERIVED,
    Changes,
    Derived,
    Row,
    SealedEvent,
    State,
)

_LONGEST_ASK = 1440 * MINUTE_MS


class Step:
    """What the parts of a fold share; at one event at a time.

    Args:
        policy: Tiers, actions and times.
        source: The code that speaks.
        state: The projection's state.

    Attributes:
        policy: Tiers, actions and times.
        book: What the state holds.
        serving: Changed rows of serving states, by tenant, deployment and model digest.
        precision: Changed rows of how often monitors were right, by tenant and names.
        places: Places whose investigations the event may tell more of.
        event: The event.
        tenant: Its tenant.
        clock: The tenant's clock at the event.
    """

    event: SealedEvent
    tenant: str
    places: dict[tuple[str, str], None]
    clock: Clock

    def __init__(self, policy: DriftPolicy, source: Source, state: State) -> None:
        self.policy = policy
        self.book = Book(state)
        self.serving: dict[tuple[str, str, str], Row] = {}
        self.precision: dict[tuple[str, ...], Row] = {}
        self._state = state
        self._source = source
        self._alerts: dict[tuple[str, str], Row] = {}
        self._history: list[Row] = []
        self._findings: list[Row] = []
        self._derived: list[Row] = []

    @property
    def upstream(self) -> Upstream:
        """What the tenant told of what is upstream of its models."""
        return Upstream(self._state, self.tenant)

    @property
    def at(self) -> int:
        """The broker's time, milliseconds since 1970."""
        return self.event.appended_at

    @property
    def now(self) -> int:
        """The tenant's clock, milliseconds."""
        return self.clock.now

    def begin(self, event: SealedEvent) -> None:
        """Turn to an event."""
        self.event = event
        self.tenant = event.envelope["tenant"]
        self.clock = self.book.clock(self.tenant).advanced(event.appended_at)
        self.places = {}
        self._ordinal = self._noted = self._found = 0

    def end(self) -> None:
        """Store the clock after an event."""
        self.book.put_clock(self.tenant, self.clock)

    def wake(self, when: int) -> None:
        """Look at the timers no later than at a time of the clock."""
        if when < self.clock.due:
            self.clock = self.clock._replace(due=when)

    def say(self, event_type: str, body: Mapping[str, Any], reason: str) -> None:
        """Derive an event."""
        derived = Derived(self.event, self._ordinal, event_type, body, as_sentence(reason))
        self._derived.append((derived,))
        self._ordinal += 1

    def find(self, kind: str, severity: str, artifact: Artifact, detail: str) -> None:
        """Note a finding about whoever caused the event; its words are made fit for a row."""
        if self._found < MOST_FINDINGS:
            who = as_name(self.event.envelope["actor"]["principal"])
            artifact = replace(artifact, name=as_name(artifact.name))
            finding = Finding(kind, severity, who, artifact, as_sentence(detail))
            self._findings.append(finding_row(self._source, self.event, self._found, finding))
        self._found += 1

    def note(self, alert: Alert, what: str, detail: str, who: str = "") -> None:
        """Note a thing that happened to an alert."""
        words = what, who, as_sentence(detail)
        self._history.append(history_row(self.event, self._noted, alert.alert_id, *words))
        self._noted += 1

    def keep(self, alert: Alert) -> Alert:
        """Note an alert as it is after the event; give it."""
        self.book.put_alert(self.tenant, alert)
        self._show(alert)
        self.wake(self.due(alert))
        return alert

    def owner(self, alert: Alert) -> str:
        """Give who is told of an alert."""
        return as_name(self.policy.owner(alert.deployment.name).owner)

    def silenced(self, alert: Alert) -> int | None:
        """Give until when nobody is told of an alert, microseconds; None when they are."""
        silences = self.book.silences(self.tenant)
        return silenced_until(self.policy, silences, alert, self.at)

    def is_held(self, alert: Alert) -> bool:
        """Tell whether the place is in a state for an alert's sake."""
        return alert.fingerprint in self.book.place(self.tenant, alert.place).holds

    def ends_by_itself(self, alert: Alert) -> bool:
        """Tell whether an open alert is over once it is quiet; else a person must end it."""
        return not (alert.investigating or alert.silent or self.is_held(alert))

    def due(self, alert: Alert) -> int:
        """Give the clock at which time next changes something about an alert."""
        return min(self.quiet_due(alert), self.ask_due(alert), self.tell_due(alert))

    def quiet_due(self, alert: Alert) -> int:
        """Give when an open alert is over, or one that is over is forgotten."""
        times = self.policy.alerts
        if alert.ended is not None:
            return (
                NEVER if self.is_held(alert) else alert.ended + times.cool_down_minutes * MINUTE_MS
            )
        return alert.last + times.quiet_minutes * MINUTE_MS if self.ends_by_itself(alert) else NEVER

    def ask_due(self, alert: Alert) -> int:
        """Give when an alert is raised again for want of an acknowledgement.

        Each time it takes twice as long as the time before, up to a day.
        """
        minutes = self.policy.alerts.unacknowledged_minutes.get(alert.tier, 0)
        if alert.told is None or not minutes:
            return NEVER
        first = minutes * MINUTE_MS
        return alert.told + max(first, min(first << min(alert.asked, 20), _LONGEST_ASK))

    def tell_due(self, alert: Alert) -> int:
        """Give when the silence ends, after which people are told."""
        if not alert.pending:
            return NEVER
        end = self.silenced(alert)
        return self.now if end is None else -(-end // 1000) + self.clock.skew

    def changes(self) -> Changes:
        """Give the rows and the derived events; history last, as people wait for it."""
        return {
            ALERTS: list(self._alerts.values()),
            SERVING_STATES: list(self.serving.values()),
            PRECISION: list(self.precision.values()),
            FINDINGS: self._findings,
            HISTORY: self._history,
            DERIVED: self._derived,
        }

    def _show(self, alert: Alert) -> None:
        row = alert_row(self.event, alert, self.owner(alert), self.silenced(alert))
        self._alerts[self.tenant, alert.alert_id] = row
