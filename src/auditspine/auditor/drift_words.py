"""What a monitor watches and found, in words; how near it is to a signal, as a picture. Pure."""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_QUIET_ROWS = 1000.0
"""A statistic that an unchanged stream reaches every thousand rows is no evidence of anything."""

_SHARES = {
    "shape": "near its middle",
    "constant": "not the usual value",
    "other": "in rare categories",
    "new_category": "in new categories",
    "missing": "missing",
    "schema": "absent or of another type",
    "error": "wrong",
    "rule": "break a rule",
}
_IN_WORDS = {
    "location": "location",
    "scale": "spread",
    "shape": "shape",
    "constant": "usual value",
    "category": "shares of categories",
    "new_category": "new categories",
    "missing": "missing values",
    "schema": "absent or of another type",
    "score": "score",
    "decision": "decisions",
    "error": "error rate",
    "rule": "business rule",
    "served": "serves what is not deployed",
    "profile": "training profile",
    "traffic": "traffic",
    "outcome": "outcomes",
    "several": "several features",
    "proxy": "tells of a group",
    "fairness": "gap between groups",
    "group": "figures of a group",
    "protected": "protected attribute",
    "calibration": "calibration",
    "delay": "delay of outcomes",
    "coverage": "outcomes that are due",
    "threshold": "decision threshold",
}
_FOUND = {
    "proxy": "tells by {}",
    "fairness": "lie {} apart",
    "calibration": "happens {} against what was said",
    "delay": "takes {} as long",
    "coverage": "{} of those due are there",
}
_OF_GROUPS = {
    "share": "of the rows",
    "selection_rate": "favourable",
    "true_positive_rate": "favourable where the outcome is good",
    "false_positive_rate": "favourable where the outcome is not good",
}
_SHARED_KINDS = frozenset(
    {"shape", "constant", "category", "new_category", "missing", "schema", "decision", "error"}
) | {"calibration", "coverage", "protected"}
_UNMEASURED = frozenset({"served", "profile", "traffic", "outcome", "threshold"})
_PLAIN = frozenset({"score", "several", "proxy", "fairness", "group"})  # of more than one unit
_NAMED = 3  # features that a line names


def what_moved(kind: str, features: Sequence[str]) -> str:
    """Give what an alert is about in a few words."""
    words = _IN_WORDS.get(kind, kind)
    if not features:
        return words
    named = ", ".join(features[:_NAMED])
    more = f" +{len(features) - _NAMED}" if len(features) > _NAMED else ""
    return f"{named}{more}" if kind == "several" else f"{named}: {words}"


def effect(kind: str, size: float) -> str:
    """Give how far something moved, in the unit of its kind; empty where that says nothing."""
    if kind == "location":
        return f"{size:+.2f} sd"
    if kind in ("scale", "delay"):
        return f"x{1 + size:.2f}"
    if kind in _SHARED_KINDS:
        return f"{100 * size:+.3g} pts"
    if kind == "rule":
        return f"{size:.1%}"
    return f"{size:+.2f}" if kind in _PLAIN else ""


def measured(kind: str, monitor: str, value: float | None, expected: float | None) -> str:
    """Give a mean that a monitor expects or found, in the unit of what it watches.

    Args:
        kind: Kind of the monitor.
        monitor: Its name.
        value: The mean: of a normal score, of its square, or a share; None when there is none.
        expected: The mean by the reference.
    """
    if value is None or not math.isfinite(value) or kind in _UNMEASURED:
        return "-"
    unit = _unit(kind, monitor)
    if unit == "times":
        ratio = value / (expected or 1.0)
        return f"x{ratio if kind == 'delay' else math.sqrt(max(ratio, 0.0)):.2f}"
    shown = {
        "sd": f"{round(value, 2) + 0.0:+.2f} sd",
        "number": f"{round(value, 2) + 0.0:+.2f}",
        "points": f"{round(100 * value, 1) + 0.0:+.1f} pts",
    }
    return shown.get(unit) or _percent(value)


def against(kind: str, monitor: str, found: float, expected: float) -> str:
    """Say what a monitor found against what it expects."""
    now, before = (measured(kind, monitor, each, expected) for each in (found, expected))
    aspect = aspect_of(kind, monitor)
    if aspect == "location":
        return f"lies {now}, expected {before}"
    if aspect == "scale":
        return f"scatters {now} as much"
    said = _of_people(kind, monitor)
    if said:
        return said.format(now) + ("" if kind == "delay" else f", expected {before}")
    if kind in _UNMEASURED:
        return "told when it happens"
    what = _SHARES.get(aspect) or f"are {aspect}"
    return f"{now} {what}, expected {before}"


def _of_people(kind: str, monitor: str) -> str:
    """Give what a monitor of groups or of outcomes says, less the figure; empty for any other."""
    if kind != "group":
        return _FOUND.get(kind, "")
    what = _OF_GROUPS.get(monitor.rpartition(".")[2], "")
    return "lies {}" if monitor.endswith(".score") else f"{{}} {what}" if what else ""


def _unit(kind: str, monitor: str) -> str:
    aspect = aspect_of(kind, monitor)
    if aspect == "location" or (kind in ("fairness", "group") and monitor.endswith(".score")):
        return "sd"
    if aspect == "scale" or kind == "delay":
        return "times"
    if kind == "proxy":
        return "number"
    return "points" if kind in ("fairness", "calibration") else "share"


def aspect_of(kind: str, monitor: str) -> str:
    """Give what of its input a monitor watches: an aspect, or a category by its name."""
    category = monitor.partition("=")[2]
    if category and kind in ("category", "decision"):
        return category
    ending = monitor.rpartition(".")[2]
    return ending if ending in ("location", "scale") or ending in _SHARES else kind


def nearness(level: float, run_length: float) -> float:
    """Give how near a monitor is to a signal, on the scale on which evidence adds up: 0 to 1.

    The statistic of a change multiplies with each row that speaks for it, so its logarithm grows
    steadily. 0 is what an unchanged stream reaches every thousand rows.

    Args:
        level: The statistic as a share of its threshold.
        run_length: The threshold: rows that pass on average before a signal without a change.
    """
    quiet = min(_QUIET_ROWS, run_length / 10) / run_length
    if not level > quiet:
        return 0.0
    return min(1.0, 1 - math.log(level) / math.log(quiet))


def sparkline(values: Sequence[float]) -> str:
    """Draw values from 0 to 1 in a line; only 1 itself is a full block."""
    return "".join(
        _BLOCKS[-1] if each >= 1 else _BLOCKS[int(each * (len(_BLOCKS) - 1))] for each in values
    )


def bar(value: float, width: int) -> str:
    """Draw a value from 0 to 1 as a bar."""
    full = min(width, int(value * width + 1e-9))
    return "█" * full + "░" * (width - full)


def _percent(value: float) -> str:
    share = 100 * value
    digits = 0 if share in (0.0, 100.0) else 1 if 1 <= share <= 99 else 2
    return f"{share:.{digits}f}%"
