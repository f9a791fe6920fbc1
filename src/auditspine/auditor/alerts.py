"""Alerts as they are, what happened to them, the signals behind them, and who was told."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

from clickhouse_connect.driver.client import Client

from auditspine.auditor.alert_rows import (
    OPEN,
    PREFIX,
    TIERS,
    Alert,
    Happening,
    Said,
    Serving,
    Story,
)
from auditspine.auditor.asking import query, timed_rows
from auditspine.auditor.errors import AuditorError

_SIGNALS_SPAN = timedelta(days=7)  # before an alert was raised, for features that joined it

_COLUMNS = """
    SELECT alert_id, deployment, model, model_version, lower(hex(model_digest)) AS model_digest,
        toString(kind) AS kind, toString(tier) AS tier, toString(state) AS state,
        toString(risk_class) AS risk_class, owner, features, effect_size, signals, since,
        raised_at, last_signal_at, acknowledged_at, acknowledged_by, resolved_at, silenced_until,
        investigation_id, investigating, level, title, toString(evidence_origin) AS evidence_origin,
        evidence_first, evidence_last
    FROM alerts FINAL
"""
_LIST = f"""{_COLUMNS}
    WHERE tenant = {{tenant:String}}
        AND has({{states:Array(String)}}, toString(state))
        AND has({{tiers:Array(String)}}, toString(tier))
        AND ({{deployment:String}} = '' OR deployment = {{deployment:String}})
    ORDER BY indexOf({{order:Array(String)}}, toString(tier)) DESC, raised_at DESC, alert_id
    LIMIT {{most:UInt32}}
"""
_BEGINNING = f"""{_COLUMNS}
    WHERE tenant = {{tenant:String}} AND (startsWith(alert_id, {{text:String}})
        OR startsWith(alert_id, concat('{PREFIX}', {{text:String}})))
    ORDER BY alert_id LIMIT 50
"""
_IDS = """
    SELECT alert_id FROM alerts FINAL WHERE tenant = {tenant:String}
    ORDER BY raised_at DESC LIMIT 1000
"""
_HISTORY = """
    SELECT at, toString(what) AS what, who, detail, toString(event_id) AS event_id
    FROM alert_history FINAL
    WHERE tenant = {tenant:String} AND alert_id = {alert_id:String}
    ORDER BY version, ordinal
"""
_HAPPENED = """
    SELECT count() FROM alert_history FINAL
    WHERE tenant = {tenant:String} AND alert_id = {alert_id:String}
        AND toString(event_id) IN {events:Array(String)}
"""
_BODIES = """
    SELECT toString(event_id) AS event_id, appended_at, body FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = {event_type:String}
        AND appended_at >= fromUnixTimestamp64Milli({since:Int64})
"""
_OF_ALERT = f"""{_BODIES}
        AND JSONExtractString(body, 'alert_id') = {{alert_id:String}}
    ORDER BY appended_at, position
"""
_BY_EVENT = f"""{_BODIES}
        AND toString(event_id) IN {{events:Array(String)}}
    ORDER BY appended_at, position
"""
_MONITORS = """
    WITH named AS (
        SELECT alert_id, event_id, toString(what) AS what, detail FROM alert_history FINAL
        WHERE tenant = {tenant:String}
    ), joined AS (
        SELECT extract(detail, '^alert-[0-9a-f]+') AS alert_id FROM named
        WHERE what = 'joined' AND has({alerts:Array(String)}, alert_id)
    )
    SELECT DISTINCT JSONExtractString(body, 'monitor') FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'drift.signalled'
        AND appended_at >= fromUnixTimestamp64Milli({since:Int64})
        AND event_id IN (
            SELECT event_id FROM named
            WHERE has({alerts:Array(String)}, alert_id) OR alert_id IN (SELECT alert_id FROM joined)
        )
"""
_SERVING = """
    SELECT deployment, model, model_version, lower(hex(model_digest)) AS model_digest,
        toString(state) AS state, releases_frozen, quarantined, alert_id, reason, since
    FROM serving_states FINAL
    WHERE tenant = {tenant:String}
        AND ({deployment:String} = '' OR deployment = {deployment:String})
"""
_DEPLOYMENTS = """
    SELECT DISTINCT name FROM (
        SELECT deployment AS name FROM alerts WHERE tenant = {tenant:String}
        UNION ALL SELECT deployment FROM drift_levels WHERE tenant = {tenant:String}
        UNION ALL SELECT artifact_name FROM lineage_nodes
            WHERE tenant = {tenant:String} AND artifact_kind = 'deployment'
    ) ORDER BY name
"""
_DOMAIN = """
    SELECT toString(domain) FROM committed_evidence
    WHERE tenant = {tenant:String} AND toString(event_id) IN {events:Array(String)} LIMIT 1
"""


class UnknownAlertError(AuditorError):
    """No alert is called so, or several are; the message names those that come near."""


class UnknownDeploymentError(AuditorError):
    """No deployment is called so; the message names the one that comes nearest."""


def list_alerts(
    client: Client,
    tenant: str,
    *,
    states: Sequence[str] = OPEN,
    tiers: Sequence[str] = TIERS,
    deployment: str = "",
    most: int = 1000,
) -> list[Alert]:
    """Give alerts, the worst tier first and of each the newest first.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    asked = {
        "tenant": tenant,
        "states": list(states),
        "tiers": list(tiers),
        "order": list(TIERS),
        "deployment": deployment,
        "most": most,
    }
    return [Alert(*row) for row in timed_rows(client, _LIST, asked)]


def find_alert(client: Client, tenant: str, text: str) -> Alert:
    """Give the alert of an id, of the beginning of one, or of that without ``alert-``.

    Raises:
        UnknownAlertError: There is none, or there are several.
        SourceError: ClickHouse refuses or is away.
    """
    found = [
        Alert(*row) for row in timed_rows(client, _BEGINNING, {"tenant": tenant, "text": text})
    ]
    exact = [each for each in found if each.alert_id in (text, f"{PREFIX}{text}")]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found and text.removeprefix(PREFIX):
        named = ", ".join(f"{each.alert_id} ({each.deployment})" for each in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise UnknownAlertError(f"{text} is the beginning of {len(found)} alerts: {named}{more}")
    ids = [str(row[0]) for row in timed_rows(client, _IDS, {"tenant": tenant})]
    raise UnknownAlertError(f"no alert of {tenant} is called {text}{_nearest(text, ids)}")


def read_story(client: Client, tenant: str, alert: Alert) -> Story:
    """Give all that is known of an alert.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    asked: dict[str, object] = {"tenant": tenant, "alert_id": alert.alert_id}
    history = [Happening(*row) for row in timed_rows(client, _HISTORY, asked)]
    of = {**asked, "since": _milliseconds(alert.raised_at)}
    raised = _said(client, _OF_ALERT, {**of, "event_type": "alert.raised"})
    told = _said(client, _OF_ALERT, {**of, "event_type": "notification.delivered"})
    events = {each.event_id for each in history}
    events.update(event for each in raised for event in each.body["signals"])
    signals = _said(
        client,
        _BY_EVENT,
        {
            "tenant": tenant,
            "event_type": "drift.signalled",
            "since": _milliseconds(alert.raised_at - _SIGNALS_SPAN),
            "events": sorted(events),
        },
    )
    analysed = _said(client, _OF_ALERT, {**of, "event_type": "investigation.analysed"})
    latest = analysed[-1] if analysed else None
    held = serving_of(client, tenant, alert)
    return Story(alert, history, raised, signals, told, held, latest)


def signalled_monitors(client: Client, tenant: str, alerts: Sequence[Alert]) -> set[str]:
    """Name the monitors whose signals some alerts rest on; errors as above."""
    if not alerts:
        return set()
    since = min(each.raised_at for each in alerts) - _SIGNALS_SPAN
    asked = {
        "tenant": tenant,
        "alerts": [each.alert_id for each in alerts],
        "since": _milliseconds(since),
    }
    return {str(row[0]) for row in query(client, _MONITORS, asked)}


def serving_of(client: Client, tenant: str, alert: Alert) -> Serving | None:
    """Give the state of an alert's model at its deployment; errors as above."""
    states = serving_states(client, tenant, alert.deployment)
    return next((each for each in states if each.model_digest == alert.model_digest), None)


def serving_states(client: Client, tenant: str, deployment: str = "") -> list[Serving]:
    """Give what was ever held back, at one deployment or all; errors as above."""
    asked = {"tenant": tenant, "deployment": deployment}
    return [Serving(*row) for row in timed_rows(client, _SERVING, asked)]


def has_happened(client: Client, tenant: str, alert_id: str, events: Iterable[str]) -> bool:
    """Tell whether one of some events has had its effect on an alert; errors as above."""
    asked = {"tenant": tenant, "alert_id": alert_id, "events": list(events)}
    return bool(query(client, _HAPPENED, asked)[0][0])


def check_deployment(client: Client, tenant: str, name: str) -> None:
    """Check that a deployment is known.

    Raises:
        UnknownDeploymentError: It is not.
        SourceError: ClickHouse refuses or is away.
    """
    names = [str(row[0]) for row in timed_rows(client, _DEPLOYMENTS, {"tenant": tenant})]
    if name not in names:
        near = _nearest(name, names)
        raise UnknownDeploymentError(f"no deployment of {tenant} is called {name}{near}")


def domain_of(client: Client, tenant: str, alert: Alert) -> str:
    """Give the business domain that an alert is of; empty when that has not landed."""
    asked: dict[str, object] = {"tenant": tenant, "alert_id": alert.alert_id}
    events = [str(row[4]) for row in query(client, _HISTORY, asked)]
    rows = query(client, _DOMAIN, {"tenant": tenant, "events": events[:100]})
    return str(rows[0][0]) if rows else ""


def _nearest(text: str, names: Sequence[str]) -> str:
    """Say which name was meant, or which there are."""
    short = {each.removeprefix(PREFIX): each for each in names}
    given = text.removeprefix(PREFIX)
    near = get_close_matches(given, list(short), n=1, cutoff=0.5)
    if given and not near:  # a part of an id, with a digit that is wrong
        beginnings = {each[: len(given)]: each for each in reversed(short)}
        near = [beginnings[each] for each in get_close_matches(given, list(beginnings), 1, 0.5)]
    if near:
        return f"; the nearest is {short[near[0]]}"
    if not names:
        return "; there is none"
    shown = ", ".join(names[:5])
    return f"; there {'are' if len(names) > 1 else 'is'} {shown}{' and more' if names[5:] else ''}"


def _said(client: Client, sql: str, asked: dict[str, object]) -> list[Said]:
    return [
        Said(event_id, at, json.loads(body))
        for event_id, at, body in timed_rows(client, sql, asked)
    ]


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
