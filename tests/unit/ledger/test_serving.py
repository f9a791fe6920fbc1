"""A serving record is believed where a trusted key put it, as it was signed, and nowhere else."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.errors import FormatError, IntegrityError, LedgerError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.record_signing import Verifier, sign
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, decode, encode_value, partition_of
from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import MAX_SERVING_BYTES, STREAMS, Topics

TOPIC, PARTITION = "auditspine.serving", 2
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
VERIFIER = Verifier(TOPIC, [raw_public_key(KEY)], ServingRecord)
RECORD = ServingRecord(
    tenant="acme",
    deployment="mortgage-risk-eu",
    model_digest=bytes(range(32)),
    state="blocked",
    releases_frozen=True,
    quarantined=False,
    alert_id="alert-1",
    reason="SECRET drift",
    since=1_700_000_000_000,
    position=7,
)
TEXT = st.text(min_size=1, max_size=30)
COUNT = st.integers(0, (1 << 63) - 1)
DIGEST = st.binary(min_size=32, max_size=32)
RECORDS = st.builds(
    ServingRecord,
    tenant=TEXT,
    deployment=TEXT,
    model_digest=DIGEST,
    state=st.sampled_from(["live", "fallback", "blocked"]),
    releases_frozen=st.booleans(),
    quarantined=st.booleans(),
    alert_id=st.none() | TEXT,
    reason=TEXT,
    since=COUNT,
    position=COUNT,
)
ALIVES = st.builds(
    Alive,
    partition=COUNT,
    partitions=COUNT,
    said_at=COUNT,
    behind_ms=COUNT,
    position=COUNT,
    records=COUNT,
    digest=DIGEST,
)


def opened(record, *, key=KEY, topic=TOPIC, partition=PARTITION, verifier=VERIFIER):
    name, value = record.key, encode_value(record)
    return verifier.open(PARTITION, name, value, sign(key, topic, partition, name, value))


@given(RECORDS | ALIVES)
def test_what_is_signed_is_read_as_it_was(record) -> None:
    assert opened(record) == record
    assert encode_value(record).isascii()
    json.loads(record.key)


@given(RECORDS, RECORDS)
def test_two_keys_are_equal_only_for_the_same_model_at_the_same_deployment(one, other) -> None:
    place = [(r.tenant, r.deployment, r.model_digest) for r in (one, other)]
    assert (one.key == other.key) == (place[0] == place[1])
    assert replace(one, state="live", position=0).key == one.key


def test_names_cannot_be_cut_elsewhere() -> None:
    assert replace(RECORD, tenant='a","b').key != replace(RECORD, tenant="a", deployment="b").key


@given(st.data())
def test_one_changed_bit_is_not_believed(data) -> None:
    name, value = RECORD.key, encode_value(RECORD)
    parts = [name, value, sign(KEY, TOPIC, PARTITION, name, value)]
    which = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    parts[which] = bytes(changed)
    with pytest.raises(LedgerError) as refused:
        VERIFIER.open(PARTITION, *parts)
    assert "SECRET" not in str(refused.value)
    assert "acme" not in str(refused.value)


@given(st.none() | st.binary(), st.none() | st.binary(), st.none() | st.binary(max_size=120))
def test_anything_else_is_refused_with_an_error_of_ours(key, value, header) -> None:
    with pytest.raises(LedgerError):
        VERIFIER.open(PARTITION, key, value, header)


@pytest.mark.parametrize(
    "elsewhere", [{"key": OTHER}, {"topic": "auditspine.x.serving"}, {"partition": 3}]
)
def test_a_signature_holds_for_its_key_topic_and_partition_alone(elsewhere) -> None:
    with pytest.raises(IntegrityError):
        opened(RECORD, **elsewhere)


def test_a_signed_value_under_another_key_is_refused() -> None:
    name, value = replace(RECORD, deployment="other").key, encode_value(RECORD)
    with pytest.raises(FormatError, match="its key names"):
        VERIFIER.open(PARTITION, name, value, sign(KEY, TOPIC, PARTITION, name, value))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"state": "LIVE"},
        {"state": ["live"]},
        {"quarantined": 1},
        {"position": -1},
        {"position": 1.0},
        {"position": True},
        {"position": 1 << 63},
        {"model_digest": "AA" * 32},
        {"model_digest": "aa" * 31},
        {"model_digest": "zz" * 32},
        {"model_digest": None},
        {"alert_id": ""},
        {"reason": ""},
        {"more": "SECRET"},
    ],
)
def test_a_value_that_is_not_a_record_is_refused(change) -> None:
    said = {**json.loads(encode_value(RECORD)), **change}
    value = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(FormatError) as refused:
        decode(RECORD.key, value, ServingRecord)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("value", [b"[" * 60_000, b"9" * 5000, b"{}", b"[]", b"\xff", b'{"a":NaN}'])
def test_json_that_is_none_of_ours_is_refused(value) -> None:
    with pytest.raises(FormatError):
        decode(RECORD.key, value, ServingRecord)


def test_what_is_not_canonical_is_refused() -> None:
    value = encode_value(RECORD)
    for other in (value + b" ", value.replace(b":", b": ", 1), b'{"position":9,' + value[1:]):
        with pytest.raises(FormatError):
            decode(RECORD.key, other, ServingRecord)


def test_what_cannot_be_read_again_is_not_written() -> None:
    for wrong in (
        {"reason": "x" * MAX_SERVING_BYTES},
        {"model_digest": b"short"},
        {"state": "up"},
        {"since": 1.5},
    ):
        with pytest.raises(FormatError):
            encode_value(replace(RECORD, **wrong))


def test_a_verifier_wants_keys() -> None:
    for keys in ([], [b"short"], [bytes(32)]):
        with pytest.raises(FormatError):
            Verifier(TOPIC, keys, ServingRecord)


def test_tenants_are_placed_as_their_lifecycle_events() -> None:
    from auditspine.producers.lane import Lane  # noqa: F401 - the SDK's rule is in route.py
    from auditspine.producers.route import Route

    lanes = list(range(4))
    for tenant in ("acme", "northbank", "é", "-"):
        assert Route("t", lanes).lane(tenant.encode()) == partition_of(tenant, 4)


@given(
    st.lists(
        st.builds(
            lambda p, s: replace(RECORD, position=p, state=s),
            st.integers(0, 5),
            st.sampled_from(["live", "blocked"]),
        ),
        min_size=1,
    )
)
def test_an_older_state_never_replaces_a_newer_one(records) -> None:
    table = RecordTable()
    best = -1
    for record in records:
        assert table.take(record) == (record.position >= best)
        best = max(best, record.position)
        assert table.get(RECORD.key).position == best
    assert len(table) == 1


@given(st.lists(RECORDS, max_size=8, unique_by=lambda r: r.key), st.randoms())
def test_the_digest_depends_on_the_states_and_on_nothing_else(records, chance) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)
    one, other = RecordTable(), RecordTable()
    for record in records:
        one.take(record)
        one.digest()
    for record in shuffled:
        other.take(record)
    assert one.digest() == other.digest()
    alive = Alive(0, 1, 1, 0, 0, len(records), one.digest())
    assert other.is_what(alive)
    for record in records:
        without = RecordTable()
        for each in records:
            if each is not record:
                without.take(each)
        assert not without.is_what(alive)
        without.take(replace(record, reason=record.reason + "!"))
        assert not without.is_what(alive)


def test_the_topic_is_compacted_and_no_stream() -> None:
    topics = Topics("x.")
    assert topics.all()["x.serving"] == topics.partitions == topics.partition_count("lifecycle")
    config = topics.config("x.serving")
    assert config["cleanup.policy"] == "compact"
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["min.insync.replicas"] == "2"
    assert "serving" not in STREAMS
    with pytest.raises(ValueError):
        topics.stream("x.serving")


def test_records_have_the_bytes_that_guards_in_the_field_read() -> None:
    digest = bytes(range(32)).hex()
    assert RECORD.key == f'["state","acme","mortgage-risk-eu","{digest}"]'.encode()
    assert (
        encode_value(RECORD)
        == (
            f'{{"alert_id":"alert-1","deployment":"mortgage-risk-eu","model_digest":"{digest}",'
            '"position":7,"quarantined":false,"reason":"SECRET drift","releases_frozen":true,'
            '"since":1700000000000,"state":"blocked","tenant":"acme","version":1}'
        ).encode()
    )
    assert sign(KEY, TOPIC, PARTITION, RECORD.key, encode_value(RECORD)).hex() == (
        "0103a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8bd22d7641f19a096620017"
        "9541903304761b63d1506817181dddbb4b8821895e7a56b78b45f3e44a51916a47165b5161b4e4fabb8177d3"
        "f8122f792c0d891305"
    )
    alive = Alive(2, 4, said_at=5, behind_ms=6, position=7, records=8, digest=bytes(32))
    assert alive.key == b'["alive",2]'
    assert (
        encode_value(alive)
        == (
            f'{{"behind_ms":6,"digest":"{"00" * 32}","partition":2,"partitions":4,"position":7,'
            '"records":8,"said_at":5,"version":1}'
        ).encode()
    )
    table: RecordTable[ServingRecord] = RecordTable()
    table.take(RECORD)
    assert table.digest().hex() == (
        "fc3b420204702072c67d4d63bed3cbdd0391d8e0fe76a88bc70888df531e90a9"
    )
