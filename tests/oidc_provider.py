"""The demo's identity provider with accounts, and with bad answers on demand."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from joserfc.jwk import ECKey, RSAKey

from auditspine.cli.demo.identity import IdentityProvider, served

Fault = Literal["", "expired", "audience", "key", "nonce", "name", "denied", "state", "garbage"]
"""What a login gets instead of a good token."""

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
class OidcProvider(IdentityProvider):
    """An identity provider that does wrong when it is told to.

    Attributes:
        fault: What it does wrong.
        asked: Query of each authorization request.
    """

    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: dict(ACCOUNTS))
    logs_in: str = "ana"
    fault: Fault = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    def token(self, account: str, nonce: str, /, *, at: float | None = None, **claims: Any) -> str:
        wrong: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another-client"},
            "nonce": {"nonce": "b" * 43},
            "name": {"name": None},
        }
        if self.fault == "expired":
            at = (time.time() if at is None else at) - 7200
        return super().token(account, nonce, at=at, **{**wrong.get(self.fault, {}), **claims})

    def authorize(self, query: dict[str, str]) -> str:
        self.asked.append(query)
        where = super().authorize({**query, "state": "another"} if self.fault == "state" else query)
        if self.fault == "denied":
            refused = urlencode({"error": "access_denied", "state": query["state"]})
            return f"{query['redirect_uri']}?{refused}"
        return where

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        return {"id_token": 7} if self.fault == "garbage" else super().exchange(form)

    def _signing_key(self) -> RSAKey | ECKey:
        key = super()._signing_key()
        return type(key).generate_key() if self.fault == "key" else key


@contextmanager
def running_provider(**given: Any) -> Iterator[OidcProvider]:
    """Run a provider for the length of a block."""
    with served(OidcProvider(**given)) as provider:
        yield provider
