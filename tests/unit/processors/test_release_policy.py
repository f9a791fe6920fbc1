"""A release policy that cannot be judged by is an error that names the file and the field."""

import re
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.processors.release_texts import PROVIDER, PUBLIC_KEY, SMALL, small, text_of

from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import Domain, parse_policy
from auditspine.processors.release.providers import Provider


def refused(said: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy(said if isinstance(said, str) else text_of(said))
    return str(caught.value)


def test_a_policy_gives_what_it_says() -> None:
    text = text_of(SMALL)
    policy = parse_policy(text)
    assert policy.digest == sha256(text.encode()).digest()
    assert policy.environments == ("test", "production")
    assert policy.domain("credit") == Domain("high", ("eu",))
    assert policy.domain("other") == Domain("high")
    assert policy.default_class == "high"
    assert (policy.classes, policy.jurisdictions) == (("high", "low"), ("eu", "us"))
    assert (policy.approver_roles, policy.exception_roles) == (("approver",), ("approver",))
    assert (policy.person("ada.admin"), policy.person("bob")) == ("ada", "bob")
    assert policy.providers == (
        Provider("https://login.example.com", "auditspine", {"keys": [PUBLIC_KEY]}),
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "null", '"x"', "{}", '{"format": 1}', "\ud800"]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    assert refused(text)


def test_a_name_twice_in_one_object_is_refused() -> None:
    text = text_of(SMALL).replace('"format": 1', '"format": 1, "format": 1')
    assert "name twice" in refused(text)


def test_a_text_that_is_too_long_or_nested_too_deeply_is_refused() -> None:
    assert "at most 262144 characters" in refused(" " * 262_145)
    assert refused("[" * 100_000)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (small(format=2), "format: "),
        (small(more=1), "more: Extra inputs"),
        (small("release", owner=...), "release.toml: owner: Field required"),
        (small("release", onwer="x"), "release.toml: onwer: Extra inputs"),
        (small("release", environments=[]), "release.toml: environments: "),
        (small("release", environments=["a", "a"]), "release.toml: environments: expected each"),
        (small("release", environments=["a b"]), "release.toml: environments.0: "),
        (small("release", environments="test"), "release.toml: environments: "),
        (
            small("release", "default", class_="none"),
            "default.class: there is no classes/none.toml",
        ),
        (
            small("release", "domains", "credit", class_="none"),
            "release.toml: domains.credit.class: there is no classes/none.toml",
        ),
        (
            small("release", "domains", "credit", jurisdictions=["mars"]),
            "domains.credit.jurisdictions: there is no overlays/mars.toml",
        ),
        (small("release", "approvals", roles=[]), "release.toml: approvals.roles: "),
        (small("release", "times", grace_minutes=-1), "release.toml: times.grace_minutes: "),
        (small("release", "times", request_hours="72"), "release.toml: times.request_hours: "),
        (small("release", "times", warn_days=True), "release.toml: times.warn_days: "),
        (small("release", aliases={"a": "b", "b": "c"}), "release.toml: aliases.b: "),
        (small(classes={}), "classes: "),
        (small("classes", "high", rules=[]), "classes/high.toml: rules: "),
        (small("classes", "high", "rules", 0, id="two words"), "classes/high.toml: rules.0.id: "),
        (small("classes", "high", "rules", 0, id="recent"), "rules.1.id: the rule recent is there"),
        (
            small("classes", "high", "rules", 0, otherwise="allow"),
            "classes/high.toml: rules.0.otherwise: ",
        ),
        (
            small("classes", "high", "rules", 0, waivable="no"),
            "classes/high.toml: rules.0.waivable",
        ),
        (small("classes", "high", "rules", 0, reason=""), "classes/high.toml: rules.0.reason: "),
        (
            small("classes", "high", "rules", 0, expression="approvals.persons >"),
            "classes/high.toml: rules.0.expression: the rule approved: not a CEL expression",
        ),
        (
            small("classes", "high", "rules", 1, expression="validation.days < 1"),
            "rules.1.expression: the rule recent: there is no fact validation.days",
        ),
        (
            small("classes", "high", "rules", 1, expression="validation.age_days < parameters.x"),
            "rules.1.expression: the rule recent: there is no parameter x",
        ),
        (
            small("classes", "high", "rules", 1, expression="validation.age_days"),
            "rules.1.expression: the rule recent: expected true or false",
        ),
        (
            small("classes", "high", "rules", 1, expression="validation.age_days < 'x'"),
            "rules.1.expression: the rule recent: it cannot be evaluated on an example",
        ),
        (
            small("classes", "high", "rules", 1, shows=["validation.days"]),
            "classes/high.toml: rules.1.shows: there is no validation.days",
        ),
        (
            small("classes", "high", "rules", 1, shows=["parameters.x"]),
            "classes/high.toml: rules.1.shows: there is no parameters.x",
        ),
        (
            small("classes", "high", "parameters", "days", stricter="more"),
            "classes/high.toml: parameters.days.stricter: ",
        ),
        (
            small("classes", "high", "parameters", "days", stricter="true"),
            "classes/high.toml: parameters.days.stricter: a value of this type",
        ),
        (
            small("classes", "high", "parameters", "lenient", stricter="higher"),
            "classes/high.toml: parameters.lenient.stricter: a value of this type",
        ),
        (
            small("classes", "high", "parameters", "days", value=[1]),
            "classes/high.toml: parameters.days.value: expected a whole number",
        ),
        (
            small("classes", "high", "parameters", "days", value=2**63),
            "classes/high.toml: parameters.days.value: expected a whole number",
        ),
        (
            small("classes", "high", "parameters", "days", value=float("nan")),
            "classes/high.toml: parameters.days.value: expected a whole number",
        ),
        (small("overlays", "eu", classes={}), "overlays/eu.toml: classes: "),
        (
            small("overlays", "eu", "classes", "middle", rules=[]),
            "overlays/eu.toml: classes.middle: there is no such class",
        ),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_names_file_and_field(said, message) -> None:
    assert message in refused(said)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1:80@login.example.com",
        "https://user@login.example.com",
        "https://login.example.com?x=1",
        "https://login.example.com#x",
        "https://",
        "https://login.example.com:port",
        "ftp://login.example.com",
        "login.example.com",
    ],
)
def test_an_issuer_that_cannot_be_trusted_on_its_way_is_refused(issuer: str) -> None:
    said = small("release", identity=[PROVIDER | {"issuer": issuer}])
    assert "release.toml: identity.0.issuer: expected an https address" in refused(said)


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8080", "http://127.0.0.1:1/realms/x", "http://[::1]:8080"]
)
def test_an_issuer_on_this_machine_needs_no_tls(issuer: str) -> None:
    said = small("release", identity=[PROVIDER | {"issuer": issuer}])
    assert parse_policy(text_of(said)).providers[0].issuer == issuer


@pytest.mark.parametrize(
    ("jwks", "message"),
    [
        ({"keys": []}, "a JWK set of 1 to 32 keys"),
        ({"keys": [PUBLIC_KEY] * 33}, "a JWK set of 1 to 32 keys"),
        ({}, "a JWK set of 1 to 32 keys"),
        ({"keys": [PUBLIC_KEY], "more": 1}, "a JWK set of 1 to 32 keys"),
        ({"keys": ["key"]}, "keys.0: expected a public key"),
        ({"keys": [PUBLIC_KEY, {"kty": "oct", "k": "c2VjcmV0"}]}, "keys.1: expected a public key"),
        (
            {"keys": [PUBLIC_KEY | {"d": "c2VjcmV0"}]},
            "keys.0: expected a public key, got a private",
        ),
    ],
)
def test_keys_that_must_not_be_published_are_refused(jwks: Any, message: str) -> None:
    told = refused(small("release", identity=[PROVIDER | {"jwks": jwks}]))
    assert message in told
    assert "c2VjcmV0" not in told


def test_each_issuer_is_there_once() -> None:
    assert "identity.1.issuer: expected each issuer once" in refused(
        small("release", identity=[PROVIDER, PROVIDER])
    )


def test_an_unknown_class_or_jurisdiction_is_an_error() -> None:
    policy = parse_policy(text_of(SMALL))
    with pytest.raises(PolicyError, match="there is no risk class middle"):
        policy.ruleset("middle")
    with pytest.raises(PolicyError, match="there is no jurisdiction mars"):
        policy.ruleset("high", ("eu", "mars"))


def test_messages_do_not_hold_what_the_policy_says() -> None:
    secret = "hunter2 hunter2"
    for said in (
        small("release", "times", request_hours=secret),
        small("release", version=secret),
        small("classes", "high", "rules", 0, otherwise=secret),
        small("classes", "high", "rules", 0, expression=f"approvals.persons == '{secret}' &&"),
        small("classes", "high", "parameters", "days", value=[secret]),
        small("release", "domains", **{secret: {"class": "none"}}),
        small("release", "domains", "credit", **{secret: 1}),
    ):
        assert "hunter2" not in refused(said)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["format", "release", "classes", "overlays", "high", "rules", "eu"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_no_policy_is_a_policy_error(said: Any) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text_of(said))


def test_a_place_in_the_text_is_told_by_its_file() -> None:
    told = refused(small("overlays", "us", "classes", "high", "rules", 0, id=""))
    assert re.match(r"overlays/us\.toml: classes\.high\.rules\.0\.id: ", told)
