"""The access fold: pure, replayable, and the same however the log is cut into segments."""

import hashlib
import itertools
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.errors import ForkError
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.access.edges import EDGES
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.projection.errors import SegmentRefused
from auditspine.processors.projection.findings import FINDINGS, Source, derived_id
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.models import (
    Actor,
    ArtifactAccessed,
    ArtifactAccessedBody,
    ArtifactRef,
    Envelope,
    Intent,
    Origin,
    ProducerHeartbeat,
    ProducerHeartbeatBody,
    Workload,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
PUBLIC = KEY.public_key().public_bytes_raw()
PLACE = Place("local/c/t/0", "t.access", 0)
PURE = settings(max_examples=60, deadline=None)


class LatestRows:
    """A store that keeps what ReplacingMergeTree would: the row of the highest version."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}

    def write(self, table, columns, rows) -> None:
        for row in rows:
            named = dict(zip(columns, row, strict=True))
            seen = ("first_position", "first_at", "last_position", "last_at", "count", "version")
            parts = [named[c] for c in columns if c not in seen]
            key = (table, *([named["finding_id"]] if table == "findings" else parts))
            known = self.rows.get(key)
            if known is not None and known["version"] == named["version"]:
                assert known == named, "one version has one content"
            if known is None or known["version"] < named["version"]:
                self.rows[key] = named

    def of(self, table: str) -> list[dict[str, Any]]:
        return [row for key, row in self.rows.items() if key[0] == table]


def envelope(number: int, **it: Any) -> Envelope:
    return Envelope(
        event_id=f"01900000-0000-7000-8000-{number:012x}",
        tenant=it["tenant"],
        domain="credit",
        environment="test",
        actor=Actor(
            principal=it["principal"], kind="workload", origin=Origin(network=it["network"])
        ),
        workload=Workload(name=it["workload"], namespace="ml"),
        intent=Intent(trigger="test", reason="test"),
    )


USUAL = {
    "tenant": "acme",
    "workload": "trainer",
    "principal": "svc",
    "network": "vpc-1",
    "operation": "read",
    "permitted": True,
    "content": "v1",
}


def accessed(number: int, **changed: Any) -> bytes:
    """An artifact.accessed event; ``changed`` names what differs from the usual."""
    it = {**USUAL, **changed}
    digest = hashlib.sha256(it["content"].encode()).digest()
    body = ArtifactAccessedBody(
        artifact=ArtifactRef(kind="dataset", name="loans", version="1", digest=digest),
        operation=it["operation"],
        purpose="test",
        permitted=it["permitted"],
    )
    return encode(ArtifactAccessed(envelope=envelope(number, **it), body=body))


def heartbeat() -> bytes:
    body = ProducerHeartbeatBody(epoch=1, streams=())
    return encode(ProducerHeartbeat(envelope=envelope(9, **USUAL), body=body))


def judged(values, verdict=Verdict.VALID, flags=Flag.NONE) -> list[Judged]:
    return [Judged(n, 1000 + n, value, b"", verdict, flags) for n, value in enumerate(values)]


def sealed(entries: list[Judged], cuts=()) -> list[bytes]:
    """Seal the entries, cut at the given positions."""
    head, segments = Head(), []
    bounds = [0, *sorted(cut for cut in cuts if cut < len(entries)), len(entries)]
    for start, end in itertools.pairwise(bounds):
        context = SealingContext(0, end, 0)
        segment, head = seal(PLACE, head, entries[start:end], context, KEY)
        segments.append(encode_segment(segment))
    return segments


def parts(path, store) -> Parts:
    return Parts(AccessProjection(), Decoder(schema_texts()), store, (PUBLIC,), path)


def follow(path, segments, batch=1, store=None) -> tuple[LatestRows, dict[bytes, bytes]]:
    """Follow the segments, a fresh follower for each batch as after a restart."""
    rows = LatestRows() if store is None else store
    messages = [SealedMessage(n, raw) for n, raw in enumerate(segments)]
    state: dict[bytes, bytes] = {}
    for start in range(0, len(messages), batch):
        follower = Follower(parts(path, rows), "t.access.sealed", 0)
        follower.step(messages[start : start + batch])
        state = dict(follower.state.items())
        follower.close()
    return rows, state


def test_an_edge_counts_from_first_to_last(tmp_path):
    rows, _ = follow(tmp_path, sealed(judged(accessed(n) for n in range(3))))
    (edge,) = rows.of("access_edges")
    assert (edge["first_position"], edge["last_position"], edge["count"]) == (0, 2, 3)
    assert (edge["first_at"], edge["last_at"], edge["version"]) == (1000, 1002, 2)
    assert (edge["workload_namespace"], edge["workload_name"]) == ("ml", "trainer")
    assert tuple(edge) == EDGES.columns


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "beta"},
        {"workload": "other"},
        {"principal": "ann"},
        {"network": "office"},
        {"operation": "export"},
        {"permitted": False},
        {"content": "v2"},
    ],
)
def test_what_differs_is_another_edge(tmp_path, changed):
    rows, _ = follow(tmp_path, sealed(judged([accessed(0), accessed(1, **changed)])))
    assert [edge["count"] for edge in rows.of("access_edges")] == [1, 1]


def test_the_first_access_of_a_workload_to_an_artifact_is_a_finding(tmp_path):
    values = [accessed(0), accessed(1), accessed(2, content="v2"), accessed(3, workload="other")]
    rows, _ = follow(tmp_path, sealed(judged(values)))
    findings = sorted(rows.of("findings"), key=lambda row: row["position"])
    assert [row["position"] for row in findings] == [0, 2, 3]
    assert {row["kind"] for row in findings} == {"first_access"}
    assert findings[0]["detail"] == (
        "workload ml/trainer touched dataset loans 1 for the first time, by svc (read)"
    )
    assert tuple(findings[0]) == FINDINGS.columns


def test_who_acts_and_how_makes_no_new_finding(tmp_path):
    values = [accessed(0), accessed(1, principal="ann"), accessed(2, operation="export")]
    rows, _ = follow(tmp_path, sealed(judged(values)))
    assert [row["position"] for row in rows.of("findings")] == [0]


def test_a_first_denial_is_a_warning_and_no_access(tmp_path):
    values = [accessed(0, permitted=False), accessed(1, permitted=False), accessed(2)]
    rows, _ = follow(tmp_path, sealed(judged(values)))
    found = [(row["position"], row["kind"], row["severity"]) for row in rows.of("findings")]
    assert sorted(found) == [(0, "denied_access", "warning"), (2, "first_access", "info")]


def test_only_valid_entries_that_are_no_duplicates_count(tmp_path):
    entries = [
        *judged([accessed(0)], Verdict.UNKNOWN_KEY),
        *judged([b"not an event"], Verdict.UNDECODABLE),
        *judged([accessed(2)], flags=Flag.DUPLICATE),
        *judged([accessed(3)], flags=Flag.GAP),
        *judged([heartbeat()]),
    ]
    rows, _ = follow(tmp_path, sealed(entries))
    assert [edge["first_position"] for edge in rows.of("access_edges")] == [3]


def test_a_valid_event_that_cannot_be_decoded_stops_the_worker_and_shows_no_content(tmp_path):
    with pytest.raises(SegmentRefused, match=r"offset 0: the valid event at position 0") as caught:
        follow(tmp_path, sealed(judged([b"secret"])))
    assert "secret" not in str(caught.value)


def test_a_gap_stops_the_worker_at_the_message(tmp_path):
    segments = sealed(judged(accessed(n) for n in range(4)), cuts=[2])
    with pytest.raises(SegmentRefused, match=r"t.access.sealed\[0\] at offset 0: gap in log"):
        follow(tmp_path, segments[1:])


def test_a_fork_stops_the_worker(tmp_path):
    one = sealed(judged(accessed(n) for n in range(2)))
    other = sealed(judged(accessed(n, content="v2") for n in range(3)))
    with pytest.raises(SegmentRefused) as caught:
        follow(tmp_path, [*one, *other])
    assert isinstance(caught.value.__cause__, ForkError)


def test_a_signature_of_an_unknown_log_key_stops_the_worker(tmp_path):
    unknown = Parts(AccessProjection(), Decoder(schema_texts()), None, (bytes(32),), tmp_path)
    follower = Follower(unknown, "t.access.sealed", 0)
    with pytest.raises(SegmentRefused, match=r"offset 0: .*(signature|key)"):
        follower.step([SealedMessage(0, sealed(judged([accessed(0)]))[0])])
    follower.close()


def test_a_tombstone_stops_the_worker(tmp_path):
    with pytest.raises(SegmentRefused, match="without a value"):
        follow(tmp_path, [None])


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "tenant": st.sampled_from(["acme", "beta"]),
            "workload": st.sampled_from(["trainer", "server"]),
            "principal": st.sampled_from(["svc", "ann"]),
            "content": st.sampled_from(["v1", "v2", "v3"]),
            "permitted": st.booleans(),
        }
    ),
    min_size=1,
    max_size=24,
)


@PURE
@given(EVENTS, st.data())
def test_any_cut_with_repeats_and_restarts_gives_the_same_state_and_rows(
    tmp_path_factory, events, data
):
    entries = judged(accessed(n, **event) for n, event in enumerate(events))
    whole, state = follow(tmp_path_factory.mktemp("whole"), sealed(entries))
    positions = st.sets(st.integers(1, len(events)), max_size=6)
    segments = sealed(entries, data.draw(positions))
    others = sealed(entries, data.draw(positions))
    messages = list(segments)
    for raw in data.draw(st.lists(st.sampled_from(others + segments), max_size=4)):
        # A zombie's repeat or overlap comes after what it repeats.
        messages.insert(data.draw(st.integers(len(segments), len(messages))), raw)
    batch = data.draw(st.integers(1, 5))
    rows, again = follow(tmp_path_factory.mktemp("cut"), messages, batch)
    assert again == state
    assert rows.rows == whole.rows


@PURE
@given(EVENTS)
def test_the_fold_agrees_with_counting(tmp_path_factory, events):
    rows, _ = follow(
        tmp_path_factory.mktemp("count"),
        sealed(judged(accessed(n, **event) for n, event in enumerate(events))),
    )
    edges = {tuple(sorted(event.items())) for event in events}
    assert len(rows.of("access_edges")) == len(edges)
    assert sum(edge["count"] for edge in rows.of("access_edges")) == len(events)
    pairs = {(e["tenant"], e["workload"], e["content"], e["permitted"]) for e in events}
    assert len(rows.of("findings")) == len(pairs)


def test_derived_ids_hold_still():
    """Their computation is part of the evidence: changing it needs a new logic version."""
    source = Source("access", 1)
    assert derived_id(source, "local/c/t/0", 7, 0) == UUID("ec027494-99bc-8582-b163-4bf0312300e6")
    assert derived_id(source, "local/c/t/0", 7, 0).version == 8
    others = {derived_id(source, "local/c/t/0", 7, 1), derived_id(source, "local/c/t/1", 7, 0)}
    assert len(others | {derived_id(Source("access", 2), "local/c/t/0", 7, 0)}) == 3


class Waking(LatestRows):
    """Lets another worker go first between the write and the commit, once."""

    def __init__(self, wake) -> None:
        super().__init__()
        self.wake = wake

    def write(self, table, columns, rows) -> None:
        super().write(table, columns, rows)
        wake, self.wake = self.wake, lambda: None
        wake()


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_a_zombie_that_wakes_behind_another_worker_goes_on_from_its_state(tmp_path, ahead):
    segments = sealed(judged(accessed(n) for n in range(6)), cuts=[2, 4])
    messages = [SealedMessage(n, raw) for n, raw in enumerate(segments)]
    whole, state = follow(tmp_path / "whole", segments)
    other = Follower(parts(tmp_path / "two", LatestRows()), "t.access.sealed", 0)
    rows = Waking(lambda: other.step(messages[:ahead]))
    zombie = Follower(parts(tmp_path / "two", rows), "t.access.sealed", 0)
    zombie.step(messages[:2])
    other.step(messages)
    assert dict(other.state.items()) == state
    assert other.position.next_offset == 3
    zombie.step(messages[2:])
    assert dict(zombie.state.items()) == state
    for key, row in rows.rows.items():
        assert row["version"] <= whole.rows[key]["version"]
    other.close()
    zombie.close()
