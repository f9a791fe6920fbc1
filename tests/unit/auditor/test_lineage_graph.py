"""Parts of the lineage graph: tags that propagate, layers, and its pictures."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.auditor.lineage.dot import to_dot
from auditspine.auditor.lineage.graph import (
    Direction,
    LineageEdge,
    LineageNode,
    Standing,
    Subgraph,
    Tags,
    effective_tags,
    layers,
)
from auditspine.auditor.lineage.page import to_html
from auditspine.schemas.relations import SENSITIVITIES, Relation

NOW = datetime(2026, 11, 26, tzinfo=UTC)
BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def node(name: str, kind: str = "snapshot", registered: bool = True, **marks: str) -> LineageNode:
    said = {mark: Standing(value, "why", "iris", NOW) for mark, value in marks.items()}
    return LineageNode(name, kind, name, "1", "ab" * 32, registered, NOW, NOW, said)


def edge(source: str, target: str, relation: Relation = Relation.USED) -> LineageEdge:
    return LineageEdge(source, target, relation, NOW, NOW, "event", "log", 0)


def graph(nodes, edges, roots=()) -> Subgraph:
    return Subgraph(tuple(roots), Direction.UPSTREAM, {n.node_id: n for n in nodes}, tuple(edges))


def test_tags_pass_along_edges_that_carry_them_and_no_others() -> None:
    made = graph(
        [
            node("data", sensitivity="restricted", regulatory_domains="ecoa gdpr"),
            node("model", "model", regulatory_domains="sr-26-2"),
            node("column", "column", sensitivity="internal"),
            node("next", "model"),
        ],
        [
            edge("data", "model", Relation.TRAINED_ON),
            edge("data", "column", Relation.HAS_COLUMN),
            edge("model", "next", Relation.REPLACED_BY),
        ],
    )
    tags = effective_tags(made)
    assert tags["model"] == Tags("restricted", frozenset({"ecoa", "gdpr", "sr-26-2"}))
    assert tags["column"] == Tags("internal")
    assert tags["next"] == Tags()


def test_what_is_shown_within_some_steps_keeps_the_tags_of_all() -> None:
    made = graph(
        [node("a", sensitivity="restricted"), node("b"), node("c", "model")],
        [edge("a", "b"), edge("b", "c")],
        ["c"],
    )
    assert set(made.within(1).nodes) == {"b", "c"}
    assert set(made.within(5).nodes) == {"a", "b", "c"}
    assert effective_tags(made)["c"].sensitivity == "restricted"


NAMES = [f"n{i}" for i in range(7)]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=20)


@given(PAIRS, st.lists(st.sampled_from(("", *SENSITIVITIES)), min_size=7, max_size=7))
@settings(max_examples=100, deadline=None)
def test_a_node_is_as_restricted_as_the_worst_of_its_ancestors(pairs, own) -> None:
    nodes = [
        node(name, sensitivity=each) if each else node(name)
        for name, each in zip(NAMES, own, strict=True)
    ]
    tags = effective_tags(graph(nodes, [edge(a, b) for a, b in pairs]))
    rank = {"": -1} | {each: i for i, each in enumerate(SENSITIVITIES)}
    for name in NAMES:
        ancestors, waiting = {name}, [name]
        while waiting:
            at = waiting.pop()
            for source, target in pairs:
                if target == at and source not in ancestors:
                    ancestors.add(source)
                    waiting.append(source)
        worst = max((own[NAMES.index(each)] for each in ancestors), key=rank.__getitem__)
        assert tags[name].sensitivity == worst


@given(PAIRS)
@settings(max_examples=100, deadline=None)
def test_layers_rise_along_every_edge_of_a_graph_without_cycles(pairs) -> None:
    forward = [edge(a, b) for a, b in pairs if a < b]
    layer = layers(graph([node(name) for name in NAMES], forward))
    assert set(layer) == set(NAMES)
    assert all(layer[each.source] < layer[each.target] for each in forward)
    cyclic = layers(graph([node(name) for name in NAMES], [edge(a, b) for a, b in pairs]))
    assert set(cyclic) == set(NAMES)


HOSTILE = 'a"</script><script>alert(1)</script>\\\n\u2028 é'


def test_no_name_breaks_out_of_dot_or_of_the_page() -> None:
    made = graph([node(HOSTILE, flagged="yes"), node("b")], [edge(HOSTILE, "b")], [HOSTILE])
    dot = to_dot(made)
    assert 'a\\"</script>' in dot
    assert len(dot.split("\n")) == 8  # no name begins a line of its own
    page = to_html(made, HOSTILE, (HOSTILE,))
    assert page.count("</script>") == 1
    [text] = re.findall(r"^const data = (.*);$", page, re.MULTILINE)
    data = json.loads(text)
    assert data["title"] == HOSTILE
    assert data["nodes"][0]["name"] == HOSTILE
    assert data["edges"] == [[0, 1, "used"]]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = to_html(graph([node("a")], []), "one")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|@import|url\(", page)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_page_draws_ten_thousand_nodes_in_a_browser(tmp_path) -> None:
    nodes = [node("root", "dataset", flagged="yes")]
    edges = []
    for number in range(10_000):
        kind = ("snapshot", "feature", "model")[number % 3]
        nodes.append(node(f"n{number}", kind))
        edges.append(edge("root" if number < 100 else f"n{number - 100}", f"n{number}"))
    page = to_html(graph(nodes, edges, ["root"]), "ten thousand")
    # The page says in its title when it has painted, and what it lit up when asked.
    probe = (
        "<script>{ const began = performance.now(); paint(); "
        "choose(0, true); paint(); const pixels = ctx.getImageData(0, 0, canvas.width, "
        "canvas.height).data; let drawn = 0; for (let i = 3; i < pixels.length; i += 4) "
        "drawn += pixels[i] > 0; document.body.dataset.told = JSON.stringify({ms: "
        "performance.now() - began, drawn, lit: lit.size, aside: "
        "document.querySelector('aside').textContent}); }</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", probe), "utf-8")
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1200,800", "--dump-dom", str(path)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'data-told="([^"]*)"', done.stdout)
    assert found is not None
    told = json.loads(found[1].replace("&quot;", '"'))
    assert told["lit"] == 10_001
    assert told["drawn"] > 1_000
    assert "flagged" in told["aside"]
