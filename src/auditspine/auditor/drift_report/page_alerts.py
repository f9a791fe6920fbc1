"""Alerts on a page: what was done about each and what may be behind it. Pure."""

from collections.abc import Iterable

from auditspine.auditor.drift_report.content import AlertStory, Analysis, Signal
from auditspine.auditor.drift_report.markup import (
    badge,
    between,
    proof,
    share,
    table,
    text,
    unseen,
    when,
    words,
)

_MOST_STEPS = 40  # of an alert's history, the newest
_MOST_SIGNALS = 40  # of an alert, the newest
_MANY_HOURS = 48  # from which a span is told in days


def alert_cards(alerts: Iterable[AlertStory]) -> str:
    """Give the alerts, the open ones unfolded."""
    return "".join(_card(each) for each in alerts)


def _card(alert: AlertStory) -> str:
    is_open = alert.state != "resolved"
    return (
        f'<details class="card alert {text(alert.tier)}"{" open" if is_open else ""}>'
        f"<summary>{badge(alert.tier, alert.state)} <strong>{text(alert.title)}</strong></summary>"
        f"{_facts(alert)}{_analysis(alert.analysis)}{_signals(alert.signals)}{_history(alert)}"
        f"{proof(alert.entries)}</details>"
    )


def _facts(alert: AlertStory) -> str:
    since = when(alert.since)
    if alert.earliest is not None and alert.latest is not None:
        since += f'<br><span class="soft">began {between(alert.earliest, alert.latest)}</span>'
    acknowledged = "by nobody" if alert.state == "open" else "-"
    if alert.acknowledged_by:
        acknowledged = f"by {text(alert.acknowledged_by)}, {when(alert.acknowledged_at)}"
    facts = (
        ("began to move", since),
        ("raised", when(alert.raised_at)),
        ("actions", ", ".join(map(words, alert.actions)) or "recorded only"),
        ("owner", text(alert.owner) or "-"),
        ("acknowledged", acknowledged),
        ("disposition", _disposition(alert)),
        ("over since", when(alert.resolved_at) if alert.resolved_at else "not over"),
        ("id", f"<code>{text(alert.alert_id)}</code>"),
    )
    inner = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return f'<dl class="facts">{inner}</dl>'


def _disposition(alert: AlertStory) -> str:
    """Give what a person said; as the processor holds it until their event itself has landed."""
    if alert.disposition:
        return f"<strong>{words(alert.disposition)}</strong>: {text(alert.rationale)}"
    noted = [each for each in alert.history if each.what == "dispositioned"]
    if noted:
        return text(noted[-1].detail)
    return "none yet" if alert.state != "resolved" else "none: it was over by itself"


def _analysis(analysis: Analysis | None) -> str:
    if analysis is None:
        return '<p class="none">No investigation has analysed it.</p>'
    rows = "".join(
        f'<tr><th scope="row">{words(each.disposition)}</th>'
        f'<td class="bar"><span class="fill" style="width:{100 * each.probability:.1f}%"></span>'
        f"</td><td>{share(each.probability)}</td>"
        f"<td>{'; '.join(map(text, each.evidence)) or '-'}</td></tr>"
        for each in analysis.causes
    )
    causes = table(
        "Classes of causes, the likeliest first",
        ("class", unseen("as a bar"), "probability", "what speaks for or against it"),
        rows,
        "causes",
    )
    groups = f" Groups: {', '.join(map(text, analysis.groups))}." if analysis.groups else ""
    features = f" Features: {', '.join(map(text, analysis.features))}." if analysis.features else ""
    return (
        f"<h4>What may be behind it</h4><p>{text(analysis.detail)}</p>"
        f'<p class="soft">{features}{groups} Analysis {analysis.revision + 1}, '
        f"{when(analysis.at)}; a probability is the analysis's own, not a measurement.</p>"
        f"{causes}{_changes(analysis)}{proof([analysis.entries])}"
    )


def _changes(analysis: Analysis) -> str:
    if not analysis.changes:
        return '<p class="soft">No change upstream came before it that is known.</p>'
    rows = "".join(
        f"<tr><td>{when(each.at)}</td><td>{text(each.event_type)}</td>"
        f"<td>{text(each.artifact)}</td><td>{words(each.relation)}</td>"
        f"<td>{_span(each.minutes_before)}</td></tr>"
        for each in analysis.changes
    )
    heads = ("when", "event", "of what", "upstream as", "before it began")
    return table("Changes upstream, the likeliest first", heads, rows, "changes")


def _signals(signals: tuple[Signal, ...]) -> str:
    if not signals:
        return '<p class="soft">No signal of it is in the period.</p>'
    rows = "".join(
        f"<tr><td>{when(each.at, seconds=True)}</td><td>{text(each.monitor)}</td>"
        f"<td>{text(each.detail)}</td><td>{proof([each.entries])}</td></tr>"
        for each in signals[-_MOST_SIGNALS:]
    )
    told = table(
        "Signals, the newest last", ("when", "monitor", "what", "rests on"), rows, "signals"
    )
    return f"<details><summary>{_counted(len(signals), 'signal')}</summary>{told}</details>"


def _history(alert: AlertStory) -> str:
    rows = "".join(
        f"<tr><td>{when(each.at, seconds=True)}</td><td>{words(each.what)}</td>"
        f"<td>{text(each.who) or 'the processor'}</td><td>{text(each.detail)}</td></tr>"
        for each in alert.history[-_MOST_STEPS:]
    )
    if not rows:
        return ""
    told = table("What happened to it", ("when", "what", "who", "detail"), rows, "history")
    steps = _counted(len(alert.history), "step")
    return f"<details><summary>History, {steps}</summary>{told}</details>"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _span(minutes: float) -> str:
    size = abs(minutes)
    if size < 60:
        told = f"{size:.1f} min"
    elif size < 60 * _MANY_HOURS:
        told = f"{size / 60:.1f} h"
    else:
        told = f"{size / 1440:.1f} days"
    return told if minutes >= 0 else f"{told} after"
