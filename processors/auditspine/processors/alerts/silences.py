"""Times in which nobody is told: those that people ask for, and the policy's windows. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.drift.policy import DriftPolicy

_MOST = 256
_LATEST = int(datetime(2299, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000  # what a row takes


class Silence(NamedTuple):
    """A time in which nobody is told; microseconds since 1970.

    Attributes:
        silence_id: Its identifier.
        fingerprint: Of the alert; empty for a whole deployment.
        deployment: Name of the deployment; empty for one alert.
        starts_at: From when.
        ends_at: Until when.
    """

    silence_id: str
    fingerprint: str
    deployment: str
    starts_at: int
    ends_at: int

    def concerns(self, alert: Alert) -> bool:
        """Tell whether it is about an alert."""
        by_name = self.deployment == alert.deployment.name
        return by_name if self.deployment else self.fingerprint == alert.fingerprint


def kept(silences: Iterable[Silence], new: Silence, at: int) -> list[Silence]:
    """Give the silences with a new one, or a new version of one, without those that are over."""
    others = (each for each in silences if each.silence_id != new.silence_id)
    return [each for each in (*others, new) if each.ends_at > at * 1000][-_MOST:]


def silenced_until(
    policy: DriftPolicy, silences: Iterable[Silence], alert: Alert, at: int
) -> int | None:
    """Give until when nobody is told of an alert.

    Args:
        policy: It has the maintenance windows.
        silences: Those of the tenant.
        alert: The alert.
        at: The broker's time, milliseconds since 1970.

    Returns:
        Microseconds since 1970; None when people are told.
    """
    now = at * 1000
    ends = [
        each.ends_at
        for each in silences
        if each.starts_at <= now < each.ends_at and each.concerns(alert)
    ]
    ends += [
        int(window.ends_at.timestamp()) * 1_000_000 + window.ends_at.microsecond
        for window in policy.maintenance
        if window.covers(alert.deployment.name, at)
    ]
    return min(max(ends), _LATEST) if ends else None
