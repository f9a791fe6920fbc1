"""Keeps tenants apart in one database of a ClickHouse server: roles, policies and grants. Pure.

It gives statements and runs none. The embedded endpoint refuses them: it is one trust domain,
whose reader sees every tenant.

Nothing fails open. Each table and view is granted by name, so a new one is seen by nobody. On
each divided table one policy lets through no row to everybody, because ClickHouse by default shows
all rows to an account that no policy names; other policies add to it. Grants come last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditspine.ledger.control import PLATFORM_TENANT
from auditspine.sinks.quoting import identifier, quoted
from auditspine.sinks.server_masks import MASKS, masked_database, masked_view
from auditspine.sinks.token_keys import create_keys_table, keys_database

WHOLE_TABLES = ("entries", "checkpoints", "claims", "commits", "schema_migrations")
"""Free of content and read whole by every auditor: the chain check needs each entry of a log."""

TENANT_TABLES = tuple(MASKS)
"""Divided by their column ``tenant``."""

CLAIMED_TABLES = ("quarantine",)
"""Divided by whom ``entries`` says to have sent the row."""

QUERIED_VIEWS = (
    *("log_heads", "committed_entries", "committed_evidence", "committed_quarantine"),
    *("who_touched_artifact", "run_history", "model_life", "quarantined"),
    *("chain_check", "content_check", "key_standing"),
    *("lineage", "lineage_upstream", "lineage_downstream", "lineage_standing", "release_diff"),
    *("models_on_deprecated_features", "deployments_on_flagged_sources"),
    *("deployment_history", "model_versions"),
    *("grants_now", "grants_at", "used_against_granted"),
)
"""Read with the rights and row policies of who asks, so that they show what the tables do."""

ACCOUNTS = ("auditspine", "auditor")
"""Those of ``deploy/clickhouse-users.xml``."""

CLAIMS_VIEW = "quarantine_claims"
AUDITOR = "auditspine_auditor"
PROFILE = "auditspine_reader"
_NOBODY = "auditspine_nobody"
_EVERYTHING = "auditspine_everything"


@dataclass(frozen=True, slots=True)
class Names:
    """What one tenant is given on the server; roles and users are not a database's but its own.

    Attributes:
        tenant: Its name.
    """

    tenant: str

    @property
    def auditor(self) -> str:
        """Role that reads the tenant's rows whole."""
        return f"auditspine_{self.tenant}_auditor"

    @property
    def analyst(self) -> str:
        """Role that reads the tenant's masked views."""
        return f"auditspine_{self.tenant}_analyst"

    @property
    def masker(self) -> str:
        """User that nobody can log in as, with whose rights the masked views read."""
        return f"auditspine_{self.tenant}_masker"


@dataclass(frozen=True, slots=True)
class Policy:
    """One row policy; the policies of an account add up.

    Attributes:
        name: Unique for its table.
        database: Of the table.
        table: Its name.
        using: Condition on a row.
        to: Roles and users; empty for all.
    """

    name: str
    database: str
    table: str
    using: str
    to: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The statement that makes it, or changes it to this."""
        to = ", ".join(map(identifier, self.to)) or "ALL"
        return (
            f"CREATE ROW POLICY OR REPLACE {identifier(self.name)} "
            f"ON {identifier(self.database)}.{identifier(self.table)}\n"
            f"AS PERMISSIVE FOR SELECT USING {self.using} TO {to}"
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """All that a role or a view's user may do: nothing but to select.

    Attributes:
        to: The role or user.
        tables: Databases, tables and columns; no columns for all.
    """

    to: str
    tables: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def privileges(self) -> list[str]:
        """Each privilege as SQL."""
        return [
            f"SELECT{_columns(columns)} ON {identifier(database)}.{identifier(table)}"
            for database, table, columns in self.tables
        ]

    @property
    def sql(self) -> str:
        """The statement that gives it these privileges and takes all others back."""
        given = ",\n    ".join(self.privileges)
        return f"GRANT\n    {given}\nTO {identifier(self.to)} WITH REPLACE OPTION"


@dataclass(frozen=True, slots=True)
class Isolation:
    """Tenants in one database, and who may see what.

    Attributes:
        database: Of the evidence.
        tenants: To be set up; others that were set up before stay as they are.
        accounts: Accounts of the server that go on seeing every row: first the product's own.

    Raises:
        ValueError: No account is named, or a tenant that is none.
    """

    database: str
    tenants: tuple[str, ...]
    accounts: tuple[str, ...] = ACCOUNTS

    def __post_init__(self) -> None:
        if not self.accounts or not all(self.accounts):
            raise ValueError("expected the product's account, got none or an empty name")
        if {"", PLATFORM_TENANT} & set(self.tenants):
            raise ValueError(f"expected tenants, got an empty name or {PLATFORM_TENANT}")

    def statements(self) -> Iterator[str]:
        """Give the statements in order; running them again changes nothing."""
        names = [Names(tenant) for tenant in self.tenants]
        yield (
            f"CREATE SETTINGS PROFILE IF NOT EXISTS {identifier(PROFILE)} SETTINGS readonly = 1, "
            "max_execution_time = 60, max_memory_usage = 2000000000"
        )
        for role in (AUDITOR, *(role for name in names for role in (name.auditor, name.analyst))):
            yield f"CREATE ROLE IF NOT EXISTS {identifier(role)} SETTINGS PROFILE {quoted(PROFILE)}"
        for name in names:
            yield (
                f"CREATE USER IF NOT EXISTS {identifier(name.masker)} "
                "IDENTIFIED WITH no_authentication HOST NONE"
            )
        yield f"CREATE DATABASE IF NOT EXISTS {identifier(keys_database(self.database))}"
        yield create_keys_table(self.database)
        yield from (policy.sql for policy in self.policies())
        yield self.claims_view()
        yield from self.masked_views()
        yield from (grant.sql for grant in self.grants())

    def policies(self) -> Iterator[Policy]:
        """Give the row policies: first of those who see all, so that they always do."""
        divided = (*TENANT_TABLES, *CLAIMED_TABLES)
        for table in divided:
            yield Policy(_EVERYTHING, self.database, table, "1", (*self.accounts, AUDITOR))
        for tenant in self.tenants:
            name = Names(tenant)
            for table in divided:
                yield Policy(
                    name.auditor, self.database, table, self._own(tenant, table), (name.auditor,)
                )
            for table in TENANT_TABLES:
                using = f"tenant = {quoted(tenant)}"
                yield Policy(name.masker, self.database, table, using, (name.masker,))
        for table in divided:
            yield Policy(_NOBODY, self.database, table, "0")

    def _own(self, tenant: str, table: str) -> str:
        """Give the condition on what a tenant's auditor sees of a divided table."""
        if table in CLAIMED_TABLES:
            claims = f"{identifier(self.database)}.{identifier(CLAIMS_VIEW)}"
            own = f"SELECT origin, position FROM {claims} WHERE tenant = {quoted(tenant)}"  # noqa: S608
            return f"(origin, position) IN ({own})"
        if table == "evidence":  # the control log, on which every verdict rests, is everybody's
            return f"tenant IN ({quoted(tenant)}, {quoted(PLATFORM_TENANT)})"
        return f"tenant = {quoted(tenant)}"

    def claims_view(self) -> str:
        """Give the statement of the view that says who claims to have sent what is in quarantine.

        It reads as the product's account: under a reader's policy it would need itself. What a key
        signed for a tenant that it may not speak for is another's content, so it is nobody's.
        """
        base = identifier(self.database)
        return f"""\
CREATE OR REPLACE VIEW {base}.{identifier(CLAIMS_VIEW)}
DEFINER = {identifier(self.accounts[0])} SQL SECURITY DEFINER AS
SELECT origin, position, tenant
FROM {base}.entries
WHERE verdict != 'wrong_tenant'
    AND (origin, position) IN (SELECT origin, position FROM {base}.quarantine)
COMMENT 'Which tenant claims to have sent what is in quarantine. No content.'\
"""  # noqa: S608 - names are quoted

    def masked_views(self) -> Iterator[str]:
        """Give the statements of each tenant's masked views."""
        for tenant in self.tenants:
            yield (
                "CREATE DATABASE IF NOT EXISTS "
                f"{identifier(masked_database(self.database, tenant))}"
            )
            for table in TENANT_TABLES:
                yield masked_view(self.database, tenant, table, Names(tenant).masker)

    def grants(self) -> Iterator[Grant]:
        """Give what each role and each view's user may select."""
        tables = (*WHOLE_TABLES, *TENANT_TABLES, *CLAIMED_TABLES, *QUERIED_VIEWS, CLAIMS_VIEW)
        for tenant in self.tenants:
            yield self._masker(tenant)
        yield Grant(AUDITOR, _all(self.database, tables))
        for tenant in self.tenants:
            yield Grant(Names(tenant).auditor, _all(self.database, tables))
            masked = masked_database(self.database, tenant)
            yield Grant(Names(tenant).analyst, _all(masked, TENANT_TABLES))

    def _masker(self, tenant: str) -> Grant:
        read = ((self.database, table, mask.read) for table, mask in MASKS.items())
        keys = (keys_database(self.database), "token_keys", ("tenant", "key", "made_at"))
        commits = (self.database, "commits", ("origin", "last"))
        return Grant(Names(tenant).masker, (*read, commits, keys))


def _columns(names: Sequence[str]) -> str:
    return f"({', '.join(map(identifier, names))})" if names else ""


def _all(database: str, tables: Iterable[str]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    return tuple((database, table, ()) for table in tables)
