"""Resolves a prediction: through its deployment and model, as it cites them, to its data.

Predictions are no nodes of the graph. What else a deployment served at other times is not part
of a prediction's origin: only the model whose digest it cites.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import query
from auditspine.auditor.lineage.errors import UnknownArtifactError
from auditspine.auditor.lineage.graph import (
    Direction,
    LineageEdge,
    LineageNode,
    Subgraph,
)
from auditspine.auditor.lineage.store import LineageStore
from auditspine.schemas.relations import Relation

_PREDICTION = """
    SELECT toString(event_id), toString(origin), position, appended_at, occurred_at,
        JSONExtractString(body, 'decision'), JSONExtractFloat(body, 'score'),
        toString(environment),
        JSONExtractString(body, 'model', 'digest'), JSONExtractString(body, 'model', 'name'),
        JSONExtractString(body, 'model', 'version'),
        JSONExtractString(body, 'deployment', 'digest'),
        JSONExtractString(body, 'deployment', 'name'),
        JSONExtractString(body, 'deployment', 'version')
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'prediction.made'
        AND JSONExtractString(body, 'prediction_id') = {prediction_id:String}
        AND bitAnd(flags, 2) = 0
    ORDER BY appended_at, origin, position LIMIT 1 BY event_id
"""
_SERVED = """
    SELECT model_digest, deployment_digest, serves FROM deployment_history
    WHERE tenant = {tenant:String} AND deployment = {deployment:String}
        AND environment = {environment:String}
        AND recorded_from <= fromUnixTimestamp64Milli({at:Int64})
    ORDER BY recorded_from DESC, origin, position DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction as the evidence has it.

    Attributes:
        prediction_id: Its id.
        event_id: Of its event.
        origin: Log that it is sealed in.
        position: Position there.
        appended_at: When the broker took it.
        occurred_at: When it was made, as the event says.
        decision: What was decided.
        score: What the model answered.
        environment: Where it was made.
        model: The model that it cites: sha256 (hex), name, version.
        deployment: The deployment, likewise.
    """

    prediction_id: str
    event_id: str
    origin: str
    position: int
    appended_at: datetime
    occurred_at: datetime
    decision: str
    score: float
    environment: str
    model: tuple[str, str, str]
    deployment: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class PredictionOrigin:
    """Where a prediction comes from.

    Attributes:
        prediction: The prediction.
        graph: All that its model and deployment came of; its roots are those two.
        remarks: What does not fit, in sentences; empty when all does.
    """

    prediction: Prediction
    graph: Subgraph
    remarks: tuple[str, ...]


def find_predictions(client: Client, tenant: str, prediction_id: str) -> list[Prediction]:
    """Find the predictions of an id; more than one when a producer used it twice.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    rows = query(client, _PREDICTION, {"tenant": tenant, "prediction_id": prediction_id})
    return [_prediction(prediction_id, row) for row in rows]


def _prediction(prediction_id: str, row: Sequence[Any]) -> Prediction:
    event_id, origin, position, appended_at, occurred_at, decision, score, environment = row[:8]
    return Prediction(
        prediction_id,
        event_id,
        origin,
        position,
        appended_at,
        occurred_at,
        decision,
        score,
        environment,
        _ref(*row[8:11]),
        _ref(*row[11:14]),
    )


def origin_of(store: LineageStore, prediction: Prediction) -> PredictionOrigin:
    """Follow a prediction to all that it came of.

    Raises:
        UnknownArtifactError: The graph does not know the model that the prediction cites.
        SourceError: ClickHouse refuses or is away.
    """
    model = _cited(store, "model", prediction.model)
    if model is None:
        digest, name, version = prediction.model
        raise UnknownArtifactError(
            f"prediction {prediction.prediction_id} cites model:{name}@{version} with digest "
            f"{digest[:12]}…, which no lifecycle event speaks of",
            (),
        )
    deployment = _cited(store, "deployment", prediction.deployment)
    roots = [model.node_id] + ([] if deployment is None else [deployment.node_id])
    whole = store.reach(roots, Direction.UPSTREAM)
    if deployment is not None:
        whole = _of_model(whole, model, deployment)
    return PredictionOrigin(prediction, whole, _remarks(store, prediction, deployment, whole))


def _of_model(whole: Subgraph, model: LineageNode, deployment: LineageNode) -> Subgraph:
    """Leave out what only led to other models of the deployment."""
    about = {edge.target for edge in whole.edges if edge.source == model.node_id}

    def belongs(edge: LineageEdge) -> bool:
        if edge.target != deployment.node_id:
            return True
        if edge.relation is Relation.SERVED:
            return edge.source == model.node_id
        return edge.relation is not Relation.ALLOWED or edge.source in about

    kept = [edge for edge in whole.edges if belongs(edge)]
    before: dict[str, list[str]] = {}
    for edge in kept:
        before.setdefault(edge.target, []).append(edge.source)
    reached, waiting = set(whole.roots), list(whole.roots)
    while waiting:
        for source in before.get(waiting.pop(), ()):
            if source not in reached:
                reached.add(source)
                waiting.append(source)
    return Subgraph(
        whole.roots,
        whole.direction,
        {node_id: node for node_id, node in whole.nodes.items() if node_id in reached},
        tuple(edge for edge in kept if edge.target in reached),
    )


def _remarks(
    store: LineageStore,
    prediction: Prediction,
    deployment: LineageNode | None,
    graph: Subgraph,
) -> tuple[str, ...]:
    remarks = []
    at = int(prediction.appended_at.timestamp() * 1_000)
    values: dict[str, object] = {
        "tenant": store.tenant,
        "deployment": prediction.deployment[1],
        "environment": prediction.environment,
        "at": at,
    }
    served = query(store.client, _SERVED, values)
    if deployment is None:
        remarks.append("the lifecycle log does not know the deployment that it cites")
    elif not served:
        remarks.append(
            f"when the prediction was recorded, no deployment of that name was known in "
            f"{prediction.environment}"
        )
    elif not served[0][2]:
        remarks.append("when the prediction was recorded, its deployment did not serve")
    elif served[0][0] != f"sha256:{prediction.model[0]}":
        remarks.append(
            "when the prediction was recorded, its deployment served another model than the one "
            "that it cites"
        )
    elif served[0][1] != f"sha256:{prediction.deployment[0]}":
        remarks.append("it cites another configuration of its deployment than the one that served")
    missing = [node.label for node in graph.nodes.values() if node.is_dangling]
    if missing:
        remarks.append(f"cited, but never registered: {', '.join(sorted(missing))}")
    return tuple(remarks)


def _cited(store: LineageStore, kind: str, ref: tuple[str, str, str]) -> LineageNode | None:
    digest, name, version = ref
    found: list[LineageNode] = [
        node
        for node in store.matching(f"{kind}:{name}@{version}")
        if (node.sha256, node.name, node.version) == (digest, name, version)
    ]
    return found[0] if found else None


def _ref(digest: Any, name: Any, version: Any) -> tuple[str, str, str]:
    return (str(digest).removeprefix("sha256:"), str(name), str(version))
