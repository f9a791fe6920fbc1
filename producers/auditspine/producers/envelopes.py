"""Fills envelopes with what a workload's events share."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from auditspine.producers.errors import EventError, SetupError
from auditspine.schemas.models import Actor, Classification, Envelope, Intent, Workload


@dataclass(frozen=True, slots=True)
class EnvelopeDefaults:
    """What the envelopes of one client share.

    Attributes:
        tenant: Tenant of every event.
        domain: Business domain.
        environment: Where it happens.
        workload: The program; its name is the producer's.
        actor: Who acts when nobody else is named.
        classification: How events are treated when nothing else is said.
    """

    tenant: str
    domain: str
    environment: str
    workload: Workload
    actor: Actor
    classification: Classification

    def envelope(self, trigger: str, reason: str, given: Mapping[str, Any]) -> Envelope:
        """Make an envelope.

        Args:
            trigger: What set the action off.
            reason: Why, in words that a reviewer understands.
            given: Fields of :class:`Envelope` that differ, and ``justification``.

        Raises:
            EventError: A field is not what the schema says.
        """
        fields = dict(given)
        justification = fields.pop("justification", None)
        try:
            intent = Intent(trigger=trigger, reason=reason, justification=justification)
            return Envelope(
                **{
                    "tenant": self.tenant,
                    "domain": self.domain,
                    "environment": self.environment,
                    "workload": self.workload,
                    "actor": self.actor,
                    "classification": self.classification,
                    "intent": intent,
                    **fields,
                }
            )
        except ValidationError as exc:
            raise EventError("envelope", describe(exc)) from None


def defaults(
    producer: str,
    tenant: str,
    domain: str,
    environment: str,
    given: Mapping[str, Any],
) -> EnvelopeDefaults:
    """Give a client's defaults; the workload itself is the actor unless ``given`` names one.

    Raises:
        SetupError: A value is not what the schema says, or the workload has another name.
    """
    workload = given.get("workload")
    try:
        if workload is None:
            workload = Workload(name=producer, node=socket.gethostname())
        actor = given.get("actor") or Actor(principal=producer, kind="workload")
        shared = EnvelopeDefaults(
            tenant=tenant,
            domain=domain,
            environment=environment,
            workload=workload,
            actor=actor,
            classification=given.get("classification") or Classification(),
        )
        shared.envelope("check", "the client's settings", {})
    except (ValidationError, EventError) as exc:
        detail = describe(exc) if isinstance(exc, ValidationError) else str(exc)
        raise SetupError(f"client settings: {detail}") from None
    if workload.name != producer:
        raise SetupError(f"workload.name: expected {producer}, got {workload.name}")
    return shared


def describe(error: ValidationError) -> str:
    """Give the fields and what is wrong with each, without any value."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )
