"""Whose key a signature is: good tokens of each kind, and every bad one refused by name."""

import base64
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from tests.oidc_provider import ACCOUNTS, OidcProvider

from auditspine.ledger.statement import key_nonce
from auditspine.processors.release.identity import IdentityError, Person, verify_person
from auditspine.processors.release.providers import Provider

KEY = bytes(range(1, 33))
NONCE = key_nonce(KEY)
NOW = int(time.time())
WORLD = OidcProvider()  # makes tokens; nothing listens


def trusted(world: OidcProvider = WORLD, **other: Any) -> Provider:
    return Provider(
        **{"issuer": world.issuer, "audience": world.client_id, "jwks": world.jwks()} | other
    )


def verify(token: str, *providers: Provider, at: float = NOW, key: bytes = KEY) -> Person:
    return verify_person(token, key, providers or [trusted()], int(at * 1000))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_good_token_tells_who_it_is(algorithm: Any) -> None:
    world = OidcProvider(algorithm=algorithm)
    provider = trusted(world, person_claim="employee_number")
    person = verify(world.token("tom-admin", NONCE, at=NOW), provider)
    assert person == Person("admin-tb@acme.example", "Tom Berg", "1002", world.issuer)


def test_without_a_claim_of_the_person_each_account_is_one() -> None:
    assert verify(WORLD.token("tom-admin", NONCE, at=NOW)).person == "admin-tb@acme.example"


def test_the_policy_says_which_claims_are_read() -> None:
    provider = trusted(principal_claim="email", name_claim="sub")
    person = verify(WORLD.token("ana", NONCE, at=NOW, sub="u-17"), provider)
    assert (person.principal, person.name) == ("ana@acme.example", "u-17")


def test_a_number_is_a_claim_as_well() -> None:
    provider = trusted(person_claim="employee_number")
    assert (
        verify(WORLD.token("ana", NONCE, at=NOW, employee_number=1001), provider).person == "1001"
    )


REFUSED = {
    "expired": ({"iat": NOW - 7200, "exp": NOW - 61}, "had expired"),
    "not yet": ({"iat": NOW + 61, "exp": NOW + 600}, "not yet valid"),
    "not before": ({"nbf": NOW + 61}, "not yet valid"),
    "other audience": ({"aud": "another"}, "another audience"),
    "several audiences, no party": ({"aud": ["auditspine-cli", "another"]}, "another party"),
    "several audiences, other party": (
        {"aud": ["auditspine-cli", "another"], "azp": "another"},
        "another party",
    ),
    "other party": ({"azp": "another"}, "another party"),
    "unknown issuer": (
        {"iss": "https://elsewhere.example"},
        "issuer that the policy does not name",
    ),
    "other key's nonce": ({"nonce": key_nonce(bytes(32))}, "login for another key"),
    "end that is no time": ({"exp": "tomorrow"}, "exp .* is not a time"),
    "end that is truth": ({"exp": True}, "exp .* is not a time"),
    "end without end": ({"exp": 1e300}, "exp .* is not a time"),
    "blank name": ({"name": "  "}, "lacks the claim name"),
    "name that is a list": ({"name": ["Ana"]}, "lacks the claim name"),
    **{
        f"no {claim}": ({claim: None}, f"lacks the claim {claim}$")
        for claim in ("iss", "aud", "iat", "exp", "nonce", "sub", "name")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_token_is_refused_and_the_message_says_which(case: str) -> None:
    claims, message = REFUSED[case]
    token = WORLD.token("ana", NONCE, at=NOW, **claims)
    with pytest.raises(IdentityError, match=message) as caught:
        verify(token)
    assert not set(token.split(".")) & set(str(caught.value).split())
    assert "ana@" not in str(caught.value)


@pytest.mark.parametrize(("at", "good"), [(-61, False), (-60, True), (360, True), (361, False)])
def test_a_minute_between_clocks_is_let_pass(at: int, *, good: bool) -> None:
    token = WORLD.token("ana", NONCE, at=NOW)
    if good:
        verify(token, at=NOW + at)
    else:
        with pytest.raises(IdentityError):
            verify(token, at=NOW + at)


def test_a_claim_of_the_person_that_the_policy_names_must_be_there() -> None:
    token = WORLD.token("ana", NONCE, at=NOW, employee_number=None)
    with pytest.raises(IdentityError, match="lacks the claim employee_number"):
        verify(token, trusted(person_claim="employee_number"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_another_key_is_refused_though_it_has_the_id_of_a_known_one(algorithm: Any) -> None:
    world = OidcProvider(algorithm=algorithm)
    provider = trusted(world)
    world.fault = "key"
    with pytest.raises(IdentityError, match="not signed with a key of its issuer"):
        verify(world.token("ana", NONCE, at=NOW), provider)


def test_keys_that_were_rotated_away_count_as_long_as_the_policy_has_them() -> None:
    world = OidcProvider()
    old, token = trusted(world), world.token("ana", NONCE, at=NOW)
    world.rotate()
    assert verify(token, old).name == "Ana Lima"
    with pytest.raises(IdentityError, match="not signed with a key"):
        verify(token, trusted(world))


def test_the_key_of_one_issuer_speaks_for_no_other() -> None:
    other = OidcProvider(issuer="https://other.example")
    forged = other.token("ana", NONCE, at=NOW, iss=WORLD.issuer)
    with pytest.raises(IdentityError, match="not signed with a key of its issuer"):
        verify(forged, trusted(), trusted(other))


def test_of_two_clients_of_one_issuer_the_token_s_own_counts() -> None:
    clients = [trusted(audience="console"), trusted()]
    assert verify(WORLD.token("ana", NONCE, at=NOW), *clients).name == "Ana Lima"


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def encoded(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def test_a_token_without_a_signature_is_refused() -> None:
    claims = claims_of(WORLD.token("ana", NONCE, at=NOW))
    with pytest.raises(IdentityError, match="not signed with a public-key algorithm"):
        verify(f"{encoded({'alg': 'none'})}.{encoded(claims)}.")


def test_the_provider_s_public_key_is_no_shared_secret() -> None:
    jwk = WORLD.jwks()["keys"][0]
    secret = OctKey.import_key(json.dumps(jwk))
    claims = claims_of(WORLD.token("ana", NONCE, at=NOW))
    token = jwt.encode({"alg": "HS256", "kid": jwk["kid"]}, claims, secret)
    with pytest.raises(IdentityError, match="not signed with a public-key algorithm"):
        verify(token)
    shared = trusted(jwks={"keys": [dict(secret.as_dict()) | {"kid": jwk["kid"]}]})
    with pytest.raises(IdentityError, match="not signed with a public-key algorithm"):
        verify(token, shared)


def test_a_key_counts_for_its_own_algorithm_and_use_alone() -> None:
    token = WORLD.token("ana", NONCE, at=NOW)
    for limit in ({"alg": "PS256"}, {"use": "enc"}):
        keys = [key | limit for key in WORLD.jwks()["keys"]]
        with pytest.raises(IdentityError, match="not signed with a key"):
            verify(token, trusted(jwks={"keys": keys}))


def test_a_token_that_names_no_key_is_tried_with_each() -> None:
    pair = OKPKey.generate_key("Ed25519")
    claims = claims_of(WORLD.token("ana", NONCE, at=NOW))
    token = jwt.encode({"alg": "Ed25519"}, claims, pair, algorithms=["Ed25519"])
    keys = [{"kty": "AKP", "kid": "pq"}, *WORLD.jwks()["keys"], dict(pair.as_dict(private=False))]
    assert verify(token, trusted(jwks={"keys": keys})).name == "Ana Lima"


@pytest.mark.parametrize("jwks", [{}, {"keys": 7}, {"keys": [7, {}, {"kty": "RSA", "n": "!"}]}])
def test_keys_that_cannot_be_read_are_none(jwks: dict[str, Any]) -> None:
    with pytest.raises(IdentityError, match="not signed with a key"):
        verify(WORLD.token("ana", NONCE, at=NOW), replace(trusted(), jwks=jwks))


def test_every_change_of_a_token_is_refused() -> None:
    token = WORLD.token("ana", NONCE, at=NOW)
    head, body, signature = token.split(".")
    tom = encoded(claims_of(token) | ACCOUNTS["tom"])
    for changed in (f"{head}.{tom}.{signature}", f"{head}.{body}.", f"{head}.{body}"):
        with pytest.raises(IdentityError):
            verify(changed)


@given(st.text() | st.lists(st.text(alphabet="eyJAb09-_=", max_size=40), max_size=6).map(".".join))
def test_whatever_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(IdentityError):
        verify(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_claim_of_any_kind_gets_past_as_something_else(value: object) -> None:
    for claim in ("iss", "aud", "exp", "iat", "nbf", "nonce", "azp"):
        if value is None and claim in ("nbf", "azp"):
            continue
        said = claims_of(WORLD.token("ana", NONCE, at=NOW)) | {claim: value}
        token = jwt.encode({"alg": "RS256"}, said, WORLD._keys[0])
        try:
            verify(token)
        except IdentityError:
            continue
        assert claim in ("exp", "iat", "nbf"), claim
        assert isinstance(value, float)


def test_a_token_too_long_is_not_read() -> None:
    with pytest.raises(IdentityError, match="at most 65536 characters"):
        verify("e" * 70_000)
