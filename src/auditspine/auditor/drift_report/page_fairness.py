"""Fairness on a page: groups with intervals, gaps, ratios, and their past. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from auditspine.auditor.drift_report.content import Monitor
from auditspine.auditor.drift_report.fair_content import Assessed, Assessment, Figure, Gap
from auditspine.auditor.drift_report.markup import (
    NONE,
    items,
    number,
    place,
    prose,
    share,
    table,
    text,
    when,
    words,
)
from auditspine.auditor.drift_report.names import BOTH
from auditspine.auditor.drift_report.page_monitors import monitor_table
from auditspine.auditor.drift_report.svg import Span, periods, whisker

_SHARES = frozenset(
    {"selection_rate", "true_positive_rate", "false_positive_rate", "error_rate", "coverage"}
)
_FAVOURED = "selection_rate"
_FOUR_FIFTHS = 0.8
_MOST_PAIRS = 6  # of groups that are shown unfolded, those with the largest gaps
_MEANING = {
    "selection_rate": "share of favourable decisions",
    "score_mean": "mean score",
    "true_positive_rate": "share of favourable decisions among those with a positive outcome",
    "false_positive_rate": "share of favourable decisions among those with another outcome",
    "error_rate": "share of decisions that the outcome contradicts",
    "calibration": "mean outcome less mean probability; 0 is calibrated",
    "delay_days": "days until the outcome",
    "coverage": "share of due outcomes that are there",
}


def fairness_sections(
    assessments: Sequence[Assessment], monitors: Mapping[str, tuple[Monitor, ...]], span: Span
) -> str:
    """Give the latest assessment of each basis, and the monitors of groups."""
    said = _exclusions(assessments)
    said += "".join(_assessment(each) for each in assessments)
    for attribute, of in monitors.items():
        caption = f"Monitors of {text(attribute)}"
        said += (
            f'<section class="card"><h3>{text(attribute)}: monitors</h3>'
            f"{monitor_table(of, span, caption)}</section>"
        )
    return said


def _exclusions(assessments: Iterable[Assessment]) -> str:
    found = {
        (each.attribute, each.jurisdiction): each for of in assessments for each in of.exclusions
    }
    rows = "".join(
        f'<tr><th scope="row">{text(each.attribute)}</th><td>{text(each.jurisdiction)}</td>'
        f"<td>{text(each.reason)}</td><td>{each.predictions:,}</td></tr>"
        for each in found.values()
    )
    if not rows:
        return ""
    heads = ("attribute", "jurisdiction", "reason", "predictions that carried it")
    return table("Excluded: these may not be processed, and were not read", heads, rows)


def _assessment(of: Assessment) -> str:
    title = "Decisions" if of.basis == "decisions" else "Decisions with their outcomes"
    limits = (
        f"{of.predictions:,} predictions; intervals hold at {100 * of.confidence:g}% each by "
        f"itself, and of many some miss by chance; groups of fewer than {of.least_rows:,} rows "
        "are counted and not assessed."
    )
    facts = [limits]
    if of.error_rate is not None:
        facts.append(wrong(of))
    inside = "".join(_attribute(each, of) for each in of.attributes)
    if not of.attributes:
        inside = '<p class="none">No attribute was assessed.</p>'
    return (
        f"<h3>{title}</h3>"
        f'<p class="soft">{when(of.started_at)} to {when(of.ended_at)}, the last of {of.periods} '
        f"periods; {place(of.entries)}</p>{items(facts)}{inside}"
    )


def wrong(of: Assessment) -> str:
    """Say how many decisions were wrong, and what that would be with what is overdue."""
    said = f"{share(of.error_rate)} of the answered predictions were wrong. "
    if not of.overdue:
        return f"{said}No outcome became overdue."
    bounds = f"{share(of.error_rate_low)} and {share(of.error_rate_high)}"
    return (
        f"{said}{of.overdue:,} outcomes became overdue: were all of them right or all wrong, it "
        f"would be {bounds}."
    )


def _attribute(of: Assessed, assessment: Assessment) -> str:
    whole = of.rows + of.missing
    missing = share(of.missing / whole) if whole else NONE
    small = (
        f"; {of.small_groups} group{'s' if of.small_groups > 1 else ''} of fewer than "
        f"{assessment.least_rows:,} rows"
        if of.small_groups
        else ""
    )
    known = {m.measure for group in of.groups for m in group.figures}
    measures = [*(each for each in _MEANING if each in known), *sorted(known - _MEANING.keys())]
    inside = "".join(_measure(of, each) for each in measures)
    if not of.groups:
        inside = '<p class="none">No group has rows enough to be assessed.</p>'
    return (
        f'<details class="card"{"" if BOTH in of.attribute else " open"}><summary><strong>'
        f'{text(of.attribute)}</strong> <span class="soft">known in {of.rows:,} predictions, '
        f"missing in {of.missing:,} ({missing}){small}</span></summary>{inside}</details>"
    )


def _measure(of: Assessed, measure: str) -> str:
    groups = [(g, f) for g in of.groups for f in g.figures if f.measure == measure]
    lows, highs = [f.low for _, f in groups], [f.high for _, f in groups]
    margin = 0.08 * (max(highs) - min(lows)) or 0.01
    domain = (min(lows) - margin, max(highs) + margin)
    if measure in _SHARES:
        domain = (max(0.0, domain[0]), min(1.0, domain[1]))
    rows = "".join(
        f'<tr><th scope="row">{text(_short(of, group.name))}</th><td>{figure.rows:,}</td>'
        f"<td>{_figure(figure)}</td><td>{_drawn(group.name, figure, domain)}</td></tr>"
        for group, figure in groups
    )
    axis = f"{_value(measure, domain[0])} to {_value(measure, domain[1])}"
    gaps = [each for each in of.gaps if each.measure == measure]
    caption = f"<strong>{words(measure)}</strong>, {prose(_MEANING.get(measure, ''))}"
    figures = table(caption, ("group", "rows", "figure and interval", axis), rows)
    return f'<div class="measure">{figures}{_gaps(of, measure, gaps)}</div>'


def _drawn(name: str, figure: Figure, domain: tuple[float, float]) -> str:
    shown = [_value(figure.measure, each) for each in (figure.value, figure.low, figure.high)]
    label = f"{name}: {shown[0]}, interval {shown[1]} to {shown[2]}"
    lines = [0.0] if domain[0] < 0 < domain[1] else []
    return whisker(figure.value, figure.low, figure.high, domain, lines, label)


def _figure(figure: Figure) -> str:
    ends = " to ".join(_value(figure.measure, each) for each in (figure.low, figure.high))
    return f'{_value(figure.measure, figure.value)} <span class="soft">({ends})</span>'


def _gaps(of: Assessed, measure: str, gaps: Sequence[Gap]) -> str:
    if not gaps:
        return '<p class="soft">No pair of groups to hold against each other.</p>'
    furthest = max(abs(end) for each in gaps for end in (each.low, each.high)) * 1.05 or 0.01
    ratios = any(each.ratio is not None for each in gaps)
    ordered = sorted(gaps, key=lambda each: -abs(each.gap))
    shown, more = ordered[:_MOST_PAIRS], ordered[_MOST_PAIRS:]
    caption = f"Gaps in {words(measure)}, the line at 0"
    table = _gap_table(of, shown, furthest, caption, ratios=ratios)
    if not more:
        return table
    rest = _gap_table(of, more, furthest, f"{caption}; the smaller ones", ratios=ratios)
    folded = f"<details><summary>{len(more)} pairs with smaller gaps</summary>{rest}</details>"
    return f"<div>{table}{folded}</div>"


def _gap_table(
    of: Assessed, gaps: Sequence[Gap], furthest: float, caption: str, *, ratios: bool
) -> str:
    rows = [_gap(of, each, furthest, ratios=ratios) for each in gaps]
    line = ", the line at four fifths" if gaps[0].measure == _FAVOURED else ""
    ratio = (f"ratio{line}",) if ratios else ()
    return table(caption, ("between", "gap and interval", *ratio, "by period"), rows)


def _gap(of: Assessed, gap: Gap, furthest: float, *, ratios: bool) -> str:
    ends = " to ".join(_difference(gap.measure, each) for each in (gap.low, gap.high))
    told = f"{_difference(gap.measure, gap.gap)} ({ends})"
    pair = f"{_short(of, gap.first)} less {_short(of, gap.second)}"
    apart = gap.low > 0 or gap.high < 0
    verdict = "apart" if apart else "not told from 0"
    drawn = whisker(
        gap.gap, gap.low, gap.high, (-furthest, furthest), [0.0], f"{pair}: {told}, {verdict}"
    )
    past = (
        periods(gap.past, f"{pair}, in each of {len(gap.past)} periods")
        if len(gap.past) > 1
        else "first period"
    )
    return (
        f'<tr><th scope="row">{text(pair)}</th><td>{told}{drawn}'
        f'<span class="state{" warn" if apart else ""}">{"◆ " if apart else ""}{verdict}</span>'
        f"</td>{f'<td>{_ratio(gap)}</td>' if ratios else ''}<td>{past}</td></tr>"
    )


def _ratio(gap: Gap) -> str:
    if gap.ratio is None:
        return NONE
    low = gap.ratio if gap.ratio_low is None else gap.ratio_low
    high = gap.ratio if gap.ratio_high is None else gap.ratio_high
    told, domain = f"{gap.ratio:.3f} ({low:.3f} to {high:.3f})", (min(0.5, low), 1.02)
    if gap.measure != _FAVOURED:
        return f"{told}{whisker(gap.ratio, low, high, domain, [], f'ratio {told}')}"
    verdict, kind = "above four fifths", ""
    if gap.ratio < _FOUR_FIFTHS:
        certain = "" if high < _FOUR_FIFTHS else ", by its interval not for certain"
        verdict, kind = f"◆ below four fifths{certain}", " bad"
    drawn = whisker(gap.ratio, low, high, domain, [_FOUR_FIFTHS], f"ratio {told}, {verdict}")
    return f'{told}{drawn}<span class="state{kind}">{verdict}</span>'


def _short(of: Assessed, name: str) -> str:
    """Give a group's name where its attribute is known."""
    return name.removeprefix(f"{of.attribute} ")


def _value(measure: str, value: float) -> str:
    if measure in _SHARES:
        return share(value)
    if measure == "calibration":
        return f"{round(value, 3) + 0.0:+.3f}"
    return f"{value:.1f} d" if measure == "delay_days" else number(value)


def _difference(measure: str, value: float) -> str:
    if measure in _SHARES:
        return f"{100 * value:+.1f} pts"
    if measure == "delay_days":
        return f"{value:+.1f} d"
    return _value(measure, value) if measure == "calibration" else f"{value:+.3g}"
