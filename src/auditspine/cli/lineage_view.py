"""Options and output that the lineage commands share: as of when, whose, and in which form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client
from rich.text import Text
from rich.tree import Tree

from auditspine.auditor.asking import choose_tenant
from auditspine.auditor.lineage.dot import to_dot
from auditspine.auditor.lineage.graph import (
    Direction,
    LineageEdge,
    LineageNode,
    Subgraph,
    Tags,
)
from auditspine.auditor.lineage.page import to_html
from auditspine.auditor.lineage.store import LineageStore, Moment
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.settings import load_settings
from auditspine.schemas.relations import Relation

_ALARMS = ("flagged", "deprecated", "retired")
_SHOWN_MARKS = ("sensitivity", "rows", "state", "decision", "passed", "trigger", "disposition")

_UPSTREAM = {
    Relation.SNAPSHOT_OF: "taken from",
    Relation.HAS_COLUMN: "in",
    Relation.LABELLED: "of",
    Relation.LABELLED_BY: "by",
    Relation.COMPUTED_FROM: "from",
    Relation.USED: "used",
    Relation.RAN: "ran",
    Relation.RAN_IN: "in",
    Relation.GENERATED: "made by",
    Relation.TRAINED_ON: "trained on",
    Relation.EVALUATED: "of",
    Relation.EVALUATED_ON: "on",
    Relation.EXPLAINED: "of",
    Relation.APPROVED: "of",
    Relation.RESTS_ON: "rests on",
    Relation.ALLOWED: "allowed by",
    Relation.SERVED: "serves",
    Relation.CONFIGURED: "with",
}
_DOWNSTREAM = {
    Relation.SNAPSHOT_OF: "taken as",
    Relation.HAS_COLUMN: "has",
    Relation.LABELLED: "labelled by",
    Relation.LABELLED_BY: "gave",
    Relation.COMPUTED_FROM: "makes",
    Relation.USED: "used by",
    Relation.RAN: "ran in",
    Relation.RAN_IN: "ran",
    Relation.GENERATED: "made",
    Relation.TRAINED_ON: "trained",
    Relation.EVALUATED: "evaluated in",
    Relation.EVALUATED_ON: "evaluated in",
    Relation.EXPLAINED: "explained by",
    Relation.APPROVED: "decided on in",
    Relation.RESTS_ON: "supports",
    Relation.ALLOWED: "allows",
    Relation.SERVED: "served by",
    Relation.CONFIGURED: "configures",
}

DepthOption = Annotated[
    int | None, typer.Option("--depth", min=1, help="Steps to follow. [default: all]")
]
DotOption = Annotated[bool, typer.Option("--dot", help="Print Graphviz DOT.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a picture that opens in a browser."),
]


@contextmanager
def opened(
    data_dir: Path | None, clickhouse_url: str | None, tenant: str | None, moment: Moment
) -> Iterator[LineageStore]:
    """Open the lineage of a tenant for the length of a block.

    Raises:
        CliError: There is no ClickHouse, or not this tenant's lineage.
    """
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client: Client = clickhouse_client(settings, reader=True)
    try:
        yield LineageStore(client, choose_tenant(client, tenant), moment)
    finally:
        client.close()


def require_one_form(**forms: object) -> None:
    """Check that the output is asked for in one form at most.

    Raises:
        CliError: It is not.
    """
    chosen = [f"--{name}" for name, given in forms.items() if given]
    if len(chosen) > 1:
        raise CliError(f"give one of {', '.join(chosen)}")


def show_graph(  # noqa: PLR0913 - the forms that a graph can be shown in
    graph: Subgraph,
    title: str,
    *,
    remarks: tuple[str, ...] = (),
    tags: dict[str, Tags] | None = None,
    subject: dict[str, Any] | None = None,
    as_json: bool = False,
    dot: bool = False,
    html: Path | None = None,
) -> None:
    """Show a graph in the form that was asked for, as a tree if in none."""
    if as_json:
        print_json(as_value(graph, subject, remarks, tags or {}))
    elif dot:
        typer.echo(to_dot(graph), nl=False)
    elif html is not None:
        try:
            html.write_text(to_html(graph, title, remarks), "utf-8")
        except OSError as exc:
            raise CliError(f"--html: {html} cannot be written: {exc.strerror}") from exc
        stderr.print(f"[good]✓[/] {html}: {len(graph.nodes)} nodes, {len(graph.edges)} edges")
    else:
        stdout.print(tree_of(graph, title, tags or {}))
        for remark in remarks:
            stdout.print(Text.assemble(("! ", "warn"), printable(remark)), soft_wrap=True)


def as_value(
    graph: Subgraph,
    subject: dict[str, Any] | None,
    remarks: tuple[str, ...],
    tags: dict[str, Tags],
) -> dict[str, Any]:
    """Give a graph as JSON takes it."""
    nodes = sorted(graph.nodes.values(), key=lambda node: (node.label, node.sha256))
    return {
        "subject": subject,
        "direction": graph.direction.value,
        "roots": [graph.nodes[root].label for root in graph.roots if root in graph.nodes],
        "remarks": list(remarks),
        "nodes": [node_value(node, tags.get(node.node_id)) for node in nodes],
        "edges": [_edge_value(edge) for edge in graph.edges],
    }


def node_value(node: LineageNode, tags: Tags | None = None) -> dict[str, Any]:
    """Give a node as JSON takes it."""
    value: dict[str, Any] = {
        "id": node.node_id,
        "kind": node.kind,
        "name": node.name,
        "version": node.version,
        "sha256": node.sha256,
        "registered": node.registered,
        "recorded_at": node.recorded_at.isoformat(),
        "occurred_at": node.occurred_at.isoformat(),
        "marks": {
            name: {
                "value": each.value,
                "detail": each.detail,
                "principal": each.principal,
                "since": each.since.isoformat(),
            }
            for name, each in sorted(node.marks.items())
        },
    }
    if tags is not None:
        domains = sorted(tags.regulatory_domains)
        value["effective"] = {"sensitivity": tags.sensitivity, "regulatory_domains": domains}
    return value


def tree_of(graph: Subgraph, title: str, tags: dict[str, Tags]) -> Tree:
    """Give a graph as a tree; what was shown above is not shown in full again."""
    root = Tree(Text(printable(title), style="title"), guide_style="dim")
    following, shown = graph.next_of(), set[str]()
    for node_id in graph.roots:
        if node_id in graph.nodes and node_id not in shown:
            shown.add(node_id)
            branch = root.add(describe(graph.nodes[node_id], "", tags.get(node_id)))
            _grow(branch, node_id, graph, following, shown)
    return root


def describe(node: LineageNode, relation: str = "", tags: Tags | None = None) -> Text:
    """Give one line about a node."""
    text = Text()
    if relation:
        text.append(f"{relation} ", style="dim")
    text.append(printable(f"{node.kind} "), style="dim")
    text.append(printable(" ".join(part for part in (node.name, node.version) if part)))
    if node.sha256 and node.kind != "column":
        text.append(f"  {node.sha256[:12]}", style="hash")
    shown = [name for name in _SHOWN_MARKS if name in node.marks]
    if tags is not None and tags.sensitivity:
        text.append(f"  {tags.sensitivity}", style="dim")
        shown = [name for name in shown if name != "sensitivity"]
    if tags is not None and tags.regulatory_domains:
        text.append(printable(f"  {' '.join(sorted(tags.regulatory_domains))}"), style="dim")
    for name in shown:
        value = node.marks[name].value
        said = value if name in ("sensitivity", "state", "decision") else f"{name} {value}"
        text.append(printable(f"  {said}"), style="dim")
    for name in _ALARMS:
        if name in node.marks:
            mark = node.marks[name]
            reason = f": {mark.detail}" if mark.detail else ""
            text.append(printable(f"  {name} by {mark.principal}{reason}"), style="bad")
    if node.is_dangling:
        text.append("  cited only", style="warn")
    return text


def _grow(
    branch: Tree,
    node_id: str,
    graph: Subgraph,
    following: Any,
    shown: set[str],
) -> None:
    """Add what follows, without recursion: a graph can be deeper than Python's stack."""
    waiting = [(branch, edge) for edge in reversed(following.get(node_id, ()))]
    while waiting:
        parent, edge = waiting.pop()
        up = graph.direction is Direction.UPSTREAM
        next_id = edge.source if up else edge.target
        words = _UPSTREAM if up else _DOWNSTREAM
        line = describe(graph.nodes[next_id], words[edge.relation])
        if next_id in shown:
            if following.get(next_id):
                line.append("  ↑ above", style="dim")
            parent.add(line)
            continue
        shown.add(next_id)
        child = parent.add(line)
        waiting += [(child, each) for each in reversed(following.get(next_id, ()))]


def _edge_value(edge: LineageEdge) -> dict[str, Any]:
    return {
        "source": edge.source,
        "target": edge.target,
        "relation": edge.relation.value,
        "recorded_at": edge.recorded_at.isoformat(),
        "occurred_at": edge.occurred_at.isoformat(),
        "event_id": edge.event_id,
        "origin": edge.origin,
        "position": edge.position,
    }
