"""A small OpenID Connect provider: authorization code flow with PKCE, and bad tokens on demand."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

Fault = Literal["", "expired", "audience", "key", "nonce", "name", "denied", "state", "garbage"]
"""What a login gets instead of a good token: see :meth:`OidcProvider.token` and ``_authorize``."""

ACCOUNTS: dict[str, dict[str, Any]] = {
    "ana": {
        "sub": "ana@acme.example",
        "name": "Ana Lima",
        "email": "ana@acme.example",
        "employee_number": "1001",
    },
    "tom": {
        "sub": "tom.berg@acme.example",
        "name": "Tom Berg",
        "email": "tom.berg@acme.example",
        "employee_number": "1002",
    },
    # Tom's second account: the same human.
    "tom-admin": {
        "sub": "admin-tb@acme.example",
        "name": "Tom Berg",
        "email": "admin-tb@acme.example",
        "employee_number": "1002",
    },
}


@dataclass
class OidcProvider:
    """An identity provider on a loopback port.

    Attributes:
        issuer: Its issuer identifier.
        client_id: The client that it knows.
        accounts: Claims of each account.
        logs_in: Who logs in, where the request's ``login_hint`` or ``account`` does not say.
        lifetime_s: How long tokens are good for.
        algorithm: How it signs.
        fault: What it does wrong.
        asked: Query of each authorization request.
    """

    issuer: str = "http://127.0.0.1:1"
    client_id: str = "auditspine-cli"
    accounts: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(ACCOUNTS))
    logs_in: str = "ana"
    lifetime_s: int = 300
    algorithm: Literal["RS256", "ES256"] = "RS256"
    fault: Fault = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    _keys: list[RSAKey | ECKey] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        """Sign with fresh keys from now on, and no longer publish the old ones."""
        self._keys = [
            RSAKey.generate_key(2048, {"kid": f"rsa-{secrets.token_hex(4)}", "use": "sig"}),
            ECKey.generate_key("P-256", {"kid": f"ec-{secrets.token_hex(4)}", "use": "sig"}),
        ]

    def jwks(self) -> dict[str, Any]:
        """Give its public keys."""
        return {"keys": [dict(key.as_dict(private=False)) for key in self._keys]}

    def token(self, account: str, nonce: str, /, *, at: float | None = None, **claims: Any) -> str:
        """Issue an ID token.

        Args:
            account: Whose.
            nonce: Nonce of the login.
            at: When it is issued, seconds since 1970.
            **claims: Claims that it has instead; None leaves one out.
        """
        issued = int(time.time() if at is None else at)
        said = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": issued,
            "exp": issued + self.lifetime_s,
            "nonce": nonce,
            **self.accounts[account],
            **self._wrong(issued),
            **claims,
        }
        key = self._keys[0 if self.algorithm == "RS256" else 1]
        header = {"alg": self.algorithm, "kid": key.kid}
        if self.fault == "key":
            other = RSAKey if self.algorithm == "RS256" else ECKey
            key = other.generate_key()
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, kept, key)

    def _wrong(self, issued: int) -> dict[str, Any]:
        wrong: dict[str, dict[str, Any]] = {
            "expired": {"iat": issued - 7200, "exp": issued - 3600},
            "audience": {"aud": "another-client"},
            "nonce": {"nonce": "b" * 43},
            "name": {"name": None},
        }
        return wrong.get(self.fault, {})

    def authorize(self, query: dict[str, str]) -> str:
        """Answer an authorization request; give where to send the browser.

        Raises:
            ValueError: The request is not as it must be.
        """
        self.asked.append(query)
        where = query["redirect_uri"]
        if query["client_id"] != self.client_id or urlsplit(where).hostname != "127.0.0.1":
            raise ValueError("no such client, or not where it may be sent to")
        if query["response_type"] != "code" or "openid" not in query["scope"].split():
            raise ValueError("not a request for a code of OpenID Connect")
        if query["code_challenge_method"] != "S256" or not query["nonce"]:
            raise ValueError("no PKCE, or no nonce")
        state = "another" if self.fault == "state" else query["state"]
        if self.fault == "denied":
            return f"{where}?{urlencode({'error': 'access_denied', 'state': state})}"
        code = secrets.token_urlsafe(24)
        account = query.get("login_hint") or query.get("account") or self.logs_in
        self._codes[code] = {**query, "account": account}
        return f"{where}?{urlencode({'code': code, 'state': state, 'iss': self.issuer})}"

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        """Exchange a code, once.

        Raises:
            KeyError: The code is none, or used, or a field is missing.
            ValueError: It was given to another client, place or verifier.
        """
        asked = self._codes.pop(form["code"])
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        same = all(form[name] == asked[name] for name in ("client_id", "redirect_uri"))
        proven = challenge.decode().rstrip("=") == asked["code_challenge"]
        if form["grant_type"] != "authorization_code" or not same or not proven:
            raise ValueError("not whom the code was given to")
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "id_token": self.token(asked["account"], asked["nonce"]),
        }


@contextmanager
def running_provider(**given: Any) -> Iterator[OidcProvider]:
    """Run a provider for the length of a block."""
    provider = OidcProvider(**given)

    class Handler(_Handler):
        of = provider

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    of: OidcProvider

    def do_GET(self) -> None:
        at, provider = urlsplit(self.path), self.of
        if at.path == "/.well-known/openid-configuration":
            self._json(200, _metadata(provider.issuer))
        elif at.path == "/jwks":
            self._json(200, provider.jwks())
        elif at.path == "/authorize":
            try:
                where = provider.authorize(_single(at.query))
            except (KeyError, ValueError) as exc:
                self._json(400, {"error": "invalid_request", "error_description": str(exc)})
                return
            self.send_response(302)
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.path != "/token":
            self._json(404, {"error": "not_found"})
        elif self.of.fault == "garbage":
            self._json(200, {"id_token": 7})
        else:
            try:
                self._json(200, self.of.exchange(_single(body)))
            except (KeyError, ValueError):
                self._json(400, {"error": "invalid_grant"})

    def _json(self, status: int, said: dict[str, Any]) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "code_challenge_methods_supported": ["S256"],
    }


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
