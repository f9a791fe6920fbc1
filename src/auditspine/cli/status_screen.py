"""What the status of a stack looks like in a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from auditspine.cli.flow import StreamFlow
from auditspine.embedded.parts import PartState, PartStatus, Snapshot

_COLOURS = {
    PartState.READY: "good",
    PartState.BACKING_OFF: "bad",
    PartState.STARTING: "warn",
    PartState.STOPPING: "warn",
}


def screen(
    snapshot: Snapshot, endpoints: Mapping[str, str], flows: Sequence[StreamFlow], root: Path
) -> RenderableType:
    """Give the whole screen of ``auditspine up``."""
    state = "stopping" if snapshot.stopping else "ready" if snapshot.ready else "starting"
    colour = "good" if state == "ready" else "warn"
    pieces: list[RenderableType] = [
        Text.from_markup(f"[title]auditspine[/] on {escape(str(root))}  [{colour}]{state}[/]"),
        parts_table(snapshot),
    ]
    troubled = [part for part in snapshot.parts if part.state is PartState.BACKING_OFF]
    for part in troubled:
        pieces.append(Text(f"{part.name}, last lines of {part.log}:", "bad"))
        pieces += [Text(f"  {line}", "dim", overflow="ellipsis") for line in part.last_lines]
    if flows:
        pieces.append(flow_table(flows))
    where = "  ".join(f"{name} {address}" for name, address in endpoints.items())
    pieces.append(Text(where, "dim"))
    pieces.append(Text("Ctrl-C stops everything; a second one at once", "dim"))
    return Group(*pieces)


def parts_table(snapshot: Snapshot) -> Table:
    """Give a table of the parts with their deaths."""
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("part", "state", "pid", "for", "restarts", "last death"):
        table.add_column(name, justify="right" if name in ("pid", "for", "restarts") else "left")
    for part in snapshot.parts:
        table.add_row(
            part.name,
            _state(part, snapshot.at),
            "-" if part.pid is None else str(part.pid),
            short(snapshot.at - part.since),
            str(part.restarts) if part.restarts else "",
            _death(part),
        )
    return table


def flow_table(flows: Sequence[StreamFlow]) -> Table:
    """Give a table of how far each stream is."""
    table = Table(box=None, header_style="title", pad_edge=False)
    table.add_column("stream")
    for name in ("published", "sealed", "landed", "quarantined"):
        table.add_column(name, justify="right")
    for flow in flows:
        table.add_row(
            flow.stream,
            f"{flow.published:,}",
            _behind(flow.sealed, flow.published),
            "-" if flow.landed is None else _behind(flow.landed, flow.published),
            f"[warn]{flow.quarantined:,}[/]" if flow.quarantined else "",
        )
    return table


def short(span: timedelta) -> str:
    """Give a span of time in its largest unit: ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _state(part: PartStatus, now: datetime) -> str:
    text = part.state.value
    if part.retry_at is not None:
        text += f", again in {short(part.retry_at - now)}"
    colour = _COLOURS.get(part.state)
    return text if colour is None else f"[{colour}]{text}[/]"


def _death(part: PartStatus) -> str:
    if part.last_exit is None:
        return ""
    return f"{escape(part.last_exit.reason)} at {part.last_exit.at:%H:%M:%S}Z"


def _behind(count: int, of: int) -> str:
    return f"{count:,}" if count >= of else f"[warn]{count:,}[/]"
