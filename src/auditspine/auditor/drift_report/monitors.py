"""The monitors of a model over time, and what each of them is of. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from auditspine.auditor.drift import Report
from auditspine.auditor.drift_report.content import Monitor, Signal
from auditspine.auditor.drift_report.material import Sealed
from auditspine.auditor.drift_report.ranges import Range
from auditspine.auditor.drift_words import against, nearness

ANSWERS = ("(score)", "(decision)")
"""What stands for a feature's name where a monitor is of what the model answers."""

_OF_OUTCOMES = frozenset({"error", "calibration", "delay", "coverage", "outcome"})
_TELL_TALE = (".constant", ".missing", ".other")  # what of a feature a proxy may be, but its value
_OF_OTHERS = frozenset({"rule", "threshold", "profile", "traffic", "served"})
# As processors/drift/naming.py names them.
_OF_GROUPS = re.compile(r"(?P<attribute>.+)\.\d+(?:-\d+)?\.\w+")


class Arranged(NamedTuple):
    """Monitors by what they are of; of each the nearest to a signal first."""

    features: Mapping[str, tuple[Monitor, ...]]
    groups: Mapping[str, tuple[Monitor, ...]]
    outcomes: tuple[Monitor, ...]
    others: tuple[Monitor, ...]


def read_signal(event: Sealed) -> Signal:
    """Read a ``drift.signalled``."""
    body = event.body
    entries = body["evidence"]
    return Signal(
        event.event_id,
        str(body["monitor"]),
        str(body["kind"]),
        event.at,
        moment(body.get("change_earliest")),
        datetime.fromisoformat(body["started_at"]),
        moment(body.get("change_latest")),
        str(body["detail"]),
        Range(entries["origin"], int(entries["first"]), int(entries["last"])),
    )


def moment(text: str | None) -> datetime | None:
    """Read a time of an event's body."""
    return None if text is None else datetime.fromisoformat(text)


def read_monitors(
    reports: Iterable[Report], signals: Iterable[Signal], in_alert: Collection[str]
) -> list[Monitor]:
    """Give each monitor over time, the nearest to a signal first.

    Args:
        reports: How they stood, the oldest first, of any log.
        signals: What was signalled, the oldest first.
        in_alert: Events of signals that an open alert rests on.
    """
    rows: dict[str, list[tuple[datetime, float, float, float]]] = defaultdict(list)
    kinds: dict[str, str] = {}
    told: dict[str, list[Signal]] = defaultdict(list)
    for report in reports:
        each = (report.monitors, report.kinds, report.levels, report.expected, report.found)
        for name, kind, level, expected, found in zip(*each, strict=True):
            kinds[name] = kind
            rows[name].append((report.at, nearness(level, report.run_length), expected, found))
    for signal in signals:
        told[signal.monitor].append(signal)
        kinds.setdefault(signal.monitor, signal.kind)
    monitors = (
        _monitor(name, kind, rows[name], told[name], in_alert) for name, kind in kinds.items()
    )
    return sorted(monitors, key=_nearest)


def _monitor(
    name: str,
    kind: str,
    rows: Sequence[tuple[datetime, float, float, float]],
    signals: Sequence[Signal],
    in_alert: Collection[str],
) -> Monitor:
    """Give a monitor; one that only signalled, and has no report, has no rows."""
    return Monitor(
        name,
        kind,
        against(kind, name, rows[-1][3], rows[-1][2]) if rows else "",
        tuple(at for at, *_ in rows),
        tuple(near for _, near, *_ in rows),
        tuple(expected for *_, expected, _ in rows),
        tuple(found for *_, found in rows),
        tuple(signals),
        any(each.event_id in in_alert for each in signals),
    )


def arrange(monitors: Sequence[Monitor], features: Collection[str]) -> Arranged:
    """Tell what each monitor is of.

    Args:
        monitors: The monitors.
        features: Names of features that are known.
    """
    of_features: dict[str, list[Monitor]] = defaultdict(list)
    of_groups: dict[str, list[Monitor]] = defaultdict(list)
    outcomes, others = [], []
    for each in monitors:
        grouped = _OF_GROUPS.fullmatch(each.name)
        if each.kind in ("fairness", "group", "protected"):
            attribute = grouped["attribute"] if grouped else each.name.rpartition(".")[0]
            of_groups[attribute].append(each)
        elif each.kind in _OF_OUTCOMES:
            if grouped:
                of_groups[grouped["attribute"]].append(each)
            else:
                outcomes.append(each)
        elif each.kind in _OF_OTHERS:
            others.append(each)
        else:
            of_features[feature_of(each.name, each.kind, features)].append(each)
    return Arranged(
        {name: tuple(found) for name, found in of_features.items()},
        {name: tuple(found) for name, found in of_groups.items()},
        tuple(outcomes),
        tuple(others),
    )


def feature_of(monitor: str, kind: str, features: Collection[str]) -> str:
    """Give the feature that a monitor watches; :data:`ANSWERS` have names of their own.

    A feature's name may hold what separates it from an aspect: one that is known counts.
    """
    if kind == "proxy":
        monitor = monitor.rpartition("~")[0]
        if monitor in ANSWERS or monitor in features:
            return monitor
        if not monitor.endswith(_TELL_TALE):
            return next(_beginnings(monitor, "=", features), monitor.partition("=")[0])
    by_aspect = monitor.rpartition(".")[0]
    if by_aspect in ANSWERS or by_aspect in features:
        return by_aspect
    found = next(_beginnings(monitor, "=", {*features, *ANSWERS}), "")
    return found or (monitor.partition("=")[0] if "=" in monitor else by_aspect) or monitor


def _beginnings(text: str, mark: str, known: Collection[str]) -> Iterator[str]:
    """Give the known names that a text begins with, up to a mark, the longest first."""
    parts = text.split(mark)
    for length in range(len(parts) - 1, 0, -1):
        name = mark.join(parts[:length])
        if name in known:
            yield name


def _nearest(monitor: Monitor) -> tuple[bool, bool, float, float, str]:
    now = monitor.near[-1] if monitor.near else 0.0
    most = max(monitor.near, default=0.0)
    return (not monitor.in_alert, not monitor.signals, -now, -most, monitor.name)
