"""A worker says what it derives; what the contract refuses never stops it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from auditspine.cli.errors import CliError
from auditspine.cli.speaker import ClockLoop, ProcessorSpeaker
from auditspine.cli.speaking import Recorder
from auditspine.ledger.topics import Topics
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.port import Derived, SealedEvent
from auditspine.producers.client import AuditClient
from auditspine.producers.errors import DeliveryError, SetupError
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event
from auditspine.sinks.notify.port import UnrecordableError

SOURCE = Source("alerts", 1)
BODY = json.loads(example("alert.resolved"))["body"]
AT_MS = 1_790_000_000_000


class Broker:
    """Takes what clients publish."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: Exception | None = None

    def publish(self, event: Event) -> "Broker":
        self.events.append(event)
        return self

    def result(self, timeout: float) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    taken = Broker()
    monkeypatch.setattr(AuditClient, "publish", lambda _client, event: taken.publish(event))
    return taken


@pytest.fixture
def speaker(tmp_path: Path) -> ProcessorSpeaker:
    key, kafka = Ed25519PrivateKey.generate(), {"bootstrap.servers": "localhost:1"}
    return ProcessorSpeaker(kafka, Topics(), "energy", SOURCE, key, tmp_path, None)


def derived(ordinal: int = 0, body: dict[str, Any] | None = None, **envelope: Any) -> Derived:
    given: dict[str, Any] = {
        "event_id": "0199a0b0-0000-4000-8000-000000000001",
        "occurred_at": (AT_MS - 5000) * 1000,
        "tenant": "acme",
        "domain": "credit",
        "environment": "production",
        **envelope,
    }
    cause = SealedEvent("local/c/t/0", 7, AT_MS, "drift.signalled", given, {})
    return Derived(cause, ordinal, "alert.resolved", BODY if body is None else body, "over")


def test_a_derived_event_is_of_its_cause(speaker: ProcessorSpeaker, broker: Broker) -> None:
    said = derived()
    speaker.say([said])
    (event,) = broker.events
    envelope = event.envelope
    assert envelope.event_id == derived_event_id(SOURCE, said)
    assert (envelope.tenant, envelope.domain, envelope.environment) == (
        "acme", "credit", "production",
    )  # fmt: skip
    assert envelope.correlation.causation_id == said.cause.envelope["event_id"]


@pytest.mark.parametrize(
    ("event_type", "ago_ms"), [("drift.signalled", 5000), ("producer.heartbeat", 0)]
)
def test_what_follows_from_what_was_derived_is_as_old_as_that(
    speaker: ProcessorSpeaker, broker: Broker, event_type: str, ago_ms: int
) -> None:
    said = derived()
    speaker.say([replace(said, cause=replace(said.cause, event_type=event_type))])
    assert broker.events[0].envelope.occurred_at.timestamp() == (AT_MS - ago_ms) / 1000


def test_what_the_contract_refuses_is_told_and_the_rest_is_said(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    bad = {**BODY, "alert_id": "SECRET words"}
    with capture_logs() as logs:
        speaker.say([derived(0), derived(1, bad), derived(2, {}), derived(3)])
    assert len(broker.events) == 2
    assert speaker.refused == {"alert.resolved": 2}
    assert logs[0]["fields"] == ["body.alert_id"]
    assert {(each["processor"], each["event_type"]) for each in logs} == {
        ("alerts", "alert.resolved")
    }
    assert "SECRET" not in str(logs)


@pytest.mark.parametrize(
    "body", [{"alert_id": object()}, {**BODY, "detail": "\ud800"}, {1: 2}, {**BODY, "alert_id": ""}]
)
def test_nothing_that_is_derived_stops_a_worker(
    speaker: ProcessorSpeaker, broker: Broker, body: dict[Any, Any]
) -> None:
    speaker.say([derived(0, body), derived(1)])
    assert len(broker.events) == 1
    assert speaker.refused.total() == 1


def test_a_domain_that_is_no_token_does_not_silence_its_alerts(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    speaker.say([derived(domain="retail credit", environment="")])
    assert (broker.events[0].envelope.domain, broker.events[0].envelope.environment) == ("-", "-")


def test_a_tenant_that_is_no_token_is_refused(speaker: ProcessorSpeaker, broker: Broker) -> None:
    speaker.say([derived(tenant="a b")])
    assert not broker.events
    assert speaker.refused.total() == 1


def test_a_broker_whose_clock_is_ahead_is_no_reason_for_silence(
    speaker: ProcessorSpeaker, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: AT_MS / 1000 - 3600)
    speaker.say([derived()])
    assert len(broker.events) == 1


def test_the_longest_tenant_has_a_file_for_its_epochs(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    speaker.say([derived(tenant="t" * 128)])
    state = speaker._client("t" * 128)._plan.state
    assert state is not None
    assert len(state.name) < 100
    assert state != speaker._client("acme")._plan.state


def test_what_may_not_have_been_published_stops_the_worker(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    broker.error = DeliveryError("t", 0, None, "away")
    with pytest.raises(DeliveryError):
        speaker.say([derived()])


def test_what_has_no_cause_is_of_the_spaces_domain(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    speaker.tick("acme")
    assert (broker.events[0].event_type, broker.events[0].envelope.domain) == (
        "producer.heartbeat", "energy",
    )  # fmt: skip


DELIVERED = {
    "notification_id": "0" * 32,
    "alert_id": "alert-1",
    "event_id": "019ab5d5-3b84-7b01-8c11-000000000001",
    "receiver": "chat",
    "status": "delivered",
    "attempts": 1,
    "detail": "",
}


def test_a_notification_is_recorded_under_the_same_id_each_time(
    speaker: ProcessorSpeaker, broker: Broker
) -> None:
    for _ in range(2):
        Recorder(speaker).record("acme", DELIVERED)
    first, again = broker.events
    assert first.envelope.event_id == again.envelope.event_id
    assert (first.event_type, first.envelope.domain) == ("notification.delivered", "energy")


@pytest.mark.parametrize(
    ("tenant", "body"),
    [
        ("acme", {"event_id": "019ab5d5-3b84-4b01-8c11-000000000001"}),
        ("acme", {"event_id": "019AB5D5-3B84-7B01-8C11-000000000001"}),
        ("acme", {"alert_id": "SECRET words"}),
        ("a b", {}),
    ],
)
def test_what_is_no_event_can_never_be_recorded(
    speaker: ProcessorSpeaker, broker: Broker, tenant: str, body: dict[str, str]
) -> None:
    with pytest.raises(UnrecordableError) as caught:
        Recorder(speaker).record(tenant, {**DELIVERED, **body})
    assert "SECRET" not in str(caught.value)
    assert not broker.events


def test_a_tick_that_cannot_be_said_is_left_out_and_told_once() -> None:
    ticked: list[str] = []
    answers: Iterator[CliError | list[str]] = iter(
        [CliError("away"), CliError("away"), ["bad", "acme"], ["bad", "acme"]]
    )

    class Ticking:
        def tick(self, tenant: str) -> None:
            if tenant == "bad":
                raise SetupError("no token")
            ticked.append(tenant)

    def tenants() -> list[str]:
        answer = next(answers, None)
        if answer is None:
            clock.stop()
            return []
        if isinstance(answer, CliError):
            raise answer
        return answer

    clock = ClockLoop(Ticking(), tenants, every_s=0.0)
    with capture_logs() as logs:
        clock.run()
    assert ticked == ["acme", "acme"]
    assert [each["tenant"] for each in logs] == ["", "bad"]
