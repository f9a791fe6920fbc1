"""A login at an identity provider: authorization code flow with PKCE, for a command line.

The command is a public client: it has no secret. What proves that the code is its own is PKCE; what
proves that the token is for this login is the state and the nonce, and the nonce commits to the key
that the login is for.

Source: RFC 8252 (native apps), RFC 7636 (PKCE), RFC 9207 (issuer in the answer), OpenID Connect
Core 1.0 §3.1.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import requests

from auditspine.cli.discovery import fetch_jwks, fetch_metadata
from auditspine.cli.errors import CliError
from auditspine.cli.oidc_callback import Callback
from auditspine.ledger.statement import key_nonce
from auditspine.processors.release.identity import IdentityError, Person, verify_person
from auditspine.processors.release.providers import Provider, is_loopback, is_secure

_MAX_BYTES = 1_048_576
_WAITS_S = (5.0, 15.0)  # to connect, and between two pieces of the answer
_WHOLE_S = 30.0
_ERROR_CODE = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class Client:
    """How this command line is known at a provider.

    Attributes:
        issuer: The provider.
        client_id: Its name for this command line.
        principal_claim: Claim that names the account.
        name_claim: Claim with the printed name.
    """

    issuer: str
    client_id: str
    principal_claim: str = "sub"
    name_claim: str = "name"

    @property
    def scope(self) -> str:
        """What is asked for: no more than the account and the printed name."""
        claims = {self.principal_claim, self.name_claim}
        return "openid profile email" if "email" in claims else "openid profile"


@dataclass(frozen=True, slots=True)
class Login:
    """A login that worked.

    Attributes:
        person: Who it is.
        id_token: The token that says so.
        expires_at: When it ends, seconds since 1970.
    """

    person: Person
    id_token: str
    expires_at: int


def log_in(
    client: Client,
    public_key: bytes,
    show: Callable[[str], None],
    timeout_s: float,
    port: int = 0,
) -> Login:
    """Let a person log in.

    Args:
        client: Where.
        public_key: The key that the login is for, 32 bytes.
        show: Sends the person to an address: opens or prints it.
        timeout_s: Seconds that they have.
        port: Port that the browser comes back to; 0 for a free one.

    Raises:
        CliError: The provider cannot be used or refused, nobody logged in in time, or the token is
            not good.
    """
    metadata = fetch_metadata(client.issuer)
    authorize, exchange = (
        _endpoint(client.issuer, metadata, name)
        for name in ("authorization_endpoint", "token_endpoint")
    )
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    with Callback(state, port) as callback:
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": callback.redirect_uri,
            "scope": client.scope,
            "state": state,
            "nonce": key_nonce(public_key),
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        show(f"{authorize}?{urlencode(asked)}")
        code = _code(callback.wait(timeout_s), client.issuer)
        redirect_uri = callback.redirect_uri
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client.client_id,
        "code_verifier": verifier,
    }
    token = _exchange(exchange, client.issuer, form)
    return _verified(token, client, public_key)


def _verified(token: str, client: Client, public_key: bytes) -> Login:
    provider = Provider(
        client.issuer,
        client.client_id,
        fetch_jwks(client.issuer),
        client.principal_claim,
        client.name_claim,
    )
    try:
        person = verify_person(token, public_key, [provider], int(time.time() * 1000))
    except IdentityError as exc:
        raise CliError(f"identity {client.issuer}: the login is refused: {exc}") from exc
    return Login(person, token, _expiry(token))


def _endpoint(issuer: str, metadata: Mapping[str, Any], name: str) -> str:
    address = metadata.get(name)
    if not isinstance(address, str) or not is_secure(address):
        raise CliError(
            f"identity {issuer}: expected {name} to be an https address without a query, got "
            "something else"
        )
    methods = metadata.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise CliError(f"identity {issuer}: the provider does not support PKCE with S256")
    return address


def _challenge(verifier: str) -> str:
    """Source: RFC 7636 §4.2."""
    digest = sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _code(answer: Mapping[str, str], issuer: str) -> str:
    if answer.get("iss", issuer) != issuer:
        raise CliError(f"identity {issuer}: the answer came from another provider")
    if "error" in answer:
        error = answer["error"]
        shown = error if _ERROR_CODE.fullmatch(error) else "an error"
        raise CliError(f"identity {issuer}: the provider refused the login: {shown}")
    if "code" not in answer:
        raise CliError(f"identity {issuer}: the provider's answer has no code")
    return answer["code"]


def _exchange(url: str, issuer: str, form: Mapping[str, str]) -> str:
    """Exchange the code for the token; nothing that the provider says is shown."""
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(url)
            with session.post(
                url, data=form, timeout=_WAITS_S, allow_redirects=False, stream=True
            ) as answer:
                content = _read(answer, issuer)
                if answer.status_code != requests.codes["ok"]:
                    raise CliError(
                        f"identity {issuer}: the provider did not exchange the code: status "
                        f"{answer.status_code}"
                    )
    except requests.RequestException as exc:
        raise CliError(
            f"identity {issuer}: no answer from the provider ({type(exc).__name__})"
        ) from None
    try:
        token = json.loads(content)["id_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise CliError(f"identity {issuer}: the provider gave no ID token")
    return token


def _read(answer: requests.Response, issuer: str) -> bytes:
    until, content = time.monotonic() + _WHOLE_S, bytearray()
    for piece in answer.iter_content(1):  # a longer piece is waited for until all of it is there
        content += piece
        if len(content) > _MAX_BYTES or time.monotonic() > until:
            raise CliError(f"identity {issuer}: the provider's answer is too long or too slow")
    return bytes(content)


def _expiry(token: str) -> int:
    """Read when a verified token ends."""
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return int(claims["exp"])
