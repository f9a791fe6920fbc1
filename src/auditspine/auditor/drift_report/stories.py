"""Alerts of the period with all that was done and said about each. Pure."""

import re
from collections.abc import Mapping, Sequence

from auditspine.auditor.alert_rows import TIERS, Alert, Happening
from auditspine.auditor.drift_report.content import (
    AlertStory,
    Analysis,
    Cause,
    Signal,
    Step,
    Upstream,
)
from auditspine.auditor.drift_report.material import Material, Sealed
from auditspine.auditor.drift_report.monitors import moment
from auditspine.auditor.drift_report.ranges import Range

_JOINED = re.compile(r"alert-[0-9a-f]+")


def read_stories(material: Material, signals: Mapping[str, Signal]) -> tuple[AlertStory, ...]:
    """Give the alerts, the open and worst first.

    Args:
        material: What was read.
        signals: Signals of the period, by event.
    """
    stories = [_story(each, material, signals) for each in material.alerts]
    return tuple(
        sorted(
            stories,
            key=lambda each: (
                each.state == "resolved",
                -TIERS.index(each.tier),
                -each.raised_at.timestamp(),
            ),
        )
    )


def _story(alert: Alert, material: Material, signals: Mapping[str, Signal]) -> AlertStory:
    def said(event_type: str) -> list[Sealed]:
        of = alert.alert_id
        return [each for each in material.said(event_type) if each.body["alert_id"] == of]

    history = material.history.get(alert.alert_id, ())
    raised = said("alert.raised")
    rests_on = [*_rests_on(history, material.history, signals, raised)]
    analysis = _analysis(said("investigation.analysed"))
    dispositions = said("investigation.dispositioned")
    last = dispositions[-1].body if dispositions else {}
    first = min(rests_on, key=lambda each: (each.began, each.at), default=None)
    bounds = analysis or first
    return AlertStory(
        *(alert.alert_id, alert.tier, alert.state, alert.title, alert.kind),
        tuple(alert.features),
        alert.since,
        bounds.earliest if bounds else None,
        bounds.latest if bounds else None,
        *(alert.raised_at, alert.resolved_at, alert.owner),
        *(alert.acknowledged_by, alert.acknowledged_at),
        tuple(dict.fromkeys(action for each in raised for action in each.body["actions"])),
        str(last.get("disposition", "")),
        str(last.get("rationale", "")),
        tuple(rests_on),
        analysis,
        tuple(Step(each.at, each.what, each.who, each.detail) for each in history),
        _entries(alert, raised),
    )


def _rests_on(
    history: Sequence[Happening],
    everything: Mapping[str, Sequence[Happening]],
    signals: Mapping[str, Signal],
    raised: Sequence[Sealed],
) -> list[Signal]:
    """Give the signals of an alert, and of those that joined it."""
    joined = {
        found[0]
        for each in history
        if each.what == "joined" and (found := _JOINED.match(each.detail))
    }
    steps = [*history, *(step for alert in joined for step in everything.get(alert, ()))]
    events = {each.event_id for each in steps}
    events.update(event for each in raised for event in each.body["signals"])
    return sorted((signals[each] for each in events & signals.keys()), key=lambda each: each.at)


def _analysis(events: Sequence[Sealed]) -> Analysis | None:
    if not events:
        return None
    newest = max(events, key=lambda each: (each.body["revision"], each.at))
    body = newest.body
    bounds = [moment(body[f"change_{each}"]) for each in ("earliest", "at", "latest")]
    earliest, changed, latest = (each or newest.at for each in bounds)
    return Analysis(
        int(body["revision"]),
        newest.at,
        body["likeliest"],
        body["detail"],
        tuple(
            Cause(each["disposition"], float(each["probability"]), tuple(each["evidence"]))
            for each in body["classes"]
        ),
        tuple(
            Upstream(
                each["event_type"],
                " ".join(each["artifact"][part] for part in ("kind", "name", "version")),
                each["relation"],
                moment(each["appended_at"]) or newest.at,
                float(each["minutes_before"]),
            )
            for each in body["changes"]
        ),
        tuple(body["features"]),
        tuple(body["groups"]),
        *(earliest, changed, latest),
        newest.entries,
    )


def _entries(alert: Alert, raised: Sequence[Sealed]) -> tuple[Range, ...]:
    found = [
        Range(each["origin"], int(each["first"]), int(each["last"]))
        for event in raised
        for each in event.body["evidence"]
    ]
    if alert.evidence_origin:
        found.append(Range(alert.evidence_origin, alert.evidence_first, alert.evidence_last))
    return tuple(dict.fromkeys(found))
