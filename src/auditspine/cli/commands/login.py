"""``auditspine login`` and ``logout``: a person's key, bound to them by an identity provider."""

import webbrowser
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.credential import Credential, Wallet
from auditspine.cli.errors import CliError
from auditspine.cli.oidc_login import Client, log_in
from auditspine.cli.options import DataDirOption, JsonOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.ledger.keyfile import public_bytes


def login(
    issuer: Annotated[
        str | None,
        typer.Option(help="The identity provider, its issuer URL (`AUDITSPINE_OIDC_ISSUER`)."),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id",
            help="Its name for this command line, a public client (`AUDITSPINE_OIDC_CLIENT_ID`).",
        ),
    ] = None,
    *,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address instead of opening it.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds that you have for it.")
    ] = 180,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port that the browser comes back to, on 127.0.0.1; 0: any."
        ),
    ] = 0,
    status: Annotated[
        bool, typer.Option("--status", help="Say who is logged in and until when.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Log in at your identity provider, so that you can sign approvals as yourself.

    A key is made for this login; the provider's token commits to it. Both stay in
    DATA_DIR/person, readable by you only, until `auditspine logout` or the next login.

    **Examples**

    `auditspine login --issuer https://id.acme.example --client-id auditspine`

    `auditspine login --status`
    """
    settings = load_settings(data_dir=data_dir, oidc_issuer=issuer, oidc_client_id=client_id)
    wallet = wallet_of(settings)
    if status:
        found, _ = wallet.valid(datetime.now(UTC))
        _tell(found, as_json=as_json)
        return
    client = _client(settings)
    show = _print if no_browser else _open
    key_file, key = wallet.new_key()
    try:
        done = log_in(client, public_bytes(key), show, timeout, port)
        credential = Credential(
            issuer=client.issuer,
            client_id=client.client_id,
            principal=done.person.principal,
            name=done.person.name,
            expires_at=done.expires_at,
            id_token=done.id_token,
            key_file=key_file,
        )
        wallet.save(credential)
    except BaseException:
        wallet.drop_key(key_file)
        raise
    _tell(credential, as_json=as_json)


def logout(data_dir: DataDirOption = None) -> None:
    """Forget the login and delete its key. What was signed with it stays signed."""
    if wallet_of(load_settings(data_dir=data_dir)).clear():
        stdout.print(Text.assemble(("✓ ", "good"), "logged out; the key is deleted"))
    else:
        stdout.print("nobody was logged in")


def wallet_of(settings: Settings) -> Wallet:
    """Give where logins are kept."""
    return Wallet(settings.data_dir / "person")


def _client(settings: Settings) -> Client:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        raise CliError(
            "which identity provider? Give --issuer and --client-id, or set AUDITSPINE_OIDC_ISSUER "
            "and AUDITSPINE_OIDC_CLIENT_ID; they are in the release policy under [[identity]]"
        )
    return Client(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_principal_claim,
        settings.oidc_name_claim,
    )


def _open(address: str) -> None:
    """Open an address in the browser; print it where there is none."""
    if not webbrowser.open(address):
        _print(address)
    else:
        stderr.print("log in in your browser, and come back here", style="dim")


def _print(address: str) -> None:
    stderr.print("open this address in a browser on this machine:", style="dim")
    stderr.print(Text(printable(address)), soft_wrap=True)


def _tell(found: Credential, *, as_json: bool) -> None:
    said: dict[str, Any] = {
        "principal": found.principal,
        "name": found.name,
        "issuer": found.issuer,
        "expires_at": found.until.isoformat(),
    }
    if as_json:
        print_json(said)
        return
    words = f"{found.name}, {found.principal} at {found.issuer}"
    stdout.print(Text.assemble(("✓ ", "good"), printable(words)), soft_wrap=True)
    stdout.print(f"  until {found.until:%Y-%m-%d %H:%M} UTC", style="dim")
