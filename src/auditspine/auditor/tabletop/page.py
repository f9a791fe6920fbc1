"""A release as one self-contained HTML page: no script, nothing from elsewhere, prints. Pure."""

import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from auditspine.auditor.tabletop.report import Cited, Line, Piece, Release, Standing

_MOST_CITED = 12  # entries that a piece names on the page; the JSON has all
_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_QUOTED = re.compile("`([^`]*)`")
# Direction marks and the like would let what others wrote change how the page reads.
_HIDDEN = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(8206, 8208), *range(8234, 8239),
     *range(8294, 8298)), "�"
)  # fmt: skip


def to_html(release: Release) -> str:
    """Give a release as a page."""
    template = (files("auditspine.auditor.tabletop") / "page.html").read_text("utf-8")
    heading = f"{release.name} {release.version}"
    parts = {
        "title": _text(f"Release of {heading}: {release.score} of 100"),
        "heading": _text(heading),
        "digest": _text(release.digest),
        "subtitle": _text(f"Rebuilt from the evidence of tenant {release.tenant}"),
        "score": str(release.score),
        "counts": _text(counts(release)),
        "bar": "".join(map(_segment, release.pieces)),
        "gaps": _gaps(release),
        "remarks": _remarks(release.remarks),
        "pieces": "\n".join(map(_piece, release.pieces)),
        "timeline": "\n".join(map(_line, release.timeline)),
        "rests_on": _items(release.rests_on),
    }
    # In one pass, so that no text of an event is taken for a place of the template.
    return _PLACE.sub(lambda found: parts[found[1]], template)


def counts(release: Release) -> str:
    """Say how many pieces stand how."""
    numbers = {
        standing: sum(each.standing is standing for each in release.pieces) for standing in Standing
    }
    return ", ".join(f"{number} {standing.value}" for standing, number in numbers.items() if number)


def _gaps(release: Release) -> str:
    if release.is_complete:
        return "<h2>Open gaps</h2>\n<p>None: every piece is there and holds.</p>"
    return "<h2>Open gaps</h2>\n" + "\n".join(
        f'<div class="gap {each.standing.value}"><strong>{_text(each.name)}</strong> '
        f'<span class="soft">{each.standing.value}, {_counts_for(each)}</span>'
        f"<p>{_text(each.text)}</p>"
        f'<p class="soft">To mend it: {_prose(each.mend)}</p></div>'
        for each in release.gaps
    )


def _remarks(remarks: Iterable[str]) -> str:
    items = _items(remarks)
    return f"<h2>To look at</h2>\n<ul>{items}</ul>" if items else ""


def _piece(piece: Piece) -> str:
    facts = "".join(
        f"<dt>{_text(each.label)}</dt><dd>{_text(each.text)}"
        + (f'<span class="hash">{_text(each.digest)}</span>' if each.digest else "")
        + "</dd>"
        for each in piece.facts
    )
    return (
        f'<section class="piece"><div class="top"><h3>{_text(piece.title)}</h3>'
        f'<span class="tag {piece.standing.value}">{piece.standing.value}</span>'
        f'<span class="weight">{_text(piece.name)} · {_counts_for(piece)}</span></div>'
        f'<p class="said">{_text(piece.text)}</p>'
        + (f"<dl>{facts}</dl>" if facts else "")
        + _proof(piece.cited)
        + "</section>"
    )


def _proof(cited: tuple[Cited, ...]) -> str:
    if not cited:
        return ""
    shown = "; ".join(map(_place, cited[:_MOST_CITED]))
    more = len(cited) - _MOST_CITED
    return f'<p class="proof">{shown}{f"; and {more} more" if more > 0 else ""}</p>'


def _place(cited: Cited) -> str:
    place = f"{_text(cited.event_type)} at {_position(cited)}"
    return place + (
        f' <span class="problem">({_text(cited.problem)})</span>' if cited.problem else ""
    )


def _position(cited: Cited) -> str:
    at = f"{_text(cited.origin)}&nbsp;{cited.position}"
    return f'<code title="{_text(cited.event_id)}">{at}</code>'


def _line(line: Line) -> str:
    spoiled = ' class="problem"' if line.cited.problem else ""
    problem = f"<br>{_text(line.cited.problem)}" if line.cited.problem else ""
    return (
        f"<tr{spoiled}><td>{line.at:%Y-%m-%d %H:%M:%S}</td>"
        f'<td>{_text(line.what)}<br><span class="soft">{_text(line.event_type)}</span></td>'
        f"<td>{_text(line.who)}</td><td>{_position(line.cited)}{problem}</td></tr>"
    )


def _segment(piece: Piece) -> str:
    title = _text(f"{piece.name}: {piece.standing.value}")
    return (
        f'<span class="{piece.standing.value}" style="flex:{piece.weight}" title="{title}"></span>'
    )


def _counts_for(piece: Piece) -> str:
    return f"{piece.weight} of 100" + (", required" if piece.required else "")


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{_prose(each)}</li>" for each in texts)


def _prose(text: str) -> str:
    """Give a sentence with what it quotes as code; nothing else in it can be markup."""
    return _QUOTED.sub(r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return escape(text.translate(_HIDDEN))
