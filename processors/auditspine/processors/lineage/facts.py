"""What each event says about the lineage graph. Pure; one function per event type.

Bodies are read under the schema that their producer wrote them with, so a field that came later
may be missing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from auditspine.processors.lineage.graph import Edge, Mark, Node
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.relations import SENSITIVITIES, Relation

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one event says.

    Attributes:
        registered: Nodes that it makes known; what only cites them does not.
        edges: Edges between nodes.
        marks: What it says of nodes.
    """

    registered: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    marks: tuple[Mark, ...] = ()


def facts_of(event: SealedEvent) -> Facts:
    """Read what an event says; one of :data:`EVENT_TYPES`."""
    return _READERS[event.event_type](_Reader(event), event.body)


class _Reader:
    """Makes nodes of one event's tenant."""

    def __init__(self, event: SealedEvent) -> None:
        self.event = event
        self._tenant: str = event.envelope["tenant"]

    def node(self, ref: Body) -> Node:
        return Node(self._tenant, ref["kind"], ref["name"], ref["version"], ref["digest"])

    def column(self, of: Body, name: str) -> Node:
        return Node(
            self._tenant, "column", f"{of['name']}/{name}", of["version"], bytes(of["digest"])
        )

    def named(self, kind: str, name: str) -> Node:
        return Node(self._tenant, kind, name, "", b"")

    def code(self, code: Body) -> Node:
        return Node(self._tenant, "code", code["repository"], code["commit"], code["digest"])

    def edges(self, relation: Relation, target: Node, refs: Iterable[Body]) -> tuple[Edge, ...]:
        return tuple(Edge(self.node(ref), target, relation) for ref in refs)


def _dataset_registered(read: _Reader, body: Body) -> Facts:
    dataset = read.node(body["dataset"])
    return Facts((dataset,), (), (Mark(dataset, "owner", body["owner"]),))


def _dataset_snapshotted(read: _Reader, body: Body) -> Facts:
    snapshot = read.node(body["snapshot"])
    edges = [Edge(read.node(body["dataset"]), snapshot, Relation.SNAPSHOT_OF)]
    marks = [Mark(snapshot, "rows", str(body["rows"])), Mark(snapshot, "split", body["split"])]
    columns, highest = [snapshot], 0
    for column in body["columns"]:
        node = read.column(body["snapshot"], column["name"])
        columns.append(node)
        edges.append(Edge(snapshot, node, Relation.HAS_COLUMN))
        marks.append(Mark(node, "sensitivity", column["sensitivity"]))
        if column["protected_attribute"]:
            marks.append(Mark(node, "protected", "yes"))
        highest = max(highest, SENSITIVITIES.index(column["sensitivity"]))
    if body["columns"]:
        marks.append(Mark(snapshot, "sensitivity", SENSITIVITIES[highest], "of its columns"))
    return Facts(tuple(columns), tuple(edges), tuple(marks))


def _labels_applied(read: _Reader, body: Body) -> Facts:
    labels, of = read.node(body["labels"]), body["snapshot"]
    edges = (
        Edge(read.node(of), labels, Relation.LABELLED),
        Edge(read.column(of, body["column"]), labels, Relation.LABELLED),
        Edge(read.named("labeller", body["labeller"]), labels, Relation.LABELLED_BY),
    )
    return Facts((labels,), edges)


def _labeller_approved(read: _Reader, body: Body) -> Facts:
    labeller = read.named("labeller", body["labeller"])
    return Facts((labeller,), (), (Mark(labeller, "approved", "yes", body["qualification"]),))


def _feature_defined(read: _Reader, body: Body) -> Facts:
    feature = read.node(body["feature"])
    marks = [Mark(feature, "owner", body["owner"])]
    if body["uses_protected_attribute"]:
        marks.append(Mark(feature, "protected", "yes"))
    edges = []
    for each in body["inputs"]:
        column = read.column(each["artifact"], each["column"])
        edges.append(Edge(read.node(each["artifact"]), column, Relation.HAS_COLUMN))
        edges.append(Edge(column, feature, Relation.COMPUTED_FROM))
    return Facts((feature,), tuple(edges), tuple(marks))


def _feature_deprecated(read: _Reader, body: Body) -> Facts:
    feature = read.node(body["feature"])
    marks = (Mark(feature, "deprecated", body["review_status"], body["reason"]),)
    replacement = body["replacement"]
    if replacement is None:
        return Facts((), (), marks)
    return Facts((), (Edge(feature, read.node(replacement), Relation.REPLACED_BY),), marks)


def _dataset_flagged(read: _Reader, body: Body) -> Facts:
    return Facts((), (), (Mark(read.node(body["dataset"]), "flagged", "yes", body["reason"]),))


def _code_committed(read: _Reader, body: Body) -> Facts:
    code = read.code(body["code"])
    reviewed = "yes" if set(body["reviewers"]) - {body["author"]} else "no"
    return Facts((code,), (), (Mark(code, "reviewed", reviewed, body["message"]),))


def _run_started(read: _Reader, body: Body) -> Facts:
    run = read.named("run", body["run_id"])
    edges = (
        Edge(read.code(body["code"]), run, Relation.RAN),
        Edge(read.node(body["environment"]), run, Relation.RAN_IN),
        *read.edges(Relation.USED, run, (*body["inputs"], *body["features"])),
    )
    intent = read.event.envelope["intent"]
    return Facts((run,), edges, (Mark(run, "trigger", intent["trigger"], intent["reason"]),))


def _run_completed(read: _Reader, body: Body) -> Facts:
    run = read.named("run", body["run_id"])
    edges = tuple(Edge(run, read.node(ref), Relation.GENERATED) for ref in body["outputs"])
    return Facts((), edges, (Mark(run, "status", body["status"], body["failure"] or ""),))


def _model_registered(read: _Reader, body: Body) -> Facts:
    model = read.node(body["model"])
    data = (*body["training_snapshots"], *body["labels"])
    edges = [
        Edge(read.named("run", body["run_id"]), model, Relation.GENERATED),
        Edge(read.code(body["code"]), model, Relation.RAN),
        Edge(read.node(body["environment"]), model, Relation.RAN_IN),
        *read.edges(Relation.TRAINED_ON, model, data),
        *read.edges(Relation.USED, model, body["features"]),
    ]
    if body["previous"] is not None:
        edges.append(Edge(read.node(body["previous"]), model, Relation.REPLACED_BY))
    return Facts((model,), tuple(edges), (Mark(model, "owner", body["owner"]),))


def _validation_reported(read: _Reader, body: Body) -> Facts:
    evaluation = read.node(body["evaluation"])
    edges = (
        Edge(read.node(body["model"]), evaluation, Relation.EVALUATED),
        Edge(read.node(body["snapshot"]), evaluation, Relation.EVALUATED_ON),
    )
    passed = "yes" if body["passed"] else "no"
    return Facts((evaluation,), edges, (Mark(evaluation, "passed", passed),))


def _explanation_attached(read: _Reader, body: Body) -> Facts:
    explanation = read.node(body["explanation"])
    edge = Edge(read.node(body["subject"]), explanation, Relation.EXPLAINED)
    return Facts((explanation,), (edge,), (Mark(explanation, "place", body["place"]),))


def _approval_decided(read: _Reader, body: Body) -> Facts:
    approval = read.named("approval", read.event.envelope["event_id"].lower())
    edges = (
        Edge(read.node(body["subject"]), approval, Relation.APPROVED),
        *read.edges(Relation.RESTS_ON, approval, body["validations"]),
    )
    return Facts((approval,), edges, (Mark(approval, "decision", body["decision"], body["role"]),))


def _deployment_changed(read: _Reader, body: Body) -> Facts:
    deployment = read.node(body["deployment"])
    edges = [Edge(read.node(body["model"]), deployment, Relation.SERVED)]
    if body["approval_event_id"] is not None:
        approval = read.named("approval", body["approval_event_id"].lower())
        edges.append(Edge(approval, deployment, Relation.ALLOWED))
    mark = Mark(deployment, "state", body["action"], body["environment"])
    return Facts((deployment,), tuple(edges), (mark,))


def _serving_configuration_changed(read: _Reader, body: Body) -> Facts:
    configuration = read.node(body["configuration"])
    edges = [Edge(configuration, read.node(body["deployment"]), Relation.CONFIGURED)]
    if body["replaces"] is not None:
        edges.append(Edge(read.node(body["replaces"]), configuration, Relation.REPLACED_BY))
    return Facts((configuration,), tuple(edges))


def _artifact_retired(read: _Reader, body: Body) -> Facts:
    return Facts((), (), (Mark(read.node(body["artifact"]), "retired", body["content"]),))


def _lineage_tag_set(read: _Reader, body: Body) -> Facts:
    node = read.node(body["artifact"])
    named = ("sensitivity", "business_unit", "data_tier", "approval_status")
    marks = [Mark(node, name, body[name]) for name in named if body[name] is not None]
    if body["regulatory_domains"]:
        domains = " ".join(sorted(set(body["regulatory_domains"])))
        marks.append(Mark(node, "regulatory_domains", domains))
    return Facts((), (), tuple(marks))


_READERS: Mapping[str, Callable[[_Reader, Body], Facts]] = MappingProxyType(
    {
        "approval.decided": _approval_decided,
        "artifact.retired": _artifact_retired,
        "code.committed": _code_committed,
        "dataset.flagged": _dataset_flagged,
        "dataset.registered": _dataset_registered,
        "dataset.snapshotted": _dataset_snapshotted,
        "deployment.changed": _deployment_changed,
        "explanation.attached": _explanation_attached,
        "feature.defined": _feature_defined,
        "feature.deprecated": _feature_deprecated,
        "labeller.approved": _labeller_approved,
        "labels.applied": _labels_applied,
        "lineage_tag.set": _lineage_tag_set,
        "model.registered": _model_registered,
        "run.completed": _run_completed,
        "run.started": _run_started,
        "serving_configuration.changed": _serving_configuration_changed,
        "validation.reported": _validation_reported,
    }
)
EVENT_TYPES = frozenset(_READERS)
"""Types that say something about the graph."""
