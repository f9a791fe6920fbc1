"""An identity provider of the demo's own, on loopback: whoever is named is let in, unasked.

It speaks the authorization code flow with PKCE as a real provider does, so the login at it is the
real one. But it knows no passwords, and what it says of people is made up.

Source: OpenID Connect Core 1.0 §3.1, OpenID Connect Discovery 1.0 §3, RFC 7636, RFC 9207.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

_MOST_BYTES = 65_536
_POLL_S = 0.02


@dataclass
class IdentityProvider:
    """What an identity provider knows and answers.

    Attributes:
        issuer: Its issuer identifier.
        client_id: The client that it knows.
        accounts: Claims of each account.
        logs_in: Who logs in, where the request's ``login_hint`` does not say.
        lifetime_s: How long tokens are good for.
        algorithm: How it signs.
    """

    issuer: str = "http://127.0.0.1:1"
    client_id: str = "auditspine-cli"
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    logs_in: str = ""
    lifetime_s: int = 300
    algorithm: Literal["RS256", "ES256"] = "RS256"
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

    def metadata(self) -> dict[str, Any]:
        """Give what it says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
        }

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
            **claims,
        }
        header = {"alg": self.algorithm, "kid": self._own_key().kid}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, kept, self._signing_key())

    def authorize(self, query: dict[str, str]) -> str:
        """Answer an authorization request; give where to send the browser.

        Raises:
            KeyError: A field is missing.
            ValueError: The request is not as it must be.
        """
        where = query["redirect_uri"]
        if query["client_id"] != self.client_id or urlsplit(where).hostname != "127.0.0.1":
            raise ValueError("no such client, or not where it may be sent to")
        if query["response_type"] != "code" or "openid" not in query["scope"].split():
            raise ValueError("not a request for a code of OpenID Connect")
        if query["code_challenge_method"] != "S256" or not query["nonce"]:
            raise ValueError("no PKCE, or no nonce")
        code = secrets.token_urlsafe(24)
        self._codes[code] = {**query, "account": query.get("login_hint") or self.logs_in}
        return f"{where}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

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

    def _own_key(self) -> RSAKey | ECKey:
        return self._keys[0 if self.algorithm == "RS256" else 1]

    def _signing_key(self) -> RSAKey | ECKey:
        return self._own_key()


_P = TypeVar("_P", bound=IdentityProvider)


@contextmanager
def served(provider: _P) -> Iterator[_P]:
    """Serve a provider on a free loopback port for the length of a block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, provider))
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers for a provider over HTTP."""

    def __init__(self, provider: IdentityProvider, *args: object) -> None:
        self._provider = provider
        super().__init__(*args)  # type: ignore[arg-type] # the server's own

    def do_GET(self) -> None:
        """Give metadata, keys, or a login that nobody is asked for."""
        at = urlsplit(self.path)
        if at.path == "/.well-known/openid-configuration":
            self._json(200, self._provider.metadata())
        elif at.path == "/jwks":
            self._json(200, self._provider.jwks())
        elif at.path == "/authorize":
            self._authorize(at.query)
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """Exchange a code."""
        size = min(int(self.headers.get("Content-Length", "0")), _MOST_BYTES)
        form = _single(self.rfile.read(size).decode())
        if self.path != "/token":
            self._json(404, {"error": "not_found"})
            return
        try:
            self._json(200, self._provider.exchange(form))
        except (KeyError, ValueError):
            self._json(400, {"error": "invalid_grant"})

    def _authorize(self, query: str) -> None:
        try:
            where = self._provider.authorize(_single(query))
        except (KeyError, ValueError) as exc:
            self._json(400, {"error": "invalid_request", "error_description": str(exc)})
            return
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, status: int, said: dict[str, Any]) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the address holds the code."""


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
