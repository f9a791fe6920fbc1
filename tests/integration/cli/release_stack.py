"""A stack with a release policy, an identity provider and a team: what release tests share."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import requests
from tests.integration.cli.cli_stack import Stack
from tests.oidc_provider import OidcProvider

from auditspine.cli.connections import kafka_properties
from auditspine.cli.settings import load_settings
from auditspine.producers.client import AuditClient
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.models import Actor

TENANT = "acme"
WORKLOADS = ("trainer", "gate", "approver", "desk")
SERVED = "deployment:risk-eu"
_POLICY = """
version = "1"
owner = "model-risk"
environments = ["staging", "production"]
[default]
class = "high"
[domains]
credit = { class = "high" }
[approvals]
roles = ["release_approver"]
[exceptions]
roles = ["release_approver"]
[times]
grace_minutes = 0
request_hours = 72
warn_days = 14
[aliases]
[[identity]]
issuer = "ISSUER"
audience = "CLIENT"
person_claim = "employee_number"
"""


def write_policy(folder: Path, provider: OidcProvider, shipped: Path) -> Path:
    """Write a policy folder: the shipped rules, with two environments and a provider."""
    folder.mkdir()
    for name in ("classes", "overlays"):
        (folder / name).mkdir()
        for path in (shipped / name).glob("*.toml"):
            text = path.read_text("utf-8").replace('value = "development"', 'value = "staging"')
            (folder / name / path.name).write_text(text)
    text = _POLICY.replace("ISSUER", provider.issuer).replace("CLIENT", provider.client_id)
    (folder / "release.toml").write_text(text)
    return folder


def ref(kind: str, name: str, content: bytes = b"") -> dict[str, Any]:
    digest = hashlib.sha256(content or f"{kind} {name}".encode()).digest()
    return {"kind": kind, "name": name, "version": "1", "digest": digest}


def exact(model: str) -> dict[str, Any]:
    """Give the reference of a model as commands name it."""
    name, _, digest = model.partition(":1@sha256:")
    return {"kind": "model", "name": name, "version": "1", "digest": bytes.fromhex(digest)}


class Team:
    """The people and workloads of a tenant on a stack.

    Args:
        stack: A running stack with the tenant and its keys.
        provider: Where people log in.
    """

    def __init__(self, stack: Stack, provider: OidcProvider) -> None:
        self.stack = stack
        self.provider = provider
        settings = load_settings(data_dir=stack.data)
        self.clients = {
            name: AuditClient(
                {"log_level": "0", **kafka_properties(settings)},
                tenant=TENANT,
                producer=name,
                key=stack.data / "keys" / f"{name}.pem",
                domain="credit",
                environment="production",
                topics=settings.topics,
                settings=ProducerSettings(heartbeat_s=0.0),
                state=stack.root / f"{name}.epoch",
            )
            for name in ("trainer", "desk")
        }

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def say(self, event_type: str, body: dict[str, Any], by: str = "desk", **envelope: Any) -> str:
        client = self.clients[by]
        made = event_types()[event_type].model.model_validate(
            {"envelope": client.envelope("request", "release", **envelope), "body": body}
        )
        client.publish(made).result(30)
        return str(made.envelope.event_id)

    def login(self, account: str) -> None:
        """Let a person log in, as in a browser."""
        self.provider.logs_in = account
        process = self.stack.open(
            "login",
            "--issuer",
            self.provider.issuer,
            "--client-id",
            self.provider.client_id,
            "--no-browser",
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "http" in line:
                requests.get(line[line.index("http") :].strip(), timeout=30).raise_for_status()
                break
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err

    def approve(self, model: str, env: str, account: str, *more: str) -> tuple[int, str, str]:
        self.login(account)
        return self.stack.run(
            "approve",
            model,
            "--tenant",
            TENANT,
            "--env",
            env,
            "--domain",
            "credit",
            "--meaning",
            "I have read the validation report",
            "--reason",
            "release of version 1",
            *more,
        )

    def gate(self, model: str, env: str, *more: str) -> tuple[int, dict[str, Any], str]:
        code, out, err = self.stack.run(*self.asking(model, env), *more)
        return code, json.loads(out) if out.strip() else {}, err

    def asking(self, model: str, env: str) -> tuple[str, ...]:
        return (
            "gate", model, "--tenant", TENANT, "--env", env, "--purpose", "credit decisions",
            "--domain", "credit", "--json",
        )  # fmt: skip

    def wait_gate(self, model: str, env: str) -> subprocess.Popen:
        return self.stack.open(*self.asking(model, env), "--wait", "--timeout", "120")

    def grant(self, principal: str, role: str = "release_approver") -> None:
        body = {
            "grant_id": f"{principal}-{role}",
            "principal": principal,
            "principal_kind": "person",
            "role": role,
            "scope": {"max_sensitivity": "restricted"},
        }
        self.say("role.granted", body)

    def train(
        self,
        name: str,
        *,
        without: str = "",
        who: str = "kim@acme.example",
        purposes: tuple[str, ...] = (),
        groups: tuple[str, ...] = ("sex", "age"),
    ) -> str:
        """Make a model with all that it needs but one thing; give it as commands name it."""
        content = f"weights of {name}".encode()
        path = self.stack.root / f"{name}.bin"
        path.write_bytes(content)
        model, run = ref("model", name, content), f"run-{name}"
        dataset, snapshot = ref("dataset", f"loans-{name}"), ref("snapshot", f"loans-{name}")
        feature = ref("feature", f"dti-{name}")
        code = {"repository": "git", "commit": "c0ffee", "digest": b"\2" * 32}
        environment = ref("environment", "image")
        trainer = Actor(principal=who, kind="person")
        said: dict[str, tuple[str, dict[str, Any], str]] = {
            "dataset": ("dataset.registered", {
                "dataset": dataset, "description": "Loans", "source": "us", "licence": "own",
                "owner": "risk", "permitted_purposes": purposes,
            }, "desk"),
            "snapshot": ("dataset.snapshotted", {
                "snapshot": snapshot, "dataset": dataset, "rows": 10, "columns": (),
            }, "desk"),
            "feature": ("feature.defined", {
                "feature": feature, "description": "Debt to income",
                "inputs": ({"artifact": snapshot, "column": "dti"},), "definition": "dti",
                "language": "sql", "type": "real", "owner": "risk",
            }, "desk"),
            "run": ("run.started", {
                "run_id": run, "name": "train", "code": code, "environment": environment,
                "inputs": (snapshot,),
            }, "trainer"),
            "model": ("model.registered", {
                "model": model, "run_id": run, "algorithm": "logistic",
                "training_snapshots": (snapshot,), "features": (feature,), "code": code,
                "environment": environment, "intended_use": "Credit decisions",
                "limitations": "Not for businesses", "owner": "risk",
            }, "trainer"),
            "validation": ("validation.reported", {
                "model": model, "evaluation": ref("evaluation", name), "snapshot": snapshot,
                "metrics": (
                    {"name": "auc", "value": 0.8},
                    *(
                        {"name": "auc", "value": 0.8, "slice": {"attribute": each, "value": "x"}}
                        for each in groups
                    ),
                ),
                "passed": True, "independent": True,
            }, "desk"),
            "explanation": ("explanation.attached", {
                "explanation": ref("explanation", name), "subject": model, "method": "shap",
                "place": "s3",
            }, "desk"),
        }  # fmt: skip
        for what, (event_type, body, by) in said.items():
            if what != without:
                more = {"actor": trainer} if by == "trainer" else {}
                self.say(event_type, body, by, **more)
        if without != "signature":
            code_, out, err = self.stack.run(
                "artifact", "sign", str(path), "--key",
                str(self.stack.data / "keys" / "trainer.pem"), "--name", name, "--version", "1",
                "--publish", "--tenant", TENANT, "--workload", "trainer", "--domain", "credit",
            )  # fmt: skip
            assert code_ == 0, out + err
        return f"{name}:1@sha256:{model['digest'].hex()}"

    def deploy(self, model: str, env: str, decision_id: str | None, **it: Any) -> str:
        name = model.partition(":")[0]
        body = {
            "deployment": ref("deployment", f"{name}-eu"),
            "model": exact(model),
            "environment": env,
            "action": "deployed",
            "decision_id": decision_id,
            **it,
        }  # fmt: skip
        return self.say("deployment.changed", body)

    def staged(self, model: str) -> None:
        """Take a model to where production may be asked for."""
        code, said, err = self.gate(model, "staging")
        assert code == 0, (said, err)
        self.deploy(model, "staging", said["decision_id"])

    def released(self, model: str) -> str:
        """Release a model for production; give the decision's id."""
        self.staged(model)
        for account in ("ana", "tom"):
            assert self.approve(model, "production", account)[0] == 0
        code, said, err = self.gate(model, "production")
        assert code == 0, (said, err)
        return str(said["decision_id"])
