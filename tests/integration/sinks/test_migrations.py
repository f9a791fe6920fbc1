"""Migrations on a real database: once each, again without effect, refused when they differ."""

import dataclasses

import pytest

from auditspine.sinks.errors import MigrationError, RefusedError, UnavailableError
from auditspine.sinks.migrate import Migration, migrate, migrations


@pytest.fixture
def client(world):
    made = world.connect()
    yield made
    made.close()


def test_a_second_run_applies_nothing(world, client) -> None:
    assert migrate(client, world.database) == []


def test_a_run_that_died_midway_is_made_good(world, client) -> None:
    client.command("TRUNCATE TABLE schema_migrations")
    client.command("DROP TABLE quarantine")
    client.command("DROP VIEW chain_check")
    assert migrate(client, world.database) == migrations()
    assert client.query("SELECT count() FROM quarantine").result_rows == [(0,)]
    assert client.query("SELECT count() FROM chain_check").result_rows == [(0,)]


def test_an_edited_migration_is_refused_by_name(world, client) -> None:
    first, *rest = migrations()
    edited = dataclasses.replace(first, text=first.text + "-- edited\n")
    with pytest.raises(MigrationError, match=f"{first.name} was applied .* with another text"):
        migrate(client, world.database, [edited, *rest])


def test_a_database_of_a_newer_program_is_refused(world, client) -> None:
    known = migrations()
    newer = Migration(len(known) + 1, "9999_later.sql", "SELECT 1;\n")
    assert migrate(client, world.database, [*known, newer]) == [newer]
    with pytest.raises(MigrationError, match="use the newer program"):
        migrate(client, world.database)


def test_an_account_without_a_database_s_rights_is_refused(world) -> None:
    with pytest.raises(RefusedError, match="refuses"):
        migrate(world.connect(password="wrong"), world.database)
    with pytest.raises(UnavailableError, match="away"):
        migrate(world.connect(port=9), world.database)
