import time
import traceback
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from auditspine.schemas.base import uuid7
from auditspine.schemas.models import (
    Actor,
    ArtifactRef,
    Envelope,
    FeatureValue,
    Intent,
    TenantRegistered,
    TenantRegisteredBody,
    Workload,
)


def envelope(**fields) -> Envelope:
    fixed = {
        "tenant": "-",
        "domain": "platform",
        "environment": "test",
        "actor": Actor(principal="root", kind="person"),
        "workload": Workload(name="operator"),
        "intent": Intent(trigger="request", reason="a tenant joins"),
    }
    return Envelope(**{**fixed, **fields})


BODY = TenantRegisteredBody(tenant="acme", display_name="Acme")


def test_an_event_gives_its_envelope_its_type() -> None:
    assert TenantRegistered(envelope=envelope(), body=BODY).envelope.event_type == (
        "tenant.registered"
    )


def test_an_envelope_of_another_type_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"expected the event_type tenant\.registered"):
        TenantRegistered(envelope=envelope(event_type="key.revoked"), body=BODY)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        BODY.tenant = "other"


def test_a_surplus_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        TenantRegisteredBody(tenant="acme", display_name="Acme", note="x")


def test_errors_of_construction_hold_no_values() -> None:
    with pytest.raises(ValidationError) as info:
        Actor(principal="hunter2\n", kind="hunter2")
    assert "hunter2" not in "".join(traceback.format_exception_only(info.value))


def test_a_digest_is_taken_as_bytes_or_text() -> None:
    raw = bytes(range(32))
    ref = ArtifactRef(kind="model", name="m", version="1", digest="sha256:" + raw.hex())
    assert ref == ArtifactRef(kind="model", name="m", version="1", digest=raw)
    with pytest.raises(ValidationError, match="expected 32 bytes as sha256:<64 hex>, got 31"):
        ArtifactRef(kind="model", name="m", version="1", digest=raw[:31])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(number) -> None:
    with pytest.raises(ValidationError, match="finite"):
        FeatureValue(name="income", number=number)


def test_a_missing_feature_has_neither_number_nor_text() -> None:
    value = FeatureValue(name="income")
    assert value.number is None
    assert value.text is None


def test_times_need_a_zone_and_become_utc() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        envelope(occurred_at=datetime(2026, 1, 1))  # noqa: DTZ001
    local = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert envelope(occurred_at=local).occurred_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert envelope(occurred_at=local).occurred_at.tzinfo is UTC


def test_a_lone_surrogate_is_refused_in_every_kind_of_string() -> None:
    for fields in ({"principal": "\ud800"}, {"roles": ("\ud800",)}):
        with pytest.raises(ValidationError):
            Actor(**{"principal": "p", "kind": "person", **fields})
    with pytest.raises(ValidationError):
        Intent(trigger="t", reason="r", justification="\ud800")


def test_uuid7_is_version_7_and_holds_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(uuid7())
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after


def test_uuid7_does_not_repeat() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000
