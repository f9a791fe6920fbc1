"""The lineage fold: one graph, however its events are ordered, repeated or cut."""

import itertools
import json
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.memory_state import Memory

from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.lineage.graph import EDGES, MARKS, NODES
from auditspine.processors.projection.findings import FINDINGS
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

DECODER = Decoder(schema_texts())
TYPES = sorted(LineageProjection.event_types)
WHEN = ("position", "first_position", "first_at", "appended_at", "registered_at", "version")


class Graph:
    """What ClickHouse would hold: the row of the highest version of each key."""

    KEYS: ClassVar = {
        NODES: ("node_id",),
        EDGES: ("source_id", "target_id", "relation"),
        MARKS: ("node_id", "mark", "event_id"),
        FINDINGS: ("finding_id",),
    }

    def __init__(self) -> None:
        self.rows: dict[Any, dict[tuple, dict[str, Any]]] = {table: {} for table in self.KEYS}
        self.state = Memory()

    def fold(self, events: list[SealedEvent]) -> "Graph":
        for table, rows in LineageProjection().fold(events, self.state).items():
            for row in rows:
                named = dict(zip(table.columns, row, strict=True))
                self.rows[table][tuple(named[key] for key in self.KEYS[table])] = named
        return self

    def timeless(self) -> dict[str, Any]:
        """Give it without positions and ledger times."""
        return {
            table.name: {
                key: {name: value for name, value in row.items() if name not in WHEN}
                for key, row in self.rows[table].items()
            }
            for table in (NODES, EDGES, MARKS)
        }

    def edges(self) -> set[tuple[str, str, str]]:
        named = {key[0]: row["artifact_name"] for key, row in self.rows[NODES].items()}
        return {
            (named[source], relation, named[target])
            for source, target, relation in self.rows[EDGES]
        }

    def findings(self) -> list[tuple[str, str]]:
        rows = sorted(
            self.rows[FINDINGS].values(), key=lambda row: (row["position"], row["ordinal"])
        )
        return [(row["kind"], row["artifact_name"]) for row in rows]


def sealed(position: int, value: bytes) -> SealedEvent:
    event = DECODER.decode(value)
    at = 1_800_000_000_000 + position
    return SealedEvent("o", position, at, event.event_type, event.envelope, event.body)


def value(event_type: str, number: int = 0, **body: Any) -> bytes:
    """Give the example of a type, at its own time, with other fields in its body."""
    content = json.loads(example(event_type))
    content["envelope"]["event_id"] = f"019ab5c2-8e00-7000-8000-{number:012x}"
    content["envelope"]["occurred_at"] = f"2026-11-25T09:{number:02d}:00Z"
    content["body"] |= body
    return encode(parse_json(json.dumps(content)))


def story() -> list[bytes]:
    return [value(event_type, number) for number, event_type in enumerate(TYPES)]


def ref(kind: str, name: str, content: int = 1) -> dict[str, str]:
    return {"kind": kind, "name": name, "version": "1", "digest": f"sha256:{content:064x}"}


@given(
    order=st.permutations(range(len(TYPES))), repeated=st.lists(st.sampled_from(range(len(TYPES))))
)
@settings(max_examples=60, deadline=None)
def test_late_repeated_and_disordered_events_give_the_same_graph(order, repeated) -> None:
    values = story()
    straight = Graph().fold([sealed(n, value) for n, value in enumerate(values)])
    other = Graph().fold([sealed(n, values[at]) for n, at in enumerate([*order, *repeated])])
    assert other.timeless() == straight.timeless()


@given(cuts=st.sets(st.integers(1, len(TYPES) - 1)))
@settings(max_examples=30, deadline=None)
def test_cutting_the_log_elsewhere_changes_nothing(cuts) -> None:
    events = [sealed(n, value) for n, value in enumerate(story())]
    whole, parts = Graph().fold(events), Graph()
    bounds = [0, *sorted(cuts), len(events)]
    for start, end in itertools.pairwise(bounds):
        parts.fold(events[start:end])
    assert (parts.rows, parts.state.values) == (whole.rows, whole.state.values)


def test_a_model_hangs_together_from_its_dataset_to_its_deployment() -> None:
    edges = Graph().fold([sealed(n, value) for n, value in enumerate(story())]).edges()
    assert edges >= {
        ("hmda-boston", "snapshot_of", "hmda-boston-train"),
        ("hmda-boston-train", "has_column", "hmda-boston-train/dir"),
        ("hmda-boston-train/dir", "computed_from", "debt_to_income"),
        ("debt_to_income", "used", "mortgage-risk"),
        ("hmda-boston-train", "labelled", "hmda-boston-deny"),
        ("lender records", "labelled_by", "hmda-boston-deny"),
        ("hmda-boston-deny", "trained_on", "mortgage-risk"),
        ("run-2026-11-25-01", "generated", "mortgage-risk"),
        ("mortgage-risk", "evaluated", "mortgage-risk-3"),
        ("mortgage-risk", "served", "mortgage-risk-eu"),
        ("mortgage-risk", "replaced_by", "mortgage-risk"),
    }


def test_only_what_an_event_registers_is_registered() -> None:
    graph = Graph().fold([sealed(0, value("model.registered"))])
    known = {
        (row["artifact_kind"], row["artifact_version"])
        for row in graph.rows[NODES].values()
        if row["registered"]
    }
    assert known == {("model", "3")}
    assert ("unregistered_reference", "hmda-boston-train") in graph.findings()
    later = graph.fold([sealed(1, value("dataset.snapshotted", 1))])
    snapshot = [row for row in later.rows[NODES].values() if row["artifact_kind"] == "snapshot"]
    assert [(row["registered"], row["first_position"]) for row in snapshot] == [(True, 0)]


def test_a_name_with_another_digest_is_another_node_and_a_finding() -> None:
    one = value("dataset.registered", 1)
    other = value(
        "dataset.registered", 2, dataset=ref("dataset", "hmda-boston", 9) | {"version": "1996"}
    )
    graph = Graph().fold([sealed(0, one), sealed(1, other), sealed(2, other)])
    assert len(graph.rows[NODES]) == 2
    assert graph.findings() == [("digest_conflict", "hmda-boston")]


@pytest.mark.parametrize("flip", [False, True])
def test_a_cycle_is_a_finding_and_no_crash(flip) -> None:
    first, second = ref("snapshot", "a", 1), ref("snapshot", "b", 2)
    values = [
        value("dataset.snapshotted", 1, snapshot=second, dataset=first, columns=[]),
        value("dataset.snapshotted", 2, snapshot=first, dataset=second, columns=[]),
    ]
    if flip:
        values.reverse()
    graph = Graph().fold([sealed(n, value) for n, value in enumerate(values)])
    assert [kind for kind, _ in graph.findings() if kind == "lineage_cycle"] == ["lineage_cycle"]


def test_what_is_made_of_itself_is_a_cycle() -> None:
    same = ref("dataset", "a")
    graph = Graph().fold(
        [sealed(0, value("dataset.snapshotted", 1, snapshot=same, dataset=same, columns=[]))]
    )
    assert ("lineage_cycle", "a") in graph.findings()


def test_a_feature_of_a_column_that_its_snapshot_lacks_is_a_finding() -> None:
    snapshot = ref("snapshot", "train")
    given_ = [
        value("dataset.snapshotted", 1, snapshot=snapshot),
        value("feature.defined", 2, inputs=[{"artifact": snapshot, "column": "nosuch"}]),
    ]
    graph = Graph().fold([sealed(n, each) for n, each in enumerate(given_)])
    assert ("unregistered_reference", "train/nosuch") in graph.findings()


def test_a_snapshot_is_as_sensitive_as_its_most_sensitive_column() -> None:
    graph = Graph().fold([sealed(0, value("dataset.snapshotted"))])
    of = {row["node_id"]: row["artifact_name"] for row in graph.rows[NODES].values()}
    said = {
        (of[row["node_id"]], row["value"])
        for row in graph.rows[MARKS].values()
        if row["mark"] == "sensitivity"
    }
    assert said >= {
        ("hmda-boston-train", "restricted"),
        ("hmda-boston-train/black", "restricted"),
        ("hmda-boston-train/dir", "confidential"),
    }


def said_by(principal: str, event_type: str, number: int) -> bytes:
    content = json.loads(example(event_type))
    content["envelope"]["event_id"] = f"019ab5c2-8e00-7000-8000-{number:012x}"
    content["envelope"]["actor"] = {"principal": principal, "kind": "person"}
    return encode(parse_json(json.dumps(content)))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("maker", ["run.started", "model.registered"])
def test_who_made_a_model_may_not_approve_it(order, maker) -> None:
    made = ("run.started", "model.registered", "approval.decided")
    by = {"run.started": "tom", "model.registered": "ann", "approval.decided": "eve"}
    by[maker] = "eve"
    values = [said_by(by[event_type], event_type, n) for n, event_type in enumerate(made)]
    graph = Graph().fold([sealed(n, values[at]) for n, at in enumerate(order)])
    found = [row for row in graph.rows[FINDINGS].values() if row["kind"] == "separation_of_duties"]
    assert [row["severity"] for row in found] == ["critical"]
    assert "eve" in found[0]["detail"]


def test_tenants_never_share_a_node() -> None:
    ids: list[UUID] = []
    for tenant in ("acme", "globex"):
        content = json.loads(example("dataset.registered"))
        content["envelope"]["tenant"] = tenant
        graph = Graph().fold([sealed(0, encode(parse_json(json.dumps(content))))])
        ids += [row["node_id"] for row in graph.rows[NODES].values()]
    assert len(set(ids)) == 2


def _disposed(order: tuple[int, ...]) -> Graph:
    place = {"model": made("model", "risk"), "deployment": made("deployment", "risk-eu")}
    raised = {"alert_id": "alert-1", **place}
    ended = {
        "investigation_id": "inv-1",
        "alert_id": "alert-1",
        "disposition": "data_quality",
        "rationale": "The feed",
    }
    events = [
        SealedEvent("log", 5, 1_000, "alert.raised", _envelope(1), raised),
        SealedEvent("log", 9, 2_000, "investigation.dispositioned", _envelope(2), ended),
    ]
    graph = Graph()
    for number in order:
        graph.fold([events[number]])
    return graph


def made(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "version": "1", "digest": b"\1" * 32}


def _envelope(number: int) -> dict[str, Any]:
    event_id = f"00000000-0000-7000-8000-{number:012x}"
    who = {"principal": "ana@acme.example"}
    return {"tenant": "acme", "event_id": event_id, "occurred_at": number, "actor": who}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0)])
def test_a_disposition_is_on_the_model_and_the_deployment_in_any_order(order) -> None:
    marks = _disposed(order).rows[MARKS]
    assert marks == _disposed((0, 1)).rows[MARKS]
    assert {(row["mark"], row["value"], row["detail"]) for row in marks.values()} == {
        ("disposition", "data_quality", "inv-1: The feed")
    }
    assert len(marks) == 2
    assert {(row["position"], row["version"], row["principal"]) for row in marks.values()} == {
        (9, 9, "ana@acme.example")
    }
