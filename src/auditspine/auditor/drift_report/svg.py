"""Small drawings. Shapes and places tell what colours do; each has a text in its stead. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from auditspine.auditor.drift_report.content import Distribution, Monitor, Signal
from auditspine.auditor.drift_report.markup import number, text
from auditspine.auditor.drift_report.statistics import PLACES, histogram

Span = tuple[datetime, datetime]
Domain = tuple[float, float]

_TOP = 7  # of a sparkline: the line at which a monitor signals
_BINS = 44
_WIDTH, _HALF = 460, 46  # of a mirrored histogram, and the height of each half
_WIDEST = 14  # times the narrower of two ranges: beyond, the axis is not linear
_MIDDLE = PLACES.index(0.5)
_QUARTERS = (PLACES.index(0.25), PLACES.index(0.75))
_TAILS = (PLACES.index(0.05), PLACES.index(0.95))


def svg(width: int, height: int, label: str, inner: str, kind: str = "") -> str:
    """Give a drawing with its text."""
    named = text(label)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{named}"><title>{named}</title>{inner}</svg>'
    )


def sparkline(
    monitors: Sequence[Monitor], span: Span, label: str, width: int = 240, height: int = 34
) -> str:
    """Draw how near to a signal some monitors were: of each time the nearest of them.

    Args:
        monitors: The monitors.
        span: From when to when.
        label: What it shows, in words.
        width: Of the drawing.
        height: Of the drawing.
    """
    nearest: dict[datetime, float] = {}
    for each in monitors:
        for at, near in zip(each.times, each.near, strict=True):
            nearest[at] = max(near, nearest.get(at, 0.0))
    floor = height - 2
    curve = [
        (_x(at, span, width), round(floor - near * (floor - _TOP)))
        for at, near in sorted(nearest.items())
    ]
    signals = [signal for each in monitors for signal in each.signals]
    inner = _changes(signals, span, width, height)
    inner += f'<path class="limit" d="M0 {_TOP}H{width}"/>'
    if curve:
        line = _line(curve)
        inner += f'<path class="area" d="{line}V{floor}H{curve[0][0]}z"/>'
        inner += f'<path class="line" d="{line}"/>'
    inner += _marks(signals, span, width)
    return svg(width, height, label, inner, "spark")


def means(monitor: Monitor, span: Span, label: str, width: int = 520, height: int = 90) -> str:
    """Draw what a monitor found over time against what it expected."""
    values = [each for each in (*monitor.found, *monitor.expected) if math.isfinite(each)]
    low, high = _padded(values)
    top = _TOP + 4

    def y(value: float) -> int:
        return round(height - 3 - (value - low) / (high - low) * (height - top - 3))

    def curve(series: Sequence[float]) -> str:
        return _line(
            [
                (_x(at, span, width), y(value))
                for at, value in zip(monitor.times, series, strict=True)
                if math.isfinite(value)
            ]
        )

    inner = _changes(monitor.signals, span, width, height)
    if values:
        inner += f'<path class="expected" d="{curve(monitor.expected)}"/>'
        inner += f'<path class="line" d="{curve(monitor.found)}"/>'
    inner += _marks(monitor.signals, span, width)
    return svg(width, height, label, inner, "means")


def mirrored(reference: Distribution, current: Distribution, label: str) -> str:
    """Draw two distributions of a number: the reference above a line, the current one below."""
    both = [each for each in (reference.quantiles, current.quantiles) if each]
    if not both:
        return ""
    scale = _scale(both)
    moved = [tuple(map(scale, each)) for each in (reference.quantiles, current.quantiles)]
    low = min(each[0] for each in moved if each)
    high = max(each[-1] for each in moved if each)
    low, high = (low - 0.5, high + 0.5) if high <= low else (low, high)
    low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
    shares = [histogram(each, low, high, _BINS) if each else [0.0] * _BINS for each in moved]
    most = max(*shares[0], *shares[1], 1e-12)
    axis = 14 + _HALF

    def x(value: float) -> int:
        return round((value - low) / (high - low) * _WIDTH)

    inner = ""
    for kind, up, bins, quantiles, raw in (
        ("ref", -1, shares[0], moved[0], reference.quantiles),
        ("cur", 1, shares[1], moved[1], current.quantiles),
    ):
        if quantiles:
            inner += f'<path class="{kind}" d="{_steps(bins, most, axis, up)}"/>'
            middle = x(quantiles[_MIDDLE])
            inner += f'<path class="median" d="M{middle} {axis}v{up * (_HALF + 2)}"/>'
            inner += _median(middle, axis + (_HALF + 13 if up > 0 else -_HALF - 5), raw[_MIDDLE])
    inner += f'<path class="axis" d="M0 {axis}H{_WIDTH}"/>'
    return svg(_WIDTH, 2 * axis + 2, label, inner, "mirror")


def is_stretched(distributions: Iterable[Distribution]) -> bool:
    """Tell whether :func:`mirrored` draws some distributions on an axis that is not linear."""
    both = [each.quantiles for each in distributions if each.quantiles]
    return bool(both) and _scale(both) is not _same


def box(distribution: Distribution, domain: Domain, label: str, kind: str) -> str:
    """Draw the middle half, the middle 90% and the median of a number."""
    width, height = 200, 14
    places = [distribution.quantiles[n] for n in (*_TAILS, *_QUARTERS, _MIDDLE)]
    low, high, left, right, middle = (_at(value, domain, width) for value in places)
    inner = (
        f'<path class="whisker" d="M{low} 7H{high}"/>'
        f'<rect class="{kind}" x="{left}" y="2" width="{max(2, right - left)}" height="10"/>'
        f'<path class="median" d="M{middle} 1v12"/>'
    )
    return svg(width, height, label, inner, "box")


def whisker(
    value: float, low: float, high: float, domain: Domain, lines: Sequence[float], label: str
) -> str:
    """Draw a figure with its interval, and lines to hold it against."""
    width, height = 170, 20
    at, left, right = (_at(each, domain, width) for each in (value, low, high))
    inner = "".join(
        f'<path class="limit" d="M{_at(each, domain, width)} 0v{height}"/>' for each in lines
    )
    inner += (
        f'<path class="whisker" d="M{left} 10H{right}M{left} 5v10M{right} 5v10"/>'
        f'<circle class="dot" cx="{at}" cy="10" r="4"/>'
    )
    return svg(width, height, label, inner, "dots")


def periods(past: Sequence[tuple[datetime, float, float, float]], label: str) -> str:
    """Draw a figure with its interval for each period, the line at zero in it."""
    width, height = 130, 38
    low, high = _padded([0.0, *(each[2] for each in past), *(each[3] for each in past)])

    def y(value: float) -> int:
        return round(height - 2 - (value - low) / (high - low) * (height - 4))

    step = width / (len(past) + 1)
    inner = f'<path class="limit" d="M0 {y(0.0)}H{width}"/>'
    for number_of, (_, value, least, most) in enumerate(past, 1):
        x = round(number_of * step)
        inner += f'<path class="whisker" d="M{x} {y(least)}V{y(most)}"/>'
        inner += f'<circle class="dot" cx="{x}" cy="{y(value)}" r="2.5"/>'
    return svg(width, height, label, inner, "dots")


def _x(at: datetime, span: Span, width: int) -> int:
    length = (span[1] - span[0]).total_seconds()
    part = (at - span[0]).total_seconds() / length if length > 0 else 1.0
    return round(min(1.0, max(0.0, part)) * (width - 2)) + 1


def _at(value: float, domain: Domain, width: int) -> int:
    low, high = domain
    part = (value - low) / (high - low) if high > low else 0.5
    return round(min(1.0, max(0.0, part)) * (width - 12)) + 6


def _changes(signals: Sequence[Signal], span: Span, width: int, height: int) -> str:
    """Shade when changes began: one interval for all that overlap."""
    bounds = sorted(
        (_x(each.earliest, span, width), _x(each.latest, span, width))
        for each in signals
        if each.earliest is not None and each.latest is not None
    )
    joined: list[tuple[int, int]] = []
    for left, right in bounds:
        if joined and left <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(right, joined[-1][1]))
        else:
            joined.append((left, right))
    return "".join(
        f'<rect class="change" x="{left}" y="0" width="{max(2, right - left)}" height="{height}"/>'
        for left, right in joined
    )


def _marks(signals: Sequence[Signal], span: Span, width: int) -> str:
    """Mark when something was signalled, each place once."""
    places = sorted({_x(each.at, span, width) for each in signals})
    return "".join(f'<path class="signal" d="M{x - 4} 0h8l-4 7z"/>' for x in places)


def _line(points: Sequence[tuple[int, int]]) -> str:
    """Give a path through points, less those on a level line between others."""
    kept = [
        point
        for n, point in enumerate(points)
        if not 0 < n < len(points) - 1 or not points[n - 1][1] == point[1] == points[n + 1][1]
    ]
    if not kept:
        return "M0 0"
    first, *rest = kept
    return f"M{first[0]} {first[1]}" + "".join(f"L{x} {y}" for x, y in rest)


def _steps(bins: Sequence[float], most: float, axis: int, up: int) -> str:
    step = _WIDTH / len(bins)
    path = f"M0 {axis}"
    for n, share in enumerate(bins):
        path += f"V{round(axis + up * share / most * _HALF, 1):g}H{round((n + 1) * step, 1):g}"
    return f"{path}V{axis}z"


def _median(x: int, y: int, value: float) -> str:
    anchor = "start" if x < _WIDTH * 0.12 else "end" if x > _WIDTH * 0.88 else "middle"
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">median {number(value)}</text>'


def _padded(values: Sequence[float]) -> Domain:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _same(value: float) -> float:
    return value


def _scale(both: Sequence[Sequence[float]]) -> Callable[[float], float]:
    """Give what an axis does to values: nothing, unless one range would hide the other."""
    spans = [each[_TAILS[1]] - each[_TAILS[0]] for each in both]
    narrow = min((each for each in spans if each > 0), default=0.0)
    whole = max(each[_TAILS[1]] for each in both) - min(each[_TAILS[0]] for each in both)
    if not narrow or whole <= _WIDEST * narrow:
        return _same
    unit = max(narrow, max(abs(each[_MIDDLE]) for each in both) / 1e6)
    return lambda value: math.asinh(value / unit)
