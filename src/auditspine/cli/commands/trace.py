"""``auditspine trace``: all that a prediction or an artifact came of."""

from typing import Annotated, Any

import typer

from auditspine.auditor.lineage.errors import UnknownArtifactError
from auditspine.auditor.lineage.graph import Direction, effective_tags
from auditspine.auditor.lineage.prediction import Prediction, find_predictions, origin_of
from auditspine.auditor.lineage.store import LineageStore
from auditspine.cli.errors import CliError
from auditspine.cli.lineage_view import (
    DepthOption,
    DotOption,
    HtmlOption,
    node_value,
    opened,
    require_one_form,
    show_graph,
)
from auditspine.cli.options import (
    ClickHouseOption,
    DataDirOption,
    JsonOption,
    OccurredOption,
    RecordedOption,
    TenantOption,
    moment_of,
)

_PREFIX = "prediction:"


def trace(
    subject: Annotated[
        str,
        typer.Argument(
            help="A prediction's id, or an artifact: `kind:name@version`, `name@version` or "
            "`sha256:` and the first digits."
        ),
    ],
    tenant: TenantOption = None,
    recorded: RecordedOption = None,
    occurred: OccurredOption = None,
    depth: DepthOption = None,
    *,
    dot: DotOption = False,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Show all that a prediction or an artifact came of, down to the exact data.

    Each line has the first digits of the artifact's SHA-256 and what holds of it, such as a flag
    for removal. A prediction is followed through the model and the deployment that it cites.

    **Examples**

    `auditspine trace application-2137` · a prediction, by its id

    `auditspine trace model:mortgage-risk@2 --html model.html`

    `auditspine trace sha256:556cb80e --recorded 2026-11-25T12:00Z --json`
    """
    require_one_form(json=as_json, dot=dot, html=html)
    if depth is not None and subject.startswith(_PREFIX):
        raise CliError("--depth: a prediction is followed to its end")
    moment = moment_of(recorded, occurred)
    forms: dict[str, Any] = {"as_json": as_json, "dot": dot, "html": html}
    with opened(data_dir, clickhouse_url, tenant, moment) as store:
        named = [] if subject.startswith(_PREFIX) else store.matching(subject)
        if named:
            node = store.find(subject)
            whole = store.reach([node.node_id], Direction.UPSTREAM)
            tags = effective_tags(whole)  # of all that it came of, however much is shown
            graph = whole if depth is None else whole.within(depth)
            value = node_value(node, tags[node.node_id])
            title = f"What {node.label} came of"
            show_graph(graph, title, tags=tags, subject=value, **forms)
            return
        prediction = _prediction(store, subject)
        origin = origin_of(store, prediction)
        show_graph(
            origin.graph,
            f"What prediction {prediction.prediction_id} came of: {prediction.decision}, score "
            f"{prediction.score:.4g}, {prediction.occurred_at:%Y-%m-%d %H:%M:%SZ}",
            remarks=origin.remarks,
            tags=effective_tags(origin.graph),
            subject=_value(prediction),
            **forms,
        )


def _prediction(store: LineageStore, subject: str) -> Prediction:
    found = find_predictions(store.client, store.tenant, subject.removeprefix(_PREFIX))
    if not found:
        try:
            store.find(subject)  # names what may have been meant
        except UnknownArtifactError as exc:
            raise CliError(f"no prediction has the id {subject}, and {exc}") from exc
    if len(found) > 1:
        places = ", ".join(f"{each.origin} position {each.position}" for each in found)
        raise CliError(f"{len(found)} predictions have the id {subject}: {places}")
    return found[0]


def _value(prediction: Prediction) -> dict[str, Any]:
    return {
        "kind": "prediction",
        "prediction_id": prediction.prediction_id,
        "event_id": prediction.event_id,
        "origin": prediction.origin,
        "position": prediction.position,
        "recorded_at": prediction.appended_at.isoformat(),
        "occurred_at": prediction.occurred_at.isoformat(),
        "decision": prediction.decision,
        "score": prediction.score,
        "model_sha256": prediction.model[0],
        "deployment_sha256": prediction.deployment[0],
    }
