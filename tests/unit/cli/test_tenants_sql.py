"""``auditspine tenants sql`` without a broker: tenants are named."""

import re

import pytest
from typer.testing import CliRunner

from auditspine.cli.commands.tenants import app
from auditspine.cli.errors import CliError


def run(*arguments: str):
    return CliRunner().invoke(app, ["sql", *arguments])


def test_it_prints_statements_for_the_tenants_that_are_named() -> None:
    done = run("acme", "globex", "acme")
    assert done.exit_code == 0
    assert done.stdout.startswith("-- Keeps 2 tenants apart in the database auditspine ")
    assert done.stdout.count("CREATE ROLE IF NOT EXISTS `auditspine_acme_analyst`") == 1
    assert "`auditspine_globex_auditor`" in done.stdout
    body = re.sub(r"^--.*\n", "", done.stdout, flags=re.MULTILINE)
    assert body.rstrip().endswith(";")


def test_it_names_the_database_and_the_accounts_that_are_given() -> None:
    done = run("acme", "--database", "audit2", "--account", "spine", "--account", "chief")
    assert "ON `audit2`.`evidence`" in done.stdout
    assert "USING 1 TO `spine`, `chief`, `auditspine_auditor`" in done.stdout
    assert "DEFINER = `spine`" in done.stdout


def test_it_prints_no_key_unless_asked_and_never_the_same() -> None:
    assert "INSERT" not in run("acme").stdout
    one, other = (run("--keys", "acme").stdout for _ in range(2))
    assert one.startswith("-- SECRET")
    assert re.search(r"VALUES \('acme', unhex\('[0-9a-f]{64}'\)\);$", one)
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a b",), "printable ASCII"),
        (("",), "printable ASCII"),
        (("x" * 129,), "1 to 128"),
        (("acme", "--", "-"), "the platform itself"),
        (("acme", "--account", ""), "--account"),
        (("acme", "--database", "a`b"), "AUDITSPINE_CLICKHOUSE_DATABASE"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_printed(arguments, said) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, CliError)
    assert said in str(done.exception)
    assert done.stdout == ""
