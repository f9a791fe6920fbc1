"""Lineage in Graphviz' DOT language. Pure."""

from collections.abc import Iterator

from auditspine.auditor.lineage.graph import LineageNode, Subgraph

_ALARMS = ("flagged", "deprecated", "retired")


def to_dot(graph: Subgraph) -> str:
    """Give a subgraph as DOT, data flowing from left to right.

    Source: Graphviz, The DOT Language.
    """
    return "\n".join(["digraph lineage {", *_lines(graph), "}", ""])


def _lines(graph: Subgraph) -> Iterator[str]:
    yield '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif", fontsize=10];'
    yield '  edge [fontname="sans-serif", fontsize=9];'
    for node_id in sorted(graph.nodes):
        yield f"  {_quoted(node_id)} [{_style(graph, graph.nodes[node_id])}];"
    for edge in sorted(graph.edges, key=lambda each: (each.source, each.target, each.relation)):
        ends = f"{_quoted(edge.source)} -> {_quoted(edge.target)}"
        yield f"  {ends} [label={_quoted(edge.relation.value)}];"


def _style(graph: Subgraph, node: LineageNode) -> str:
    lines = [node.kind, " ".join(part for part in (node.name, node.version) if part)]
    lines += [name for name in _ALARMS if name in node.marks]
    style = [f"label={_quoted(chr(10).join(lines))}"]
    if node.node_id in graph.roots:
        style.append("penwidth=2")
    if any(name in node.marks for name in _ALARMS):
        style.append('color="#b3261e"')
    if node.is_dangling:
        style.append('style="rounded,dashed"')
    return ", ".join(style)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
