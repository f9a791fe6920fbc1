"""Asks an identity provider for its metadata and signing keys. OpenID Connect Discovery 1.0.

Only for a person's command: what is found is published with the policy, and nobody who judges by
it asks the provider again. Nothing that an answer says is shown but names of fields.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from auditspine.cli.errors import CliError
from auditspine.processors.release.providers import is_loopback, is_secure

_WELL_KNOWN = "/.well-known/openid-configuration"
_MAX_BYTES = 1_048_576
_WAITS_S = (5.0, 5.0)  # to connect, and between two pieces of the answer
_WHOLE_S = 20.0


def fetch_metadata(issuer: str) -> Mapping[str, Any]:
    """Give what an OpenID provider says of itself.

    Args:
        issuer: The issuer, as its tokens name it.

    Raises:
        CliError: The address is neither ``https`` nor ``http`` to this machine, there is no usable
            answer, or it is another issuer's.

    Source: OpenID Connect Discovery 1.0 §4.
    """
    metadata = _get(issuer.rstrip("/") + _WELL_KNOWN, issuer)
    if metadata.get("issuer") != issuer:
        raise CliError(f"identity {issuer}: expected metadata of this issuer, got another's")
    return metadata


def fetch_jwks(issuer: str) -> Mapping[str, Any]:
    """Give the public keys by which an OpenID provider's tokens are verified, a JWK set.

    Raises:
        CliError: See :func:`fetch_metadata`; or it names no keys.
    """
    address = fetch_metadata(issuer).get("jwks_uri")
    if not isinstance(address, str):
        raise CliError(f"identity {issuer}: its metadata has no jwks_uri")
    keys = _get(address, issuer)
    if not isinstance(keys.get("keys"), list):
        raise CliError(f"identity {issuer}: expected a JWK set from its jwks_uri")
    return keys


def _get(url: str, issuer: str) -> dict[str, Any]:
    if not is_secure(url):
        raise CliError(
            f"identity {issuer}: expected an https address, or http to this machine, without "
            "a user, query or fragment"
        )
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(url)  # no proxy reaches this machine's own
            with session.get(url, timeout=_WAITS_S, allow_redirects=False, stream=True) as answer:
                if answer.status_code != requests.codes["ok"]:
                    raise CliError(f"identity {issuer}: the provider said {answer.status_code}")
                content = _read(answer, issuer)
    except requests.RequestException as exc:
        raise CliError(
            f"identity {issuer}: no answer from the provider ({type(exc).__name__})"
        ) from None
    return _decode(content, issuer)


def _read(answer: requests.Response, issuer: str) -> bytes:
    """Read an answer, neither longer nor for longer than is sensible."""
    until, content = time.monotonic() + _WHOLE_S, bytearray()
    for piece in answer.iter_content(1):  # a longer piece is waited for until all of it is there
        content += piece
        if len(content) > _MAX_BYTES:
            raise CliError(f"identity {issuer}: the answer is longer than {_MAX_BYTES} bytes")
        if time.monotonic() > until:
            raise CliError(f"identity {issuer}: the answer took longer than {_WHOLE_S:.0f} s")
    return bytes(content)


def _decode(content: bytes, issuer: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CliError(f"identity {issuer}: expected an answer of JSON, an object")
    return found
