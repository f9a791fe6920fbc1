"""Lineage as one self-contained HTML page: opens offline, draws ten thousand nodes. Pure."""

import json
from collections import defaultdict
from importlib.resources import files
from typing import Any

from auditspine.auditor.lineage.graph import LineageNode, Subgraph, layers

_SWEEPS = 4  # passes that bring neighbours closer
_DATA = "/*DATA*/null"


def to_html(graph: Subgraph, title: str, remarks: tuple[str, ...] = ()) -> str:
    """Give a subgraph as a page.

    Args:
        graph: The subgraph.
        title: What it shows, in words.
        remarks: What does not fit, in sentences.
    """
    template = (files("auditspine.auditor.lineage") / "page.html").read_text("utf-8")
    text = json.dumps(_data(graph, title, remarks), ensure_ascii=False, separators=(",", ":"))
    # No text of an event can end the script, nor begin a comment in it.
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return template.replace(_DATA, safe)


def _data(graph: Subgraph, title: str, remarks: tuple[str, ...]) -> dict[str, Any]:
    places = _places(graph)
    index = {node_id: at for at, node_id in enumerate(places)}
    return {
        "title": title,
        "remarks": remarks,
        "direction": graph.direction.value,
        "nodes": [
            {**_described(graph.nodes[node_id]), "x": x, "y": y, "root": node_id in graph.roots}
            for node_id, (x, y) in places.items()
        ],
        "edges": [
            [index[edge.source], index[edge.target], edge.relation.value]
            for edge in sorted(graph.edges, key=lambda each: (index[each.source], each.relation))
        ],
    }


def _described(node: LineageNode) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "name": node.name,
        "version": node.version,
        "sha256": node.sha256,
        "registered": not node.is_dangling,
        "recorded": node.recorded_at.isoformat(timespec="milliseconds"),
        "occurred": node.occurred_at.isoformat(timespec="milliseconds"),
        "marks": [
            [name, each.value, each.detail, each.principal, each.since.isoformat()]
            for name, each in sorted(node.marks.items())
        ],
    }


def _places(graph: Subgraph) -> dict[str, tuple[int, int]]:
    """Give each node a layer and a place in it; neighbours lie near each other.

    Source: Sugiyama, Tagawa and Toda 1981: layers, then the mean of the neighbours' places.
    """
    layer = layers(graph)
    columns: dict[int, list[str]] = defaultdict(list)
    for node_id in sorted(graph.nodes, key=lambda each: _key(graph.nodes[each])):
        columns[layer[node_id]].append(node_id)
    near: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    place = {each: float(at) for column in columns.values() for at, each in enumerate(column)}
    for sweep in range(_SWEEPS):
        for number in sorted(columns, reverse=bool(sweep % 2)):
            column = columns[number]
            means = {each: _mean([place[n] for n in near[each]], place[each]) for each in column}
            column.sort(key=lambda each: means[each])
            place.update({each: at - len(column) / 2 for at, each in enumerate(column)})
    return {
        each: (number, at) for number in sorted(columns) for at, each in enumerate(columns[number])
    }


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _key(node: LineageNode) -> tuple[str, str, str, str]:
    return (node.kind, node.name, node.version, node.sha256)
