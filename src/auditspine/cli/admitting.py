"""What ``auditspine admission`` stands on: trusted keys, its certificate, a token, a socket."""

import errno
import ipaddress
import re
import signal
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from auditspine.cli.connections import read_trust
from auditspine.cli.control import speaker_name
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import read_private

if TYPE_CHECKING:
    from starlette.applications import Starlette

_DECIDES = "decision.made"
_BACKLOG = 512
_MAX_CONNECTIONS = 512
_KEEP_ALIVE_S = 30
_STOP_S = 5
_MIN_TOKEN = 16


def given_keys(texts: Sequence[str]) -> list[bytes]:
    """Read the keys of ``--release-key``.

    Raises:
        CliError: One is none.
    """
    for text in texts:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
            raise CliError("--release-key: expected 64 hexadecimal digits, got something else")
    return [bytes.fromhex(text) for text in texts]


def sealed_keys(settings: Settings, kafka: Mapping[str, str], tenant: str) -> list[bytes]:
    """Give the release processor's keys that the sealed control log names for a tenant.

    Who sealed it is checked against the trust file, and so is which log it is.

    Raises:
        CliError: There is none, or it is another control log, or no trust file.
        LedgerError: The log cannot be read, or does not hold together.
    """
    from auditspine.processors.projection.history import SealedHistory  # noqa: PLC0415 - slow

    trust = read_trust(settings.trust_path)
    keys = [known.public_key for known in trust.log_keys]
    history = SealedHistory(kafka, settings.topics.sealed("control"), keys)
    try:
        state = history.state()
    finally:
        history.close()
    source = settings.topics.source("control")
    known = state.logs.get(trust.control_origin)
    if known is None or known.topic != source:
        raise CliError(
            f"{source} is not the control log that the trust file {settings.trust_path} names"
        )
    found = [
        key.public_key
        for key in state.keys.values()
        if key.producer == speaker_name("release")
        and key.revoked is None
        and key.permits(_DECIDES)
        and key.speaks_for(tenant)
    ]
    if not found:
        raise CliError(
            "the control log names no key of the release processor: run `auditspine init`, or "
            "give --release-key"
        )
    return found


def require_certificate(certificate: Path, key: Path) -> None:
    """Check that a certificate and its private key can be served, before anything is begun.

    Raises:
        CliError: A file is missing, or they do not belong together.
        KeyFileError: Others than its owner may read the key.
    """
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not path.exists():
            raise CliError(f"{option}: {path} does not exist")
    read_private(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:  # an empty password, so that nobody is asked for one
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError):
        raise CliError(
            f"{certificate} and {key}: expected a PEM certificate chain and its unencrypted "
            "private key"
        ) from None


def require_loopback(host: str) -> None:
    """Check that nobody but this machine can connect.

    Raises:
        CliError: Others can.
    """
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise CliError(f"--no-tls: allowed on a loopback address only, got --host {host}")


def read_token(path: Path) -> str:
    """Read a bearer token.

    Raises:
        CliError: The file is missing, or holds no token.
        KeyFileError: Others than its owner may read it.
    """
    if not path.exists():
        raise CliError(f"--registry-token-file: {path} does not exist")
    try:
        token = read_private(path).decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if len(token) < _MIN_TOKEN or not token.isprintable() or " " in token:
        raise CliError(
            f"--registry-token-file: expected at least {_MIN_TOKEN} printable ASCII characters "
            f"without spaces in {path}; `openssl rand -hex 32` makes some"
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Args:
        host: Address of this machine.
        port: 0 for any free one.

    Raises:
        CliError: The address is not of this machine, or taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        taken = exc.errno == errno.EADDRINUSE
        why = "another process listens there" if taken else exc.strerror or str(exc)
        raise CliError(f"{host}:{port} cannot be listened on: {why}") from exc


def serve(
    app: "Starlette", listener: socket.socket, certificate: Path | None, key: Path | None
) -> None:
    """Answer until SIGTERM or Ctrl-C; the process ends with 0 then.

    Args:
        app: The application.
        listener: Its socket.
        certificate: PEM certificate chain; ``None`` for plain HTTP.
        key: Its private key.
    """
    import uvicorn  # noqa: PLC0415 - of an extra

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)  # before uvicorn runs; and after, since it raises them again
    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
