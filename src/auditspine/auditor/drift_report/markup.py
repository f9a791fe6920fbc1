"""Text and numbers as a page shows them. Everything that producers wrote is escaped. Pure."""

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from html import escape

from auditspine.auditor.drift_report.ranges import Range

NONE = "-"
"""What is shown where there is no value."""

_SHORT = timedelta(hours=1)
_QUOTED = re.compile("`([^`]*)`")
# Direction marks and the like would let what others wrote change how the page reads.
_HIDDEN = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(8206, 8208), *range(8234, 8239),
     *range(8294, 8298)), "\ufffd"
)  # fmt: skip
_TIER_MARKS = {"stop_the_line": "■", "review": "▲", "caution": "●", "informational": "○"}


def text(value: str) -> str:
    """Give text, so that nothing in it is markup."""
    return escape(value.translate(_HIDDEN))


def prose(value: str) -> str:
    """Give a sentence of our own with what it quotes as code."""
    return _QUOTED.sub(r"<code>\1</code>", text(value))


def words(value: str) -> str:
    """Give a name such as ``stop_the_line`` in words."""
    return text(value.replace("_", " "))


def items(values: Iterable[str]) -> str:
    """Give a list of our own sentences; nothing when there is none."""
    found = "".join(f"<li>{prose(each)}</li>" for each in values)
    return f"<ul>{found}</ul>" if found else ""


def when(at: datetime | None, *, seconds: bool = False) -> str:
    """Give a time, UTC."""
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return NONE if at is None else f'<time datetime="{at.isoformat()}">{at.strftime(form)}</time>'


def between(earliest: datetime, latest: datetime) -> str:
    """Give an interval of time; to the second when it is a short one."""
    seconds = latest - earliest < _SHORT
    return f"between {when(earliest, seconds=seconds)} and {when(latest, seconds=seconds)} (95%)"


def number(value: float | None) -> str:
    """Give a number to three digits or so."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        return f"{value:.2e}"
    if size >= 1000:
        return f"{value:,.0f}"
    digits = 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") or "0"


def share(value: float | None) -> str:
    """Give a share in percent."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{100 * value:.1f}%"


def points(value: float | None) -> str:
    """Give a difference of shares in percentage points."""
    return NONE if value is None else f"{100 * value:.1f} pts"


def badge(tier: str, state: str = "") -> str:
    """Give a tier as a mark with a shape and a word of its own."""
    if not tier:
        return '<span class="tag good">✓ no open alert</span>'
    mark = _TIER_MARKS.get(tier, "○")
    shown = f"{mark} {words(tier)}" + (f" · {words(state)}" if state else "")
    quiet = " over" if state == "resolved" else ""
    return f'<span class="tag {text(tier)}{quiet}">{shown}</span>'


def place(entries: Range) -> str:
    """Give where entries are sealed."""
    span = f"{entries.first:,}" if entries.first == entries.last else (
        f"{entries.first:,} to {entries.last:,}"
    )  # fmt: skip
    return f"<code>{text(entries.origin)}&nbsp;{span}</code>"


def proof(ranges: Iterable[Range]) -> str:
    """Give what something rests on, in a line."""
    found = "; ".join(map(place, dict.fromkeys(ranges)))
    return f'<p class="proof">sealed at {found}</p>' if found else ""


def feature_title(name: str) -> str:
    """Give the name of a feature, or of what the model answers."""
    return text({"(score)": "score", "(decision)": "decision"}.get(name, name))


def table(caption: str, heads: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    """Give a table.

    Args:
        caption: What it shows, as markup.
        heads: Of each column, as markup.
        rows: Rows as markup.
        kind: Class of its style.
    """
    columns = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return (
        f'<table class="{kind}"><caption>{caption}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def unseen(what: str) -> str:
    """Give the head of a column of drawings, which only a screen reader tells."""
    return f'<span class="unseen">{what}</span>'


def nothing(reason: str) -> str:
    """Say why a section is empty."""
    return f'<p class="none">{prose(reason)}</p>'
