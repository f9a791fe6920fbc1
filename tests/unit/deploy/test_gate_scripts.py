"""``deploy/gate``: nothing is deployed but with a decision that allows it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from auditspine.producers.admission.workload import DECISION_ID, MODEL_DIGEST

GATE = Path(__file__).parents[3] / "deploy" / "gate"
DIGEST = "sha256:" + "6d" * 32
MODEL = f"credit-risk:2@{DIGEST}"
DEPLOY = ["sh", "-c", 'echo "deployed $MODEL_DIGEST by $DECISION_ID"']
SETTINGS = {"TENANT": "acme", "ENVIRONMENT": "production", "PURPOSE": "score applications"}
STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" > "$0.arguments"
printf '%s' "$ANSWER"
exit "$CODE"
"""


def run(folder: Path, *arguments: str, code: int = 0, answer: str | None = None, **settings: str):
    """Run the script on a stand-in for ``auditspine gate``; it is real in the CLI's own tests."""
    command = folder / "auditspine"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    allowed = json.dumps({"outcome": "allow", "decision_id": "0199-abc"})
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        **SETTINGS,
        "CODE": str(code),
        "ANSWER": allowed if answer is None else answer,
        **settings,
    }
    return subprocess.run(
        [GATE / "gate.sh", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_an_allowed_model_is_deployed_with_its_decision(tmp_path: Path) -> None:
    done = run(tmp_path, MODEL, "--", *DEPLOY, WAIT="30", RISK_CLASS="high", DOMAIN="credit")
    assert (done.returncode, done.stdout) == (0, f"deployed {DIGEST} by 0199-abc\n")
    asked = (tmp_path / "auditspine.arguments").read_text().splitlines()
    assert asked == [
        *("gate", MODEL, "--tenant", "acme", "--env", "production"),
        *(
            "--purpose",
            "score applications",
            "--wait",
            "--timeout",
            "30",
            "--json",
            "--risk-class",
            "high",
            "--domain",
            "credit",
        ),
    ]


def test_a_deployment_that_fails_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, MODEL, "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize(("code", "told"), [(1, 1), (2, 2), (127, 2), (130, 2)])
def test_without_an_allowance_nothing_runs(tmp_path: Path, code: int, told: int) -> None:
    done = run(tmp_path, MODEL, "--", *DEPLOY, code=code, answer='{"outcome": "deny"}')
    assert (done.returncode, done.stdout) == (told, "")
    assert ("deny" in done.stderr) is (code == 1)


@pytest.mark.parametrize(
    "answer", ["", "no JSON", "{}", '{"decision_id": null}', '{"decision_id": "a\\"; rm"}', "[]"]
)
def test_an_answer_without_a_decision_is_none(tmp_path: Path, answer: str) -> None:
    done = run(tmp_path, MODEL, "--", *DEPLOY, answer=answer)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gate: the gate's answer names no decision\n"


@pytest.mark.parametrize(
    "arguments",
    [(), (MODEL,), (MODEL, "--"), (MODEL, "sh", "-c", "true"), ("credit-risk:2", "--", *DEPLOY)],
)
def test_what_names_no_digest_or_command_is_refused(tmp_path: Path, arguments) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / "auditspine.arguments").exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, MODEL, "--", *DEPLOY, **{name: ""})
    assert (done.returncode, done.stderr) == (2, f"gate: {name} is not set\n")


def test_the_deployment_carries_digest_and_decision(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$0.arguments"\n')
    kubectl.chmod(0o755)
    settings = {"NAMESPACE": "credit", "DEPLOYMENT": "scorer"}
    done = run(tmp_path, MODEL, "--", str(GATE / "deploy.sh"), **settings)
    assert done.returncode == 0, done.stderr
    words = (tmp_path / "kubectl.arguments").read_text().splitlines()
    assert words[:5] == ["--namespace", "credit", "patch", "deployment", "scorer"]
    patch = json.loads(words[words.index("--patch") + 1])
    assert patch["spec"]["template"]["metadata"]["annotations"] == {
        MODEL_DIGEST: DIGEST,
        DECISION_ID: "0199-abc",
    }


@pytest.mark.parametrize("script", sorted(GATE.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, script], check=True)


def test_the_workflow_asks_before_it_deploys_and_has_no_more_rights() -> None:
    flow = yaml.safe_load((GATE / "github-actions.yml").read_text())
    assert flow["permissions"] == {"contents": "read"}
    (job,) = flow["jobs"].values()
    last = job["steps"][-1]
    assert last["run"] == 'deploy/gate/gate.sh "$MODEL" -- deploy/gate/deploy.sh'
    assert SETTINGS.keys() <= last["env"].keys()
    assert int(last["env"]["WAIT"]) < job["timeout-minutes"] * 60
    assert not any("${{" in step.get("run", "") for step in job["steps"])
