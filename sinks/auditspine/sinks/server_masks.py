"""What an analyst of one tenant sees: views without content, in which people are tokens. Pure.

A token is HMAC-SHA-256 (RFC 2104) of the identifier under its tenant's key, the first 16 bytes in
hex: the same person has one token in all views of a tenant, and another with another tenant. A
column is in a view only if it is named here as shown or as tokens, so a new one is not.

The views read as a user of their tenant's (``DEFINER``), whose row policies let through that
tenant's rows only, before anything else is evaluated. The condition in a view's text says the same,
but ClickHouse does not promise to evaluate it before a reader's condition, which can raise an
error on a row and so tell what is in it.

The key is joined, never a scalar subquery, which ClickHouse would fold into a constant and could
show in a plan. Without a key a view has no rows.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from auditspine.sinks.quoting import identifier, quoted
from auditspine.sinks.token_keys import keys_table

_TOKEN_BYTES = 16
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,48}")


def _mac(value: str) -> str:
    return f"lower(hex(substring(HMAC('sha256', {value}, k.key), 1, {_TOKEN_BYTES})))"


def _token(value: str) -> str:
    """Give the expression of a token; nobody, the empty string, stays nobody."""
    return f"if({value} = '', '', {_mac(value)})"


_NAME = f"if(e.artifact_kind = 'labeller', {_token('e.artifact_name')}, e.artifact_name)"
"""A labeller is a person or a team; every other artifact is a thing."""

_IMPERSONAL_MARKS = (
    *("approval_status", "approved", "business_unit", "data_tier", "decision", "deprecated"),
    *("flagged", "passed", "protected", "regulatory_domains", "retired", "reviewed", "rows"),
    *("disposition", "sensitivity", "split", "state", "status", "trigger"),
)
_SHOWN_MARKS = ", ".join(map(quoted, _IMPERSONAL_MARKS))
_VALUE = f"if(e.mark IN ({_SHOWN_MARKS}), e.value, {_token('e.value')})"
"""What is not known to be impersonal, such as an owner, is a token."""


@dataclass(frozen=True, slots=True)
class Mask:
    """How a table's columns are shown to analysts; each column is in exactly one field.

    Attributes:
        shown: As they are.
        tokens: Strings that may name a person.
        lists: Arrays of such strings.
        ids: UUIDs that are an unkeyed hash of a name, so that whoever guesses the name knows it.
        computed: Column → expression over ``e``, the row, and ``k``, the key.
        hidden: Not at all.
        committed: Whether rows count only once ``commits`` says so; else the table is a
            projection, of which the newest version of a row counts.
    """

    shown: tuple[str, ...]
    tokens: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    computed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hidden: tuple[str, ...] = ()
    committed: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that the view's user must be able to read."""
        return (*self.shown, *self.tokens, *self.lists, *self.ids, *self.computed)

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Give the view's columns with their expressions."""
        yield from ((name, f"e.{name}") for name in self.shown)
        yield from ((name, _token(f"e.{name}")) for name in self.tokens)
        yield from ((name, f"arrayMap(x -> {_token('x')}, e.{name})") for name in self.lists)
        yield from ((name, _mac(f"toString(e.{name})")) for name in self.ids)
        yield from self.computed.items()


_ARTIFACT = ("artifact_kind", "artifact_version", "artifact_digest")

MASKS: Mapping[str, Mask] = MappingProxyType(
    {
        "evidence": Mask(
            shown=(
                *("origin", "position", "appended_at", "tenant", "event_type", "event_id"),
                *("occurred_at", "domain", "environment", "actor_kind", "actor_roles"),
                *("actor_network", "workload_name", "workload_namespace", "workload_version"),
                *("intent_trigger", "run_id", "trace_id", "causation_id", "sensitivity"),
                *("regulatory_domains", "retention_class", "artifacts", "flags"),
            ),
            tokens=("actor_principal",),
            hidden=(
                *("intent_reason", "intent_justification"),  # free text
                *("body", "value", "sig"),  # content
                "workload_node",  # may be a person's own machine
            ),
            committed=True,
        ),
        "access_edges": Mask(
            shown=(
                *("origin", "tenant", *_ARTIFACT, "workload_namespace", "workload_name"),
                *("network", "operation", "permitted", "first_position", "first_at"),
                *("last_position", "last_at", "last_origin", "count"),
            ),
            tokens=("principal",),
            computed={"artifact_name": _NAME},
            hidden=("version",),
        ),
        "access_verdicts": Mask(
            shown=(
                *("origin", "tenant", "position", "appended_at", "event_id"),
                *("workload_namespace", "workload_name", "network", "operation", *_ARTIFACT),
                *("sensitivity", "domain", "environment", "verdict", "role", "policy_digest"),
            ),
            tokens=("principal", "grant_id"),  # people choose the ids of grants
            computed={"artifact_name": _NAME},
            hidden=("version",),
        ),
        "access_grants": Mask(
            shown=(
                *("origin", "tenant", "principal_kind", "role", "max_sensitivity", "domains"),
                *("environments", "namespace", "network", "granted_position", "granted_at"),
                *("expires_at", "revoked_position", "revoked_at", "first_used_at"),
                *("last_used_at", "uses", "revoked_origin"),
            ),
            tokens=("grant_id", "principal", "granted_by", "revoked_by"),
            hidden=("reason", "version"),
        ),
        "access_reviews": Mask(
            shown=("origin", "tenant", "opened_position", "opened_at", "due_at", "closed_at"),
            tokens=("review_id", "reviewer"),
            lists=("grants", "kept", "revoked"),
            hidden=("version",),
        ),
        "findings": Mask(
            shown=(
                *("finding_id", "tenant", "processor", "logic_version", "kind", "severity"),
                *("origin", "position", "ordinal", "event_id", "appended_at", *_ARTIFACT),
            ),
            tokens=("subject",),
            computed={"artifact_name": _NAME},
            hidden=("detail", "version"),
        ),
        "lineage_nodes": Mask(
            shown=(
                *("origin", "tenant", *_ARTIFACT, "first_position", "first_at", "occurred_at"),
                *("registered", "registered_at", "registered_occurred_at", "registered_event_id"),
            ),
            ids=("node_id",),
            computed={"artifact_name": _NAME},
            hidden=("version",),
        ),
        "lineage_edges": Mask(
            shown=(
                *("origin", "tenant", "relation", "first_position", "first_at", "occurred_at"),
                "event_id",
            ),
            ids=("source_id", "target_id"),
            hidden=("version",),
        ),
        "lineage_marks": Mask(
            shown=(
                *("origin", "tenant", "mark", "position", "appended_at", "occurred_at"),
                "event_id",
            ),
            tokens=("principal",),
            ids=("node_id",),
            computed={"value": _VALUE},
            hidden=("detail", "version"),
        ),
        "alerts": Mask(
            shown=(
                *("origin", "tenant", "alert_id", "fingerprint", "deployment"),
                *("deployment_digest", "model", "model_version", "model_digest", "kind", "tier"),
                *("state", "risk_class", "features", "effect_size", "signals", "since"),
                *("raised_at", "last_signal_at", "acknowledged_at", "resolved_at"),
                *("silenced_until", "investigation_id", "investigating", "level"),
                *("evidence_origin", "evidence_first", "evidence_last"),
            ),
            tokens=("owner", "acknowledged_by"),
            hidden=("title", "version"),  # a title may quote values
        ),
        "alert_history": Mask(
            shown=(
                *("origin", "tenant", "alert_id", "position", "ordinal", "at", "what"),
                "event_id",
            ),
            tokens=("who",),
            hidden=("detail", "version"),
        ),
        "drift_levels": Mask(
            shown=(
                *("origin", "tenant", "deployment", "model", "model_version", "model_digest"),
                *("block", "appended_at", "predictions", "run_length", "profiled", "kinds"),
                *("levels", "expected", "found"),
            ),
            hidden=("monitors", "version"),  # a monitor's name may hold a category
        ),
        "monitor_precision": Mask(
            shown=(
                *("origin", "tenant", "deployment", "model", "kind", "feature", "risk_class"),
                *("signals", "true_alerts", "false_alerts", "expected_alerts"),
                *("true_effects", "false_effects"),
            ),
            hidden=("monitor", "version"),  # a monitor's name may hold a category
        ),
        "serving_states": Mask(
            shown=(
                *("origin", "tenant", "deployment", "model", "model_version", "model_digest"),
                *("state", "releases_frozen", "quarantined", "alert_id", "since"),
            ),
            hidden=("reason", "version"),
        ),
        "release_decisions": Mask(
            shown=(
                *("origin", "tenant", "decision_id", "request_id", "model", "model_version"),
                *("model_digest", "environment", "outcome", "cause", "supersedes", "risk_class"),
                *("failed", "waived", "exceptions", "policy_digest", "position", "decided_at"),
            ),
            tokens=("requester",),
            hidden=("reason", "version"),  # a reason names people
        ),
        "release_states": Mask(
            shown=(
                *("origin", "tenant", "environment", "model", "model_version", "model_digest"),
                *("allowed", "decision_id", "exceptions", "since", "until"),
            ),
            hidden=("reason", "version"),
        ),
        "release_exceptions": Mask(
            shown=(
                *("origin", "tenant", "exception_id", "model", "model_version", "model_digest"),
                *("environment", "rules", "granted_at", "expires_at", "state", "decisions"),
            ),
            tokens=("granted_by",),
            hidden=("compensating_control", "reason", "refused", "version"),
        ),
        "release_deployments": Mask(
            shown=(
                *("origin", "tenant", "position", "event_id", "at", "deployment"),
                *("deployment_digest", "model", "model_version", "model_digest", "environment"),
                *("action", "decision_id", "exceptions", "verdict"),
            ),
            hidden=("version",),
        ),
    }
)
"""Every table that is divided by its column ``tenant``, and how analysts see it."""


def masked_database(database: str, tenant: str) -> str:
    """Name the database of a tenant's masked views; it becomes a folder, so it is kept short."""
    if _PLAIN.fullmatch(tenant):
        return f"{database}_masked_{tenant}"
    readable = re.sub(r"[^A-Za-z0-9_]+", "_", tenant)[:24]
    return f"{database}_masked_{readable}~{hashlib.sha256(tenant.encode()).hexdigest()[:32]}"


def masked_view(database: str, tenant: str, table: str, definer: str) -> str:
    """Give the statement that makes the masked view of one table for one tenant.

    Args:
        database: Of the evidence.
        tenant: Whose rows.
        table: One of ``MASKS``; the view has its name.
        definer: User with whose rights and row policies it reads.
    """
    mask, base = MASKS[table], identifier(database)
    columns = ",\n    ".join(
        f"{expression} AS {identifier(name)}" for name, expression in mask.expressions()
    )
    joined, counted, final = "", "", " FINAL"
    if mask.committed:
        final = ""
        heads = f"(SELECT origin, last FROM {base}.commits FINAL)"  # noqa: S608 - quoted
        joined = f"\nINNER JOIN {heads} AS h ON h.origin = e.origin"
        counted = " AND toInt64(e.position) <= h.last"
    return f"""\
CREATE OR REPLACE VIEW {identifier(masked_database(database, tenant))}.{identifier(table)}
DEFINER = {identifier(definer)} SQL SECURITY DEFINER AS
SELECT
    {columns}
FROM {base}.{identifier(table)} AS e{final}
INNER JOIN
(
    SELECT tenant, argMin(key, (made_at, key)) AS key
    FROM {keys_table(database)}
    WHERE tenant = {quoted(tenant)}
    GROUP BY tenant
) AS k ON k.tenant = e.tenant{joined}
WHERE e.tenant = {quoted(tenant)}{counted}
COMMENT {quoted(f"The table {table} for analysts: people are tokens, and there is no free text.")}\
"""  # noqa: S608 - names and strings are quoted
