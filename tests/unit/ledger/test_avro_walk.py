"""Walking a value accepts what every Avro reader accepts, and picks what fastavro decodes."""

import json
import sys
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.avro_walk import compile_walk
from auditspine.ledger.errors import FormatError

sys.path.insert(0, str(Path(__file__).parent))
from control_world import SCHEMAS, encode, prediction

NAMES = ("a", "b", "c", "d")
_count = iter(range(10**9))


def leaf_types() -> st.SearchStrategy[tuple[object, st.SearchStrategy]]:
    return st.sampled_from(
        [
            ("null", st.none()),
            ("boolean", st.booleans()),
            ("int", st.integers(-(2**31), 2**31 - 1)),
            ("long", st.integers(-(2**63), 2**63 - 1)),
            ("float", st.floats(width=32, allow_nan=False)),
            ("double", st.floats(allow_nan=False)),
            ("bytes", st.binary(max_size=200)),
            ("string", st.text(max_size=100)),
        ]
    )


def named(kind: str, **rest) -> dict:
    return {"type": kind, "name": f"n{next(_count)}", **rest}


def takes_bytes(drawn: tuple) -> bool:
    kind = drawn[0]["type"] if isinstance(drawn[0], dict) else drawn[0]
    return isinstance(kind, list) or kind not in ("null", "record", "fixed")


def containers(inner):
    return st.one_of(
        inner.filter(takes_bytes).map(
            lambda t: ({"type": "array", "items": t[0]}, st.lists(t[1], max_size=70))
        ),
        inner.map(
            lambda t: (
                {"type": "map", "values": t[0]},
                st.dictionaries(st.text(max_size=5), t[1], max_size=3),
            )
        ),
        st.lists(inner, max_size=4).map(
            lambda types: (
                named(
                    "record",
                    fields=[{"name": n, "type": t[0]} for n, t in zip(NAMES, types, strict=False)],
                ),
                st.fixed_dictionaries({n: t[1] for n, t in zip(NAMES, types, strict=False)}),
            )
        ),
        st.integers(1, 70).map(
            lambda n: (
                named("enum", symbols=[f"S{i}" for i in range(n)]),
                st.integers(0, n - 1).map(lambda i: f"S{i}"),
            )
        ),
        st.integers(0, 40).map(
            lambda n: (named("fixed", size=n), st.binary(min_size=n, max_size=n))
        ),
        leaf_types()
        .filter(lambda t: t[0] != "null")
        .map(lambda t: (["null", t[0]], st.none() | t[1])),
    )


schemas = st.recursive(leaf_types(), containers, max_leaves=8)


def written(schema: object, value: object) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return out.getvalue()


def walked(text: str, raw: bytes, picked: tuple[str, ...] = ()) -> tuple | None:
    walk = compile_walk(text, picked)
    assert walk is not None
    try:
        return walk(raw, 0)
    except (ValueError, IndexError):
        return None


@given(st.data())
def test_what_fastavro_writes_is_walked_to_its_end_and_not_beyond(data: st.DataObject) -> None:
    schema, values = data.draw(schemas)
    raw, text = written(schema, data.draw(values)), json.dumps(schema)
    assert walked(text, raw) == ()
    assert walked(text, raw + b"\0") is None
    if raw:
        assert walked(text, raw[:-1]) is None


@given(st.data())
def test_whatever_is_walked_is_decoded_by_fastavro_with_the_same_fields(data) -> None:
    raw = bytearray(encode(prediction(data.draw(st.integers(0, 999))))[5:])
    for _ in range(data.draw(st.integers(0, 2))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    picked = ("envelope.event_id", "envelope.tenant", "envelope.workload.name", "body.decision")
    text = SCHEMAS["prediction.made"][1]
    got = walked(text, bytes(raw), picked)
    if got is not None:
        plain = fastavro.parse_schema(json.loads(text.replace('"logicalType"', '"was"')))
        event = fastavro.schemaless_reader(BytesIO(raw), plain, None)
        envelope = event["envelope"]
        assert got == (
            envelope["event_id"], envelope["tenant"], envelope["workload"]["name"],
            event["body"]["decision"],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "raw"),
    [
        ('"boolean"', b"\x02"),
        ('["null", "long"]', b"\x01\x02"),
        ('["null", "long"]', b"\x04"),
        ('{"type": "enum", "name": "e", "symbols": ["A", "B"]}', b"\x01"),
        ('{"type": "enum", "name": "e", "symbols": ["A", "B"]}', b"\x04"),
        ('"int"', b"\xfe\xff\xff\xff\xff\x01"),
        ('"long"', b"\xff" * 10 + b"\x01"),
        ('"long"', b"\xff" * 9 + b"\x02"),
        ('"string"', b"\x02\xff"),
        ('"string"', b"\x01"),
        ('"bytes"', b"\x81\x01"),
        ('{"type": "array", "items": "boolean"}', b"\xfe\xff\xff\xff\x0f"),
        ('{"type": "array", "items": "boolean"}', b"\x03\x02\x01\x01\x00"),
    ],
)
def test_what_other_readers_refuse_is_refused(schema: str, raw: bytes) -> None:
    assert walked(schema, raw) is None


def test_blocks_with_their_width_are_walked() -> None:
    raw = b"\x03\x04\x01\x00" + b"\x02\x01" + b"\x00"  # two items in two bytes, then one
    assert walked('{"type": "array", "items": "boolean"}', raw) == ()


def test_a_schema_without_a_picked_field_has_no_walk() -> None:
    text = '{"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "string"]}]}'
    assert compile_walk(text, ("a",)) is None
    assert compile_walk(text, ("b",)) is None


@pytest.mark.parametrize(
    "items",
    ['"null"', '{"type": "fixed", "name": "f", "size": 0}', '{"type": "null"}',
     '{"type": "record", "name": "r", "fields": [{"name": "a", "type": "null"}]}'],
)  # fmt: skip
def test_an_array_of_nothing_is_refused(items: str) -> None:
    """A few bytes could claim any number of items."""
    with pytest.raises(FormatError, match="take no bytes"):
        compile_walk(f'{{"type": "array", "items": {items}}}', ())


def test_a_recursive_schema_is_refused() -> None:
    text = '{"type": "record", "name": "r", "fields": [{"name": "next", "type": ["null", "r"]}]}'
    with pytest.raises(FormatError, match="recursive"):
        compile_walk(text, ())
