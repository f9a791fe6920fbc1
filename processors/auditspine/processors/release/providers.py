"""Identity providers that a release policy trusts, and the keys of their tokens. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

KEY_TYPES = frozenset(("RSA", "EC", "OKP"))
"""Types of public keys, RFC 7518 §6.1 and RFC 8037 §2; ``oct`` is a shared secret."""

PRIVATE_PARTS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"))
"""Members of a JWK that must never be published. Source: RFC 7518 §6.2.2, §6.3.2 and §6.4."""

_MOST_KEYS = 32


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider whose tokens say who a person is.

    Attributes:
        issuer: As its tokens name it.
        audience: For whom its tokens must be.
        jwks: Its public keys, a JWK set.
        principal_claim: Claim that names the account.
        name_claim: Claim with the person's printed name.
        person_claim: Claim that is the same for all accounts of one person, such as an employee
            number; empty when there is none and each account counts as one person.
    """

    issuer: str
    audience: str
    jwks: Mapping[str, Any]
    principal_claim: str = "sub"
    name_claim: str = "name"
    person_claim: str = ""


def is_secure(url: str) -> bool:
    """Tell whether an address may be asked: ``https``, or ``http`` to this machine.

    It has no user, query or fragment, so that it is the host that it seems to be.
    """
    parts = _split(url)
    if parts is None or not parts.hostname or "@" in parts.netloc or set(url) & set("?#\\ "):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname))


def is_loopback(url: str) -> bool:
    """Tell whether an address is this machine's own."""
    parts = _split(url)
    return parts is not None and bool(parts.hostname) and _is_this_machine(parts.hostname or "")


def key_problem(jwks: Mapping[str, Any]) -> str:
    """Give why a JWK set cannot be published as a provider's public keys; empty when it can."""
    keys = jwks.get("keys")
    if set(jwks) != {"keys"} or not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        return f"expected a JWK set of 1 to {_MOST_KEYS} keys"
    for number, key in enumerate(keys):
        if not isinstance(key, dict) or key.get("kty") not in KEY_TYPES:
            return f"keys.{number}: expected a public key of type {', '.join(sorted(KEY_TYPES))}"
        if PRIVATE_PARTS & key.keys():
            return f"keys.{number}: expected a public key, got a private one"
    return ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
