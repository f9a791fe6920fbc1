"""A release record is believed in its own topic, as it was signed, and is no serving record."""

import json
from dataclasses import fields, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.record_signing import Verifier, sign
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, decode, encode_value
from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import MAX_SERVING_BYTES, STREAMS, Topics

TOPICS, PARTITION = Topics(), 2
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = Verifier(TOPICS.releases, [raw_public_key(KEY)], ReleaseRecord)
RECORD = ReleaseRecord(
    tenant="acme",
    environment="prod",
    model_digest=bytes(range(32)),
    allowed=True,
    decision_id="d-1",
    reason="SECRET rules passed",
    since=1_700_000_000_000,
    until=None,
    position=7,
)
STATE = ServingRecord("acme", "prod", bytes(range(32)), "live", False, False, None, "r", 1, 7)
TEXT = st.text(min_size=1, max_size=30)
COUNT = st.integers(0, (1 << 63) - 1)
RECORDS = st.builds(
    ReleaseRecord,
    tenant=TEXT,
    environment=TEXT,
    model_digest=st.binary(min_size=32, max_size=32),
    allowed=st.booleans(),
    decision_id=TEXT,
    reason=TEXT,
    since=COUNT,
    until=st.none() | COUNT,
    position=COUNT,
)


def opened(record, *, key=KEY, topic=TOPICS.releases):
    name, value = record.key, encode_value(record)
    return VERIFIER.open(PARTITION, name, value, sign(key, topic, PARTITION, name, value))


@given(RECORDS)
def test_what_is_signed_is_read_as_it_was(record) -> None:
    assert opened(record) == record
    assert encode_value(record).isascii()


def test_the_bytes_are_canonical_json() -> None:
    digest = bytes(range(32)).hex()
    assert RECORD.key == f'["release","acme","prod","{digest}"]'.encode()
    assert (
        encode_value(RECORD)
        == (
            '{"allowed":true,"decision_id":"d-1","environment":"prod",'
            f'"model_digest":"{digest}","position":7,"reason":"SECRET rules passed",'
            '"since":1700000000000,"tenant":"acme","until":null,"version":1}'
        ).encode()
    )
    for other in (b" " + encode_value(RECORD), encode_value(RECORD).replace(b"null", b" null")):
        with pytest.raises(FormatError, match="canonical"):
            decode(RECORD.key, other, ReleaseRecord)


@given(RECORDS, RECORDS)
def test_two_keys_are_equal_only_for_the_same_model_in_the_same_environment(one, other) -> None:
    place = [(r.tenant, r.environment, r.model_digest) for r in (one, other)]
    assert (one.key == other.key) == (place[0] == place[1])
    assert replace(one, allowed=not one.allowed, position=0).key == one.key


@pytest.mark.parametrize("kind", [ReleaseRecord, ServingRecord, Alive])
def test_every_field_of_a_record_is_checked(kind) -> None:
    assert list(kind.FITS) == [field.name for field in fields(kind)]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"allowed": 1},
        {"allowed": "true"},
        {"allowed": None},
        {"decision_id": ""},
        {"decision_id": None},
        {"environment": ""},
        {"reason": ""},
        {"until": -1},
        {"until": 1.0},
        {"until": "never"},
        {"position": True},
        {"model_digest": "AA" * 32},
        {"model_digest": "aa" * 31},
        {"more": "SECRET"},
    ],
)
def test_a_value_that_is_not_a_record_is_refused(change) -> None:
    said = {**json.loads(encode_value(RECORD)), **change}
    value = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(FormatError) as refused:
        decode(RECORD.key, value, ReleaseRecord)
    assert "SECRET" not in str(refused.value)


def test_what_cannot_be_read_again_is_not_written() -> None:
    for wrong in ({"reason": "x" * MAX_SERVING_BYTES}, {"allowed": 0}, {"until": 1.5}):
        with pytest.raises(FormatError):
            encode_value(replace(RECORD, **wrong))


def test_a_signed_decision_for_another_tenant_environment_or_model_is_refused() -> None:
    value = encode_value(RECORD)
    for change in ({"tenant": "other"}, {"environment": "dev"}, {"model_digest": b"x" * 32}):
        name = replace(RECORD, **change).key
        header = sign(KEY, TOPICS.releases, PARTITION, name, value)
        with pytest.raises(FormatError, match="its key names"):
            VERIFIER.open(PARTITION, name, value, header)


def test_a_signature_holds_for_its_key_and_topic_alone() -> None:
    for elsewhere in ({"key": Ed25519PrivateKey.generate()}, {"topic": TOPICS.serving}):
        with pytest.raises(IntegrityError):
            opened(RECORD, **elsewhere)


def test_the_two_kinds_are_not_taken_for_each_other() -> None:
    with pytest.raises(FormatError):
        opened(STATE)
    for record, kind in ((STATE, ReleaseRecord), (RECORD, ServingRecord)):
        with pytest.raises(FormatError):
            decode(record.key, encode_value(record), kind)


def test_an_older_decision_never_replaces_a_newer_one() -> None:
    table: RecordTable[ReleaseRecord] = RecordTable()
    denied = replace(RECORD, allowed=False, position=8)
    assert table.take(RECORD)
    assert table.take(denied)
    assert not table.take(RECORD)
    assert table.get(RECORD.key) == denied


def test_the_topic_is_compacted_and_no_stream() -> None:
    topics = Topics("x.")
    assert topics.all()["x.releases"] == topics.partitions
    assert topics.config("x.releases") == topics.config("x.serving")
    assert topics.config("x.releases")["cleanup.policy"] == "compact"
    assert "releases" not in STREAMS
    with pytest.raises(ValueError, match="expected a topic"):
        topics.stream("x.releases")
