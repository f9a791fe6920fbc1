"""Lists identities, datasets, models and deployments, and what is missing about each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.access import held_grants
from auditspine.auditor.asking import query

_IDENTITIES = """
    SELECT actor_principal, any(toString(actor_kind)),
        groupUniqArray(concat(workload_namespace, '/', workload_name)), count(),
        max(appended_at)
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type != 'prediction.made'
    GROUP BY actor_principal ORDER BY actor_principal
"""
_NODES = """
    SELECT n.kind, n.name, n.node_version, n.sha256, n.known, s.marks, e.before, e.after
    FROM (
        SELECT node_id, any(toString(artifact_kind)) AS kind, any(artifact_name) AS name,
            any(artifact_version) AS node_version, any(lower(hex(artifact_digest))) AS sha256,
            max(registered) AS known
        FROM lineage_nodes WHERE tenant = {tenant:String} AND artifact_kind IN {kinds:Array(String)}
        GROUP BY node_id
    ) AS n
    LEFT JOIN (
        SELECT node_id, mapFromArrays(groupArray(toString(mark)), groupArray(value)) AS marks
        FROM lineage_standing WHERE tenant = {tenant:String} GROUP BY node_id
    ) AS s ON s.node_id = n.node_id
    LEFT JOIN (
        SELECT id, groupUniqArrayIf(what, side = 'before') AS before,
            groupUniqArrayIf(what, side = 'after') AS after
        FROM (
            SELECT l.id AS id, l.side AS side,
                concat(l.relation, ' ', l.kind, ' ', if(o.known, d.value, 'unknown')) AS what
            FROM (
                SELECT target_id AS id, source_id AS other, toString(relation) AS relation,
                    source_kind AS kind, 'before' AS side
                FROM lineage WHERE tenant = {tenant:String}
                UNION ALL
                SELECT source_id, target_id, toString(relation), target_kind, 'after'
                FROM lineage WHERE tenant = {tenant:String}
            ) AS l
            LEFT JOIN (
                SELECT node_id, max(registered) AS known FROM lineage_nodes
                WHERE tenant = {tenant:String} GROUP BY node_id
            ) AS o ON o.node_id = l.other
            LEFT JOIN (
                SELECT node_id, any(value) AS value FROM lineage_standing
                WHERE tenant = {tenant:String} AND mark IN ('decision', 'passed') GROUP BY node_id
            ) AS d ON d.node_id = l.other
        ) GROUP BY id
    ) AS e ON e.id = n.node_id
    ORDER BY n.kind, n.name, n.node_version
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One thing of an inventory, and what is missing about it.

    Attributes:
        kind: ``identity`` or the kind of an artifact.
        name: Its name.
        version: Its version; may be empty.
        about: What is known, by name.
        missing: What is not, in words.
    """

    kind: str
    name: str
    version: str
    about: dict[str, str]
    missing: tuple[str, ...]


def list_all(client: Client, tenant: str) -> list[Listed]:
    """List identities, datasets, models and deployments, and what is missing about each.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    held = held_grants(client, tenant)
    granted = {grant.principal for grant in held if grant.standing == "active"}
    found = []
    for principal, kind, workloads, events, last in query(client, _IDENTITIES, {"tenant": tenant}):
        about = {
            "is": kind,
            "through": ", ".join(sorted(each.strip("/") for each in workloads)),
            "events": str(events),
            "last seen": f"{last:%Y-%m-%d}",
        }
        missing = () if principal in granted else ("no role is granted",)
        found.append(Listed("identity", principal, "", about, missing))
    kinds = ["dataset", "snapshot", "model", "deployment"]
    rows = query(client, _NODES, {"tenant": tenant, "kinds": kinds})
    return found + [_listed(row) for row in rows]


def _listed(row: Sequence[Any]) -> Listed:
    kind, name, version, sha256, known, marks, before, after = row
    shown = ("sensitivity", "owner", "business_unit", "regulatory_domains", "state", "flagged")
    about = {"sha256": sha256[:12]} | {m: marks[m] for m in (*shown, "retired") if m in marks}
    missing = [] if known else ["no event registered it"]
    missing += [text for text, lacks in _NEEDED.get(kind, ()) if lacks(marks, before, after)]
    return Listed(kind, name, version, about, tuple(missing))


def _any(said: list[str], start: str) -> bool:
    return any(each.startswith(start) and not each.endswith(" unknown") for each in said)


_Lacks = Callable[[Mapping[str, str], list[str], list[str]], bool]  # marks, before, after
_NEEDED: dict[str, tuple[tuple[str, _Lacks], ...]] = {
    "dataset": (
        ("no owner", lambda marks, _before, _after: "owner" not in marks),
        ("not classified", lambda marks, _before, _after: "sensitivity" not in marks),
    ),
    "snapshot": (
        ("of no dataset", lambda _m, before, _a: not _any(before, "snapshot_of dataset")),
        ("not classified", lambda marks, _before, _after: "sensitivity" not in marks),
    ),
    "model": (
        ("no owner", lambda marks, _before, _after: "owner" not in marks),
        ("no training data", lambda _m, before, _a: not _any(before, "trained_on snapshot")),
        ("no run", lambda _m, before, _a: not _any(before, "generated run")),
        ("no passed validation", lambda _m, _b, after: "evaluated evaluation yes" not in after),
        ("no explanation", lambda _m, _b, after: not _any(after, "explained explanation")),
        ("no approval", lambda _m, _b, after: not _any(after, "approved approval approved")),
    ),
    "deployment": (
        ("no model", lambda _m, before, _a: not _any(before, "served model")),
        ("no approval", lambda _m, before, _a: not _any(before, "allowed approval approved")),
        (
            "no serving configuration",
            lambda _m, before, _a: not _any(before, "configured serving_configuration"),
        ),
    ),
}
