"""Features on a page: reference against current, groups of people, and monitors. Pure."""

from collections.abc import Sequence

from auditspine.auditor.drift_report.content import Comparison, Distribution, Feature
from auditspine.auditor.drift_report.markup import (
    NONE,
    feature_title,
    number,
    points,
    share,
    table,
    text,
    unseen,
)
from auditspine.auditor.drift_report.page_monitors import is_quiet, monitor_table, status
from auditspine.auditor.drift_report.statistics import PLACES
from auditspine.auditor.drift_report.svg import (
    Span,
    box,
    is_stretched,
    mirrored,
    sparkline,
)

_MOST_SHARES = 12  # categories that are shown side by side
_SHOWN = tuple(PLACES.index(each) for each in (0.05, 0.25, 0.5, 0.75, 0.95))
_OPEN = 6  # features that a page begins with unfolded, when there are few
_FEW = 12
_MUCH_MORE = 2.0  # times what all rows moved by: from there on a group has moved by itself


def feature_rows(features: Sequence[Feature], span: Span) -> str:
    """Give the features, one line each, with what is known of each below its line."""
    head = (
        '<div class="row head" aria-hidden="true"><span>feature</span><span>moved by</span>'
        "<span>reference → now</span><span>missing</span><span>nearest monitor over time</span>"
        "<span>monitors</span></div>"
    )
    is_few = len(features) <= _FEW
    rows = "".join(
        _row(each, span, is_open=is_few and n < _OPEN, is_calm=not is_few and _is_calm(each))
        for n, each in enumerate(features)
    )
    note = (
        ""
        if is_few
        else '<p class="printed soft">Features that lie within three times what chance does and '
        "whose monitors were quiet are printed as one line, unless they were unfolded: what is "
        "below each line is in the file.</p>"
    )
    return f'{note}<div class="rows" id="rows">{head}{rows}</div>'


def answer_cards(answers: Sequence[Feature], span: Span) -> str:
    """Give score and decision."""
    cards = "".join(
        f'<section class="card"><h3>{feature_title(each.name).capitalize()}</h3> '
        f"{status(each.monitors)}{_moved(each.overall)}{_inside(each, span)}</section>"
        for each in sorted(answers, key=lambda each: each.name, reverse=True)
    )
    return f'<div class="pair">{cards}</div>' if cards else ""


def _is_calm(feature: Feature) -> bool:
    moved = feature.overall.is_far or bool(_of_one_group(feature))
    return not moved and all(map(is_quiet, feature.monitors))


def _of_one_group(feature: Feature) -> str:
    """Name the group that moved most, where it moved much more than all rows did."""
    far = [each for each in feature.groups if each.is_far]
    most = max(far, key=lambda each: each.distance or 0.0, default=None)
    if most is None or (most.distance or 0) < _MUCH_MORE * (feature.overall.distance or 0):
        return ""
    return f'<span class="soft apart">{text(most.whose)}: {points(most.distance)}</span>'


def _row(feature: Feature, span: Span, *, is_open: bool, is_calm: bool) -> str:
    overall = feature.overall
    nearest = max((each.near[-1] for each in feature.monitors if each.near), default=0.0)
    label = f"{feature.name}: the nearest monitor is {100 * nearest:.0f}% of the way to a signal"
    line = sparkline(feature.monitors, span, label, 150, 24) if feature.monitors else ""
    return (
        f'<details class="feature{" calm" if is_calm else ""}" '
        f'data-name="{text(feature.name.lower())}" '
        f'data-moved="{overall.distance or 0:.4f}" data-near="{nearest:.4f}"'
        f'{" open" if is_open else ""}><summary class="row"><span class="name">'
        f"{text(feature.name)}{_of_one_group(feature)}</span>"
        f"<span>{unseen('moved by')}{_distance(overall)}</span>"
        f"<span>{unseen('from')}{_in_short(overall)}</span>"
        f"<span>{unseen('missing')}{_missing(overall)}</span>"
        f"<span>{line}</span><span>{status(feature.monitors)}</span></summary>"
        f'<div class="inside">{_inside(feature, span)}</div></details>'
    )


def _inside(feature: Feature, span: Span) -> str:
    monitors = monitor_table(feature.monitors, span, f"Monitors of {feature_title(feature.name)}")
    return (
        f"{_picture(feature.name, feature.overall)}{_groups(feature)}"
        f"{monitors or '<p class=none>No monitor of it has reported.</p>'}"
    )


def _distance(of: Comparison) -> str:
    if of.distance is None:
        return f'<span class="soft">{NONE} {_why_not(of)}</span>'
    mark = f'<i style="left:{min(100.0, 100 * (of.chance or 0)):.1f}%"></i>'
    fill = f'<b style="width:{min(100.0, 100 * of.distance):.1f}%"></b>'
    return f'<span class="meter" aria-hidden="true">{fill}{mark}</span> {points(of.distance)}'


def _moved(of: Comparison) -> str:
    if of.distance is None:
        return f'<p class="none">Not compared: {_why_not(of)}.</p>'
    shift = f", {of.shift:+.2f} sd of the reference" if of.shift is not None else ""
    return (
        f"<p>moved by {points(of.distance)}{shift}; by chance alone about {points(of.chance)}</p>"
    )


def _why_not(of: Comparison) -> str:
    if of.reference is None and of.current is None:
        return "neither reference nor current"
    return "no reference" if of.reference is None else "no current"


def _in_short(of: Comparison) -> str:
    """Give the median, or the category that came most, then and now."""
    both = (of.reference, of.current)
    if any(each is not None and each.quantiles for each in both):
        middle = PLACES.index(0.5)
        shown = [
            number(each.quantiles[middle]) if each is not None and each.quantiles else NONE
            for each in both
        ]
        sd = f' <span class="soft">{of.shift:+.2f} sd</span>' if of.shift is not None else ""
        return f"{shown[0]} → {shown[1]}{sd}"
    names = [each.shares for each in both if each is not None and each.shares]
    if not names:
        return NONE
    first = _furthest(of)
    shown = [
        share(dict(each.shares).get(first, 0.0)) if each is not None else NONE for each in both
    ]
    return f'{shown[0]} → {shown[1]} <span class="soft">{text(first)}</span>'


def _furthest(of: Comparison) -> str:
    """Give the category whose share moved most, or that came most without a reference."""
    before = dict(of.reference.shares) if of.reference is not None else {}
    now = dict(of.current.shares) if of.current is not None else {}
    names = dict.fromkeys((*now, *before))
    if not before or not now:
        return next(iter(names))
    return max(names, key=lambda name: abs(now.get(name, 0.0) - before.get(name, 0.0)))


def _missing(of: Comparison) -> str:
    shown = [NONE if each is None else share(each.missing) for each in (of.reference, of.current)]
    moved = (
        of.reference is not None
        and of.current is not None
        and abs(of.current.missing - of.reference.missing) >= 0.02
    )
    told = shown[0] if shown[0] == shown[1] else f"{shown[0]} → {shown[1]}"
    return f"<strong>{told}</strong>" if moved else told


def _picture(name: str, of: Comparison) -> str:
    reference = of.reference or Distribution(0, 0.0)
    current = of.current or Distribution(0, 0.0)
    if reference.shares or current.shares:
        picture = _shares(name, reference, current)
    elif reference.quantiles or current.quantiles:
        label = (
            f"{name}: distribution in training above the line, of the newest predictions below it"
        )
        stretched = (
            '<p class="soft">The axis is not linear: one range would hide the other.</p>'
            if is_stretched((reference, current))
            else ""
        )
        drawn = mirrored(reference, current, label)
        picture = (
            f'<div class="picture">{drawn}{stretched}</div>{_quantiles(name, reference, current)}'
        )
    else:
        return '<p class="none">No value of it is known.</p>'
    other = (
        f"<p><strong>{share(current.others)}</strong> of its values are of another type than in "
        "training.</p>"
        if current.others
        else ""
    )
    return f'<div class="compared">{picture}</div>{other}'


def _quantiles(name: str, reference: Distribution, current: Distribution) -> str:
    rows = ""
    for kind, title, of in (("ref", "reference", reference), ("cur", "now", current)):
        cells = "".join(
            f"<td>{number(of.quantiles[n]) if of.quantiles else NONE}</td>" for n in _SHOWN
        )
        rows += (
            f'<tr><th scope="row"><span class="key {kind}"></span>{title}</th>'
            f"<td>{of.rows:,}</td><td>{share(of.missing) if of.rows else NONE}</td>{cells}</tr>"
        )
    heads = (unseen("which"), "rows", "missing", *(f"{100 * PLACES[n]:.0f}%" for n in _SHOWN))
    return table(f"Quantiles of {feature_title(name)}", heads, rows, "figures")


def _shares(name: str, reference: Distribution, current: Distribution) -> str:
    before, now = dict(reference.shares), dict(current.shares)
    names = sorted(
        {*before, *now}, key=lambda each: -max(before.get(each, 0.0), now.get(each, 0.0))
    )
    rows = "".join(
        f'<tr><th scope="row">{text(each) or "(empty)"}</th>'
        f"<td>{_bar('ref', before.get(each, 0.0), bool(before))}"
        f"{_bar('cur', now.get(each, 0.0), bool(now))}</td>"
        f"<td>{_change(before, now, each)}</td></tr>"
        for each in names[:_MOST_SHARES]
    )
    more = len(names) - _MOST_SHARES
    rest = f'<p class="soft">{more} rarer categories are not shown.</p>' if more > 0 else ""
    told = "; ".join(
        f"{title} {of.rows:,} rows, {share(of.missing)} missing"
        for title, of in (("reference", reference), ("now", current))
        if of.rows
    )
    keys = '<span class="key ref"></span>reference, <span class="key cur"></span>now'
    caption = f"Shares of {feature_title(name)}: {told}"
    return table(caption, ("category", keys, "difference"), rows, "figures wide") + rest


def _bar(kind: str, value: float, is_known: bool) -> str:
    if not is_known:
        return ""
    return (
        f'<span class="share"><span class="{kind}" style="width:{100 * value:.1f}%"></span>'
        f"{share(value)}</span>"
    )


def _change(before: dict[str, float], now: dict[str, float], name: str) -> str:
    if not before or not now:
        return NONE
    if name not in before:
        return "<strong>new</strong>"
    return f"{100 * (now.get(name, 0.0) - before[name]):+.1f} pts"


def _groups(feature: Feature) -> str:
    if not feature.groups:
        return ""
    known = [
        each
        for of in feature.groups
        for each in (of.reference, of.current)
        if each is not None and each.quantiles
    ]
    low = min((each.quantiles[_SHOWN[0]] for each in known), default=0.0)
    high = max((each.quantiles[_SHOWN[-1]] for each in known), default=1.0)
    rows = "".join(_group(each, (low, high), is_drawn=bool(known)) for each in feature.groups)
    range_of = f", from {number(low)} to {number(high)}" if known else ""
    drawn = (unseen("drawn"),) if known else ()
    heads = ("group", "rows now", "reference → now", "moved by", *drawn)
    return table(f"{feature_title(feature.name)} by group{range_of}", heads, rows, "groups")


def _group(of: Comparison, domain: tuple[float, float], *, is_drawn: bool) -> str:
    drawn = "".join(
        box(each, domain, f"{of.whose}, {title}: middle half, middle 90% and median", kind)
        for kind, title, each in (("ref", "reference", of.reference), ("cur", "now", of.current))
        if each is not None and each.quantiles
    )
    moved = points(of.distance) if of.distance is not None else _why_not(of)
    rows = 0 if of.current is None else of.current.rows
    return (
        f'<tr><th scope="row">{text(of.whose)}</th><td>{rows:,}</td><td>{_in_short(of)}</td>'
        f"<td>{moved}</td>{f'<td>{drawn}</td>' if is_drawn else ''}</tr>"
    )
