"""How commands name one exact model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.cli.errors import CliError
from auditspine.cli.model_ref import parse_model

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("named", "name", "version"),
    [
        ("mortgage-risk:3", "mortgage-risk", "3"),
        ("registry:5000/risk:3.1", "registry:5000/risk", "3.1"),
        ("risk@eu:3", "risk@eu", "3"),
        ("crédit score:2026-11", "crédit score", "2026-11"),
    ],
)
def test_name_version_and_digest_are_told_apart(named, name, version) -> None:
    found = parse_model(f"{named}@sha256:{HEX}")
    assert (found.kind, found.name, found.version) == ("model", name, version)
    assert found.digest.hex() == HEX


def test_a_digest_in_capitals_is_the_same() -> None:
    assert parse_model(f"m:3@SHA256:{HEX.upper()}") == parse_model(f"m:3@sha256:{HEX}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a model is named with its digest"),
        ("m:3", "a model is named with its digest"),
        ("m:latest", "a model is named with its digest"),
        (f"m:3:sha256:{HEX}", "a model is named with its digest"),
        ("m:3@latest", "the digest must be whole"),
        (f"m:3@{HEX}", "the digest must be whole"),
        (f"m:3@sha256:{HEX[:12]}", "the digest must be whole"),
        (f"m:3@sha256:{HEX}0", "the digest must be whole"),
        (f"m:3@sha256:{HEX[:-1]}g", "the digest must be whole"),
        (f"m:3@sha256:{HEX}\n", "the digest must be whole"),
        (f"m@sha256:{HEX}", "a model has a name and a version"),
        (f":3@sha256:{HEX}", "a model has a name and a version"),
        (f"m:@sha256:{HEX}", "a model has a name and a version"),
        (f"m\x1b:3@sha256:{HEX}", "printable characters"),
        (f"{'m' * 257}:3@sha256:{HEX}", "printable characters"),
    ],
)
def test_what_is_not_exact_is_refused_with_an_example(text, message) -> None:
    with pytest.raises(CliError, match=message) as caught:
        parse_model(text)
    assert "NAME:VERSION@sha256:HEX, such as mortgage-risk:3@sha256:" in str(caught.value)


@given(st.text())
def test_any_text_is_a_model_or_a_clear_error(text: str) -> None:
    for each in (text, f"{text}@sha256:{HEX}"):
        try:
            found = parse_model(each)
        except CliError:
            continue
        assert f"{found.name}:{found.version}" == text
