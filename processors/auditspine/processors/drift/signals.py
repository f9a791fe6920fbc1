"""The bodies of ``drift.signalled``: what moved, since when, how far, and what proves it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditspine.processors.drift.seen import Seen, artifact
from auditspine.processors.drift.sentences import sentence
from auditspine.processors.drift.watch import Alarm
from auditspine.processors.projection.fit import as_name, as_sentence, as_token
from auditspine.processors.projection.port import SealedEvent


@dataclass(frozen=True, slots=True)
class Family:
    """The monitors that share a budget of false alarms.

    Attributes:
        monitors: How many.
        rows_a_week: Predictions in a week.
        policy: SHA-256 of the policy, 32 bytes.
    """

    monitors: int
    rows_a_week: float
    policy: bytes


@dataclass(frozen=True, slots=True)
class Where:
    """Of what a signal speaks.

    Attributes:
        deployment: The deployment, as an event has it.
        model: The model that it serves.
        profile_event_id: The ``run.completed`` whose profile is the reference; empty for none.
    """

    deployment: Mapping[str, Any]
    model: Mapping[str, Any]
    profile_event_id: str


def of_alarm(where: Where, family: Family, alarm: Alarm, cause: SealedEvent) -> dict[str, Any]:
    """Give the signal of a monitor's alarm at the block that ends with ``cause``."""
    mean, sd, known = alarm.expected
    monitor = alarm.monitor
    return _signal(
        where,
        family,
        cause,
        {
            "kind": monitor.kind,
            "monitor": monitor.name,
            "feature": monitor.feature,
            "statistic": alarm.threshold,
            "threshold": alarm.threshold,
            "effect_size": alarm.effect,
            "rows": alarm.rows,
            "started_at": moment(alarm.started_at),
            "reference": {"rows": known, "mean": mean, "sd": sd},
            "current": {"rows": alarm.rows, "mean": alarm.found[0], "sd": alarm.found[1]},
            "evidence": _range(cause, alarm.first_position),
            "false_alarms_per_week": family.rows_a_week / alarm.threshold,
            "detail": sentence(alarm),
            "change_earliest": _moment(alarm.since[0]),
            "change_latest": _moment(alarm.since[1]),
        },
    )


def of_rule(
    where: Where,
    family: Family,
    cause: SealedEvent,
    what: tuple[str, str, str],
    count: tuple[int, int],
    first: tuple[int, int],
) -> dict[str, Any]:
    """Give the signal of something that is no matter of statistics.

    Args:
        where: Of what it speaks.
        family: The monitors beside it.
        cause: The event at which it is noticed.
        what: Kind, monitor and a sentence for people.
        count: In how many of how many rows.
        first: Position and time of the first of them.
    """
    kind, monitor, detail = what
    hits, rows = count
    share = hits / max(rows, 1)
    return _signal(
        where,
        family,
        cause,
        {
            "kind": kind,
            "monitor": monitor,
            "feature": "",
            "statistic": float(hits),
            "threshold": 1.0,
            "effect_size": share,
            "rows": rows,
            "started_at": moment(first[1]),
            "reference": {"rows": 0, "mean": None, "sd": None},
            "current": {"rows": rows, "mean": share, "sd": None},
            "evidence": _range(cause, first[0]),
            "false_alarms_per_week": 0.0,
            "detail": detail,
            "change_earliest": None,
            "change_latest": None,
        },
    )


def served(
    seen: Seen,
    cause: SealedEvent,
    own: Mapping[str, Any],
    unknown: list[str],
    drifting: tuple[list[str], list[str]],
) -> dict[str, Any]:
    """Give the body of ``serving.observed`` for what was seen since the last report.

    Args:
        seen: What was seen.
        cause: The last prediction of the report.
        own: The configuration of the deployment that it is of, and how often it answered.
        unknown: Features that the training profile does not know.
        drifting: From :meth:`~auditspine.processors.drift.watch.Watch.drifting`.
    """
    report = seen.report
    return {
        "deployment": fitting(artifact(own["ref"])),
        "model": fitting(artifact(seen.model)),
        "predictions": own["count"],
        "started_at": moment(report["at"]),
        "ended_at": moment(max(cause.appended_at, report["at"])),
        "features": tuple(map(as_name, report["names"])),
        "unknown_features": tuple(map(as_name, unknown)),
        "drifting_features": tuple(drifting[0]),
        "drifting_kinds": tuple(drifting[1]),
        "sensitivity": seen.sensitivity,
        "profiled": bool(seen.profile_event_id),
        "evidence": _range(cause, report["first"]),
    }


def moment(at: int) -> datetime:
    """Give a time in milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)


def _signal(
    where: Where, family: Family, cause: SealedEvent, own: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "deployment": fitting(where.deployment),
        "model": fitting(where.model),
        "ended_at": moment(cause.appended_at),
        "monitors": family.monitors,
        "profile_event_id": where.profile_event_id or None,
        "policy": family.policy,
        **own,
        "monitor": as_name(own["monitor"]),
        "detail": as_sentence(own["detail"]),
    }


def fitting(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """Give an artifact as the contract takes it, whatever an event calls it."""
    return {
        "kind": as_token(artifact["kind"]),
        "name": as_name(artifact["name"]),
        "version": as_name(artifact["version"]),
        "digest": artifact["digest"],
    }


def _range(cause: SealedEvent, first: int) -> dict[str, Any]:
    return {"origin": cause.origin, "first": min(first, cause.position), "last": cause.position}
