"""Rows and containers: read back by decoders that share nothing with the encoders."""

import io
import json
import struct

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.batch import SigHeader
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.sinks.reframe import container_header, reframe, schema_id
from auditspine.sinks.rows import encode_entries, entries_target

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(0, 2**63 - 1)
DIGEST = st.binary(min_size=32, max_size=32)
NAME = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=5).map(
    lambda text: text * (1 + 200 * (len(text) == 1))
)


@st.composite
def sigs(draw) -> tuple[bytes, tuple]:
    if draw(st.booleans()):
        return draw(st.sampled_from([b"", b"\x01junk"])), (b"", "", "", 0, 0)
    key, tenant, producer = draw(DIGEST), draw(NAME), draw(NAME)
    epoch, sequence = draw(U64), draw(U64)
    header = SigHeader(bytes(64), key, epoch, sequence, 0, 0, 1, 0, tenant, producer, b"")
    return header.encode(), (key, tenant, producer, epoch, sequence)


@st.composite
def entries(draw):
    sig, claim = draw(sigs())
    entry = Entry(
        draw(st.integers(0, 2**63 - 1)),
        draw(I64),
        draw(I64),
        draw(st.binary(max_size=40)),
        sig,
        draw(DIGEST),
        draw(DIGEST),
        draw(st.sampled_from(Verdict) if claim[0] else st.just(Verdict.BAD_SIGNATURE)),
        Flag(draw(st.integers(0, 7))),
        "",
    )
    return entry, draw(U64), claim


class Reader:
    """ClickHouse's RowBinary, as its documentation says."""

    def __init__(self, raw: bytes) -> None:
        self.raw = io.BytesIO(raw)

    def number(self, code: str):
        size = struct.calcsize("<" + code)
        return struct.unpack("<" + code, self.raw.read(size))[0]

    def string(self) -> bytes:
        length = shift = 0
        while True:
            byte = self.raw.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return self.raw.read(length)


@given(st.lists(entries(), max_size=6))
def test_entries_read_back_as_rows(rows) -> None:
    reader = Reader(encode_entries((entry, size) for entry, size, _ in rows))
    for entry, control_size, (key, tenant, producer, epoch, sequence) in rows:
        assert reader.number("Q") == entry.position
        assert reader.number("q") == entry.offset
        assert reader.number("q") == entry.timestamp
        assert (reader.raw.read(32), reader.raw.read(32)) == (entry.leaf, entry.chain)
        assert (reader.number("b"), reader.number("B")) == (entry.verdict, entry.flags)
        assert reader.number("Q") == control_size
        assert (reader.number("Q"), reader.number("Q")) == (epoch, sequence)
        strings = (reader.string(), reader.string().decode(), reader.string().decode())
        assert strings == (key, tenant, producer)
    assert reader.raw.read() == b""


def test_a_log_s_names_are_quoted() -> None:
    target = entries_target("o'1", "t\\2", 3)
    assert "SELECT 'o\\'1', 't\\\\2', 3," in target


SCHEMA = {
    "type": "record",
    "name": "E",
    "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": ["null", "long"]}],
}


@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries(
                {"a": st.text(max_size=300), "b": st.none() | st.integers(-(2**63), 2**63 - 1)}
            ),
            st.binary(max_size=200),
            st.integers(0, 2**63 - 1),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_reframed_events_read_back_with_what_was_put_before_them(events) -> None:
    parsed = fastavro.parse_schema(json.loads(json.dumps(SCHEMA)))
    made = []
    for position, (event, sig, timestamp) in enumerate(events):
        out = io.BytesIO(b"\0\x01\x02\x03\x04")
        out.seek(5)
        fastavro.schemaless_writer(out, parsed, event)
        made.append(
            Entry(position, 0, timestamp, out.getvalue(), sig, b"", b"", Verdict.VALID, Flag(3), "")
        )
    container = io.BytesIO(reframe(container_header(json.dumps(SCHEMA)), made))
    rows = list(fastavro.reader(container))
    assert [(row["event"], row["value"], row["sig"]) for row in rows] == [
        (event, entry.value, sig) for entry, (event, sig, _) in zip(made, events, strict=True)
    ]
    places = [struct.unpack("<QqB", row["place"]) for row in rows]
    assert places == [(e.position, e.timestamp, 3) for e in made]


def test_the_schema_id_is_read_from_the_wire_header() -> None:
    assert schema_id(b"\0\x01\x02\x03\x04rest") == 0x01020304
