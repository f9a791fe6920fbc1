"""All that is known of one alert, on one screen. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditspine.auditor.alert_rows import Alert, Said, Story
from auditspine.auditor.drift_words import effect, measured, what_moved
from auditspine.cli.alert_steps import next_steps
from auditspine.cli.alert_table import TIER_STYLES, state_words
from auditspine.cli.analysis_screen import analysis_grid
from auditspine.cli.console import printable
from auditspine.cli.status_screen import short

_MOST_SIGNALS = 8  # monitors that one screen shows
_MOST_HISTORY = 12  # of what happened
_FIRST = 2  # of which so many at the beginning
_ACTIONS = {
    "notify": "told the owner",
    "investigate": "opened an investigation",
    "freeze_releases": "froze releases",
    "fallback": "told the service to fall back",
    "block": "told the service to stop",
    "quarantine": "quarantined the model",
}
_CAUSES = {
    "signal": "monitors signalled it",
    "effect": "it moved further",
    "persistence": "it goes on",
    "unacknowledged": "nobody acknowledged it",
    "person": "a person escalated it",
    "served": "something serves that is not said to be deployed",
    "silent": "nothing serves any more, or no outcome comes",
}


def story_screen(story: Story, now: datetime) -> RenderableType:
    """Give all that is known of an alert, and what to do next.

    Args:
        story: The alert.
        now: What times are told from.
    """
    alert = story.alert
    head = Text.assemble(
        (alert.tier.replace("_", " ").upper(), TIER_STYLES.get(alert.tier, "")),
        f"  {state_words(alert, now)}  ",
        (alert.alert_id, "hash"),
    )
    pieces: list[RenderableType] = [head, Text(printable(alert.title), "bold"), Text()]
    pieces += [Text("What moved", "title"), _indented(_grid(_facts(story, now)))]
    if story.signals:
        pieces.append(_indented(_signals(story.signals)))
    if story.analysed is not None:
        found = analysis_grid(story.analysed.body)
        pieces += [Text("What may be behind it", "title"), _indented(found)]
    pieces += [Text("What the system did", "title"), _indented(_grid(_done(story, now)))]
    pieces += [Text("History", "title"), _indented(_timeline(story))]
    return Group(*pieces)


def steps_lines(story: Story, tenant: str) -> Iterator[Text]:
    """Give what to do next, a command a line: to be printed without breaking lines."""
    steps = next_steps(story.alert, story.serving, tenant)
    if not steps:
        yield Text("Nothing is left to be done.", "dim")
        return
    yield Text("What to do next", "title")
    for step in steps:
        yield Text.assemble((f"  # {step.why}\n", "dim"), f"  {printable(step.command)}")


def _facts(story: Story, now: datetime) -> Iterator[tuple[str, Text]]:
    alert = story.alert
    yield "what", Text(printable(_what(alert)))
    model = f"model {alert.model} {alert.model_version}"
    yield (
        "where",
        Text.assemble(
            printable(f"{alert.deployment}, {model}  "),
            (alert.model_digest[:12], "hash"),
            printable(f"  risk class {alert.risk_class}"),
        ),
    )
    last = f"{alert.signals} signal{'s' if alert.signals != 1 else ''}"
    yield (
        "since",
        Text(
            f"{_time(alert.since)}, {_ago(now - alert.since)}; {last}, the last at "
            f"{_time(alert.last_signal_at)}"
        ),
    )
    if story.signals:
        yield "how sure", Text(_sureness([each.body for each in story.signals]))
    elif alert.kind not in ("served", "traffic"):
        yield "how sure", Text("the signals have not landed in ClickHouse yet", "dim")
    if alert.evidence_origin:
        span = f"{alert.evidence_first:,} to {alert.evidence_last:,}"
        yield "evidence", Text(printable(f"entries {span} of {alert.evidence_origin}"))


def _what(alert: Alert) -> str:
    size = effect(alert.kind, alert.effect_size)
    return what_moved(alert.kind, alert.features) + (f", {size}" if size else "")


def _sureness(signals: Sequence[dict[str, object]]) -> str:
    """Say how likely signals are without a change."""
    chance = [each for each in signals if _number(each["false_alarms_per_week"]) > 0]
    if not chance:
        return "counted, not estimated: no chance is involved"
    last = chance[-1]
    threshold = _number(last["threshold"])
    weekly, family = _number(last["false_alarms_per_week"]), int(_number(last["monitors"]))
    return (
        f"it passed its threshold of {threshold:,.0f}: by chance once in so "
        f"many predictions, here in {_weeks(1 / weekly)}; {family} monitors of this model are "
        f"watched, which together are wrong {_times(family * weekly)} a week"
    )


def _times(count: float) -> str:
    return "once" if f"{count:.2g}" == "1" else f"{count:.2g} times"


def _weeks(weeks: float) -> str:
    if weeks >= 104:
        return f"{weeks / 52:,.0f} years"
    return f"{weeks:,.0f} weeks" if weeks >= 2 else f"{weeks * 7:.1f} days"


def _signals(signals: Sequence[Said]) -> RenderableType:
    """Give the latest signal of each monitor, the strongest effect first."""
    latest = {each.body["monitor"]: each for each in signals}
    counts: dict[str, int] = {}
    for each in signals:
        counts[each.body["monitor"]] = counts.get(each.body["monitor"], 0) + 1
    ordered = sorted(latest.values(), key=lambda each: -abs(each.body["effect_size"]))
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("monitor", overflow="fold")
    for name in ("reference", "now", "effect", "rows", "signalled", "times"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in ordered[:_MOST_SIGNALS]:
        body = each.body
        kind, monitor = body["kind"], body["monitor"]
        before, now = body["reference"]["mean"], body["current"]["mean"]
        aspect = "location" if monitor.endswith(".location") else kind
        aspect = "scale" if monitor.endswith(".scale") else aspect
        table.add_row(
            Text(printable(monitor)),
            measured(kind, monitor, before, before),
            measured(kind, monitor, now, before),
            effect(aspect, body["effect_size"]),
            f"{body['rows']:,}",
            f"{each.at:%H:%M:%S}",
            str(counts[monitor]),
        )
    if len(ordered) <= _MOST_SIGNALS:
        return table
    more = f"{len(ordered) - _MOST_SIGNALS} more monitors; --json has all"
    return Group(table, Text(more, "dim"))


def _done(story: Story, now: datetime) -> Iterator[tuple[str, Text]]:
    alert = story.alert
    if story.raised:
        actions = dict.fromkeys(str(each) for said in story.raised for each in said.body["actions"])
        done = ", ".join(_ACTIONS.get(each, each) for each in actions) or "nothing"
        cause = story.raised[-1].body["cause"]
        yield "actions", Text(f"{done}, because {_CAUSES.get(cause, cause)}")
    elif alert.tier == "informational":
        yield "actions", Text("recorded it; nobody is told")
    else:
        yield "actions", Text("what was done has not landed in ClickHouse yet", "dim")
    if story.serving is not None:
        state = story.serving
        by = "" if state.alert_id in ("", alert.alert_id) else f", for {state.alert_id}"
        style = "bad" if state.state != "live" else ""
        yield "serving", Text(printable(f"{state.words} since {_time(state.since)}{by}"), style)
    else:
        yield "serving", Text("live: it was never held back")
    if alert.investigation_id:
        is_open = "open: the model is not promoted" if alert.investigating else "closed"
        yield "case", Text(printable(f"{alert.investigation_id}, {is_open}"))
    yield "owner", Text(printable(alert.owner))
    yield "told", Text(printable("; ".join(_told(story, now)) or "nobody"))


def _told(story: Story, now: datetime) -> Iterator[str]:
    for said in story.told[-_MOST_SIGNALS:]:
        body = said.body
        times = f" at attempt {body['attempts']}" if body["attempts"] > 1 else ""
        detail = f": {body['detail']}" if body["detail"] else ""
        yield f"{body['receiver']} {body['status']}{times} {said.at:%H:%M:%S}{detail}"
    if story.alert.is_open and story.alert.silenced_until and story.alert.silenced(now):
        yield f"nobody more until {_time(story.alert.silenced_until)}: it is silenced"


def _timeline(story: Story) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    left_out = max(0, len(story.history) - _MOST_HISTORY)
    for number, each in enumerate(story.history):
        if left_out and number == _FIRST:
            table.add_row("", "…", Text(f"{left_out} more; --json has all", "dim"))
        if _FIRST <= number < _FIRST + left_out:
            continue
        who = f"{each.who}: " if each.who else ""
        style = "bold" if each.who else ""
        table.add_row(
            f"{each.at:%m-%d %H:%M:%S}", each.what, Text(printable(f"{who}{each.detail}"), style)
        )
    return table


def _grid(rows: Iterator[tuple[str, Text]]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _ago(span: timedelta) -> str:
    return f"{short(span)} ago"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
