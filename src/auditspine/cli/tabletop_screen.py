"""Shows a rebuilt release on the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from auditspine.auditor.tabletop.page import counts
from auditspine.auditor.tabletop.report import Cited, Release, Standing
from auditspine.cli.console import printable

_MARKS = {
    Standing.PRESENT: ("✓", "good"),
    Standing.MISSING: ("✗", "bad"),
    Standing.UNVERIFIABLE: ("?", "warn"),
}
_BAR = 40  # columns


def release_screen(release: Release) -> RenderableType:
    """Give a release as the terminal shows it."""
    return Group(*_parts(release))


def short_screen(release: Release) -> RenderableType:
    """Give what a release comes to, its gaps, and what is to be looked at."""
    return Group(*_head(release), *_gaps(release), *_remarks(release))


def _head(release: Release) -> Iterator[RenderableType]:
    yield Text.assemble(
        (printable(f"{release.name} {release.version}"), "title"),
        "  ",
        (printable(release.digest), "hash"),
    )
    yield _score(release)


def _parts(release: Release) -> Iterator[RenderableType]:
    yield from _head(release)
    yield Text()
    yield _pieces(release)
    yield from _gaps(release)
    yield from _remarks(release)
    yield Text("\nTimeline", style="title")
    yield _timeline(release)
    yield Text("\nWhat this rests on", style="title")
    for said in release.rests_on:
        yield Text(printable(said), style="dim")


def _score(release: Release) -> Text:
    full = round(release.score * _BAR / 100)
    style = "good" if release.is_complete else "warn"
    return Text.assemble(
        ("█" * full, style),
        ("░" * (_BAR - full), "dim"),
        (f" {release.score} of 100", style),
        f"  {counts(release)}",
    )


def _pieces(release: Release) -> Table:
    table = Table(box=None, header_style="title", pad_edge=False)
    table.add_column("")
    table.add_column("piece", no_wrap=True)
    table.add_column("of 100", justify="right", no_wrap=True)
    table.add_column("what there is", overflow="fold", ratio=3)
    table.add_column("sealed at", overflow="fold", ratio=2)
    for each in release.pieces:
        mark, style = _MARKS[each.standing]
        table.add_row(
            Text(mark, style),
            Text(each.name, "" if each.required else "dim"),
            str(each.weight),
            Text(printable(each.text), "" if each.standing is Standing.PRESENT else style),
            Text(_places(each.cited), "dim"),
        )
    return table


def _gaps(release: Release) -> Iterator[RenderableType]:
    yield Text("\nOpen gaps", style="title")
    if release.is_complete:
        yield Text.assemble(("✓ ", "good"), "none: every piece is there and holds")
        return
    for each in release.gaps:
        mark, style = _MARKS[each.standing]
        yield Text.assemble(
            (f"{mark} ", style), (f"{each.name}: ", "bold"), printable(each.text), "\n  ",
            (printable(f"to mend it: {each.mend}"), "dim"),
        )  # fmt: skip


def _remarks(release: Release) -> Iterator[RenderableType]:
    if release.remarks:
        yield Text("\nTo look at", style="title")
        for remark in release.remarks:
            yield Text.assemble(("! ", "warn"), printable(remark))


def _timeline(release: Release) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    for each in release.timeline:
        problem = f"  {each.cited.problem}" if each.cited.problem else ""
        table.add_row(
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            each.event_type,
            Text.assemble(printable(each.what), (printable(problem), "warn")),
            Text(printable(each.who)),
        )
    return table


def _places(cited: tuple[Cited, ...]) -> str:
    """Give log and positions, shortly: the log by its topic and partition."""
    found: dict[str, list[int]] = {}
    for each in cited:
        found.setdefault("/".join(each.origin.split("/")[-2:]), []).append(each.position)
    return printable(
        "  ".join(f"{origin} {_numbers(positions)}" for origin, positions in found.items())
    )


def _numbers(positions: list[int], most: int = 6) -> str:
    more = f" +{len(positions) - most}" if len(positions) > most else ""
    return ",".join(map(str, positions[:most])) + more
