"""The SQL that keeps tenants apart on a server: parsed whole by the engine, and run as far as chDB
can: tables, views with their users, grants as roles, row policies as filters.
"""

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from isolated_server import ADMIN, SEES_NOTHING_GRANTED, IsolatedServer
from test_clickhouse_grants import grants

from auditspine.cli.commands.tenants import app
from auditspine.sinks.migrate import _HISTORY, PARAMETERISED, VIEWS, migrations
from auditspine.sinks.quoting import quoted
from auditspine.sinks.server_masks import MASKS
from auditspine.sinks.server_sql import (
    AUDITOR,
    CLAIMS_VIEW,
    QUERIED_VIEWS,
    TENANT_TABLES,
    WHOLE_TABLES,
    Isolation,
)
from auditspine.sinks.token_keys import destroy_key, store_key

ISOLATION = Isolation("auditspine", ("acme", "globex"))
AWKWARD = ("o'brien", "back`tick", "back\\slash", "';DROP--", "/*", '"', "{x:String}", "~" * 128)
KEYS = {"acme": bytes(range(32)), "globex": bytes(range(1, 33))}
UNSUPPORTED = ("CREATE ROLE", "CREATE USER", "CREATE ROW POLICY", "CREATE SETTINGS", "GRANT")
ACME_AUDITOR, ACME_ANALYST = "auditspine_acme_auditor", "auditspine_acme_analyst"

LOG, CONTROL = "eu/c/lifecycle/0", "eu/c/control/0"
ENTRIES = [  # origin, tenant, verdict, actor: their position is their place among their origin's
    (CONTROL, "-", "valid", "root@platform"),
    (LOG, "acme", "valid", "ada@acme"),
    (LOG, "globex", "valid", "bob@globex"),
    (LOG, "globex", "valid", "ada@acme"),
    (LOG, "acme", "unknown_key", ""),
    (LOG, "globex", "bad_signature", ""),
    (LOG, "acme", "wrong_tenant", ""),
    (LOG, "", "foreign", ""),
    (LOG, "acme", "valid", "ada@acme"),
]


def token(tenant: str, value: str) -> str:
    return hmac.new(KEYS[tenant], value.encode(), "sha256").hexdigest()[:32]


def log_rows() -> list[str]:
    """Give a log of several tenants, whole: entries, content, and a commit."""
    made, heads = [], {}
    for origin, tenant, verdict, actor in ENTRIES:
        position, chain = heads.get(origin, (0, bytes(32)))
        value = f"{origin} {position}".encode()
        entry = len(value).to_bytes(4, "big") + value + bytes(4)
        leaf = hashlib.sha256(b"\0" + entry).digest()
        chain = hashlib.sha256(chain + leaf).digest()
        heads[origin] = (position + 1, chain)
        made.append(
            "INSERT INTO auditspine.entries (origin, position, source_offset, leaf, chain, "
            f"verdict, tenant) SELECT '{origin}', {position}, {position}, unhex('{leaf.hex()}'), "
            f"unhex('{chain.hex()}'), '{verdict}', '{tenant}'"
        )
        place = f"'{origin}', {position}, unhex('{value.hex()}')"
        if verdict == "valid":
            made.append(
                "INSERT INTO auditspine.evidence (origin, position, value, tenant, event_type, "
                f"actor_principal, body, intent_reason) SELECT {place}, '{tenant}', 'run.started', "
                f"'{actor}', 'secret of {tenant}', 'secret of {tenant}'"
            )
        else:
            made.append(
                "INSERT INTO auditspine.quarantine (origin, position, value, verdict) "
                f"SELECT {place}, '{verdict}'"
            )
    for partition, (origin, (size, chain)) in enumerate(heads.items()):
        made.append(
            "INSERT INTO auditspine.commits (topic, partition, origin, first, last, chain) "
            f"SELECT 't', {partition}, '{origin}', 0, {size - 1}, unhex('{chain.hex()}')"
        )
    return made


def projected_rows() -> list[str]:
    """Give rows of each projection, of two tenants in which the same people act."""
    made = []
    for tenant in ("acme", "globex"):
        secret, ada, person, thing = f"secret of {tenant}", "ada@acme", UUID(int=1), UUID(int=2)
        for table, columns, values in (
            ("access_edges", "principal, artifact_name", (ada, "income")),
            ("access_verdicts", "principal, grant_id", (ada, ada)),
            ("access_grants", "principal, granted_by, reason", (ada, ada, secret)),
            ("access_reviews", "review_id, reviewer, grants", (ada, ada, [ada, "b"])),
            ("findings", "subject, detail", (ada, secret)),
            ("lineage_nodes", "node_id, artifact_kind, artifact_name", (person, "labeller", ada)),
            ("lineage_nodes", "node_id, artifact_kind, artifact_name", (thing, "labels", "income")),
            ("lineage_edges", "source_id, target_id, relation", (person, thing, "labelled_by")),
            ("lineage_marks", "node_id, principal, mark, value", (thing, ada, "owner", ada)),
            ("lineage_marks", "node_id, mark, value, detail", (thing, "state", "deployed", secret)),
            ("alerts", "alert_id, owner, acknowledged_by, title", ("a-1", ada, ada, secret)),
            ("alert_history", "alert_id, who, detail", ("a-1", ada, secret)),
            ("serving_states", "deployment, reason", ("risk-eu", secret)),
            ("drift_levels", "deployment, block", ("risk-eu", 1)),
            ("monitor_precision", "deployment, monitor", ("risk-eu", secret)),
            ("release_decisions", "decision_id, requester, reason", ("d-1", ada, secret)),
            ("release_states", "decision_id, reason", ("d-1", secret)),
            ("release_exceptions", "exception_id, granted_by, refused", ("e-1", ada, secret)),
            ("release_deployments", "deployment, decision_id", ("risk-eu", "d-1")),
        ):
            shown = ", ".join(str(v) if isinstance(v, list) else f"'{v}'" for v in values)
            made.append(
                f"INSERT INTO auditspine.{table} (tenant, {columns}) SELECT '{tenant}', {shown}"
            )
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = IsolatedServer(tmp_path_factory.mktemp("apart"), ISOLATION, grants("auditspine"))
    runnable = [each for each in ISOLATION.statements() if not each.startswith(UNSUPPORTED)]
    done = made.run(
        ADMIN,
        "CREATE DATABASE auditspine",
        "USE auditspine",
        _HISTORY,
        *(statement for migration in migrations() for statement in migration.statements),
        *runnable,
        *runnable,  # repeating them changes nothing
        *log_rows(),
        *projected_rows(),
        *(store_key("auditspine", tenant, key) for tenant, key in KEYS.items()),
        *(store_key("auditspine", tenant, bytes(32)) for tenant in KEYS),  # too late to count
    )
    assert [found for found in done if found[0] != "ok"] == []
    return made


def test_every_statement_is_one_that_the_engine_parses(server) -> None:
    awkward = Isolation("auditspine", AWKWARD, ("spine`d", "o'clock"))
    statements = [
        *ISOLATION.statements(),
        *awkward.statements(),
        *(store_key("auditspine", tenant, bytes(32)) for tenant in AWKWARD),
        *(destroy_key("auditspine", tenant) for tenant in AWKWARD),
    ]
    found = server.run(ADMIN, *(f"SELECT formatQuery({quoted(each)})" for each in statements))
    assert [said for how, said in found if how != "ok"] == []
    assert len(found) == len(statements)


def test_what_is_printed_is_as_many_statements_as_the_engine_reads() -> None:
    printed = CliRunner().invoke(app, ["sql", *AWKWARD, "acme"], catch_exceptions=False).stdout
    program = (
        "import chdb, sys; connection = chdb.connect(':memory:'); "
        "found = connection._conn.classify_query(sys.stdin.buffer.read(), ''); "
        "print(found['statement_count'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=printed, capture_output=True, check=True, text=True
    )
    made = list(Isolation("auditspine", (*AWKWARD, "acme")).statements())
    assert int(done.stdout) == len(made)


def test_awkward_names_reach_the_engine_as_they_are(server) -> None:
    found = server.run(
        ADMIN,
        *(
            f"SELECT position(formatQuery({quoted(policy.sql)}), {quoted(quoted(tenant))}) > 0"
            for tenant in AWKWARD
            for policy in Isolation("auditspine", (tenant,)).policies()
            if tenant in policy.using
        ),
    )
    assert {tuple(each) for each in found} == {("ok", "1\n")}


def test_each_column_of_a_divided_table_has_one_place(server) -> None:
    """A column that a migration adds must be shown, be tokens or be hidden."""
    rows = server.ask(
        ADMIN,
        "SELECT table, name FROM system.columns WHERE database = 'auditspine' AND table IN "
        "(SELECT name FROM system.tables WHERE database = 'auditspine' AND engine != 'View')",
    )
    columns: dict[str, list[str]] = {}
    for table, name in rows:
        columns.setdefault(table, []).append(name)
    divided = {table for table, names in columns.items() if "tenant" in names} - {"entries"}
    assert divided == set(TENANT_TABLES)
    for table in TENANT_TABLES:
        assert sorted(columns[table]) == sorted((*MASKS[table].read, *MASKS[table].hidden)), table


def test_whoever_no_policy_names_sees_no_row_whatever_was_granted(server) -> None:
    tables = (*TENANT_TABLES, "quarantine")
    counts = [f"SELECT count() FROM auditspine.{table}" for table in tables]
    for table, rows in zip(tables, server.ask_all(SEES_NOTHING_GRANTED, *counts), strict=True):
        assert rows == [["0"]], table


def tenants_seen(server, role: str) -> dict[str, set[str]]:
    """Give the tenants that each divided table shows a role."""
    asked = (f"SELECT DISTINCT tenant FROM auditspine.{table}" for table in TENANT_TABLES)
    found = zip(TENANT_TABLES, server.ask_all(role, *asked), strict=True)
    return {table: {tenant for [tenant] in rows} for table, rows in found}


def test_the_auditor_of_all_sees_every_tenant_and_no_key(server) -> None:
    for table, tenants in tenants_seen(server, AUDITOR).items():
        assert {"acme", "globex"} <= tenants, table
    assert server.ask(AUDITOR, "SELECT count() FROM auditspine.quarantine") == [["4"]]
    refused(server, AUDITOR, "SELECT * FROM auditspine_keys.token_keys")


def test_a_tenants_auditor_sees_its_rows_and_the_control_log(server) -> None:
    for table, tenants in tenants_seen(server, ACME_AUDITOR).items():
        own = {"acme", "-"} if table == "evidence" else {"acme"}
        assert tenants == own, table


def test_a_tenants_auditor_sees_what_is_free_of_content_whole(server) -> None:
    counts = [f"SELECT count() FROM auditspine.{table}" for table in WHOLE_TABLES]
    assert server.ask_all(ACME_AUDITOR, *counts) == server.ask_all(AUDITOR, *counts)


def test_a_tenants_auditor_sees_its_own_quarantine_alone(server) -> None:
    """Not what another tenant's key signed in its name: that is the other's content."""
    rows = server.ask(ACME_AUDITOR, "SELECT position, verdict FROM auditspine.quarantined")
    assert rows == [["3", "unknown_key"]]
    assert server.ask("auditspine_globex_auditor", "SELECT value FROM auditspine.quarantine") == [
        [f"{LOG} 4"]
    ]


def test_a_tenants_auditor_can_ask_every_view(server) -> None:
    asked = [name for name in (*QUERIED_VIEWS, CLAIMS_VIEW) if name not in PARAMETERISED]
    found = server.run(ACME_AUDITOR, *(f"SELECT * FROM auditspine.{name}" for name in asked))
    assert [said for how, said in found if how != "ok"] == []
    assert set(asked) == {*VIEWS, CLAIMS_VIEW} - PARAMETERISED
    contents = "\n".join(said for _, said in found)
    assert "secret of acme" in contents
    assert "secret of globex" not in contents
    assert "bob@globex" not in contents


def test_a_tenants_auditor_can_check_every_chain_and_its_own_content(server) -> None:
    own = (
        "SELECT origin, position, defect FROM auditspine.content_check WHERE defect != 'missing' "
        "OR (origin, position) IN (SELECT origin, position FROM auditspine.entries "
        "WHERE tenant = 'acme' AND verdict != 'wrong_tenant')"
    )
    chains, contents, others = server.ask_all(
        ACME_AUDITOR,
        "SELECT * FROM auditspine.chain_check",
        own,
        "SELECT DISTINCT defect FROM auditspine.content_check",
    )
    assert (chains, contents) == ([], [])
    assert others == [["missing"]]  # what it may not see, as docs/tenancy.md says


def test_a_tenants_auditor_reads_no_key_no_masked_view_and_writes_nothing(server) -> None:
    refused(
        server,
        ACME_AUDITOR,
        "SELECT * FROM auditspine_keys.token_keys",
        "SELECT * FROM auditspine_masked_acme.evidence",
        "SELECT * FROM auditspine_masked_globex.evidence",
        "INSERT INTO auditspine.commits (topic) VALUES ('t')",
        "ALTER TABLE auditspine.evidence DELETE WHERE 1",
        "DROP VIEW auditspine.quarantine_claims",
    )


def test_an_analyst_reads_no_table_no_key_and_no_other_tenants_view(server) -> None:
    refused(
        server,
        ACME_ANALYST,
        *(f"SELECT tenant FROM auditspine.{table}" for table in TENANT_TABLES),
        "SELECT origin FROM auditspine.entries",
        "SELECT * FROM auditspine_keys.token_keys",
        *(f"SELECT * FROM auditspine_masked_globex.{table}" for table in TENANT_TABLES),
    )


def test_masked_views_show_nobody_and_no_content(server) -> None:
    found = server.run(
        ACME_ANALYST,
        *(f"SELECT * FROM auditspine_masked_acme.{table}" for table in TENANT_TABLES),
    )
    assert all(how == "ok" and said for how, said in found), found
    shown = "\n".join(said for _, said in found)
    assert "globex" not in shown
    assert "@" not in shown
    assert "secret" not in shown


PEOPLE = [
    ("evidence", "actor_principal"),
    ("access_edges", "principal"),
    ("access_verdicts", "principal"),
    ("access_grants", "principal"),
    ("access_reviews", "reviewer"),
    ("findings", "subject"),
    ("release_decisions", "requester"),
    ("release_exceptions", "granted_by"),
]


@pytest.fixture(scope="module")
def people(server) -> dict[tuple[str, str], list[list[str]]]:
    """Who is in a tenant's masked view, by tenant and table."""
    found = {}
    for tenant in ("acme", "globex"):
        masked = f"auditspine_masked_{tenant}"
        asked = (f"SELECT DISTINCT {column} FROM {masked}.{table}" for table, column in PEOPLE)
        answers = server.ask_all(f"auditspine_{tenant}_analyst", *asked)
        for (table, _), rows in zip(PEOPLE, answers, strict=True):
            found[tenant, table] = rows
    return found


@pytest.mark.parametrize("table", [table for table, _ in PEOPLE])
def test_a_person_has_one_token_in_all_views_of_a_tenant(people, table) -> None:
    for tenant in ("acme", "globex"):
        assert [token(tenant, "ada@acme")] in people[tenant, table]


def test_lists_names_of_people_and_ids_made_of_names_are_tokens_too(server) -> None:
    of = "auditspine_masked_acme"
    reviews, nodes, edges, marks = server.ask_all(
        ACME_ANALYST,
        f"SELECT grants, kept FROM {of}.access_reviews",
        f"SELECT node_id, artifact_name FROM {of}.lineage_nodes ORDER BY artifact_kind",
        f"SELECT source_id, target_id FROM {of}.lineage_edges",
        f"SELECT mark, value FROM {of}.lineage_marks WHERE value != '' ORDER BY mark",
    )
    ada, b = token("acme", "ada@acme"), token("acme", "b")
    assert reviews == [[f"['{ada}','{b}']", "[]"]]
    person, labels = (token("acme", str(UUID(int=each))) for each in (1, 2))
    assert nodes == [[person, ada], [labels, "income"]]
    assert edges == [[person, labels]]
    assert marks == [["owner", ada], ["state", "deployed"]]


def test_masked_evidence_holds_committed_rows_only(server) -> None:
    late = f"INSERT INTO auditspine.evidence (origin, position, tenant) SELECT '{LOG}', 100, 'acme'"
    assert server.run(ADMIN, late)[0][0] == "ok"
    rows = server.ask(ACME_ANALYST, "SELECT position FROM auditspine_masked_acme.evidence")
    assert sorted(rows) == [["0"], ["7"]]


def test_an_analysts_condition_is_never_evaluated_on_another_tenants_row(server) -> None:
    """A condition that raises an error would tell what is in a row that it may not see."""
    for tenant, position in (("acme", 1), ("globex", 0)):
        rows = server.ask(
            f"auditspine_{tenant}_analyst",
            f"SELECT count() FROM auditspine_masked_{tenant}.evidence "
            f"WHERE NOT throwIf(position = {position})",
        )
        assert rows == [["2"]]


def test_no_plan_or_definition_shows_a_key(server) -> None:
    view = "auditspine_masked_acme.access_grants"
    shown = server.run(
        ACME_ANALYST,
        f"EXPLAIN actions = 1 SELECT * FROM {view}",
        f"EXPLAIN header = 1, actions = 1, indexes = 1 SELECT * FROM {view}",
        f"EXPLAIN PIPELINE SELECT * FROM {view}",
        f"EXPLAIN QUERY TREE SELECT * FROM {view}",
        f"EXPLAIN SYNTAX SELECT * FROM {view}",
        f"SHOW CREATE VIEW {view}",
        "SELECT create_table_query, as_select FROM system.tables",
    )
    assert [said for how, said in shown if how != "ok"] == []
    for _, said in shown:
        assert KEYS["acme"].hex() not in said.lower()
        assert "\\0\x01\x02\x03" not in said
        assert "\x04\x05\x06\x07" not in said


def test_a_destroyed_key_ends_its_tokens_and_a_new_one_gives_others(server) -> None:
    view = "SELECT DISTINCT actor_principal FROM auditspine_masked_globex.evidence ORDER BY 1"
    analyst = "auditspine_globex_analyst"
    before = server.ask(analyst, view)
    assert len(before) == 2
    assert server.run(ADMIN, destroy_key("auditspine", "globex")) == [["ok", ""]]
    assert server.ask(analyst, view) == []
    new = bytes(range(2, 34))
    assert server.run(ADMIN, store_key("auditspine", "globex", new)) == [["ok", ""]]
    after = server.ask(analyst, view)
    assert len(after) == 2
    assert not {name for [name] in before} & {name for [name] in after}
    assert server.run(
        ADMIN,
        destroy_key("auditspine", "globex"),
        store_key("auditspine", "globex", KEYS["globex"]),
    ) == [["ok", ""], ["ok", ""]]
    assert server.ask(analyst, view) == before


def refused(server: IsolatedServer, role: str, *statements: str) -> None:
    found = server.run(role, *statements)
    assert [how for how, _ in found] == ["error"] * len(statements)
    assert all("ACCESS_DENIED" in said or "privileges" in said for _, said in found), found
