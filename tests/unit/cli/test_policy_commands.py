"""``auditspine policy check`` and ``show`` need no stack, and say what is wrong with a policy."""

import json
import os
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from tests.integration.cli.forked import run_command

from auditspine.processors.release.bundle import shipped_policy


def run(*words: str) -> subprocess.CompletedProcess[str]:
    code, out, err = run_command(("policy", *words), "", Path.cwd(), os.environ)
    return subprocess.CompletedProcess(words, code, out, err)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with as_file(files("auditspine.policies") / "release") as shipped:
        return Path(shutil.copytree(shipped, tmp_path / "policy"))


def test_check_tells_rules_overlays_and_digest() -> None:
    done = run("check")
    assert done.returncode == 0, done.stderr
    assert "high 17 rules" in done.stdout
    assert "bias_reported cannot be waived; adverse_action_explained is added" in done.stdout
    assert "development → staging → production" in done.stdout
    assert "no identity provider" in done.stdout
    assert shipped_policy().digest.hex() in done.stdout


def test_check_for_machines(folder: Path) -> None:
    found = json.loads(run("check", str(folder), "--json").stdout)
    assert found["digest"] == shipped_policy().digest.hex()
    assert found["classes"]["limited"]["overlays"]["eu"] == [
        "bias_attributes is 1",
        "bias_reported is added",
        "explained is added",
    ]


def test_check_of_a_policy_that_loosens_ends_with_2(folder: Path) -> None:
    path = folder / "overlays" / "eu.toml"
    path.write_text(path.read_text("utf-8").replace("approvals.value = 2", "approvals.value = 1"))
    done = run("check", str(folder))
    assert done.returncode == 2
    assert (
        "overlays/eu.toml: classes.high.parameters.approvals.value: it loosens the class"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_check_of_no_folder_ends_with_2(tmp_path: Path) -> None:
    done = run("check", str(tmp_path / "none"))
    assert (done.returncode, "expected a folder" in done.stderr) == (2, True)


def test_check_offline_asks_nobody_and_knows_no_digest(folder: Path) -> None:
    identity = '\n[[identity]]\nissuer = "http://127.0.0.1:1"\naudience = "x"\n'
    with (folder / "release.toml").open("a", encoding="utf-8") as file:
        file.write(identity)
    done = run("check", str(folder), "--offline", "--json")
    assert (done.returncode, json.loads(done.stdout)["digest"]) == (0, None)
    asked = run("check", str(folder))
    assert asked.returncode == 2
    assert "identity http://127.0.0.1:1: no answer from the provider" in asked.stderr


def test_show_tells_what_a_rule_means_and_serves() -> None:
    done = run("show", "--class", "high", "--jurisdiction", "eu")
    assert done.returncode == 0, done.stderr
    assert "review, continuous" in done.stdout
    assert "21 CFR 11.70" in done.stdout
    assert "approvals = 2" in done.stdout


def test_show_for_machines() -> None:
    found = json.loads(run("show", "--class", "limited", "--json").stdout)
    assert (found["class"], found["parameters"]["approvals"]) == ("limited", 1)
    assert {"id", "expression", "reason", "otherwise", "waivable", "continuous", "obligations"} == (
        set(found["rules"][0])
    )


@pytest.mark.parametrize("words", [("--class", "middle"), ("--jurisdiction", "mars")])
def test_show_of_what_is_not_there_ends_with_2(words: tuple[str, ...]) -> None:
    done = run("show", *words)
    assert done.returncode == 2
    assert "expected a class of high, limited, minimal and jurisdictions of eu, us" in done.stderr
