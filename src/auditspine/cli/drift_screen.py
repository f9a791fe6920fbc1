"""How the monitors of a model look in a terminal. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditspine.auditor.alert_rows import Alert, Serving, short_ids
from auditspine.auditor.drift import Place, Report
from auditspine.auditor.drift_words import against, bar, nearness, sparkline, what_moved
from auditspine.cli.alert_table import TIER_STYLES, state_words
from auditspine.cli.console import printable
from auditspine.cli.status_screen import short

REPORTS = 24
"""Reports that a sparkline shows."""

_NEAR = 0.5  # of the way to a signal: what never was so near of late is quiet
_BAR = 10  # characters
_NARROW = 100  # columns of a terminal in which a sparkline is shorter
_SHORT = 12  # reports that it then shows


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor of late.

    Attributes:
        name: Its name.
        kind: What it watches.
        level: How near it is to a signal now: its statistic as a share of the threshold.
        expected: Mean by the reference.
        found: Mean since it last was where it is expected.
        near: How near it was in each report, 0 to 1, the last one now; on the scale of evidence.
        told: Whether an open alert rests on a signal of it.
    """

    name: str
    kind: str
    level: float
    expected: float
    found: float
    near: tuple[float, ...]
    told: bool

    @property
    def is_quiet(self) -> bool:
        """Whether it was never near a signal of late, and no open alert is of it."""
        return max(self.near) < _NEAR and not self.told


@dataclass(frozen=True, slots=True)
class Watched:
    """A model at a deployment, and all that is known of it.

    Attributes:
        place: Where.
        last: The last report; of the predictions, where there are such of outcomes, too.
        monitors: Its monitors, the nearest to a signal first.
        alerts: Its open alerts, the worst first.
        serving: Its state; None when it was never held back.
    """

    place: Place
    last: Report
    monitors: tuple[Monitor, ...]
    alerts: tuple[Alert, ...]
    serving: Serving | None


def watched(
    place: Place,
    reports: Sequence[Report],
    alerts: Sequence[Alert],
    serving: Serving | None,
    told: Collection[str] = (),
) -> Watched:
    """Put together what is known of a place.

    Args:
        place: The place.
        reports: Its last reports, the oldest first, at least one. The newest of each log together
            have all its monitors; one that moved from log to log counts where it was last.
        alerts: Its open alerts.
        serving: Its state.
        told: Names of the monitors whose signals the alerts rest on.
    """
    newest = {each.origin: each for each in reports}
    past: dict[str, list[float]] = {}
    for report in reports:
        for name, level in zip(report.monitors, report.levels, strict=True):
            past.setdefault(name, []).append(nearness(level, report.run_length))
    monitors = list(
        {
            name: Monitor(name, kind, level, expected, found, tuple(past[name]), name in told)
            for report in sorted(newest.values(), key=lambda each: each.at)
            for name, kind, level, expected, found in zip(
                *(report.monitors, report.kinds, report.levels, report.expected, report.found),
                strict=True,
            )
        }.values()
    )
    last = max(newest.values(), key=lambda each: (each.predictions, each.at))
    monitors.sort(key=lambda each: (not each.told, -each.near[-1], -max(each.near), each.name))
    return Watched(place, last, tuple(monitors), tuple(alerts), serving)


def watched_screen(
    seen: Watched, now: datetime, width: int, *, every: bool = False
) -> RenderableType:
    """Give a model's monitors, alerts and state.

    Args:
        seen: The model.
        now: What times are told from.
        width: Columns of the terminal.
        every: Show monitors that are quiet, too.
    """
    place = seen.place
    pieces: list[RenderableType] = [
        Text.assemble(
            (printable(place.deployment), "title"),
            printable(f"  {place.model} {place.model_version}  "),
            (place.model_digest[:12], "hash"),
            "  ",
            _state(seen.serving),
        ),
        Text(_about(seen, now), "dim"),
    ]
    ids = short_ids(seen.alerts)
    for alert in seen.alerts:
        what = f"{what_moved(alert.kind, alert.features)}, {short(now - alert.since)}"
        pieces.append(
            Text.assemble(
                ("! ", "warn"),
                (f"{alert.tier}", TIER_STYLES.get(alert.tier, "")),
                f"  {ids[alert.alert_id]}  {state_words(alert, now)}  ",
                printable(what),
            )
        )
    shown = [each for each in seen.monitors if every or not each.is_quiet]
    if shown:
        pieces.append(Padding(_table(shown, width), (0, 0, 0, 2)))
    quiet = [each for each in seen.monitors if each.is_quiet]
    if not seen.monitors:
        pieces.append(Text("  no monitors yet: there is no training profile to hold it against"))
    elif quiet and not every:
        pieces.append(Text(printable(f"  {_quiet(quiet, len(shown))}"), "dim"))
    return Group(*pieces)


def watched_value(seen: Watched) -> dict[str, Any]:
    """Give a model as JSON takes it."""
    place, last = seen.place, seen.last
    return {
        "deployment": place.deployment,
        "model": place.model,
        "model_version": place.model_version,
        "model_digest": place.model_digest,
        "at": last.at.isoformat(),
        "predictions": last.predictions,
        "profiled": last.profiled,
        "run_length": last.run_length,
        "serving": "live" if seen.serving is None else seen.serving.words,
        "alerts": [
            {"alert_id": each.alert_id, "tier": each.tier, "state": each.state, "title": each.title}
            for each in seen.alerts
        ],
        "monitors": [
            {
                "monitor": each.name,
                "kind": each.kind,
                "level": each.level,
                "near": round(each.near[-1], 4),
                "expected": each.expected,
                "found": each.found,
                "in_alert": each.told,
                "quiet": each.is_quiet,
                "past": [round(value, 4) for value in each.near],
            }
            for each in seen.monitors
        ],
    }


def _state(serving: Serving | None) -> tuple[str, str]:
    if serving is None or not serving.is_held:
        return "live", "good"
    return serving.words, "bad"


def _about(seen: Watched, now: datetime) -> str:
    last = seen.last
    reference = "the training profile" if last.profiled else "the first rows"
    return (
        f"{last.predictions:,} predictions until {short(now - last.at)} ago; "
        f"{len(seen.monitors)} monitors, held against {reference}"
    )


def _quiet(quiet: Sequence[Monitor], shown: int) -> str:
    nearest = max(quiet, key=lambda each: each.near[-1])
    others = "others" if shown else "monitors"
    percent = f"{100 * nearest.near[-1]:.0f}%"
    return f"{len(quiet)} {others} are quiet; the nearest is {nearest.name} at {percent}"


def _table(monitors: Sequence[Monitor], width: int) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("monitor", overflow="fold")
    table.add_column("found against expected", overflow="fold")
    table.add_column("near", no_wrap=True)
    table.add_column("of late", no_wrap=True)
    reports = _SHORT if width < _NARROW else REPORTS
    for each in monitors:
        near = each.near[-1]
        style = "bad" if each.told or near >= 1 else "warn" if near >= _NEAR else "dim"
        meter = "" if width < _NARROW else f"{bar(near, _BAR)} "
        told = "IN ALERT" if each.told else "SIGNAL" if near >= 1 else ""
        table.add_row(
            Text(printable(each.name)),
            Text(printable(against(each.kind, each.name, each.found, each.expected))),
            Text(told or f"{meter}{100 * near:3.0f}%", style),
            Text(sparkline(each.near[-reports:]), style),
        )
    return table
