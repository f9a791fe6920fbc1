"""Events that lead to release decisions, and a log that folds them."""

import json
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.oidc_provider import OidcProvider
from tests.unit.processors.alert_events import MINUTE, START, event_id, published, ref
from tests.unit.processors.memory_state import Memory

from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.statement import Statement, key_nonce, sign_statement
from auditspine.processors.projection.findings import FINDINGS
from auditspine.processors.projection.port import DERIVED, Derived, SealedEvent, Table
from auditspine.processors.release.bundle import bundle
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.processors.release.grants import GrantIndex, SealedGrants
from auditspine.processors.release.personal import EXCEPTION_MEANING
from auditspine.processors.release.policy import parse_policy
from auditspine.processors.release.port import InForce
from auditspine.processors.release.tables import DECISIONS, DEPLOYMENTS, EXCEPTIONS, STATES

LOG, ACCESS, CONTROL = "local/c/lifecycle/0", "local/c/access/0", "local/c/control/0"
IDENTITY = OidcProvider()
TRAINER_KEY = Ed25519PrivateKey.generate()
TABLES: dict[Table, tuple[str, ...]] = {
    DECISIONS: ("tenant", "decision_id", "origin"),
    STATES: ("tenant", "environment", "model_digest", "origin"),
    EXCEPTIONS: ("tenant", "exception_id", "origin"),
    DEPLOYMENTS: ("tenant", "origin", "position"),
    FINDINGS: ("finding_id",),
}
ACCOUNTS = {
    **{
        name: {"sub": f"{name}@acme.example", "name": f"{name.title()} Doe", "employee_number": n}
        for name, n in (("ana", "1"), ("tom", "2"), ("eve", "3"), ("kim", "4"))
    },
    "kim-two": {"sub": "kim.two@acme.example", "name": "Kim Doe", "employee_number": "4"},
}
IDENTITY.accounts = ACCOUNTS


@cache
def policy_text(**release: Any) -> str:
    """Give the shipped policy with an identity provider."""
    said = json.loads(bundle(None, lambda _: {}))
    said["release"]["identity"] = [
        {
            "issuer": IDENTITY.issuer,
            "audience": IDENTITY.client_id,
            "jwks": IDENTITY.jwks(),
            "person_claim": "employee_number",
        }
    ]
    said["release"] |= release
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@cache
def _parsed(text: str) -> InForce:
    try:
        policy = parse_policy(text)
    except PolicyError as exc:
        return InForce(None, sha256(text.encode()).digest(), str(exc))
    return InForce(policy, policy.digest)


class Policies:
    """Policies by the size of the control log from which they hold."""

    origin = CONTROL

    def __init__(self) -> None:
        self.known: list[tuple[int, str, str]] = []

    def publish(self, text: str, tenant: str = "*") -> int:
        self.known.append((len(self.known) + 1, tenant, text))
        return len(self.known)

    def at(self, tenant: str, control_size: int) -> InForce | None:
        held = [each for each in self.known if each[0] <= control_size and each[1] in (tenant, "*")]
        if not held:
            return None
        return _parsed(held[-1][2])


class AccessLog:
    """The access log, folded by the real index."""

    def __init__(self) -> None:
        self.state = Memory()
        self.size = 0

    def take(self, kind: str, body: dict[str, Any], at: int, tenant: str = "acme") -> None:
        envelope = {"event_id": event_id(10_000 + self.size, at), "tenant": tenant}
        GrantIndex().fold([SealedEvent(ACCESS, self.size, at, kind, envelope, body)], self.state)
        self.size += 1

    def values(self, key: bytes, at: int, partition: int) -> list[bytes]:
        found = self.state.get(key)
        return [] if found is None else [found]

    def close(self) -> None:
        pass


class World:
    """A tenant's lifecycle log that is folded event by event; keeps what a store would."""

    def __init__(self, text: str | None = None, tenant: str = "acme") -> None:
        self.tenant = tenant
        self.policies = Policies()
        self.control_size = 0
        if text is None:
            text = policy_text()
        if text:
            self.control_size = self.policies.publish(text)
        self.access = AccessLog()
        self.grants = SealedGrants(cast("Any", self.access), 1)
        self.projection = ReleaseProjection(self.policies, self.grants)
        self.state = Memory()
        self.events: list[SealedEvent] = []
        self.derived: list[Derived] = []
        self.said: list[tuple[str, Any]] = []
        self.rows: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = {t: {} for t in TABLES}
        self.minute = 0.0

    @property
    def now(self) -> int:
        return START + int(self.minute * MINUTE)

    def fold(self, events: list[SealedEvent]) -> list[Derived]:
        changes = self.projection.fold(events, self.state)
        said = [cast("Derived", row[0]) for row in changes.get(DERIVED, ())]
        self.derived += said
        for table, key in TABLES.items():
            for row in changes[table]:
                named = dict(zip(table.columns, row, strict=True))
                at = tuple(named[column] for column in key)
                known = self.rows[table].get(at)
                if known is None or known["version"] <= named["version"]:
                    self.rows[table][at] = named
        return said

    def take(
        self,
        kind: str,
        body: dict[str, Any],
        *,
        who: str = "ci",
        person: bool = False,
        reason: str = "release",
        domain: str = "credit",
        environment: str = "production",
        key: bytes = b"",
    ) -> list[tuple[str, Any]]:
        """Fold one event now; give what is derived, as it would be published."""
        number = len(self.events)
        envelope = {
            "event_id": event_id(number, self.now),
            "tenant": self.tenant,
            "domain": domain,
            "environment": environment,
            "actor": {"principal": who, "kind": "person" if person else "workload"},
            "intent": {"trigger": "request", "reason": reason, "justification": None},
        }
        made = SealedEvent(
            LOG, number, self.now, kind, envelope, body, key, control_size=self.control_size
        )
        self.events.append(made)
        said = [(each.event_type, published(each)) for each in self.fold([made])]
        self.said += said
        return said

    def beat(self, minute: float) -> list[tuple[str, Any]]:
        self.minute = minute
        return self.take("producer.heartbeat", {"epoch": 1, "streams": []})

    def grant(self, name: str, role: str = "release_approver", **scope: Any) -> "World":
        """Give an account a role."""
        reach = {"domains": (), "environments": (), "max_sensitivity": "restricted", **scope}
        body = {
            "grant_id": f"{name}-{role}",
            "principal": ACCOUNTS[name]["sub"],
            "role": role,
            "scope": reach,
            "expires_at": None,
        }
        self.access.take("role.granted", body, self.now, self.tenant)
        return self

    def revoke(self, name: str, role: str = "release_approver") -> None:
        body = {"grant_id": f"{name}-{role}"}
        self.access.take("role.revoked", body, self.now, self.tenant)

    def train(
        self,
        version: str = "3",
        *,
        trainer: str = "kim@acme.example",
        without: str = "",
        **body: Any,
    ) -> "World":
        """Say all that a good model has, but for one thing."""
        model, run = ref("model", "risk", version), f"run-{version}"
        dataset, snapshot, labels = (
            ref(each, "loans") for each in ("dataset", "snapshot", "labels")
        )
        feature = ref("feature", "dti")
        said = {
            "dataset": ("dataset.registered", {"dataset": dataset, "permitted_purposes": ()}),
            "snapshot": ("dataset.snapshotted", {"snapshot": snapshot, "dataset": dataset}),
            "labels": ("labels.applied", {"labels": labels, "snapshot": snapshot}),
            "feature": (
                "feature.defined",
                {"feature": feature, "inputs": ({"artifact": snapshot, "column": "dti"},)},
            ),
            "run": ("run.started", {"run_id": run}),
            "model": (
                "model.registered",
                {
                    "model": model,
                    "run_id": run,
                    "training_snapshots": (snapshot,),
                    "labels": (labels,),
                    "features": (feature,),
                    "owner": "model-risk",
                    "intended_use": "Credit decisions",
                    "limitations": "Not for businesses",
                    **body,
                },
            ),
            "validation": ("validation.reported", validation(version)),
            "explanation": (
                "explanation.attached",
                {"subject": model, "prediction_id": None},
            ),
        }
        for name, (kind, content) in said.items():
            if name != without:
                who = trainer if name in ("run", "model") else "ci"
                self.take(kind, content, who=who)
        if without != "signature":
            self.sign(version)
        return self

    def sign(self, version: str = "3", *, key: Ed25519PrivateKey = TRAINER_KEY, **it: Any) -> Any:
        """Sign a model's bytes."""
        model = ref("model", "risk", version)
        body = {
            "artifact": model,
            "format": "dsse",
            "envelope": sign_artifact(key, of_file("risk", model["digest"])),
            "public_key": public_bytes(key),
            **it,
        }
        return self.take("artifact.signed", body, key=public_bytes(TRAINER_KEY))

    def request(
        self,
        environment: str = "production",
        version: str = "3",
        *,
        who: str = "ci",
        domain: str = "credit",
        **it: Any,
    ) -> Any:
        """Ask for a release; give the decision."""
        body = {
            "model": ref("model", "risk", version),
            "environment": environment,
            "risk_class": "high",
            "purpose": "credit decisions",
            "jurisdictions": (),
            "deployment": None,
            **it,
        }
        return decision(self.take("deployment.requested", body, who=who, domain=domain))

    def approve(
        self, account: str, environment: str = "production", version: str = "3", **it: Any
    ) -> list[tuple[str, Any]]:
        """Let a person sign an approval; ``it`` names what the event says otherwise than they."""
        return self.take(*self.approval(account, environment, version, **it)[:2], **_by(account))

    def approval(
        self,
        account: str,
        environment: str = "production",
        version: str = "3",
        *,
        decision: str = "approved",
        expires: float | None = None,
        **it: Any,
    ) -> tuple[str, dict[str, Any]]:
        model = ref("model", "risk", version)
        until = None if expires is None else (START + int(expires * MINUTE)) * 1000
        statement = self._statement(
            account,
            model,
            environment,
            kind="approval",
            decision=decision,
            meaning="I have read the report",
            expires_at=until,
        )
        body = {
            "subject": model,
            "decision": decision,
            "meaning": "I have read the report",
            "role": "release_approver",
            "conditions": (),
            "expires_at": until,
            "validations": (),
            "environment": environment,
            "signature": self.signature(account, statement),
            **it,
        }
        return "approval.decided", body

    def exception(
        self,
        account: str,
        rules: tuple[str, ...],
        minutes: float,
        *,
        environment: str = "production",
        version: str = "3",
        name: str = "exc-1",
        **it: Any,
    ) -> list[tuple[str, Any]]:
        """Let a person grant an exception until a minute."""
        model = ref("model", "risk", version)
        until = (START + int(minutes * MINUTE)) * 1000
        statement = self._statement(
            account,
            model,
            environment,
            kind="exception",
            decision="granted",
            meaning=EXCEPTION_MEANING,
            expires_at=until,
            conditions=("daily check",),
            rules=rules,
            reference=name,
        )
        body = {
            "exception_id": name,
            "subject": model,
            "environment": environment,
            "rules": rules,
            "compensating_control": "daily check",
            "role": "release_approver",
            "expires_at": until,
            "signature": self.signature(account, statement),
            **it,
        }
        return self.take("exception.granted", body, **_by(account))

    def signature(self, account: str, statement: Statement) -> dict[str, Any]:
        key = Ed25519PrivateKey.generate()
        public = public_bytes(key)
        return {
            "public_key": public,
            "envelope": sign_statement(key, statement),
            "id_token": IDENTITY.token(account, key_nonce(public), at=self.now // 1000 - 5),
        }

    def deploy(
        self,
        environment: str = "production",
        version: str = "3",
        decision_id: str | None = None,
        **it: Any,
    ) -> list[tuple[str, Any]]:
        body = {
            "deployment": ref("deployment", "risk-eu"),
            "model": ref("model", "risk", version),
            "environment": environment,
            "action": "deployed",
            "traffic_share": 1.0,
            "decision_id": decision_id,
            **it,
        }
        return self.take("deployment.changed", body)

    def released(self, environment: str = "production", version: str = "3") -> str:
        """Take a model through the environments up to one, with two approvals in each."""
        order = ("development", "staging", "production")
        decision_id = ""
        for name in order[: order.index(environment) + 1]:
            for account in ("ana", "tom"):
                self.minute += 1
                self.approve(account, name, version)
            made = self.request(name, version)
            assert made.outcome == "allow", made.reason
            decision_id = made.decision_id
            if name != environment:
                self.deploy(name, version, decision_id)
        return decision_id

    def staged(self, version: str = "3") -> "World":
        """Take a model to where production may be asked for."""
        staging = self.released("staging", version)
        self.deploy("staging", version, staging)
        return self

    def standing(self, environment: str = "production", version: str = "3") -> bool | None:
        digest = ref("model", "risk", version)["digest"]
        found = [
            row["allowed"]
            for row in self.rows[STATES].values()
            if (row["environment"], row["model_digest"]) == (environment, digest)
        ]
        return found[0] if found else None

    def found(self) -> list[tuple[str, str]]:
        """Give kind and tier of all findings that were told."""
        return [(body.kind, body.tier) for kind, body in self.said if kind == "finding.raised"]

    def _statement(
        self, account: str, model: dict[str, Any], environment: str, **it: Any
    ) -> Statement:
        claims = ACCOUNTS[account]
        plain = Statement(
            kind="approval",
            tenant=self.tenant,
            principal=claims["sub"],
            name=claims["name"],
            signed_at=self.now * 1000,
            role="release_approver",
            meaning="",
            reason="release",
            decision="",
            subject_kind="model",
            subject_name=model["name"],
            subject_version=model["version"],
            subject_digest=model["digest"].hex(),
            environment=environment,
        )
        return replace(plain, **it)


def decision(said: list[tuple[str, Any]]) -> Any:
    """Give the only decision of what was derived."""
    [found] = [body for kind, body in said if kind == "decision.made"]
    return found


def result(made: Any, rule: str) -> str:
    """Give what a rule came to."""
    [found] = [each.result for each in made.rules if each.rule == rule]
    return str(found)


def validation(version: str = "3", **it: Any) -> dict[str, Any]:
    group = {"attribute": "sex", "value": "female"}
    return {
        "model": ref("model", "risk", version),
        "evaluation": ref("evaluation", "risk", version),
        "passed": True,
        "independent": True,
        "metrics": ({"slice": None}, {"slice": group}, {"slice": {**group, "attribute": "age"}}),
        "findings": (),
        **it,
    }


def _by(account: str) -> dict[str, Any]:
    return {"who": ACCOUNTS[account]["sub"], "person": True}
