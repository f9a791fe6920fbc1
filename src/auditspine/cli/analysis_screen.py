"""What may be behind an alert, on a screen: when it began, what came before, which cause. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from auditspine.cli.console import printable

_MOST_CHANGES = 4  # upstream, that one screen shows
_MOST_CLASSES = 3
_LEAST = 0.005  # of a class that is shown
_MOST_SENTENCES = 2  # of a class
_MOST_NAMES = 8


def analysis_grid(body: Mapping[str, Any]) -> Table:
    """Give the body of ``investigation.analysed`` in rows; --json has all of it."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _rows(body):
        grid.add_row(name, value)
    return grid


def _rows(body: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    first, at, last = (
        datetime.fromisoformat(body[f"change_{each}"]) for each in ("earliest", "at", "latest")
    )
    yield "began", Text(f"{_time(first)} to {_time(last)} UTC, most likely {at:%H:%M:%S}")
    for name in ("features", "groups"):
        if body[name]:
            yield name, Text(printable(_names(body[name])))
    changes = body["changes"]
    for number, each in enumerate(changes[:_MOST_CHANGES]):
        yield "" if number else "upstream", _change(each)
    if not changes:
        yield "upstream", Text("no change is known in the week before", "dim")
    elif len(changes) > _MOST_CHANGES:
        yield "", Text(f"{len(changes) - _MOST_CHANGES} more; --json has all", "dim")
    likely = [each for each in body["classes"] if each["probability"] >= _LEAST]
    for number, each in enumerate(likely[:_MOST_CLASSES]):
        style = "" if number else "bold"
        share = f"{each['probability']:4.0%}  {each['disposition']}"
        yield "" if number else "likeliest", Text(share, style)
        for sentence in each["evidence"][:_MOST_SENTENCES]:
            yield "", Text(printable(f"      {sentence}"), "dim")
    yield "", Text("by judgement, not measurement: docs/alerts.md", "dim")


def _change(change: Mapping[str, Any]) -> Text:
    artifact = change["artifact"]
    what = f"{artifact['kind']} {artifact['name']} {artifact['version']}"
    return Text(printable(f"{change['event_type']} of {what}, {_before(change['minutes_before'])}"))


def _before(minutes: float) -> str:
    """Say how long before it most likely began."""
    size, side = abs(minutes), "before" if minutes >= 0 else "after"
    if size < 2:
        return f"{size * 60:.0f} seconds {side}"
    if size < 120:
        return f"{size:.1f} minutes {side}"
    return f"{size / 60:.0f} hours {side}" if size < 48 * 60 else f"{size / 1440:.0f} days {side}"


def _names(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _time(at: datetime) -> str:
    return f"{at:%m-%d %H:%M:%S}"
