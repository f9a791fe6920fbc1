"""``auditspine tenants sql``: prints what keeps tenants apart in a ClickHouse server's database."""

import secrets
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from auditspine.cli.connections import kafka_properties
from auditspine.cli.control import read_control
from auditspine.cli.errors import CliError
from auditspine.cli.options import DataDirOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.producers.client import PLATFORM_TENANT
from auditspine.schemas.formats import Token
from auditspine.sinks.server_sql import ACCOUNTS, Isolation
from auditspine.sinks.token_keys import KEY_BYTES, store_key

_RULES = """\
-- Keeps {count} apart in the database {database} of a ClickHouse server, 25.12 or newer: roles, row
-- policies, masked views. Run it after `auditspine init`, as an account with access management,
-- again with each new tenant and after each upgrade. Repeating it changes nothing. Described in
-- docs/tenancy.md. The embedded endpoint refuses it: that is one trust domain.
"""
_KEYS = """\
-- SECRET: keys of the tokens in the masked views of {count}, database {database}. Pipe it into
-- clickhouse-client and keep it nowhere. A tenant that has a key keeps it.
"""
_tenant = TypeAdapter[str](Token)


def sql(
    tenants: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TENANT]…", help="Tenants to set up; all that are registered."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="Database of the evidence. [default: auditspine]")
    ] = None,
    accounts: Annotated[
        list[str] | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="Account of the server that goes on seeing all tenants, first the product's own; "
            f"repeat for more. [default: {', '.join(ACCOUNTS)}]",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    keys: Annotated[
        bool, typer.Option("--keys", help="Print new secret keys for tokens instead.")
    ] = False,
) -> None:
    """Print the SQL that keeps tenants apart in one database of a ClickHouse server.

    Per tenant a role `auditspine_TENANT_auditor`, who reads the tenant's rows, and a role
    `auditspine_TENANT_analyst`, who reads masked views in the database
    `auditspine_masked_TENANT`: no bodies and no free text, and people are tokens. The role
    `auditspine_auditor` reads all tenants. Any other account sees none, whatever it was
    granted: name those that must, with `--account`.

    Nothing is run, and with tenants named nothing is asked. The embedded endpoint is one trust
    domain: its reader sees every tenant.

    **Examples**

    `auditspine tenants sql acme globex | clickhouse-client --multiquery`

    `auditspine tenants sql --keys acme globex | clickhouse-client --multiquery`

    `CREATE USER ada IDENTIFIED BY '…' DEFAULT ROLE auditspine_acme_auditor`
    """
    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_database=database
    )
    named = list(dict.fromkeys(_checked(tenants) if tenants else _registered(settings)))
    where = settings.database if database is None else settings.clickhouse_database
    if accounts is not None and not all(accounts):
        raise CliError("--account: expected the name of an account, got an empty one")
    if keys:
        header, statements = _KEYS, _new_keys(where, named)
    else:
        isolation = Isolation(where, tuple(named), tuple(accounts or ACCOUNTS))
        header, statements = _RULES, isolation.statements()
    count = "1 tenant" if len(named) == 1 else f"{len(named)} tenants"
    sys.stdout.write(header.format(count=count, database=where))
    sys.stdout.writelines(f"\n{statement};\n" for statement in statements)


def _checked(tenants: Iterable[str]) -> Iterable[str]:
    for tenant in tenants:
        try:
            _tenant.validate_python(tenant)
        except ValidationError as exc:
            expected = "1 to 128 printable ASCII characters without spaces"
            raise CliError(f"TENANT: expected {expected}, got {tenant!r}") from exc
        if tenant == PLATFORM_TENANT:
            raise CliError(
                f"TENANT: {tenant} is the platform itself, whose log every auditor reads"
            )
        yield tenant


def _registered(settings: Settings) -> Iterable[str]:
    found = read_control(kafka_properties(settings), settings.topics).tenants
    if not found:
        raise CliError("no tenant is registered: `auditspine tenants register`, or name one")
    return found


def _new_keys(database: str, tenants: Iterable[str]) -> Iterable[str]:
    return (store_key(database, tenant, secrets.token_bytes(KEY_BYTES)) for tenant in tenants)
