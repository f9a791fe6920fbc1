"""What people say through the command line: what they sign is what the event says, or is refused.

The event is made, written and read back as the log has it, and judged as by the release processor.
"""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.oidc_provider import OidcProvider
from typer.testing import CliRunner, Result

from auditspine.cli.credential import Credential, Wallet
from auditspine.cli.errors import CliError
from auditspine.cli.main import app
from auditspine.cli.model_ref import parse_model
from auditspine.cli.personal_signing import Declared, Signer, approval, exception, signer_of
from auditspine.cli.settings import load_settings
from auditspine.ledger.keyfile import KeyFileError, public_bytes
from auditspine.ledger.statement import key_nonce
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.personal import EXCEPTION_MEANING, approval_of, exception_of
from auditspine.processors.release.providers import Provider
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.models import Actor, Envelope, Intent, Workload

WORLD = OidcProvider()
PROVIDERS = [Provider(WORLD.issuer, WORLD.client_id, WORLD.jwks())]
MODEL = "mortgage-risk:3@sha256:" + "ab" * 32
NOW = datetime.now(UTC)


def log_in(folder: Path, *, account: str = "ana", seconds: int = 300) -> Wallet:
    """Keep a login as the command does, without a browser."""
    wallet = Wallet(folder / "person")
    key_file, key = wallet.new_key()
    token = WORLD.token(account, key_nonce(public_bytes(key)))
    claims = WORLD.accounts[account]
    expires = int(time.time()) + seconds
    wallet.save(
        Credential(
            WORLD.issuer, WORLD.client_id, claims["sub"], claims["name"], expires, token, key_file
        )
    )
    return wallet


@pytest.fixture
def signer(tmp_path) -> Signer:
    log_in(tmp_path)
    return signer_of(load_settings(data_dir=tmp_path))


DECLARED = Declared(
    tenant="acme",
    subject=parse_model(MODEL),
    environment="production",
    role="release_approver",
    reason="release of version 3",
    kind="approval",
    decision="approved",
    meaning="I have read the validation report",
)


def sealed(make: Any, signer: Signer) -> SealedEvent:
    """Write an event and read it as the ledger hands it on."""
    envelope = Envelope(
        tenant="acme",
        domain="governance",
        environment="governance",
        actor=Actor(principal=signer.credential.principal, kind="person"),
        workload=Workload(name="approver"),
        intent=Intent(trigger="request", reason=DECLARED.reason),
    )
    found = Decoder(schema_texts()).decode(encode(make(envelope)))
    at = int(time.time() * 1000)
    return SealedEvent("log", 1, at, found.event_type, found.envelope, found.body)


def test_an_approval_is_what_was_signed(signer) -> None:
    event = sealed(approval(signer, DECLARED, "model risk policy 4.2"), signer)
    signed = approval_of(event, PROVIDERS)
    assert (signed.person.name, signed.statement.decision) == ("Ana Lima", "approved")
    assert signed.statement.subject_digest == "ab" * 32
    assert abs(signed.statement.signed_at / 1e6 - time.time()) < 30
    assert event.envelope["intent"]["justification"] == "model risk policy 4.2"


@cache
def held() -> Signer:
    """Give a login that is in no file."""
    key = Ed25519PrivateKey.generate()
    token = WORLD.token("ana", key_nonce(public_bytes(key)))
    claims = WORLD.accounts["ana"]
    expires = int(time.time()) + 300
    return Signer(
        Credential(
            WORLD.issuer, WORLD.client_id, claims["sub"], claims["name"], expires, token, ""
        ),
        key,
    )


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=3
    ),
    st.integers(min_value=1, max_value=10**12),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
)
def test_whatever_is_declared_comes_back_the_same(conditions, micros, meaning) -> None:
    declared = replace(
        DECLARED,
        decision="approved_with_conditions",
        conditions=tuple(conditions),
        expires_at=NOW + timedelta(microseconds=micros),
        meaning=meaning,
    )
    signer = held()
    event = sealed(approval(signer, declared, None), signer)
    statement = approval_of(event, PROVIDERS).statement
    assert (statement.conditions, statement.meaning) == (tuple(conditions), meaning)
    assert statement.expires_at == event.body["expires_at"]


def test_an_exception_is_what_was_signed(signer) -> None:
    declared = replace(
        DECLARED,
        kind="exception",
        decision="granted",
        meaning=EXCEPTION_MEANING,
        conditions=("daily check",),
        rules=("no_deprecated_feature", "explained"),
        reference="exc-7",
        expires_at=NOW + timedelta(days=1),
    )
    statement = exception_of(sealed(exception(signer, declared), signer), PROVIDERS).statement
    assert (statement.rules, statement.reference) == (declared.rules, "exc-7")


def invoke(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])


def approve(folder: Path, *more: str, model: str = MODEL) -> Result:
    given = ("--tenant", "acme", "--env", "production", "--meaning", "I agree", "--reason", "v3")
    return invoke(folder, "approve", model, *given, *more)


def grant(folder: Path, *more: str, expires: str = "2298-01-01") -> Result:
    given = ("--tenant", "acme", "--env", "production", "--rule", "explained", "--reason", "v3")
    return invoke(
        folder, "exceptions", "grant", MODEL, *given, "--control", "c", "--expires", expires, *more
    )


def problem(result: Result) -> str:
    assert isinstance(result.exception, CliError | KeyFileError), result.output
    return str(result.exception)


@pytest.mark.parametrize("command", [approve, grant])
def test_who_is_not_logged_in_signs_nothing(command, tmp_path) -> None:
    assert "nobody is logged in; run: auditspine login" in problem(command(tmp_path))


@pytest.mark.parametrize("command", [approve, grant])
def test_a_login_that_is_over_signs_nothing(command, tmp_path) -> None:
    log_in(tmp_path, seconds=-1)
    said = problem(command(tmp_path))
    assert "the login of ana@acme.example ended at" in said
    assert "log in again" in said


@pytest.mark.parametrize("command", [approve, grant])
def test_who_is_logged_in_needs_a_log_to_say_it_in(command, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("AUDITSPINE_BOOTSTRAP_SERVERS", raising=False)
    log_in(tmp_path)
    assert "no Kafka" in problem(command(tmp_path))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--decision", "approved_with_conditions"), "name each with --condition"),
        (("--condition", "monthly check"), "conditions belong to --decision approved_with_cond"),
        (("--expires", "yesterday"), "--expires: expected a time such as"),
        (("--expires", "2020-01-01"), "--expires: expected a time to come"),
    ],
)
def test_an_approval_that_cannot_be_meant_is_refused(more, message, tmp_path) -> None:
    log_in(tmp_path)
    assert message in problem(approve(tmp_path, *more))


def test_an_unknown_decision_is_a_wrong_use(tmp_path) -> None:
    result = approve(tmp_path, "--decision", "maybe")
    assert result.exit_code == 2
    assert "'maybe' is not one of" in result.stderr


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("mortgage-risk:latest", "a model is named with its digest"),
        ("mortgage-risk:3@sha256:556cb80e", "the digest must be whole"),
        ("mortgage-risk:3@md5:" + "ab" * 32, "the digest must be whole"),
        ("mortgage-risk@sha256:" + "ab" * 32, "a model has a name and a version"),
    ],
)
def test_a_model_that_is_not_exact_is_refused(model, message, tmp_path) -> None:
    log_in(tmp_path)
    assert message in problem(approve(tmp_path, model=model))


def test_an_exception_must_end_and_not_yet_have(tmp_path) -> None:
    log_in(tmp_path)
    assert "--expires: expected a time to come" in problem(grant(tmp_path, expires="2020-01-01"))


@pytest.mark.parametrize(
    ("where", "mode", "message"),
    [
        ("credential.json", 0o640, "mode 0600, got 0640"),
        ("credential.json", 0o604, "mode 0600, got 0604"),
        (".", 0o750, "mode 0700, got 0750"),
        ("key", 0o644, "expected mode 0600, got 0644"),
    ],
)
def test_a_login_that_others_could_use_is_not_used(where, mode, message, tmp_path) -> None:
    wallet = log_in(tmp_path)
    name = wallet.load().key_file if where == "key" else where
    (wallet.folder / name).chmod(mode)
    assert message in problem(approve(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"version": 2}',
        b'{"version": 1, "issuer": "x"}',
    ],
)
def test_a_credential_that_is_none_is_refused(content, tmp_path) -> None:
    wallet = log_in(tmp_path)
    (wallet.folder / "credential.json").write_bytes(content)
    assert "log in again" in problem(approve(tmp_path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key_file", "../../etc/key.pem"),
        ("expires_at", "soon"),
        ("expires_at", 10**30),
        ("name", 7),
    ],
)
def test_a_credential_with_another_field_is_refused(field, value, tmp_path) -> None:
    wallet = log_in(tmp_path)
    file = wallet.folder / "credential.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), field: value}))
    assert "is not what a login writes" in problem(approve(tmp_path))


def test_a_link_in_the_credential_s_place_is_refused(tmp_path) -> None:
    wallet = log_in(tmp_path)
    file = wallet.folder / "credential.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert "cannot be read" in problem(approve(tmp_path))


def test_a_credential_shows_no_token(tmp_path) -> None:
    found = log_in(tmp_path).load()
    assert found.id_token not in repr(found)
