"""Tells a Prometheus Alertmanager through its v2 API.

An Alertmanager knows an alert by its labels, so they are the same in every repeat; what changes
is in the annotations. The severity is a label because people route by it: when it changes, the
alert in the former one ends. Source: Alertmanager's ``api/v2/openapi.yaml``, ``POST /alerts``.
"""

import time
from datetime import UTC, datetime
from typing import Any

import requests

from auditspine.sinks.notify.answers import judge, no_answer
from auditspine.sinks.notify.http_watch import watching
from auditspine.sinks.notify.message import command, text, title
from auditspine.sinks.notify.port import Notice, Outcome

_ALERT_NAME = "AuditspineAlert"
_DAY_MS = 86_400_000


class AlertmanagerReceiver:
    """An Alertmanager.

    Args:
        url: Its base URL, with or without ``/api/v2``; user and password in it are sent.
        timeout_s: For connecting, and for each wait for an answer.
        ends_after_days: An alert that is never resolved ends after that: without an end,
            Alertmanager would end it after its ``resolve_timeout``, usually five minutes.
    """

    def __init__(self, url: str, timeout_s: float, ends_after_days: float = 30.0) -> None:
        base = url.rstrip("/")
        self._url = (base if base.endswith("/api/v2") else base + "/api/v2") + "/alerts"
        self._timeout_s = timeout_s
        self._ends_after_ms = int(ends_after_days * _DAY_MS)

    def tell(self, notice: Notice, key: str) -> Outcome:
        """Make one attempt; see :class:`~auditspine.sinks.notify.port.Receiver`."""
        body = alerts(notice, key, self._ends_after_ms)
        headers = {"X-Notification-Id": key}
        try:
            with (
                watching(self._timeout_s),
                requests.post(self._url, json=body, headers=headers, stream=True) as answer,  # noqa: S113 - the watch sets it
            ):
                return judge(answer.status_code, answer.headers, time.time())
        except requests.RequestException as exc:
            return no_answer(exc)
        except Exception as exc:  # noqa: BLE001 - urllib3's own may cross; its text has the URL
            return Outcome(delivered=False, detail=f"no answer ({type(exc).__name__})")


def alerts(notice: Notice, key: str, ends_after_ms: int) -> list[dict[str, Any]]:
    """Give the body of ``POST /api/v2/alerts`` for a notice.

    Args:
        notice: What is told.
        key: Its notification id.
        ends_after_ms: When an alert ends by itself, milliseconds after it was raised.

    Returns:
        The alert as it stands, and the end of those that it was in other severities.
    """
    ends_at = notice.appended_at if notice.over else notice.appended_at + ends_after_ms
    said = [_alert(notice, key, notice.tier, ends_at)]
    former = (tier for tier in notice.tiers_told if tier != notice.tier)
    return said + [_alert(notice, key, tier, notice.appended_at) for tier in former]


def _alert(notice: Notice, key: str, severity: str, ends_at: int) -> dict[str, Any]:
    starts_at = min(notice.since, notice.appended_at)
    return {
        "labels": {
            "alertname": _ALERT_NAME,
            "alert_id": notice.alert_id,
            "fingerprint": notice.fingerprint,
            "tenant": notice.tenant,
            "deployment": notice.deployment_name,
            "model": notice.model_name,
            "severity": severity,
        },
        "annotations": {
            "summary": title(notice),
            "description": text(notice, key),
            "notification_id": key,
            "owner": notice.owner,
            "kind": notice.kind,
            "deployment_version": notice.deployment_version,
            "model_version": notice.model_version,
            "model_digest": notice.model_digest,
            "command": command(notice),
        },
        "startsAt": _rfc3339(starts_at),
        "endsAt": _rfc3339(max(ends_at, starts_at + 1)),
    }


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
