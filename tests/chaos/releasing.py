"""Releases that are asked for, approved, excepted, quarantined and deployed while parts are killed.

What a producer says here follows from the round's seed, but for the decisions that deployments
name: those are read from ClickHouse between rounds.
"""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.chaos.independent import ClickHouse
from tests.oidc_provider import OidcProvider

from auditspine.cli.credential import Credential
from auditspine.cli.operator import speaking
from auditspine.cli.personal_signing import Declared, Signer, approval, exception
from auditspine.cli.settings import Settings
from auditspine.ledger.control import EVERY_TENANT
from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.keyfile import public_bytes, read_key
from auditspine.ledger.statement import key_nonce
from auditspine.processors.release.bundle import bundle
from auditspine.producers.client import AuditClient
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.models import ArtifactRef, Event

ENVIRONMENTS = ("development", "staging", "production")
ROLE = "release_approver"
PEOPLE = ("ana", "tom", "eve")


class Releases:
    """Makes the events of one tenant's releases.

    Args:
        client: Publishes them.
        settings: Of the stack.
        provider: Where people log in.
    """

    def __init__(self, client: AuditClient, settings: Settings, provider: OidcProvider) -> None:
        self._client = client
        self._provider = provider
        envelope = client.envelope("test", "whose")
        self._tenant, producer = envelope.tenant, envelope.workload.name
        self._key = read_key(settings.data_dir / "keys" / f"{producer}.pem")
        self._models: list[str] = []
        self._grants = 0
        self._granted: list[str] = []
        self.decisions: dict[tuple[str, str], str] = {}

    def begin(self) -> Iterator[Event]:
        """Say what every model rests on."""
        dataset = ref("dataset", "loans")
        yield self._say("dataset.registered", {
            "dataset": dataset, "description": "Loans", "source": "us", "licence": "own",
            "owner": "risk",
        })  # fmt: skip
        yield self._say("dataset.snapshotted", {
            "snapshot": ref("snapshot", "loans"), "dataset": dataset, "rows": 10, "columns": (),
        })  # fmt: skip
        for person in PEOPLE:
            yield self._grant(person)

    def some(self, choice: random.Random) -> list[Event]:
        """Give what happens next."""
        if len(self._models) < 2 or choice.random() < 0.08:
            return list(self._train(f"{self._tenant}-{choice.randrange(10**9)}"))
        recent = self._models[-6:]
        name, where = choice.choice(recent), choice.choice(ENVIRONMENTS)
        what: Callable[[str, str, random.Random], Event] = choice.choices(
            (self._ask, self._approve, self._deploy, self._except, self._quarantine, self._role),
            (30, 34, 18, 6, 4, 8),
        )[0]
        return [what(name, where, choice)]

    def learn(self, store: ClickHouse) -> None:
        """Read which decisions allow what, for deployments to name."""
        for model, where, decision_id in store.rows(
            "SELECT model, environment, decision_id FROM release_states FINAL "
            f"WHERE tenant = '{self._tenant}' AND allowed"
        ):
            self.decisions[model, where] = decision_id

    def _train(self, name: str) -> Iterator[Event]:
        self._models.append(name)
        model, snapshot = ref("model", name), ref("snapshot", "loans")
        code = {"repository": "git", "commit": "c0ffee", "digest": b"\2" * 32}
        made = {"code": code, "environment": ref("environment", "image")}
        group = {"attribute": "sex", "value": "female"}
        trainer = {"actor": {"principal": "training", "kind": "workload"}}
        yield self._say("run.started", {
            **made, "run_id": f"run-{name}", "name": "train", "inputs": (snapshot,),
        }, trainer)  # fmt: skip
        yield self._say("model.registered", {
            **made, "model": model, "run_id": f"run-{name}", "algorithm": "logistic",
            "training_snapshots": (snapshot,), "features": (), "intended_use": "Credit decisions",
            "limitations": "Not for businesses", "owner": "risk",
        }, trainer)  # fmt: skip
        yield self._say("validation.reported", {
            "model": model, "evaluation": ref("evaluation", name), "snapshot": snapshot,
            "metrics": tuple({"name": "auc", "value": 0.8, "slice": each} for each in (
                None, group, {**group, "attribute": "age"},
            )),
            "passed": True, "independent": True,
        })  # fmt: skip
        yield self._say("explanation.attached", {
            "explanation": ref("explanation", name), "subject": model, "method": "shap",
            "place": "s3",
        })  # fmt: skip
        yield self._say("artifact.signed", {
            "artifact": model, "format": "dsse", "public_key": public_bytes(self._key),
            "envelope": sign_artifact(self._key, of_file(name, model["digest"])),
        })  # fmt: skip

    def _ask(self, name: str, where: str, _: random.Random) -> Event:
        return self._say("deployment.requested", {
            "model": ref("model", name), "environment": where, "risk_class": "high",
            "purpose": "credit decisions", "jurisdictions": (),
        })  # fmt: skip

    def _approve(self, name: str, where: str, choice: random.Random) -> Event:
        person = choice.choice(PEOPLE)
        decision = choice.choices(("approved", "withdrawn", "rejected"), (9, 1, 1))[0]
        ends = choice.choice((None, None, None, datetime.now(UTC) + timedelta(seconds=10)))
        declared = Declared(
            self._tenant, _artifact(name), where, ROLE, "test", "approval", decision, "I have read",
            ends,
        )  # fmt: skip
        return approval(self._login(person), declared, None)(self._by(person))

    def _except(self, name: str, where: str, choice: random.Random) -> Event:
        person, number = choice.choice(PEOPLE), choice.randrange(10**9)
        declared = Declared(
            self._tenant, _artifact(name), where, ROLE, "test",
            expires_at=datetime.now(UTC) + timedelta(seconds=choice.choice((3, 60, 86400))),
            conditions=("daily check",), rules=("environment_order",),
            reference=f"exc-{number}",
        )  # fmt: skip
        return exception(self._login(person), declared)(self._by(person))

    def _deploy(self, name: str, where: str, choice: random.Random) -> Event:
        known = self.decisions.get((name, where))
        return self._say("deployment.changed", {
            "deployment": ref("deployment", f"{name}-eu"), "model": ref("model", name),
            "environment": where, "action": "deployed",
            "decision_id": known if choice.random() < 0.8 else None,
        })  # fmt: skip

    def _quarantine(self, name: str, _: str, choice: random.Random) -> Event:
        action = choice.choice(("quarantined", "released"))
        return self._say("artifact.quarantined", {
            "artifact": ref("model", name), "action": action, "reason": "test",
        })  # fmt: skip

    def _role(self, _name: str, _where: str, choice: random.Random) -> Event:
        if len(self._granted) > 2:
            grant_id = self._granted.pop(choice.randrange(len(self._granted)))
            return self._say("role.revoked", {"grant_id": grant_id, "reason": "test"})
        return self._grant(choice.choice(PEOPLE))

    def _grant(self, person: str) -> Event:
        self._grants += 1
        self._granted.append(f"{person}-{self._grants}")
        return self._say("role.granted", {
            "grant_id": self._granted[-1], "principal": self._account(person)["sub"],
            "principal_kind": "person", "role": ROLE, "scope": {"max_sensitivity": "restricted"},
        })  # fmt: skip

    def _say(
        self, event_type: str, body: dict[str, Any], more: dict[str, Any] | None = None
    ) -> Event:
        said = {"envelope": self._client.envelope("test", "test", **(more or {})), "body": body}
        return event_types()[event_type].model.model_validate(said)

    def _by(self, person: str):
        actor = {"principal": self._account(person)["sub"], "kind": "person"}
        return self._client.envelope("test", "test", actor=actor)

    def _account(self, person: str) -> dict[str, Any]:
        return dict(self._provider.accounts[person])

    def _login(self, person: str) -> Signer:
        key, account = Ed25519PrivateKey.generate(), self._account(person)
        token = self._provider.token(person, key_nonce(public_bytes(key)))
        at = self._provider.issuer, self._provider.client_id
        return Signer(Credential(*at, account["sub"], account["name"], 0, token, ""), key)


def people() -> OidcProvider:
    """Give a provider at which everybody has an account; it signs, and nobody asks it."""
    accounts = {
        name: {"sub": f"{name}@acme.example", "name": f"{name.title()} Doe", "employee_number": n}
        for n, name in enumerate(PEOPLE)
    }
    return OidcProvider(accounts=accounts)


def publish_policy(settings: Settings, provider: OidcProvider) -> None:
    """Publish the shipped policy, with a provider, and with no grace for late decisions."""
    said = json.loads(bundle(None, lambda _: {}))
    issuer = {"issuer": provider.issuer, "audience": provider.client_id}
    said["release"]["identity"] = [{**issuer, "jwks": provider.jwks()}]
    said["release"]["times"]["grace_minutes"] = 0
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with speaking(settings) as operator:
        operator.publish_policy("release", text, [EVERY_TENANT], "test").result(30)


def ref(kind: str, name: str) -> dict[str, Any]:
    digest = sha256(f"{kind} {name}".encode()).digest()
    return {"kind": kind, "name": name, "version": "1", "digest": digest}


def _artifact(name: str) -> ArtifactRef:
    return ArtifactRef.model_validate(ref("model", name))
