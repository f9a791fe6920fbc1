"""Copies of a filled database, which cost less than migrating and filling another."""

from clickhouse_connect.driver.client import Client

from auditspine.sinks.migrate import migrations

VIEW = "CREATE OR REPLACE VIEW"


def copy_database(client: Client, original: str, copy: str, *, views: bool = False) -> None:
    """Make a database with another's tables and rows, and views when they are asked for.

    Rows are shared until either side changes them; insert tokens are forgotten.

    Args:
        client: Of the administrator; its database becomes ``copy``.
        original: A database that was migrated.
        copy: Name of the database to make.
        views: Whether the copy has the migrations' views too.
    """
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = {d:String} AND engine LIKE '%MergeTree'",
        {"d": original},
    ).result_rows
    client.command(f"CREATE DATABASE {copy}", use_database=False)
    client.database = copy
    for [name] in tables:
        client.command(f"CREATE TABLE {name} CLONE AS {original}.{name}")
    if views:
        for migration in migrations():
            for statement in migration.statements:
                if statement.startswith(VIEW):
                    client.command(statement)
