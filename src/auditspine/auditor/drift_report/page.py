"""A drift report as one self-contained HTML page: whole without its script, prints. Pure."""

import re
import shlex
from importlib.resources import files
from itertools import chain

from auditspine.auditor.drift_report.content import DriftReport, Monitor
from auditspine.auditor.drift_report.markup import (
    badge,
    items,
    nothing,
    points,
    share,
    table,
    text,
    when,
    words,
)
from auditspine.auditor.drift_report.page_alerts import alert_cards
from auditspine.auditor.drift_report.page_fairness import fairness_sections, wrong
from auditspine.auditor.drift_report.page_features import answer_cards, feature_rows
from auditspine.auditor.drift_report.page_monitors import other_monitors, outcome_charts, span_of
from auditspine.auditor.drift_report.ranges import Proof

_LEGEND = (
    '<div class="legend"><span><span class="key ref"></span>reference, above the line</span>'
    '<span><span class="key cur"></span>now, below the line</span><span><svg width="52" height="18"'
    ' viewBox="0 0 52 18" aria-hidden="true"><rect class="change" x="18" width="12" height="18"/>'
    '<path class="limit" d="M0 7H52"/><path class="line" d="M0 16H22L34 7H52"/>'
    '<path class="signal" d="M32 0h8l-4 7z"/></svg>how near to a signal {axis}: at the dashed line '
    "it signals (▼); shaded, when the change began at 95% confidence</span></div>"
)
_ABOUT = (
    '<p class="soft">Those that moved most first. <em>Moved by</em>: of a number the largest '
    "difference between the cumulative shares, of a category half the sum of the differences of "
    "shares, or what more or less of it is missing or of another type. The tick in a bar is what "
    "chance alone does on average; <em>sd</em> is the mean difference of quantiles in standard "
    "deviations of the reference. What was compared is not what monitors look at one by one: a "
    "short shift shows in a monitor first.</p>"
)
_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")


def to_html(report: DriftReport) -> str:
    """Give a report as a page."""
    template = (files("auditspine.auditor.drift_report") / "page.html").read_text("utf-8")
    span = span_of(_monitors(report), report.since, report.until)
    parts = {
        "title": text(f"Drift of {report.model} {report.version}"),
        "where": text(f"at {report.deployment}" if report.deployment else "at no deployment"),
        "digest": text(f"sha256:{report.digest}"),
        "tier": badge(report.tier),
        "serving": text(report.serving),
        "facts": _facts(report),
        "remarks": _remarks(report),
        "glance": _glance(report),
        "legend": _LEGEND.format(axis=f"from {when(span[0])} to {when(span[1])}, UTC")
        if report.answers or report.features
        else "",
        "about": _ABOUT if report.features else nothing("No feature of it is known."),
        "alerts": alert_cards(report.alerts) or nothing(report.missing.get("alerts", "")),
        "features": _features(report),
        "answers": answer_cards(report.answers, span),
        "rows": feature_rows(report.features, span) if report.features else "",
        "fairness": _reason(report, "fairness", "groups" if report.fairness else "")
        + fairness_sections(report.fairness, report.group_monitors, span),
        "outcomes": _outcomes(report) + outcome_charts(report.outcomes, span),
        "others": other_monitors(report.others, span),
        "proofs": _proofs(report.proofs),
        "verify": _verify(report.proofs),
    }
    # In one pass, so that no text of an event is taken for a place of the template.
    return _PLACE.sub(lambda found: parts[found[1]], template)


def _monitors(report: DriftReport) -> list[Monitor]:
    of_features = (each.monitors for each in (*report.features, *report.answers))
    groups = report.group_monitors.values()
    return [*chain(*of_features), *chain(*groups), *report.outcomes, *report.others]


def _facts(report: DriftReport) -> str:
    rows, first, last = report.current
    kinds = ", ".join(f"{count} {words(kind)}" for kind, count in report.watched.items())
    compared = f"the newest {rows:,}, taken from {when(first)} to {when(last)}" if rows else "none"
    facts = (
        ("period", f"{when(report.since)} to {when(report.until)}, UTC"),
        ("predictions seen", f"{report.predictions:,}"),
        ("compared here", compared),
        ("reference", text(report.reference)),
        ("monitors", f"{sum(report.watched.values())}: {kinds}" if kinds else "none has reported"),
        ("drift policy", "<br>".join(f"<code>{text(each)}</code>" for each in report.policies)
         or "none is named in the period"),
        ("tenant", text(report.tenant)),
        ("made", when(report.made_at, seconds=True)),
    )  # fmt: skip
    return "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)


def _remarks(report: DriftReport) -> str:
    said = list(report.remarks)
    if report.labelled:
        said.insert(
            0,
            "This page contains labels of protected groups that were given to it by hand: "
            "handle it as you do the attribute itself.",
        )
    return f'<div class="remarks">{items(said)}</div>' if said else ""


def _glance(report: DriftReport) -> str:
    waiting = sum(each.state != "resolved" for each in report.alerts)
    compared = [each for each in report.features if each.overall.distance is not None]
    moved = [each for each in compared if each.overall.is_far]
    rates = [
        gap
        for of in report.fairness
        for attribute in of.attributes
        for gap in attribute.gaps
        if gap.measure == "selection_rate"
    ]
    gap = max(rates, key=lambda each: abs(each.gap), default=None)
    answered = next((each for each in report.fairness if each.error_rate is not None), None)
    tiles = (
        (f"{waiting}", f"open alerts, of {len(report.alerts)} in the period"),
        (f"{len(moved)}", f"of {len(compared)} features moved by more than three times chance"),
        (
            points(abs(gap.gap)) if gap else "-",
            f"largest gap of selection rates: {gap.first}, {gap.second}" if gap
            else "no gap of selection rates was assessed",
        ),
        (
            share(answered.error_rate) if answered else "-",
            "of answered predictions wrong" if answered else "no error rate: no outcomes assessed",
        ),
    )  # fmt: skip
    return "".join(f"<li><b>{value}</b> <span>{text(what)}</span></li>" for value, what in tiles)


def _features(report: DriftReport) -> str:
    reasons = [report.missing[each] for each in ("predictions", "reference", "monitors")
               if each in report.missing]  # fmt: skip
    return "".join(map(nothing, reasons))


def _reason(report: DriftReport, *names: str) -> str:
    return "".join(nothing(report.missing[name]) for name in names if name in report.missing)


def _outcomes(report: DriftReport) -> str:
    said = _reason(report, "outcomes")
    of = next((each for each in report.fairness if each.basis == "outcomes"), None)
    if of is not None and of.error_rate is not None:
        said += f"<p>From {when(of.started_at)} to {when(of.ended_at)}: {text(wrong(of))}</p>"
    return said


def _proofs(proofs: tuple[Proof, ...]) -> str:
    if not proofs:
        return nothing("No sealed entry was found that says anything of this model's drift.")
    rows = "".join(
        f"<tr><td>{text(each.section)}</td><td>{text(each.what)}</td>"
        f"<td><code>{text(each.entries.origin)}</code></td><td>{each.entries.first}</td>"
        f"<td>{each.entries.last}</td><td><code>{_leaf(each.first_leaf)}</code><br>"
        f"<code>{_leaf(each.last_leaf)}</code></td></tr>"
        for each in proofs
    )
    leaves = "leaf hashes of the first and the last"
    heads = ("section", "what", "log (origin)", "first", "last", leaves)
    told = table("Sealed entries, by section", heads, rows, "proofs")
    return f'<div class="scroll">{told}</div>'


def _leaf(leaf: str) -> str:
    return text(leaf) if leaf else "not known here"


def _verify(proofs: tuple[Proof, ...]) -> str:
    origins = dict.fromkeys(each.entries.origin for each in proofs)
    lines = "\n".join(f"auditspine verify --log {text(shlex.quote(each))}" for each in origins)
    return f"<pre>{lines}</pre>" if lines else ""
