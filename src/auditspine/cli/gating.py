"""Asks for a release and waits for the decision, as the sealed log has it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.errors import CliError
from auditspine.cli.operator import await_sealed
from auditspine.cli.sealed_watch import SealedWatch
from auditspine.cli.settings import Settings
from auditspine.ledger.verdict import Verdict
from auditspine.producers.client import AuditClient
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.codec import Decoder
from auditspine.schemas.errors import UndecodableError
from auditspine.schemas.models import (
    ArtifactRef,
    DecisionMade,
    DecisionMadeBody,
    DeploymentRequested,
    DeploymentRequestedBody,
)

_SEAL_S = 30.0
_WAITING = "needs_review"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for.

    Attributes:
        tenant: Tenant.
        model: The exact model.
        environment: Where it is to be deployed.
        risk_class: Risk class of its decisions.
        purpose: What it is to be used for.
        jurisdictions: Beside those that the policy sets for its domain.
        domain: Business domain.
        deployment: The deployment that is to serve it, if it is known.
        reason: Why.
    """

    tenant: str
    model: ArtifactRef
    environment: str
    risk_class: str
    purpose: str
    jurisdictions: tuple[str, ...]
    domain: str
    deployment: ArtifactRef | None
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    Attributes:
        request_id: The event_id of the request.
        decision: The last decision; None when there was none in time.
        waited_s: How long that took, seconds.
    """

    request_id: str
    decision: DecisionMadeBody | None
    waited_s: float

    @property
    def is_allowed(self) -> bool:
        """Whether it may be deployed."""
        return self.decision is not None and self.decision.outcome == "allow"


def ask(
    settings: Settings,
    asked: Ask,
    workload: str,
    key: Path,
    *,
    wait: bool,
    timeout_s: float,
    on_decision: Callable[[DecisionMadeBody], None] = lambda _decision: None,
) -> Answer:
    """Ask for a release; return with the decision, or without one when the time is over.

    Only what the ledger sealed as valid is believed: nobody but the release processor may say
    ``decision.made``. It must be on this request and on what was asked for: another tenant of the
    space may have made a request with the same id.

    Args:
        settings: The settings.
        asked: What is asked for.
        workload: The workload that asks; its key must be registered for the tenant.
        key: Its key file.
        wait: Whether to wait on while people must decide.
        timeout_s: How long altogether, seconds.
        on_decision: Told of each decision as it comes.

    Raises:
        CliError: The ledger found the request not valid.
        NotSealedError: It was not sealed in time.
        ProducerError: It could not be published.
    """
    kafka = {"log_level": "0", **kafka_properties(settings)}
    topics = settings.topics_for(asked.tenant, asked.domain)
    sealed = {topics.sealed("lifecycle"): topics.partition_count("lifecycle")}
    began = time.monotonic()
    with (
        AuditClient(
            kafka,
            tenant=asked.tenant,
            producer=workload,
            key=key,
            domain=asked.domain,
            environment=asked.environment,
            topics=topics,
        ) as client,
        SealedWatch(kafka, sealed, trusted_log_keys(settings.trust_path)) as watch,
    ):
        client.check("lifecycle")
        request = _request(client, asked)
        said = client.publish(request)
        client.flush(_SEAL_S)
        [place] = await_sealed(watch, [said], _SEAL_S)
        if place.verdict is not Verdict.VALID:
            raise CliError(
                f"the ledger quarantined the request: {place.verdict.name.lower()}; is the key "
                f"{key} registered for {asked.tenant} and deployment.requested?"
            )
        request_id = str(request.envelope.event_id)
        left = timeout_s - (time.monotonic() - began)
        values = watch.values(max(left, 0.0))
        decision = _await(values, request_id, asked, on_decision, wait=wait)
    return Answer(request_id, decision, time.monotonic() - began)


def _request(client: AuditClient, asked: Ask) -> DeploymentRequested:
    body = DeploymentRequestedBody(
        model=asked.model,
        environment=asked.environment,
        risk_class=asked.risk_class,
        purpose=asked.purpose,
        jurisdictions=asked.jurisdictions,
        deployment=asked.deployment,
    )
    return DeploymentRequested(envelope=client.envelope("gate", asked.reason), body=body)


def _await(
    values: Iterator[bytes],
    request_id: str,
    asked: Ask,
    on_decision: Callable[[DecisionMadeBody], None],
    *,
    wait: bool,
) -> DecisionMadeBody | None:
    """Give the last decision on a request; a repeat of one changes nothing."""
    last: DecisionMadeBody | None = None
    for made in _decisions(values):
        decision = made.body
        if decision.request_id != request_id or decision == last or not _is_on(made, asked):
            continue
        last = decision
        on_decision(decision)
        if decision.outcome != _WAITING or not wait:
            return decision
    return last


def _is_on(made: DecisionMade, asked: Ask) -> bool:
    """Tell whether a decision is on what was asked for."""
    decided = made.envelope.tenant, made.body.model.digest, made.body.environment
    return decided == (asked.tenant, asked.model.digest, asked.environment)


def _decisions(values: Iterator[bytes]) -> Iterator[DecisionMade]:
    known = event_types()["decision.made"]
    decoder = Decoder({known.schema_id: known.text})
    for value in values:
        try:
            event = decoder.decode(value).to_model()
        except UndecodableError:  # of another type
            continue
        if isinstance(event, DecisionMade):
            yield event


def as_json(answer: Answer, timeout_s: float) -> Mapping[str, Any]:
    """Give an answer as JSON: always ``outcome``, ``decision_id`` and ``reason``."""
    decision = answer.decision
    if decision is None:
        return {
            "outcome": "unanswered",
            "decision_id": None,
            "reason": unanswered(timeout_s),
            "request_id": answer.request_id,
            "rules": [],
        }
    said: dict[str, Any] = decision.model_dump(mode="json")
    return said


def unanswered(timeout_s: float) -> str:
    """Say that nobody answered."""
    return (
        f"no decision came within {timeout_s:.0f} s: is `auditspine worker release` running? "
        "Nothing is allowed without one"
    )


def open_rules(decision: DecisionMadeBody) -> Sequence[str]:
    """Name the rules that keep a release from being allowed."""
    return [each.rule for each in decision.rules if each.result in ("failed", "error")]
