"""Roles, policies and grants for a server, as values; the engine's word is in tests/integration."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.sinks.migrate import TABLES, VIEWS
from auditspine.sinks.server_masks import MASKS, masked_database, masked_view
from auditspine.sinks.server_sql import (
    AUDITOR,
    CLAIMED_TABLES,
    CLAIMS_VIEW,
    QUERIED_VIEWS,
    TENANT_TABLES,
    WHOLE_TABLES,
    Isolation,
    Names,
)
from auditspine.sinks.token_keys import KEY_BYTES, destroy_key, store_key

TENANTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
BOTH = Isolation("auditspine", ("acme", "globex"))


def granted(role: str) -> dict[str, set[str]]:
    [grant] = [grant for grant in BOTH.grants() if grant.to == role]
    return {f"{database}.{table}": set(columns) for database, table, columns in grant.tables}


def test_every_table_that_the_migrations_make_has_one_place() -> None:
    placed = (*WHOLE_TABLES, *TENANT_TABLES, *CLAIMED_TABLES)
    assert sorted(placed) == sorted(TABLES)


def test_every_view_that_the_migrations_make_has_a_place() -> None:
    assert sorted(QUERIED_VIEWS) == sorted(VIEWS)


def test_auditors_read_each_table_and_view_by_name_and_no_key() -> None:
    expected = {f"auditspine.{name}": set() for name in (*TABLES, *VIEWS, CLAIMS_VIEW)}
    assert granted(AUDITOR) == expected
    assert granted("auditspine_acme_auditor") == expected


def test_an_analyst_reads_the_masked_views_of_its_tenant_alone() -> None:
    assert granted("auditspine_acme_analyst") == {
        f"auditspine_masked_acme.{name}": set()
        for name in (
            *("evidence", "access_edges", "access_verdicts", "access_grants", "access_reviews"),
            *("findings", "lineage_nodes", "lineage_edges", "lineage_marks"),
            *("alerts", "alert_history", "serving_states", "drift_levels"),
            "monitor_precision",
            *("release_decisions", "release_states", "release_exceptions", "release_deployments"),
        )
    }


def test_the_user_of_the_masked_views_reads_neither_content_nor_free_text() -> None:
    found = granted("auditspine_acme_masker")
    assert set(found) == {
        *(f"auditspine.{table}" for table in (*TENANT_TABLES, "commits")),
        "auditspine_keys.token_keys",
    }
    assert all(found.values())
    read = set().union(*found.values())
    assert not read & {
        *("body", "sig", "intent_reason", "intent_justification", "reason", "detail"),
        "workload_node",
    }
    assert "value" not in found["auditspine.evidence"]
    assert found["auditspine.commits"] == {"origin", "last"}


def test_only_the_user_of_the_masked_views_may_read_a_key() -> None:
    readers = {
        grant.to
        for grant in BOTH.grants()
        if any(database == "auditspine_keys" for database, _, _ in grant.tables)
    }
    assert readers == {"auditspine_acme_masker", "auditspine_globex_masker"}


def test_whom_no_policy_names_sees_no_row_of_any_divided_table() -> None:
    nobody = {policy.table for policy in BOTH.policies() if policy.to == () and policy.using == "0"}
    assert nobody == {*TENANT_TABLES, *CLAIMED_TABLES}
    assert all(policy.using == "0" for policy in BOTH.policies() if not policy.to)


def test_only_accounts_and_the_auditor_of_all_see_every_row() -> None:
    everything = [policy for policy in BOTH.policies() if policy.using == "1"]
    assert {policy.to for policy in everything} == {("auditspine", "auditor", AUDITOR)}
    assert {policy.table for policy in everything} == {*TENANT_TABLES, *CLAIMED_TABLES}


@pytest.mark.parametrize("kind", ["auditor", "masker"])
def test_what_is_for_a_tenant_names_that_tenant_alone(kind: str) -> None:
    to = f"auditspine_acme_{kind}"
    own = [policy for policy in BOTH.policies() if to in policy.to]
    assert own
    assert all(policy.to == (to,) for policy in own)
    for policy in own:
        assert set(re.findall(r"'(.*?)'", policy.using)) <= {"acme", "-"}, policy.using
        assert "'acme'" in policy.using


def test_who_sees_all_is_named_first_and_grants_come_last() -> None:
    statements = list(BOTH.statements())
    kinds = ["GRANT" if each.startswith("GRANT") else "other" for each in statements]
    assert kinds == sorted(kinds, key=lambda kind: kind == "GRANT")
    policies = [each for each in statements if each.startswith("CREATE ROW POLICY")]
    assert "USING 1 TO" in policies[0]
    assert "USING 0 TO ALL" in policies[-1]


def test_every_statement_can_be_repeated() -> None:
    for statement in BOTH.statements():
        assert re.match(
            r"CREATE (?:SETTINGS PROFILE|ROLE|USER|DATABASE|TABLE) IF NOT EXISTS "
            r"|CREATE OR REPLACE VIEW |CREATE ROW POLICY OR REPLACE "
            r"|GRANT(?=.* WITH REPLACE OPTION$)",
            statement,
            re.DOTALL,
        ), statement


@given(st.lists(TENANTS, min_size=2, max_size=2, unique=True))
def test_names_of_two_tenants_are_never_the_same(two) -> None:
    made = [
        {*(n.auditor, n.analyst, n.masker), masked_database("auditspine", n.tenant)}
        for n in map(Names, two)
    ]
    assert not made[0] & made[1]
    assert not {AUDITOR, "auditspine", "auditspine_keys"} & (made[0] | made[1])


@given(TENANTS)
def test_a_masked_database_s_name_fits_into_a_file_s(tenant) -> None:
    name = masked_database("auditspine", tenant)
    escaped = quote(name, safe="").replace(".", "%2E").replace("-", "%2D").replace("~", "%7E")
    assert len(escaped) <= 250


@pytest.mark.parametrize("table", MASKS)
def test_a_masked_view_shows_each_column_once_and_no_hidden_one(table: str) -> None:
    mask = MASKS[table]
    columns = [name for name, _ in mask.expressions()]
    assert sorted(columns) == sorted(set(mask.read))
    assert not set(columns) & set(mask.hidden)
    for name in mask.hidden:
        assert f"e.{name}" not in masked_view("auditspine", "acme", table, "m").split()


@pytest.mark.parametrize("tenants", [("",), ("acme", "-")])
def test_what_is_no_tenant_is_refused(tenants) -> None:
    with pytest.raises(ValueError, match="expected tenants"):
        Isolation("auditspine", tenants)


@pytest.mark.parametrize("accounts", [(), ("",)])
def test_an_account_must_be_named(accounts) -> None:
    with pytest.raises(ValueError, match="account"):
        Isolation("auditspine", ("acme",), accounts)


def test_a_key_is_stored_for_its_tenant_and_must_be_whole() -> None:
    assert store_key("auditspine", "o'b", bytes(KEY_BYTES)) == (
        "INSERT INTO `auditspine_keys`.token_keys (tenant, key) "
        f"VALUES ('o\\'b', unhex('{'00' * KEY_BYTES}'))"
    )
    with pytest.raises(ValueError, match="expected a key of 32 bytes, got 16"):
        store_key("auditspine", "acme", bytes(16))


def test_a_key_is_destroyed_with_its_partition() -> None:
    assert destroy_key("auditspine", "acme") == (
        "ALTER TABLE `auditspine_keys`.token_keys DROP PARTITION 'acme'"
    )
