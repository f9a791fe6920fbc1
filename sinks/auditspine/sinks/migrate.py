"""Brings a database's tables and views to this program's version, by numbered SQL files.

ClickHouse has no transaction over statements and no lock, so each statement of a migration can
be run again without effect (``IF NOT EXISTS``, ``OR REPLACE``): a run that died midway, or two
runs at once, end in the same tables. A migration that was applied is never edited: its text's
checksum is kept and compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from auditspine.sinks.errors import MigrationError
from auditspine.sinks.quoting import identifier
from auditspine.sinks.store import sort_error

TABLES = (
    *("entries", "evidence", "quarantine", "checkpoints", "claims", "commits"),
    *("access_edges", "findings", "schema_migrations"),
    *("lineage_nodes", "lineage_edges", "lineage_marks"),
    *("access_grants", "access_verdicts", "access_reviews"),
    *("alerts", "alert_history", "serving_states", "drift_levels"),
    "monitor_precision",
    *("release_decisions", "release_states", "release_exceptions", "release_deployments"),
)
VIEWS = (
    *("log_heads", "committed_entries", "committed_evidence", "committed_quarantine"),
    *("who_touched_artifact", "run_history", "model_life", "quarantined"),
    *("chain_check", "content_check", "key_standing"),
    *("lineage", "lineage_upstream", "lineage_downstream", "lineage_standing", "release_diff"),
    *("models_on_deprecated_features", "deployments_on_flagged_sources"),
    *("deployment_history", "model_versions"),
    *("grants_now", "grants_at", "used_against_granted"),
)
"""What the migrations make; a reader's account is granted SELECT on both."""
PARAMETERISED = frozenset({"lineage_upstream", "lineage_downstream", "release_diff", "grants_at"})
"""The views that are read like functions, with parameters."""

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt32,
    name String,
    checksum String COMMENT 'SHA-256 of the file, hex',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY number
SETTINGS
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Migrations that were applied to this database.'
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Attributes:
        number: From its name, 1, 2, 3 …
        name: The file's name.
        text: Its SQL: statements that end in ``;`` at a line's end.
    """

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hex."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements, without lines that are comments."""
        lines = [line for line in self.text.split("\n") if not line.startswith("--")]
        parts = "\n".join(lines).split(";\n")
        return [part.strip() for part in parts if part.strip()]


def migrations() -> list[Migration]:
    """Give this program's migrations in order.

    Raises:
        MigrationError: Their numbers are not 1, 2, 3 …
    """
    folder = files("auditspine.sinks") / "migrations"
    paths = sorted(
        (path for path in folder.iterdir() if path.name.endswith(".sql")),
        key=lambda path: path.name,
    )
    found = [
        Migration(int(path.name.partition("_")[0]), path.name, path.read_text("utf-8"))
        for path in paths
    ]
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"expected migrations numbered from 1 without gaps, got {numbers}")
    return found


def migrate(
    client: Client, database: str, known: Sequence[Migration] | None = None
) -> list[Migration]:
    """Create the database when it is missing and apply the migrations that it lacks.

    Args:
        client: Of an account that may create tables; its database becomes ``database``.
        database: Name of the database.
        known: The migrations; this program's when not given.

    Returns:
        What was applied.

    Raises:
        MigrationError: The database has a migration that this program does not know, or one
            whose text was another.
        UnavailableError: ClickHouse is away.
        RefusedError: ClickHouse refuses.
    """
    ours = migrations() if known is None else list(known)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS {identifier(database)}", use_database=False)
        client.database = database
        client.command(_HISTORY)
        applied = _applied(client)
        _check(applied, ours, database)
        pending = [migration for migration in ours if migration.number not in applied]
        for migration in pending:
            _apply(client, migration)
        _check(_applied(client), ours, database)  # another program may have run meanwhile
    except ClickHouseError as exc:
        raise sort_error(exc) from exc
    return pending


def _applied(client: Client) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    rows = client.query("SELECT number, checksum FROM schema_migrations").result_rows
    for number, checksum in rows:
        found.setdefault(int(number), set()).add(str(checksum))
    return found


def _check(applied: dict[int, set[str]], ours: Sequence[Migration], database: str) -> None:
    by_number = {migration.number: migration for migration in ours}
    for number, checksums in sorted(applied.items()):
        migration = by_number.get(number)
        if migration is None:
            raise MigrationError(
                f"database {database} has migration {number}, this program knows {len(ours)}: "
                "use the newer program"
            )
        if checksums != {migration.checksum}:
            got = ", ".join(sorted(checksum[:12] for checksum in checksums))
            raise MigrationError(
                f"migration {migration.name} was applied to {database} with another text: expected "
                f"checksum {migration.checksum[:12]}, got {got}; restore the file, and write "
                "changes as a new migration"
            )


def _apply(client: Client, migration: Migration) -> None:
    for statement in migration.statements:
        client.command(statement)
    client.insert(
        "schema_migrations",
        [[migration.number, migration.name, migration.checksum]],
        column_names=["number", "name", "checksum"],
        settings={
            "async_insert": "0",
            "insert_deduplication_token": f"{migration.number}:{migration.checksum}",
        },
    )
