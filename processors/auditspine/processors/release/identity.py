"""Whose key a signature is: ID tokens of OpenID Connect, checked against the policy's providers.

The token of a login names a person, and its nonce commits to the key that was made for the login.
So whoever holds the token's signature by the provider knows whose key it is, with nobody asked
again. The provider's keys are in the policy: nothing is fetched here. Pure.

Source: OpenID Connect Core 1.0 §3.1.3.7; RFC 8725 (JWT best current practices) §3.1, §3.8, §3.9.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry, extract_compact

from auditspine.ledger.statement import key_nonce

ALGORITHMS = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA", "Ed25519"}
"""How a token may be signed. Never ``none``, and never ``HS…``: a shared secret proves nothing."""

_LEEWAY_MS = 60_000  # clocks of the provider and of the broker
_MAX_TOKEN = 64 * 1024  # characters


class IdentityError(Exception):
    """A token does not say whose key it is; the message says why, and never quotes the token."""


class ProviderLike(Protocol):
    """An identity provider, as the policy has it."""

    @property
    def issuer(self) -> str:
        """Its issuer identifier, a URL."""
        ...

    @property
    def audience(self) -> str:
        """The client that tokens must be for."""
        ...

    @property
    def jwks(self) -> Mapping[str, Any]:
        """Its public keys, a JWK set."""
        ...

    @property
    def principal_claim(self) -> str:
        """The claim that holds the principal."""
        ...

    @property
    def name_claim(self) -> str:
        """The claim that holds the printed name."""
        ...

    @property
    def person_claim(self) -> str:
        """The claim that all accounts of one human share; empty: the principal's."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who logged in.

    Attributes:
        principal: Their account, as it is named in events and in roles.
        name: Their printed name.
        person: What all accounts of this human share; the principal where a provider tells no more.
        issuer: The provider that says so.
    """

    principal: str
    name: str
    person: str
    issuer: str


def verify_person(
    token: str, public_key: bytes, providers: Sequence[ProviderLike], at_ms: int
) -> Person:
    """Check an ID token and tell whose key it is.

    Args:
        token: The ID token of the login, a JWT in compact form.
        public_key: The key, 32 bytes.
        providers: Whom to believe.
        at_ms: When the key was used, milliseconds since 1970: the broker's time of the event.

    Raises:
        IdentityError: The token is none, of an issuer that is not known, signed by another key,
            for another audience, over or not yet begun at that time, of a login for another key,
            or lacks a claim.
    """
    claims = _peek(token)
    provider = _provider(claims, providers)
    claims = _verified(token, provider)
    _check_audience(claims, provider.audience)
    _check_time(claims, at_ms)
    if _text(claims, "nonce") != key_nonce(public_key):
        raise IdentityError("the identity token is of a login for another key")
    principal = _text(claims, provider.principal_claim)
    person = _text(claims, provider.person_claim) if provider.person_claim else principal
    return Person(principal, _text(claims, provider.name_claim), person, provider.issuer)


class _Registry(JWSRegistry):
    """Reads headers of real providers: certificates and claims of their own may be in there."""

    max_header_length = 16 * 1024


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


def _peek(token: str) -> Mapping[str, Any]:
    """Read claims that nobody vouches for yet, to see whose signature to check."""
    if len(token) > _MAX_TOKEN:
        raise IdentityError(f"an identity token has at most {_MAX_TOKEN} characters, got more")
    try:
        unchecked = extract_compact(token.encode("ascii"), registry=_REGISTRY)
        algorithm = str(unchecked.headers()["alg"])
        claims = _json_object(unchecked.payload)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise IdentityError("the identity token is not a signed JWT") from None
    if algorithm not in ALGORITHMS:
        raise IdentityError(
            "the identity token is not signed with a public-key algorithm: expected one of "
            + ", ".join(sorted(ALGORITHMS))
        )
    return claims


def _provider(claims: Mapping[str, Any], providers: Sequence[ProviderLike]) -> ProviderLike:
    """Find the token's provider: of several with one issuer, the one whose client it is for."""
    issuer = _text(claims, "iss")
    known = [each for each in providers if each.issuer == issuer]
    if not known:
        raise IdentityError("the identity token is of an issuer that the policy does not name")
    audiences = _audiences(claims)
    return next((each for each in known if each.audience in audiences), known[0])


def _verified(token: str, provider: ProviderLike) -> Mapping[str, Any]:
    """Give the claims once one of the provider's keys has signed them."""
    header = extract_compact(token.encode("ascii"), registry=_REGISTRY).headers()
    for key in _keys(provider.jwks, header.get("kid"), str(header["alg"])):
        try:
            return jwt.decode(token, key, registry=_REGISTRY).claims
        except BadSignatureError:
            continue
        except (JoseError, ValueError, TypeError):  # not a key for this algorithm
            continue
    raise IdentityError("the identity token is not signed with a key of its issuer")


def _keys(jwks: Mapping[str, Any], kid: object, algorithm: str) -> Iterator[Key]:
    """Give the keys that may have signed, in the set's order; one that cannot be read is none."""
    listed = jwks.get("keys")
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("kty") == "oct":
            continue
        if kid is not None and each.get("kid", kid) != kid:
            continue
        if each.get("use", "sig") != "sig" or each.get("alg", algorithm) != algorithm:
            continue
        try:
            yield JWKRegistry.import_key(each)
        except (JoseError, ValueError, TypeError, KeyError):
            continue


def _check_audience(claims: Mapping[str, Any], audience: str) -> None:
    """Source: OpenID Connect Core 1.0 §3.1.3.7, steps 3 to 5."""
    audiences = _audiences(claims)
    if audience not in audiences:
        raise IdentityError("the identity token is for another audience")
    party = claims.get("azp")
    if (party is None and len(audiences) > 1) or party not in (None, audience):
        raise IdentityError("the identity token was issued to another party than its audience")


def _audiences(claims: Mapping[str, Any]) -> list[object]:
    if "aud" not in claims:
        raise IdentityError("the identity token lacks the claim aud")
    audiences = claims["aud"]
    return audiences if isinstance(audiences, list) else [audiences]


def _check_time(claims: Mapping[str, Any], at_ms: int) -> None:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if at_ms > expires * 1000 + _LEEWAY_MS:
        raise IdentityError("the identity token had expired at that time")
    if at_ms < max(issued, _seconds(claims, "nbf", issued)) * 1000 - _LEEWAY_MS:
        raise IdentityError("the identity token was not yet valid at that time")


def _seconds(claims: Mapping[str, Any], name: str, otherwise: float | None = None) -> float:
    value = claims.get(name, otherwise)
    if value is None:
        raise IdentityError(f"the identity token lacks the claim {name}")
    if type(value) not in (int, float) or not abs(value) <= _LATEST:
        raise IdentityError(f"the claim {name} of the identity token is not a time")
    return float(value)


_LATEST = 1e11  # seconds: the year 5138; neither NaN nor infinite


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Give a claim as text; a number counts, as employee numbers may be some."""
    value = claims.get(name)
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise IdentityError(f"the identity token lacks the claim {name}")
    return value


def _json_object(payload: bytes) -> Mapping[str, Any]:
    claims = json.loads(payload)
    if not isinstance(claims, dict):
        raise TypeError("not an object")
    return claims
