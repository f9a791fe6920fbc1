"""A team whose models ask for releases: its policy, identity provider and events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.credential import Credential
from auditspine.cli.demo.identity import IdentityProvider
from auditspine.cli.personal_signing import Declared, Signer, approval
from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.statement import key_nonce
from auditspine.processors.release.bundle import bundle
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.models import ArtifactRef, Envelope, Event

FEATURES, SNAPSHOTS = 20, 5
PEOPLE = ("ana", "tom", "eve", "kim")
FIRST, NEXT = "development", "staging"
"""The shipped policy's first environment, where nobody need approve, and the one after it."""

_DOMAIN, _ROLE = "credit", "release_approver"
_TRAINER = {"principal": "training", "kind": "workload"}


@dataclass(frozen=True, slots=True)
class Team:
    """Makes the events of a tenant; one producer's key publishes all of them.

    Attributes:
        tenant: Tenant.
        producer: Its producer.
        key: The producer's key: it signs the models' bytes too.
        provider: Where people log in.
    """

    tenant: str
    producer: str
    key: Ed25519PrivateKey
    provider: IdentityProvider

    @classmethod
    def of(cls, tenant: str, producer: str, key: Ed25519PrivateKey) -> "Team":
        """Give a team whose people have accounts."""
        accounts = {name: {"sub": _account(name), "name": f"{name.title()} Doe"} for name in PEOPLE}
        return cls(tenant, producer, key, IdentityProvider(accounts=accounts))

    def policy(self) -> str:
        """Give the shipped policy that believes the team's provider."""
        said = json.loads(bundle(None, lambda _: {}))
        issuer = {"issuer": self.provider.issuer, "audience": self.provider.client_id}
        said["release"]["identity"] = [{**issuer, "jwks": self.provider.jwks()}]
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def grants(self) -> Iterator[Event]:
        """Let everybody approve."""
        for name in PEOPLE:
            body = {
                "grant_id": f"{name}-{_ROLE}",
                "principal": _account(name),
                "principal_kind": "person",
                "role": _ROLE,
                "scope": {"max_sensitivity": "restricted"},
            }
            yield self.say("role.granted", body)

    def data(self) -> Iterator[Event]:
        """Make the data that every model is trained on."""
        for number in range(SNAPSHOTS):
            dataset = ref("dataset", f"loans-{number}")
            yield self.say(
                "dataset.registered",
                {
                    "dataset": dataset,
                    "description": "Loans",
                    "source": "us",
                    "licence": "own",
                    "owner": "risk",
                },
            )
            yield self.say(
                "dataset.snapshotted",
                {"snapshot": _snapshot(number), "dataset": dataset, "rows": 10, "columns": ()},
            )
        for number in range(FEATURES):
            column = {"artifact": _snapshot(number % SNAPSHOTS), "column": f"c{number}"}
            yield self.say(
                "feature.defined",
                {
                    "feature": _feature(number),
                    "description": "A column",
                    "inputs": (column,),
                    "definition": f"c{number}",
                    "language": "sql",
                    "type": "real",
                    "owner": "risk",
                },
            )

    def model(self, name: str) -> Iterator[Event]:
        """Make a model with all that the policy asks for, but people's approvals."""
        model, snapshots = ref("model", name), tuple(_snapshot(each) for each in range(SNAPSHOTS))
        code = {"repository": "git", "commit": "c0ffee", "digest": b"\2" * 32}
        made = {"code": code, "environment": ref("environment", "image")}
        run = {"run_id": f"run-{name}", "name": "train", "inputs": snapshots}
        yield self.say("run.started", {**run, **made}, _TRAINER)
        yield self.say(
            "model.registered",
            {
                **made,
                "model": model,
                "run_id": run["run_id"],
                "algorithm": "logistic",
                "training_snapshots": snapshots,
                "features": tuple(_feature(each) for each in range(FEATURES)),
                "intended_use": "Credit decisions",
                "limitations": "Not for businesses",
                "owner": "risk",
            },
            _TRAINER,
        )
        group = {"attribute": "sex", "value": "female"}
        slices = (None, group, {**group, "attribute": "age"})
        yield self.say(
            "validation.reported",
            {
                "model": model,
                "evaluation": ref("evaluation", name),
                "snapshot": snapshots[0],
                "metrics": tuple({"name": "auc", "value": 0.8, "slice": each} for each in slices),
                "passed": True,
                "independent": True,
            },
        )
        explanation = {"explanation": ref("explanation", name), "subject": model}
        yield self.say("explanation.attached", {**explanation, "method": "shap", "place": "s3"})
        signature = {
            "artifact": model,
            "format": "dsse",
            "envelope": sign_artifact(self.key, of_file(name, model["digest"])),
            "public_key": public_bytes(self.key),
        }
        yield self.say("artifact.signed", signature)

    def request(self, name: str, environment: str, **more: Any) -> Event:
        """Ask for a release."""
        body = {
            "model": ref("model", name),
            "environment": environment,
            "risk_class": "high",
            "purpose": "credit decisions",
            "jurisdictions": (),
            **more,
        }
        return self.say("deployment.requested", body)

    def deployed(self, name: str, environment: str, decision_id: str) -> Event:
        """Deploy a model as a decision allows."""
        body = {
            "deployment": ref("deployment", f"{name}-eu"),
            "model": ref("model", name),
            "environment": environment,
            "action": "deployed",
            "decision_id": decision_id,
        }
        return self.say("deployment.changed", body)

    def approved(self, person: str, name: str, environment: str) -> Event:
        """Let a person approve, with a key of theirs."""
        declared = Declared(
            self.tenant,
            ArtifactRef.model_validate(ref("model", name)),
            environment,
            _ROLE,
            "release",
            "approval",
            "approved",
            "I have read the validation report",
        )
        actor = {"principal": _account(person), "kind": "person"}
        return approval(self._login(person), declared, None)(self._envelope(actor))

    def say(
        self, event_type: str, body: dict[str, Any], actor: dict[str, str] | None = None
    ) -> Event:
        """Give an event of the team's workload, or of another actor."""
        said = {"envelope": self._envelope(actor), "body": body}
        return event_types()[event_type].model.model_validate(said)

    def _envelope(self, actor: dict[str, str] | None = None) -> Envelope:
        return Envelope.model_validate(
            {
                "tenant": self.tenant,
                "domain": _DOMAIN,
                "environment": "production",
                "actor": actor or {"principal": self.producer, "kind": "workload"},
                "workload": {"name": self.producer},
                "intent": {"trigger": "request", "reason": "release"},
            }
        )

    def _login(self, person: str) -> Signer:
        key = Ed25519PrivateKey.generate()
        token = self.provider.token(person, key_nonce(public_bytes(key)))
        ends = datetime.now(UTC) + timedelta(seconds=self.provider.lifetime_s)
        account = self.provider.accounts[person]
        issuer = self.provider.issuer, self.provider.client_id
        credential = Credential(
            *issuer, account["sub"], account["name"], int(ends.timestamp()), token, ""
        )
        return Signer(credential, key)


def ref(kind: str, name: str) -> dict[str, Any]:
    """Name an artifact."""
    digest = sha256(f"{kind} {name}".encode()).digest()
    return {"kind": kind, "name": name, "version": "1", "digest": digest}


def _snapshot(number: int) -> dict[str, Any]:
    return ref("snapshot", f"loans-{number}")


def _feature(number: int) -> dict[str, Any]:
    return ref("feature", f"c{number}")


def _account(name: str) -> str:
    return f"{name}@acme.example"
