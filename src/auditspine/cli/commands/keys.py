"""``auditspine keys``: create key files, register and revoke keys in the control log."""

import difflib
import fnmatch
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from auditspine.cli.connections import clickhouse_client, kafka_properties
from auditspine.cli.console import print_json, stdout
from auditspine.cli.control import SPEAKERS, read_control, speaker_name
from auditspine.cli.errors import CliError
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.ledger.control import RESERVED
from auditspine.ledger.keyfile import create_key, public_bytes, read_key
from auditspine.schemas import catalogue

_SEAL_S = 30.0
_STANDING = """
SELECT lower(hex(public_key)) AS public_key, producer, tenants, event_types, purpose,
    registered_at, revoked_at, revocation_reason
FROM key_standing ORDER BY registered_at, public_key
"""

app = typer.Typer(help="Create, register, revoke and list keys.", no_args_is_help=True)

ProducerArgument = Annotated[str, typer.Argument(help="Name of the workload that signs with it.")]
TenantOption = Annotated[
    list[str], typer.Option("--tenant", help="Tenant that it may speak for; repeat for more.")
]
TypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type",
        help="Event type that it may publish, or a glob like model.*; repeat for more. "
        "[default: all but what processors derive]",
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="Key file. [default: DATA_DIR/keys/PRODUCER.pem]")
]


@app.command()
def create(
    producer: ProducerArgument,
    key: KeyOption = None,
    data_dir: DataDirOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Create a key file, readable by its owner only, and print its public key.

    The private key stays where it is made: run this where the workload runs.

    **Example**: `auditspine keys create scorer`
    """
    path = key or _default_key(load_settings(data_dir=data_dir), producer)
    public = public_bytes(create_key(path)).hex()
    if as_json:
        print_json({"producer": producer, "key": str(path), "public_key": public})
        return
    stdout.print(f"[good]✓[/] {path}", soft_wrap=True)
    stdout.print(f"public key [hash]{public}[/]", soft_wrap=True)
    stdout.print(
        f"next: auditspine keys register {producer} --tenant TENANT --public-key {public}",
        style="dim",
        soft_wrap=True,
    )


@app.command()
def register(
    producer: ProducerArgument,
    tenants: TenantOption,
    event_types: TypesOption = None,
    public_key: Annotated[
        str | None,
        typer.Option(help="Public key, 64 hexadecimal digits; instead of reading the key file."),
    ] = None,
    key: KeyOption = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Register a key in the control log, with what it may say, and wait until it is sealed.

    **Examples**

    `auditspine keys register scorer --tenant acme --event-type prediction.made`

    `auditspine keys register trainer --tenant acme --tenant globex --public-key 3f…`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    for glob in event_types or ():
        _require_known(glob)
        _require_free(glob, producer)
    public = (
        _public(public_key)
        if public_key is not None
        else public_bytes(read_key(key or _default_key(settings, producer)))
    )
    unknown = sorted(set(tenants) - set(_said(settings).tenants))
    if unknown:
        raise CliError(
            f"--tenant: {', '.join(unknown)} is not registered: "
            f"auditspine tenants register {unknown[0]}"
        )
    apart = [t for t in tenants if not settings.routing.of_tenant(t).is_shared]
    if apart and len(set(tenants)) > 1:
        raise CliError(
            f"--tenant: {apart[0]} has a space of its own by the routing file: its keys speak for "
            "no other tenant. Create a key for each"
        )
    with watch_control(settings) as watch:
        with speaking(settings) as operator:
            said = operator.register_key(public, producer, tenants, event_types or ["*"])
        sealed = await_sealed(watch, [said], _SEAL_S)[0]
    if as_json:
        print_json(
            {"producer": producer, "public_key": public.hex(), "control_size": sealed.position + 1}
        )
        return
    stdout.print(
        f"[good]✓[/] {producer} may speak for {', '.join(tenants)} from control entry "
        f"{sealed.position} on",
        soft_wrap=True,
    )


@app.command()
def revoke(
    public_key: Annotated[str, typer.Argument(help="Public key, or its first digits.")],
    reason: Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")],
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key: what it signs from now on is quarantined. What it signed before stands.

    **Example**: `auditspine keys revoke 3f2a --reason "laptop lost"`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    public = _find(_said(settings).keys, public_key)
    with watch_control(settings) as watch:
        with speaking(settings) as operator:
            said = operator.revoke_key(public, reason)
        sealed = await_sealed(watch, [said], _SEAL_S)[0]
    if as_json:
        print_json({"public_key": public.hex(), "control_size": sealed.position + 1})
        return
    stdout.print(
        f"[good]✓[/] {public.hex()} is revoked from control entry {sealed.position} on",
        soft_wrap=True,
    )


@app.command("list")
def list_keys(
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List every key with its standing, as the evidence in ClickHouse says."""
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    result = client.query(_STANDING)
    rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    client.close()
    if as_json:
        print_json(rows)
    else:
        stdout.print(_table(rows))


def _default_key(settings: Settings, producer: str) -> Path:
    return settings.data_dir / "keys" / f"{producer}.pem"


def _said(settings: Settings) -> Any:
    return read_control(kafka_properties(settings), settings.topics)


def _public(text: str) -> bytes:
    try:
        public = bytes.fromhex(text)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise CliError(f"--public-key: expected 64 hexadecimal digits, got {len(text)} characters")
    return public


def _require_known(glob: str) -> None:
    known = catalogue.event_types()
    if not fnmatch.filter(known, glob):
        close = difflib.get_close_matches(glob, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else f", one of {', '.join(known)}"
        raise CliError(f"--event-type: {glob} matches no event type{hint}")


def _require_free(glob: str, producer: str) -> None:
    """Refuse what processors derive to everybody else; no wider glob covers it."""
    matched = set(fnmatch.filter(catalogue.event_types(), glob))
    own = next((types for name, types in SPEAKERS.items() if speaker_name(name) == producer), ())
    if matched - RESERVED or glob in own:
        return
    derived = min(matched)
    whose = next(speaker_name(name) for name, types in SPEAKERS.items() if derived in types)
    raise CliError(
        f"--event-type: {derived} is derived by {whose}: only that producer's key may publish it, "
        f"registered under the type's own name; got {glob} for {producer}"
    )


def _find(known: dict[bytes, Any], start: str) -> bytes:
    found = [public for public in known if public.hex().startswith(start.lower())]
    if len(found) != 1:
        raise CliError(
            f"PUBLIC_KEY: expected the first digits of one registered key, {len(found)} match"
        )
    return found[0]


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("public key", "producer", "tenants", "may publish", "registered", "standing"):
        table.add_column(name)
    for row in rows:
        revoked = row["revoked_at"]
        table.add_row(
            f"[hash]{row['public_key'][:16]}…[/]",
            row["producer"],
            ", ".join(row["tenants"]),
            ", ".join(row["event_types"]) or "-",
            _moment(row["registered_at"]),
            "[good]in force[/]" if revoked is None else f"[bad]revoked {_moment(revoked)}[/]",
        )
    return table


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
