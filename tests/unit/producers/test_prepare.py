from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.topics import MAX_EVENT_BYTES
from auditspine.producers.envelopes import defaults
from auditspine.producers.errors import EventError
from auditspine.producers.prepare import encode_event, partition_key, require_publishable
from auditspine.schemas.errors import InvalidEventError
from auditspine.schemas.models import (
    ArtifactRef,
    OutcomeObserved,
    OutcomeObservedBody,
    PredictionMade,
    PredictionMadeBody,
    ProtectedValue,
    TenantRegistered,
    TenantRegisteredBody,
)

SHARED = defaults("svc", "acme", "credit", "prod", {})
REF = ArtifactRef(kind="deployment", name="scorer", version="1", digest=bytes(32))


def tenant_registered(**fields) -> TenantRegistered:
    body = TenantRegisteredBody(tenant="t", display_name="T")
    return TenantRegistered(envelope=SHARED.envelope("request", "why", fields), body=body)


def outcome() -> OutcomeObserved:
    body = OutcomeObservedBody(
        prediction_id="p", deployment=REF, observed_at=datetime.now(UTC), source="bank"
    )
    return OutcomeObserved(envelope=SHARED.envelope("request", "why", {}), body=body)


def test_outcomes_are_placed_by_deployment_and_the_rest_by_tenant() -> None:
    assert partition_key(outcome()) == b"acme/scorer"
    assert partition_key(tenant_registered()) == b"acme"


@given(st.floats(-86_400 * 365, 295))
def test_a_time_up_to_five_minutes_ahead_is_publishable(seconds: float) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    require_publishable(tenant_registered(occurred_at=moment), "acme", "svc")


@given(st.floats(305, 86_400 * 365))
def test_a_time_further_ahead_is_refused(seconds: float) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    with pytest.raises(EventError, match=r"envelope\.occurred_at: expected at most 300 s"):
        require_publishable(tenant_registered(occurred_at=moment), "acme", "svc")


def prediction(*protected: ProtectedValue) -> PredictionMade:
    body = PredictionMadeBody(
        prediction_id="p",
        deployment=REF,
        model=REF,
        features=(),
        score=0.5,
        decision="accept",
        latency_ms=1.0,
        protected=protected,
    )
    return PredictionMade(envelope=SHARED.envelope("request", "why", {}), body=body)


def test_a_protected_attribute_that_is_said_twice_is_refused() -> None:
    twice = [ProtectedValue(attribute=each, token=None) for each in ("sex", "age_band", "sex")]
    with pytest.raises(EventError, match=r"body\.protected: expected 'sex' once, got it 2 times"):
        require_publishable(prediction(*twice), "acme", "svc")
    require_publishable(prediction(*twice[:2]), "acme", "svc")


def test_a_protected_attribute_in_clear_is_refused_before_it_is_signed() -> None:
    clear = ProtectedValue(attribute="religion", token="Quaker")
    with pytest.raises(EventError, match=r"protected\['religion'\].*expected a token") as refused:
        require_publishable(prediction(clear), "acme", "svc")
    assert "Quaker" not in str(refused.value)


def test_another_tenant_or_workload_is_refused_by_name() -> None:
    with pytest.raises(EventError, match=r"envelope\.tenant: expected .*beta, got acme"):
        require_publishable(tenant_registered(), "beta", "svc")
    with pytest.raises(EventError, match=r"envelope\.workload\.name: .* producer other, got svc"):
        require_publishable(tenant_registered(), "acme", "other")


def test_an_event_type_without_a_stream_is_refused() -> None:
    class Stray(TenantRegistered):
        stream = "nowhere"

    event = Stray.model_construct(**dict(tenant_registered()))
    with pytest.raises(EventError, match="belongs to no known stream"):
        require_publishable(event, "acme", "svc")


def test_an_event_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    event = tenant_registered()
    assert len(encode_event(event, lambda _: bytes(MAX_EVENT_BYTES))) == MAX_EVENT_BYTES
    with pytest.raises(EventError, match="event: expected at most 524288 bytes, got 524289"):
        encode_event(event, lambda _: bytes(MAX_EVENT_BYTES + 1))


def test_what_the_schema_refuses_is_an_event_error_that_names_the_type() -> None:
    def refuse(_: object) -> bytes:
        raise InvalidEventError("body.digest: expected 32 bytes, got 3")

    with pytest.raises(EventError, match=r"tenant\.registered: body\.digest: expected 32 bytes"):
        encode_event(tenant_registered(), refuse)
