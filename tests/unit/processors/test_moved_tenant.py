"""A tenant that moves between spaces is folded as if it had been in one log all the time."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.merkle import Head
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import (
    Entry,
    Judged,
    Place,
    SealingContext,
    encode_segment,
    seal,
)
from auditspine.ledger.tenancy import LogRange, Move
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.projection.errors import HistoryError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.history import PastEntry
from auditspine.processors.projection.port import Projection, SealedEvent
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
PUBLIC = KEY.public_key().public_bytes_raw()
DECODER = Decoder(schema_texts())
SHARED, OWN, THIRD = "auditspine.", "auditspine.harbor.", "auditspine.cove."
START = 1_790_000_000_000
KEYS = {
    "access_edges": (
        "artifact_name",
        "artifact_digest",
        "workload_name",
        "principal",
        "network",
        "operation",
        "permitted",
    ),
    "access_verdicts": ("event_id",),
    "access_grants": ("grant_id",),
    "access_reviews": ("review_id",),
    "lineage_nodes": ("node_id",),
    "lineage_edges": ("source_id", "target_id", "relation"),
    "lineage_marks": ("node_id", "mark", "event_id"),
    "findings": ("event_id", "kind", "subject", "artifact_name", "detail"),
}
"""What a row is about, whichever log it names; the tables' keys have the origin beside it."""
PLACES = ("origin", "version", "finding_id", "last_origin", "revoked_origin")


class Table:
    """Rows as ReplacingMergeTree keeps them: of one key, that of the highest version."""

    def __init__(self) -> None:
        self.rows: dict[tuple, dict[str, Any]] = {}

    def write(self, table, columns, rows) -> None:
        for row in rows:
            named = dict(zip(columns, row, strict=True))
            if named["tenant"] != "harbor":
                continue
            key = (table, named["origin"], *(named[each] for each in KEYS[table]))
            known = self.rows.get(key)
            if known is None or known["version"] <= named["version"]:
                self.rows[key] = named

    def placeless(self) -> dict[tuple, dict[str, Any]]:
        """Give them without logs and positions; fails when one thing has two rows."""
        found = {}
        for (table, _, *key), row in self.rows.items():
            about = (table, *key)
            assert about not in found, f"two rows about {about}"
            found[about] = {
                name: value
                for name, value in row.items()
                if name not in PLACES and "position" not in name
            }
        return found


CITED = (
    ("origin", "position", "appended_at"),
    ("origin", "first_position", "first_at"),
    ("last_origin", "last_position", "last_at"),
    ("origin", "granted_position", "granted_at"),
    ("revoked_origin", "revoked_position", "revoked_at"),
    ("origin", "opened_position", "opened_at"),
)
"""Columns that name an entry, with its time."""


def assert_cites(table: Table, *logs: "Log") -> None:
    """Every log and position that a row names is an entry of the tenant at that time."""
    entries = {log.place.origin: log.entries() for log in logs}
    for row in table.rows.values():
        for origin, position, at in CITED:
            if row.get(position) is not None:
                entry = entries[row[origin] or row["origin"]][row[position]]
                assert (entry.timestamp, tenant_of(entry.value)) == (row[at], "harbor")


class Log:
    """One log: its entries, and the segments that it is cut into."""

    def __init__(self, prefix: str, stream: str) -> None:
        self.place = Place(f"o/{prefix}/{stream}/0", prefix + stream, 0)
        self.topic = f"{prefix}{stream}.sealed"
        self.segments: list[bytes] = []
        self.head, self.offset = Head(), 0

    def seal(self, entries: list[tuple[int, bytes]], control_size: int) -> "Log":
        judged = [
            Judged(self.offset + n, at, value, b"", Verdict.VALID, Flag.NONE)
            for n, (at, value) in enumerate(entries)
        ]
        self.offset += len(entries)
        context = SealingContext(control_size, self.offset, 0)
        segment, self.head = seal(self.place, self.head, judged, context, KEY)
        self.segments.append(encode_segment(segment))
        return self

    def entries(self) -> list[Entry]:
        return [past.entry for past in self.past()]

    def past(self) -> list[PastEntry]:
        reader = SegmentReader([PUBLIC])
        accepted = [each for raw in self.segments if (each := reader.accept(raw))]
        return [
            PastEntry(entry, each.segment.control_size)
            for each in accepted
            for entry in each.entries()
        ]


class Past:
    """History in memory, for what reads it from Kafka."""

    def __init__(self, moves: list[Move], logs: list[Log]) -> None:
        self._moves = moves
        self._logs = {log.place.origin: log for log in logs}

    def moves(self, control_size: int) -> list[Move]:
        return self._moves

    def entries(self, part: LogRange, tenant: str) -> Iterator[PastEntry]:
        for past in self._logs[part.origin].past():
            entry = past.entry
            if part.first <= entry.position < part.size and tenant_of(entry.value) == tenant:
                yield past


def tenant_of(value: bytes) -> str:
    return str(DECODER.decode(value).envelope["tenant"])


def part(log: Log, first: int, size: int) -> LogRange:
    return LogRange(log.place.origin, log.place.topic, 0, first, size, 1, b"")


def folded(
    projection: Projection, log: Log, past: Past | None, batch: int, path: Path
) -> tuple[Table, dict[bytes, bytes]]:
    """Follow a log, a new follower for each few segments, as after a restart."""
    rows = Table()
    parts = Parts(projection, DECODER, rows, (PUBLIC,), path, 1, past)
    messages = [SealedMessage(n, raw) for n, raw in enumerate(log.segments)]
    state: dict[bytes, bytes] = {}
    for start in range(0, len(messages), batch):
        follower = Follower(parts, log.topic, 0)
        follower.step(messages[start : start + batch])
        state = dict(follower.state.items())
        follower.close()
    return rows, state


def said(event_type: str, number: int, by: str, tenant: str = "harbor", **body: Any) -> bytes:
    content = json.loads(example(event_type))
    envelope = content["envelope"]
    envelope["event_id"] = f"0199a0b0-0000-7000-8000-{number:012x}"
    envelope["occurred_at"] = "2026-11-25T09:00:00Z"
    envelope["tenant"] = tenant
    envelope["actor"] = {"principal": by, "kind": "person"}
    content["body"] |= body
    return encode(parse_json(json.dumps(content)))


SCOPE = {
    "domains": [],
    "environments": [],
    "max_sensitivity": "restricted",
    "namespace": "",
    "network": "",
}
PEOPLE = ("ana", "bob")


def access_event(kind: str, who: str, number: int) -> bytes:
    grant = {"grant_id": f"g-{who}", "principal": who, "principal_kind": "person"}
    if kind == "grant":
        more = {"role": "data_reader", "scope": SCOPE, "expires_at": None}
        return said("role.granted", number, "admin", **grant, **more)
    if kind == "revoke":
        return said("role.revoked", number, "admin", grant_id=f"g-{who}")
    if kind == "open":
        review = {"review_id": f"r-{who}", "reviewer": "rita", "grants": ["g-ana", "g-bob"]}
        return said("access_review.opened", number, "rita", **review)
    if kind == "decide":
        decision = {"review_id": f"r-{who}", "grant_id": "g-ana", "decision": "keep"}
        return said("access_review.decided", number, "rita", **decision)
    return said("artifact.accessed", number, who, sensitivity="internal", operation="read")


ACTIONS = st.tuples(
    st.sampled_from(("grant", "revoke", "open", "decide", "access", "access")),
    st.sampled_from(PEOPLE),
)
LINEAGE_TYPES = sorted(LineageProjection.event_types)


def story(projection: Projection, actions: list[tuple[str, str]]) -> list[tuple[int, bytes]]:
    if projection.name == "access":
        values = [access_event(kind, who, n) for n, (kind, who) in enumerate(actions)]
    else:
        kinds = [
            LINEAGE_TYPES[(n * 7 + len(a[0])) % len(LINEAGE_TYPES)] for n, a in enumerate(actions)
        ]
        values = [said(kind, n, "ana") for n, kind in enumerate(kinds)]
    return [(START + n * 3_600_000, value) for n, value in enumerate(values)]


def interleaved(events: list[tuple[int, bytes]], number: int) -> list[tuple[int, bytes]]:
    """Put another tenant's access beside each event."""
    others = [
        (at, said("artifact.accessed", 9000 + number + n, "eve", "acme"))
        for n, (at, _) in enumerate(events)
    ]
    return [each for pair in zip(others, events, strict=True) for each in pair]


@pytest.mark.parametrize("make", [AccessProjection, LineageProjection])
@given(
    actions=st.lists(ACTIONS, min_size=3, max_size=24),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    batch=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_there_and_back_is_as_if_it_had_stayed(make, actions, cuts, batch) -> None:
    projection = make()
    stream = projection.streams[0]
    events = story(projection, actions)
    out, back = sorted(round(cut * len(events)) for cut in cuts)
    first, middle, last = events[:out], events[out:back], events[back:]

    shared, own = Log(SHARED, stream), Log(OWN, stream)
    shared.seal(interleaved(first, 0), 10).seal([], 11)
    left = shared.head.size
    shared.seal(interleaved([], 100), 12)
    for start in range(0, len(middle), 2):
        own.seal(middle[start : start + 2], 12)
    own.seal([], 13)
    shared.seal([], 14).seal(interleaved(last, 200), 14)
    moves = [
        Move(11, "harbor", "harbor", OWN, (part(shared, 0, left),)),
        Move(13, "harbor", "shared", SHARED, (part(own, 0, own.head.size),)),
    ]
    third = Log(THIRD, stream).seal([], 16)
    stays = (part(shared, 0, left), part(own, 0, own.head.size))
    last_stay = part(shared, left, shared.head.size)
    moves.append(Move(15, "harbor", "cove", THIRD, (*stays, last_stay)))
    past = Past(moves, [shared, own])

    stayed = Log("one.", stream)
    for each in events:
        stayed.seal([each], 10)
    there = Log("one.", stream)
    for each in [*first, *middle]:
        there.seal([each], 10)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in "abcdef"]
        whole, _ = folded(projection, stayed, None, 3, paths[0])
        before, _ = folded(projection, there, None, 3, paths[1])
        apart, state = folded(projection, own, past, batch, paths[2])
        again, same = folded(projection, own, past, 100, paths[3])
        home, _ = folded(projection, shared, past, batch, paths[4])
        cove, _ = folded(projection, third, past, batch, paths[5])
    assert_cites(cove, shared, own)
    assert cove.placeless() == whole.placeless()
    assert_cites(apart, shared, own)
    assert_cites(home, shared, own)
    assert apart.placeless() == before.placeless()
    assert (again.rows, same) == (apart.rows, state)
    assert home.placeless() == whole.placeless()


def test_what_a_tenant_did_elsewhere_rests_on_the_control_log_of_then(tmp_path) -> None:
    sizes: list[tuple[str, int]] = []

    class Seeing(AccessProjection):
        def fold(self, events, state):
            def seen(events) -> Iterator[SealedEvent]:
                for event in events:
                    sizes.append((event.envelope["actor"]["principal"], event.control_size))
                    yield event

            return super().fold(seen(events), state)

    shared = Log(SHARED, "access").seal([(START, access_event("access", "ana", 1))], 7)
    own = Log(OWN, "access").seal([(START + 1, access_event("access", "tom", 2))], 12)
    past = Past([Move(11, "harbor", "harbor", OWN, (part(shared, 0, 1),))], [shared])
    folded(Seeing(), own, past, 9, tmp_path)
    assert [size for _, size in sizes] == [7, 12]


def test_history_that_cannot_be_read_stops_the_worker_before_anything_is_stored(tmp_path) -> None:
    class Gone(Past):
        def entries(self, part: LogRange, tenant: str) -> Iterator[PastEntry]:
            yield from ()
            raise HistoryError("not those that the move names")

    own = Log(OWN, "access").seal([(START, access_event("access", "ana", 1))], 12)
    past = Gone([Move(11, "harbor", "harbor", OWN, (part(own, 0, 5),))], [])
    rows = Table()
    follower = Follower(
        Parts(AccessProjection(), DECODER, rows, (PUBLIC,), tmp_path, 1, past), own.topic, 0
    )
    with pytest.raises(HistoryError):
        follower.step([SealedMessage(0, own.segments[0])])
    assert (rows.rows, dict(follower.state.items())) == ({}, {})
    follower.close()


@pytest.mark.parametrize(
    ("tenant", "prefix"), [("harbor", "auditspine.other."), ("nobody-here", OWN)]
)
def test_a_move_elsewhere_or_to_another_partition_changes_nothing(tmp_path, tenant, prefix) -> None:
    own = Log(OWN, "access").seal([(START, access_event("access", "ana", 1))], 12)
    move = Move(11, tenant, "harbor", prefix, (part(own, 0, 5),))
    past = Past([move], [])  # reading from it would fail
    rows = Table()
    partitions = 1 if prefix != OWN else 1_000_003
    parts = Parts(AccessProjection(), DECODER, rows, (PUBLIC,), tmp_path, partitions, past)
    follower = Follower(parts, own.topic, 0)
    follower.step([SealedMessage(0, own.segments[0])])
    assert follower.moved() == {}
    assert rows.rows
    follower.close()
