"""``auditspine drift tune`` and ``publish`` never touch the policy in use, and take no bad one."""

import os
from importlib.resources import files
from pathlib import Path

import pytest
from tests.integration.cli.forked import run_command

from auditspine.cli import speaking
from auditspine.cli.control import Said
from auditspine.cli.policies import DRIFT, published_otherwise
from auditspine.cli.settings import load_settings
from auditspine.ledger.control import EVERY_TENANT
from auditspine.processors.drift.policy import shipped_policy

TEXT = (files("auditspine.policies") / "drift.toml").read_text("utf-8")


def run(*words: str, **environment: str) -> tuple[int, str, str]:
    return run_command(("drift", *words), "", Path.cwd(), {**os.environ, **environment})


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "drift.toml"
    file.write_text(TEXT)
    return file


def test_tune_does_not_write_over_the_policy_in_use(policy: Path, tmp_path: Path) -> None:
    beside = str(tmp_path / "elsewhere" / ".." / policy.name)
    for words in (("--out", str(policy)), ("--out", beside)):
        code, _, err = run("tune", *words, AUDITSPINE_DRIFT_POLICY=str(policy))
        assert (code, "is the policy in use" in err) == (2, True), err
    code, _, err = run("tune", "--policy", str(policy), "--out", str(policy))
    assert (code, "is the policy in use" in err) == (2, True), err
    assert policy.read_text() == TEXT


def test_publish_refuses_what_is_no_policy(policy: Path) -> None:
    policy.write_text(TEXT.replace('tier = "caution"', 'tier = "grave"', 1))
    code, _, err = run("publish", str(policy), "--reason", "x")
    assert code == 2
    assert "tiers.0.tier" in err
    code, _, err = run("publish", str(policy.with_name("none.toml")), "--reason", "x")
    assert (code, "cannot be read" in err) == (2, True)


def test_a_worker_warns_of_another_policy_than_the_published_one() -> None:
    policy = shipped_policy()
    assert published_otherwise(policy, None) == ""
    assert published_otherwise(policy, policy.digest) == ""
    warning = published_otherwise(policy, b"\1" * 32)
    assert policy.digest.hex() in warning
    assert "01" * 32 in warning


def test_the_warning_is_in_the_workers_log(monkeypatch, caplog, tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    known = Said(policies={(DRIFT, EVERY_TENANT): b"\1" * 32})
    monkeypatch.setattr(speaking, "read_control", lambda *_: known)
    assert speaking._drift_policy(settings, {}) == shipped_policy()
    assert "01" * 32 in caplog.text
    caplog.clear()
    known.policies.clear()
    speaking._drift_policy(settings, {})
    assert caplog.text == ""
