"""Assessments of bias as a report has them: groups by name, gaps with their past. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from auditspine.auditor.drift_report.fair_content import (
    Assessed,
    Assessment,
    Excluded,
    Figure,
    Gap,
    Group,
)
from auditspine.auditor.drift_report.material import Sealed
from auditspine.auditor.drift_report.names import GroupNames
from auditspine.auditor.drift_report.ranges import Range

_BASES = ("decisions", "outcomes")
_MOST_PERIODS = 52  # of a gap's past, the newest

Past = tuple[tuple[datetime, float, float, float], ...]


def read_assessments(events: Sequence[Sealed], names: GroupNames) -> tuple[Assessment, ...]:
    """Give the latest assessment of each basis, with those before as the past of its gaps.

    Args:
        events: Each ``bias.assessed`` of the model at the deployment, in any order.
        names: What groups are called.
    """
    found = []
    for basis in _BASES:
        of = sorted(
            (each for each in events if each.body["basis"] == basis),
            key=lambda each: (each.body["ended_at"], each.at),
        )
        if of:
            found.append(_read(of, names))
    return tuple(found)


def _read(events: Sequence[Sealed], names: GroupNames) -> Assessment:
    body = events[-1].body
    entries, pasts = body["evidence"], _pasts(events)
    return Assessment(
        body["basis"],
        datetime.fromisoformat(body["started_at"]),
        datetime.fromisoformat(body["ended_at"]),
        int(body["predictions"]),
        len(events),
        tuple(_assessed(each, body, pasts, names) for each in body["attributes"]),
        tuple(
            Excluded(
                each["attribute"], each["jurisdiction"], each["reason"], int(each["predictions"])
            )
            for each in body["exclusions"]
        ),
        int(body["overdue"]),
        body["error_rate"],
        body["error_rate_low"],
        body["error_rate_high"],
        float(body["confidence"]),
        int(body["least_rows"]),
        Range(entries["origin"], int(entries["first"]), int(entries["last"])),
    )


def _assessed(
    attribute: Mapping[str, Any],
    body: Mapping[str, Any],
    pasts: Mapping[tuple[str, int, int, str], Past],
    names: GroupNames,
) -> Assessed:
    name = attribute["attribute"]
    return Assessed(
        name,
        int(attribute["rows"]),
        int(attribute["missing"]),
        int(attribute["small_groups"]),
        tuple(
            Group(
                names.name(name, int(each["number"])),
                int(each["rows"]),
                float(each["share"]),
                tuple(
                    Figure(m["measure"], int(m["rows"]), m["value"], m["low"], m["high"])
                    for m in each["measures"]
                ),
            )
            for each in body["groups"]
            if each["attribute"] == name
        ),
        tuple(
            Gap(
                names.name(name, int(each["first"])),
                names.name(name, int(each["second"])),
                each["measure"],
                *(each["gap"], each["low"], each["high"]),
                *(each["ratio"], each["ratio_low"], each["ratio_high"]),
                pasts[_key(each)],
            )
            for each in body["gaps"]
            if each["attribute"] == name
        ),
    )


def _pasts(events: Sequence[Sealed]) -> dict[tuple[str, int, int, str], Past]:
    found: dict[tuple[str, int, int, str], Past] = {}
    for event in events:
        ended = datetime.fromisoformat(event.body["ended_at"])
        for each in event.body["gaps"]:
            key = _key(each)
            point = (ended, float(each["gap"]), float(each["low"]), float(each["high"]))
            found[key] = (*found.get(key, ()), point)[-_MOST_PERIODS:]
    return found


def _key(gap: Mapping[str, Any]) -> tuple[str, int, int, str]:
    return gap["attribute"], int(gap["first"]), int(gap["second"]), gap["measure"]
