"""Monitors on a page: over time, with their signals. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from auditspine.auditor.drift_report.content import Monitor
from auditspine.auditor.drift_report.markup import between, nothing, table, text, when
from auditspine.auditor.drift_report.svg import Span, means, sparkline
from auditspine.auditor.drift_words import measured

_NEAR = 0.5  # of the way to a signal: what never was so near is quiet


def span_of(monitors: Iterable[Monitor], since: datetime, until: datetime) -> Span:
    """Give the times that all sparklines of a page share: no longer than there is anything."""
    times = [each.times[0] for each in monitors if each.times]
    return max(since, min(times, default=since)), until


def status(monitors: Sequence[Monitor]) -> str:
    """Say how some monitors stand, in a word with a shape of its own."""
    if any(each.in_alert for each in monitors):
        return '<span class="state bad">▲ in alert</span>'
    now = max((each.near[-1] for each in monitors if each.near), default=0.0)
    if now >= 1:
        return '<span class="state bad">▲ at its signal</span>'
    if any(each.signals for each in monitors):
        return '<span class="state warn">▼ was signalled</span>'
    if now >= _NEAR:
        return f'<span class="state warn">◆ near, {100 * now:.0f}%</span>'
    return '<span class="state">quiet</span>' if monitors else ""


def is_quiet(monitor: Monitor) -> bool:
    """Tell whether a monitor never was near a signal in the period."""
    return not monitor.signals and max(monitor.near, default=0.0) < _NEAR


def monitor_table(monitors: Sequence[Monitor], span: Span, caption: str) -> str:
    """Give monitors as a table, and those that were quiet throughout in a sentence below it.

    Args:
        monitors: The monitors.
        span: From when to when they are drawn.
        caption: What they are of, as markup.
    """
    shown = [each for each in monitors if not is_quiet(each)]
    quiet = [text(each.name) for each in monitors if is_quiet(each)]
    said = ""
    if shown:
        heads = ("monitor", "found against expected", "how near to a signal, over time", "now")
        said = table(caption, heads, (_row(each, span) for each in shown), "monitors")
    if quiet:
        others = "Quiet throughout" if not shown else "Quiet"
        said += f'<p class="soft">{others}: {", ".join(quiet)}.</p>'
    return said


def outcome_charts(monitors: Sequence[Monitor], span: Span) -> str:
    """Give monitors of outcomes, each with what it found over time."""
    cards = []
    for each in monitors:
        chart = ""
        if len(each.times) > 1 and each.kind != "outcome":
            label = f"{each.name}: what was found, against the dashed line of what was expected"
            chart = f"{means(each, span, label)}{_range(each)}"
        cards.append(
            f'<section class="card"><h3>{text(each.name)}</h3> {status([each])}'
            f"<p>{text(each.words)}</p>{chart}{_signals(each)}</section>"
        )
    return f'<div class="pair">{"".join(cards)}</div>' if cards else ""


def _range(monitor: Monitor) -> str:
    """Say what the lowest and the highest point of a drawing are."""
    ends = (min(monitor.found), max(monitor.found))
    shown = [measured(monitor.kind, monitor.name, each, monitor.expected[-1]) for each in ends]
    return f'<p class="soft">found from {text(shown[0])} to {text(shown[1])}</p>'


def other_monitors(monitors: Sequence[Monitor], span: Span) -> str:
    """Give monitors that are of no feature, group or outcome."""
    if not monitors:
        return nothing("There is no monitor of rules, thresholds or traffic at this deployment.")
    return monitor_table(monitors, span, "Rules, thresholds, profile and traffic")


def _row(monitor: Monitor, span: Span) -> str:
    now = f"{100 * monitor.near[-1]:.0f}%" if monitor.near else "no report"
    label = f"{monitor.name}: {now} of the way to a signal now"
    return (
        f'<tr><th scope="row">{text(monitor.name)}</th><td>{text(monitor.words)}'
        f"{_signals(monitor)}</td><td>{sparkline([monitor], span, label)}</td>"
        f"<td>{now}<br>{status([monitor])}</td></tr>"
    )


def _signals(monitor: Monitor) -> str:
    if not monitor.signals:
        return ""
    first, last = monitor.signals[0], monitor.signals[-1]
    told = f"signalled {when(first.at)}"
    if len(monitor.signals) > 1:
        told += f" and {len(monitor.signals) - 1} times more, the last {when(last.at)}"
    if last.earliest is not None and last.latest is not None:
        told += f"; began {between(last.earliest, last.latest)}"
    else:
        told += f"; its window began {when(last.began)}"
    return f'<p class="soft">{told}</p>'
