"""The part of the envelope that a service's events have in common, and events made from it."""

from dataclasses import dataclass, field
from datetime import datetime

from auditspine.schemas.base import Body, utc_now
from auditspine.schemas.catalogue import event_of
from auditspine.schemas.models import (
    Actor,
    Classification,
    Correlation,
    Envelope,
    Event,
    Intent,
    Workload,
)


@dataclass(frozen=True, slots=True)
class Context:
    """Who acts, where and why; make one and use it for many events.

    An envelope must not be used twice, as it holds the event's id: this makes a new one each
    time. ``dataclasses.replace`` changes single parts. Fields as in :class:`Envelope`.

    Example:
        >>> context = Context("acme", "credit", "production", actor, workload, intent)
        >>> event = context.event(ModelRegisteredBody(model=model, run_id="run-7", ...))
    """

    tenant: str
    domain: str
    environment: str
    actor: Actor
    workload: Workload
    intent: Intent
    correlation: Correlation = field(default_factory=Correlation)
    classification: Classification = field(default_factory=Classification)

    def event(self, body: Body, *, occurred_at: datetime | None = None) -> Event:
        """Make the event that carries a body, with an id of its own.

        Args:
            body: What happened; its class decides the event type.
            occurred_at: When, with a time zone; now when not given.

        Raises:
            pydantic.ValidationError: A part is not as the contract says.
        """
        envelope = Envelope(
            occurred_at=occurred_at or utc_now(),
            tenant=self.tenant,
            domain=self.domain,
            environment=self.environment,
            actor=self.actor,
            workload=self.workload,
            intent=self.intent,
            correlation=self.correlation,
            classification=self.classification,
        )
        return event_of(type(body))(envelope=envelope, body=body)
