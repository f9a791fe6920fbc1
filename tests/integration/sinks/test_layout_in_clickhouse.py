"""The typed columns that ClickHouse makes of raw Avro, against the auditor's own rendering."""

import io
import json
import math
import random
import uuid
from datetime import UTC, datetime

import fastavro
import pytest
from fastavro.utils import generate_many

from auditspine.auditor.canonical import PATHS, CanonicalEvent, parse_body, same
from auditspine.ledger.segment import Entry
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.schemas.catalogue import event_types
from auditspine.sinks.reframe import reframe
from auditspine.sinks.stored_schemas import StoredSchemas

COUNT = 60
TEXTS = ["", "plain", 'quo"ted \\ / \b\n\t\x1f', "é 漢 😀", "null", "'; DROP", "\u2028\x7f"]
NUMBERS = [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, 1 / 3, math.inf, -math.inf, math.nan, 123456789.25]
INTS = [0, 1, -1, 2**31 - 1, -(2**31)]
LONGS = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1]


def tame(schema, value, seed):
    """Put awkward values where the schema allows them, and times into ClickHouse's range."""
    if isinstance(schema, list):
        branch = next(each for each in schema if each != "null")
        return None if value is None else tame(branch, value, seed)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {f["name"]: tame(f["type"], value[f["name"]], seed) for f in schema["fields"]}
    if kind == "array":
        return [tame(schema["items"], each, seed) for each in value[: seed.randrange(4)]]
    if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-micros":
        return seed.choice([0, 1, -1, 1_790_000_000_000_000, seed.randrange(2**52)])
    choices = {"string": TEXTS, "double": NUMBERS, "int": INTS, "long": LONGS}
    return seed.choice(choices[kind]) if kind in choices else value


def random_events(known) -> list[dict]:
    seed = random.Random(known.name)
    schema = fastavro.schema.expand_schema(json.loads(known.text))
    events = []
    for number, each in enumerate(
        generate_many(fastavro.parse_schema(json.loads(known.text)), COUNT)
    ):
        event = tame(schema, each, seed)
        event["envelope"] |= {"event_id": str(uuid.UUID(int=seed.getrandbits(128)))}
        event["envelope"]["occurred_at"] = 1_790_000_000_000_000 + number * 1_000_001
        events.append(event)
    return events


@pytest.mark.parametrize("name", event_types())
def test_every_event_type_reads_in_clickhouse_as_the_auditor_renders_it(shared_world, name) -> None:
    known = event_types()[name]
    parsed = fastavro.parse_schema(json.loads(known.text))
    events, entries = random_events(known), []
    for position, each in enumerate(events):
        out = io.BytesIO()
        out.write(b"\0" + known.schema_id.to_bytes(4, "big"))
        fastavro.schemaless_writer(out, parsed, each)
        entries.append(
            Entry(position, 0, 0, out.getvalue(), b"", b"", b"", Verdict.VALID, Flag(0), "")
        )
    store = shared_world.store()
    prepared = StoredSchemas(store, {known.schema_id: known.text}).get(known.schema_id)
    store.insert_data(prepared.target(name), reframe(prepared.header, entries), "Avro", name)
    rows = shared_world.client.query(
        f"SELECT {', '.join(PATHS)}, artifacts, body FROM evidence WHERE origin = '{name}' "
        "ORDER BY position",
        column_formats={"artifacts": {"FixedString": "bytes"}},
    ).result_rows
    assert len(rows) == COUNT
    canonical = CanonicalEvent(known.text)
    for event, row in zip(map(read_back(parsed), entries), rows, strict=True):
        stored = dict(zip((*PATHS, "artifacts", "body"), row, strict=True))
        expected = canonical.envelope(event)
        expected["event_id"] = uuid.UUID(expected["event_id"])
        expected["occurred_at"] = datetime.fromtimestamp(
            expected["occurred_at"] / 1e6, UTC
        ).replace(tzinfo=None)
        body, artifacts = stored.pop("body"), stored.pop("artifacts")
        assert stored == expected
        assert same(parse_body(body), canonical.body(event)), body
        assert [artifact_of(each) for each in artifacts] == canonical.artifacts(event)


def read_back(parsed):
    """Decode without logical types: times as integers, ids as text."""
    plain = json.loads(json.dumps(parsed).replace('"logicalType"', '"unused"'))
    return lambda entry: fastavro.schemaless_reader(io.BytesIO(entry.value[5:]), plain, None)


def artifact_of(stored):
    values = stored.values() if isinstance(stored, dict) else stored
    *names, digest = values
    return (*names, digest if isinstance(digest, bytes) else bytes.fromhex(digest))
