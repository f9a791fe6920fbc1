"""One fold over the lifecycle log: what its parts share, and what they lead to. Pure."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from auditspine.processors.alerts.causes import Ref, as_event_ids
from auditspine.processors.alerts.clock import Clock
from auditspine.processors.projection.findings import (
    FINDINGS,
    Artifact,
    Finding,
    Source,
    finding_row,
)
from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.projection.port import (
    DERIVED,
    Changes,
    Derived,
    Row,
    SealedEvent,
    State,
)
from auditspine.processors.release.book import Book
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.port import Grants, InForce, Policies
from auditspine.processors.release.tables import (
    DECISIONS,
    DEPLOYMENTS,
    EXCEPTIONS,
    STATES,
    deployment_row,
    exception_row,
    state_row,
)
from auditspine.processors.release.values import Standing, Suspect, Waiver

_SEVERITIES = {"stop_the_line": "critical", "review": "critical", "caution": "warning"}
_UNOWNED = "-"


class Step:
    """What the parts of a fold share; at one event at a time.

    Args:
        policies: Release policies.
        grants: Who held which role.
        source: The code that speaks.
        state: The projection's state.

    Attributes:
        policies: Release policies.
        grants: Who held which role.
        book: What the state holds.
        event: The event.
        tenant: Its tenant.
        clock: The tenant's clock at the event.
        in_force: The release policy that holds for the tenant at the event; None for none.
        decisions: New rows of decisions.
    """

    event: SealedEvent
    tenant: str
    clock: Clock
    in_force: InForce | None

    def __init__(self, policies: Policies, grants: Grants, source: Source, state: State) -> None:
        self.policies = policies
        self.grants = grants
        self.book = Book(state)
        self.decisions: list[Row] = []
        self._deployments: dict[tuple[str, str, int], Row] = {}
        self._source = source
        self._states: dict[tuple[str, str, str], Row] = {}
        self._waivers: dict[tuple[str, str], Row] = {}
        self._findings: list[Row] = []
        self._derived: list[Row] = []

    @property
    def at(self) -> int:
        """The broker's time, milliseconds since 1970."""
        return self.event.appended_at

    @property
    def now(self) -> int:
        """The tenant's clock, milliseconds."""
        return self.clock.now

    @property
    def policy(self) -> ReleasePolicy | None:
        """The release policy that holds, if it can be used."""
        return None if self.in_force is None else self.in_force.policy

    def begin(self, event: SealedEvent) -> None:
        """Turn to an event.

        Raises:
            HistoryError: The control log cannot be read as far as the event's segment rests on it.
        """
        self.event = event
        self.tenant = event.envelope["tenant"]
        self.clock = self.book.clock(self.tenant).advanced(event.appended_at)
        self.in_force = self.policies.at(self.tenant, event.control_size)
        self._ordinal = self._found = 0

    def end(self) -> None:
        """Store the clock after an event."""
        self.book.put_clock(self.tenant, self.clock)

    def wake(self, when: int) -> None:
        """Look at the timers no later than at a time of the clock."""
        if when < self.clock.due:
            self.clock = self.clock._replace(due=when)

    def clock_of(self, at: int) -> int:
        """Give the clock at a time of the broker's, as far as is known now."""
        return at + self.clock.skew

    def name(self, kind: str, *parts: str) -> str:
        """Name what is derived from the event: the same whenever it is derived again."""
        event = self.event
        place = (event.origin, str(event.position), str(self._ordinal))
        text = "\0".join((self._source.processor, kind, *place, *parts))
        return f"{kind}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

    def say(self, event_type: str, body: Mapping[str, Any], reason: str) -> None:
        """Derive an event."""
        derived = Derived(self.event, self._ordinal, event_type, body, as_sentence(reason))
        self._derived.append((derived,))
        self._ordinal += 1

    def keep_standing(self, model: Ref, environment: str, standing: Standing, reason: str) -> None:
        """Note what stands for a model in an environment."""
        place = model.digest, environment
        self.book.put_standing(self.tenant, place, standing)
        row = state_row(self.event, model, environment, standing, as_sentence(reason))
        self._states[self.tenant, *place] = row

    def keep_waiver(self, waiver: Waiver) -> None:
        """Note an exception as it is after the event; one that does not count is only shown."""
        if not waiver.refused:
            self.book.put_waiver(self.tenant, waiver)
        self._waivers[self.tenant, waiver.exception_id] = exception_row(self.event, waiver)

    def find(
        self,
        kind: str,
        tier: str,
        model: Ref,
        environment: str,
        title: str,
        *,
        deployment: Ref | None = None,
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Note a finding, and tell of it."""
        title = as_sentence(title)
        artifact = Artifact(model.kind, model.name, model.version, bytes.fromhex(model.digest))
        who = as_name(self.event.envelope["actor"]["principal"])
        finding = Finding(kind, _SEVERITIES.get(tier, "info"), who, artifact, title)
        self._findings.append(finding_row(self._source, self.event, self._found, finding))
        self._found += 1
        body = {
            "finding_id": self.name("finding", kind),
            "kind": kind,
            "tier": tier,
            "model": model.body(),
            "deployment": None if deployment is None else deployment.body(),
            "environment": as_token(environment),
            "owner": as_name(self.policy.owner) if self.policy else _UNOWNED,
            "evidence": as_event_ids(evidence),
            "title": title,
        }
        self.say("finding.raised", body, title)

    def deployed(self, suspect: Suspect, verdict: str, exceptions: tuple[str, ...] = ()) -> None:
        """Note what a deployment was found to be; a later verdict takes the place of an earlier."""
        if suspect.action:
            row = deployment_row(self.event, suspect, verdict, exceptions)
            self._deployments[self.tenant, suspect.origin, suspect.position] = row

    def changes(self) -> Changes:
        """Give the rows and the derived events; states first, as services wait for them."""
        return {
            STATES: list(self._states.values()),
            DECISIONS: self.decisions,
            EXCEPTIONS: list(self._waivers.values()),
            DEPLOYMENTS: list(self._deployments.values()),
            FINDINGS: self._findings,
            DERIVED: self._derived,
        }
