"""Release decisions, what stands, exceptions, and deployments held against them."""

import json
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import named_rows, query
from auditspine.auditor.errors import AuditorError

_DECISIONS = """
    SELECT decision_id, toString(request_id) AS request_id, model, model_version,
        lower(hex(model_digest)) AS model_digest, toString(environment) AS environment,
        toString(outcome) AS outcome, toString(cause) AS cause, requester, failed, waived,
        exceptions, decided_at, reason
    FROM release_decisions FINAL
    WHERE tenant = {tenant:String}
        AND ({environment:String} = '' OR environment = {environment:String})
        AND ({model:String} = '' OR model = {model:String})
    ORDER BY decided_at DESC, version DESC LIMIT {most:UInt32}
"""
_STATES = """
    SELECT toString(environment) AS environment, model, model_version,
        lower(hex(model_digest)) AS model_digest, allowed, decision_id, exceptions, since, until,
        reason
    FROM release_states FINAL
    WHERE tenant = {tenant:String}
        AND ({environment:String} = '' OR environment = {environment:String})
        AND ({model:String} = '' OR model = {model:String})
    ORDER BY environment, model, since DESC LIMIT {most:UInt32}
"""
_DEPLOYMENTS = """
    SELECT at, deployment, model, model_version, toString(environment) AS environment,
        toString(action) AS action, decision_id, exceptions, toString(verdict) AS verdict
    FROM release_deployments FINAL
    WHERE tenant = {tenant:String}
        AND ({environment:String} = '' OR environment = {environment:String})
        AND ({model:String} = '' OR model = {model:String})
    ORDER BY at DESC, version DESC LIMIT {most:UInt32}
"""
_EXCEPTIONS = """
    SELECT exception_id, model, model_version, toString(environment) AS environment, rules,
        compensating_control, reason, granted_by, granted_at, expires_at, toString(state) AS state,
        refused, decisions
    FROM release_exceptions FINAL
    WHERE tenant = {tenant:String}
        AND ({environment:String} = '' OR environment = {environment:String})
        AND ({model:String} = '' OR model = {model:String})
    ORDER BY expires_at LIMIT {most:UInt32}
"""
_ONE = """
    SELECT body FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'decision.made'
        AND startsWith(JSONExtractString(body, 'decision_id'), {decision:String})
    ORDER BY appended_at LIMIT 3
"""


class UnknownDecisionError(AuditorError):
    """No decision has that id, or several begin so."""


def list_releases(
    client: Client, tenant: str, what: str, *, environment: str = "", model: str = "", most: int
) -> list[dict[str, Any]]:
    """Give rows of one kind, the newest first (exceptions: the next to end first).

    Args:
        client: ClickHouse.
        tenant: Whose.
        what: ``decisions``, ``states``, ``deployments`` or ``exceptions``.
        environment: Only of this environment; of all when empty.
        model: Only of models of this name; of all when empty.
        most: At most so many.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    sql = {
        "decisions": _DECISIONS,
        "states": _STATES,
        "deployments": _DEPLOYMENTS,
        "exceptions": _EXCEPTIONS,
    }[what]
    asked = {"tenant": tenant, "environment": environment, "model": model, "most": most}
    return named_rows(client, sql, asked)


def read_decision(client: Client, tenant: str, decision: str) -> dict[str, Any]:
    """Give the body of a decision by its id or the beginning of one.

    Raises:
        UnknownDecisionError: There is none, or there are several.
        SourceError: ClickHouse refuses or is away.
    """
    prefix = decision if decision.startswith("decision-") else f"decision-{decision}"
    rows = query(client, _ONE, {"tenant": tenant, "decision": prefix})
    bodies = {body["decision_id"]: body for body in (json.loads(str(row[0])) for row in rows)}
    if len(bodies) != 1:
        found = "none" if not bodies else f"{len(bodies)} that begin so"
        raise UnknownDecisionError(f"expected one decision of that id, got {found}")
    [body] = bodies.values()
    found_body: dict[str, Any] = body
    return found_body
