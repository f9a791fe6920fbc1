"""The whole life of one credit model as signed events, of which parts can be left out or spoiled.

Ruth and Omar approve what Ana trained, Priya lets one rule be waived, Dev deploys; it drifts.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.auditor.tabletop.entry import Entry, RawEntry, Sealed, read_entry
from auditspine.auditor.tabletop.rebuild import rebuild
from auditspine.auditor.tabletop.report import Release
from auditspine.ledger.batch import SigHeader, batch_leaf, leaf_context, sign_batch
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.merkle import leaf_hash
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.statement import Statement, key_nonce, sign_statement
from auditspine.schemas.catalogue import event_types, schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.parse import parse_json

SERVICE = Ed25519PrivateKey.from_private_bytes(b"\x04" * 32)
PROCESSOR = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
PEOPLE = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
    for name in ("ruth", "omar", "priya")
}
NAMES = {"ruth": "Ruth Okafor", "omar": "Omar Haddad", "priya": "Priya Nair"}
START = datetime(2026, 9, 21, 10, tzinfo=UTC)
TENANT, RUN = "acme", "run-7"
DERIVED = {
    **dict.fromkeys(("drift.signalled", "serving.observed"), "auditspine-drift"),
    **dict.fromkeys(("decision.made", "approval.requested"), "auditspine-release"),
    **dict.fromkeys(("exception.expired", "finding.raised"), "auditspine-release"),
    **dict.fromkeys(("alert.raised", "alert.resolved"), "auditspine-alerts"),
    **dict.fromkeys(("investigation.opened", "serving_state.changed"), "auditspine-alerts"),
}
POLICY = json.dumps({"classes": {"high": {"approvals": 2}}}, sort_keys=True)
DECODER = Decoder(schema_texts())


def ref(kind: str, name: str, version: str = "1") -> dict[str, str]:
    digest = sha256(f"{kind} {name} {version}".encode()).hexdigest()
    return {"kind": kind, "name": name, "version": version, "digest": f"sha256:{digest}"}


MODEL = ref("model", "mortgage-risk", "3")
DATASET, TRAIN = ref("dataset", "hmda-2025"), ref("snapshot", "hmda-2025-train")
TEST, LABELS = ref("snapshot", "hmda-2025-test"), ref("labels", "hmda-2025-denied")
FEATURE, LOCK = ref("feature", "debt_to_income"), ref("environment", "uv.lock", "2026-09-20")
REPORT, SHAP = ref("evaluation", "mortgage-risk-3-report"), ref("explanation", "coefficients-3")
DEPLOYMENT = ref("deployment", "mortgage-risk-eu", "12")
CODE = {
    "repository": "git/mortgage-risk",
    "commit": "9f2c41d07b3e",
    "digest": "sha256:" + sha256(b"code").hexdigest(),
}


@dataclass(frozen=True)
class Said:
    """One event to be said."""

    event_type: str
    at: datetime
    event_id: str
    by: str
    kind: str
    body: dict[str, Any]
    reason: str
    tenant: str

    @property
    def value(self) -> bytes:
        envelope = {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "occurred_at": self.at.isoformat(),
            "tenant": self.tenant,
            "domain": "credit",
            "environment": "production",
            "actor": {"principal": self.by, "kind": self.kind},
            "workload": {"name": self.producer, "namespace": "risk"},
            "intent": {"trigger": "request", "reason": self.reason},
        }
        return encode(parse_json(json.dumps({"envelope": envelope, "body": self.body})))

    @property
    def producer(self) -> str:
        return "operator" if self.stream == "control" else "scorer"

    @property
    def stream(self) -> str:
        return event_types()[self.event_type].stream

    @property
    def key(self) -> Ed25519PrivateKey:
        if self.stream == "control":
            return OPERATOR
        return PROCESSOR if self.event_type in DERIVED else SERVICE


@dataclass
class Story:
    """Says one event after another, an hour after the one before."""

    said: list[Said] = field(default_factory=list)

    def say(self, event_type: str, by: str = "ana", why: str = "planned", **body: Any) -> str:
        number = len(self.said) + 1
        derived = event_type in DERIVED
        event_id = f"0199a0b0-0000-7000-8000-{number:012x}"
        self.said.append(
            Said(
                event_type,
                START + timedelta(hours=number),
                event_id,
                DERIVED[event_type] if derived else by,
                "workload" if derived else "person",
                body,
                why,
                "-" if event_types()[event_type].stream == "control" else TENANT,
            )
        )
        return event_id

    @property
    def now(self) -> datetime:
        """When the next event is said."""
        return START + timedelta(hours=len(self.said) + 1)

    def without(self, *types: str) -> "Story":
        """Leave events of some types out."""
        return Story([each for each in self.said if each.event_type not in types])

    def changed(self, event_type: str, change: Callable[[dict[str, Any]], Any]) -> "Story":
        """Have the bodies of a type changed before they are said."""
        made = []
        for each in self.said:
            body = json.loads(json.dumps(each.body))
            if each.event_type == event_type:
                change(body)
            made.append(replace(each, body=body))
        return Story(made)

    def entries(self) -> list[Entry]:
        """Give the events as they are read back from a log of each stream."""
        return [read_entry(raw, sealed, DECODER, self._whose(raw)) for raw, sealed in self.rows()]

    def rows(self) -> Iterator[tuple[RawEntry, Sealed]]:
        sizes: dict[str, int] = {}
        for each in self.said:
            position = sizes.setdefault(each.stream, 0)
            sizes[each.stream] += 1
            value, sig = each.value, signed(each, position + 1)
            leaf = leaf_hash(encode_entry(value, sig))
            origin = f"local/c/{each.stream}/0"
            raw = RawEntry(origin, position, each.at, each.event_type, 0, value, sig)
            yield raw, Sealed(leaf, "valid")

    def release(self) -> Release:
        return released(self.entries())

    @staticmethod
    def _whose(raw: RawEntry) -> str:
        return "-" if "/control/" in raw.origin else TENANT


def released(entries: list[Entry]) -> Release:
    return rebuild(MODEL["name"], MODEL["version"], MODEL["digest"], TENANT, entries)


def signed(said: Said, sequence: int) -> bytes:
    """Sign one event as a batch of its own."""
    public = raw_public_key(said.key)
    context = leaf_context(public, said.tenant, said.producer, f"auditspine.{said.stream}", 0)
    signature, paths = sign_batch(said.key, [batch_leaf(context, 1, sequence, 0, 0, said.value)])
    return SigHeader(
        signature, public, 1, sequence, 0, 0, 1, 0, said.tenant, said.producer, paths[0]
    ).encode()


def token(key: Ed25519PrivateKey) -> str:
    """Give an identity token of a login for a key; nobody here checks who signed it."""
    claims = json.dumps({"iss": "https://login.acme.example", "nonce": key_nonce(public(key))})
    parts = (b'{"alg":"ES256"}', claims.encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)


def public(key: Ed25519PrivateKey) -> bytes:
    return raw_public_key(key)


def personal(who: str, at: datetime, body: dict[str, Any], reason: str, **other: Any) -> dict:
    """Sign what a body says as a person does."""
    statement = Statement(
        **{
            "kind": "approval",
            "tenant": TENANT,
            "principal": who,
            "name": NAMES[who],
            "signed_at": int(at.timestamp() * 1_000_000),
            "role": body["role"],
            "meaning": body.get("meaning", "I accept the risk"),
            "reason": reason,
            "decision": body.get("decision", "granted"),
            "subject_kind": MODEL["kind"],
            "subject_name": MODEL["name"],
            "subject_version": MODEL["version"],
            "subject_digest": MODEL["digest"].removeprefix("sha256:"),
            "environment": body["environment"],
            "expires_at": None,
            **other,
        }
    )
    return envelope(who, sign_statement(PEOPLE[who], statement))


def envelope(who: str, signed_text: str) -> dict[str, str]:
    return {
        "public_key": base64.b64encode(public(PEOPLE[who])).decode(),
        "envelope": signed_text,
        "id_token": token(PEOPLE[who]),
    }


def approve(story: Story, who: str, role: str, **other: Any) -> str:
    reason = "validated independently; limits are acceptable"
    body: dict[str, Any] = {
        "subject": MODEL,
        "decision": "approved",
        "meaning": "I have reviewed the validation and approve its use",
        "role": role,
        "validations": [REPORT],
        "environment": "production",
    }
    body["signature"] = personal(who, story.now, body, reason, **other)
    return story.say("approval.decided", who, reason, **body)


def lifecycle() -> Story:
    """Say the whole life."""
    story = Story()
    _entitle(story)
    _make(story)
    _decide(story)
    _watch(story)
    return story


def _entitle(story: Story) -> None:
    for who, role in (("ruth", "validator"), ("omar", "risk_officer"), ("priya", "risk_officer")):
        story.say(
            "role.granted",
            "iam",
            grant_id=f"grant-{who}",
            principal=who,
            principal_kind="person",
            role=role,
            scope={"domains": ["credit"], "max_sensitivity": "restricted"},
        )
    story.say(
        "policy.published",
        "operator",
        name="release",
        digest=f"sha256:{sha256(POLICY.encode()).hexdigest()}",
        text=POLICY,
        tenants=["*"],
    )


def _make(story: Story) -> None:
    story.say(
        "dataset.registered",
        "dana",
        dataset=DATASET,
        description="mortgage applications",
        source="HMDA 2025",
        licence="public domain",
        owner="data-office",
        permitted_purposes=["credit-scoring"],
    )
    for snapshot, rows, split in ((TRAIN, 24_000, "train"), (TEST, 6_000, "test")):
        story.say(
            "dataset.snapshotted",
            "dana",
            snapshot=snapshot,
            dataset=DATASET,
            rows=rows,
            columns=[{"name": "debt_to_income", "type": "real"}],
            split=split,
        )
    story.say(
        "labels.applied",
        "dana",
        labels=LABELS,
        snapshot=TRAIN,
        column="denied",
        labeller="underwriters",
        method="observed",
        instructions="as decided",
        counts=[],
    )
    story.say(
        "feature.defined",
        feature=FEATURE,
        description="debt over income",
        inputs=[{"artifact": TRAIN, "column": "debt_to_income"}],
        definition="debt / income",
        language="sql",
        type="real",
        owner="features",
    )
    story.say(
        "code.committed", code=CODE, author="ana", reviewers=["lee"], message="train version 3"
    )
    story.say(
        "run.started",
        run_id=RUN,
        name="train",
        code=CODE,
        environment=LOCK,
        inputs=[TRAIN, LABELS],
        features=[FEATURE],
        params=[{"name": "C", "value": "0.3"}, {"name": "max_iter", "value": "200"}],
        seed=20260921,
    )
    story.say(
        "run.completed",
        run_id=RUN,
        status="succeeded",
        metrics=[{"name": "auc", "value": 0.812}],
        outputs=[MODEL],
        duration_seconds=41.0,
    )
    story.say(
        "artifact.signed",
        artifact=MODEL,
        format="dsse",
        envelope=sign_artifact(
            SERVICE, of_file("mortgage-risk", bytes.fromhex(MODEL["digest"][7:]))
        ),
        public_key=base64.b64encode(public(SERVICE)).decode(),
    )


def _decide(story: Story) -> None:
    registered = story.say(
        "model.registered",
        model=MODEL,
        run_id=RUN,
        algorithm="logistic regression",
        training_snapshots=[TRAIN],
        labels=[LABELS],
        features=[FEATURE],
        code=CODE,
        environment=LOCK,
        intended_use="ranks mortgage applications for manual review",
        limitations="not for commercial loans; weak below 40 rows per county",
        owner="mortgage-risk-team",
    )
    validated = story.say(
        "validation.reported",
        "vera",
        model=MODEL,
        evaluation=REPORT,
        snapshot=TEST,
        metrics=[
            {"name": "auc", "value": 0.804, "samples": 6000},
            {
                "name": "selection_rate",
                "value": 0.713,
                "slice": {"attribute": "age_band", "value": "60+"},
            },
        ],
        passed=True,
        independent=True,
    )
    explained = story.say(
        "explanation.attached",
        explanation=SHAP,
        subject=MODEL,
        method="coefficients",
        place="s3://models/mortgage-risk/3/coefficients.json",
    )
    request = story.say(
        "deployment.requested",
        "dev",
        model=MODEL,
        environment="production",
        risk_class="high",
        purpose="credit-scoring",
        jurisdictions=["eu"],
        deployment=DEPLOYMENT,
    )
    rule(story, request, "needs_review", "dec-0001", None, [("enough_approvals", "failed", [])])
    story.say(
        "approval.requested",
        request_id=request,
        model=MODEL,
        environment="production",
        roles=["validator", "risk_officer"],
        needed=2,
        given=0,
        reason="two people must approve",
    )
    approvals = [approve(story, "ruth", "validator"), approve(story, "omar", "risk_officer")]
    waiver = grant_exception(story)
    rule(
        story,
        request,
        "allow",
        "dec-0002",
        "dec-0001",
        [
            ("model_registered", "passed", [registered]),
            ("validation_passed", "passed", [validated]),
            ("explained", "passed", [explained]),
            ("enough_approvals", "passed", approvals),
            ("no_open_alert", "waived", [waiver]),
        ],
    )
    story.say(
        "deployment.changed",
        "dev",
        "release of version 3",
        deployment=DEPLOYMENT,
        model=MODEL,
        environment="production",
        action="deployed",
        approval_event_id=approvals[0],
        decision_id="dec-0002",
    )


def grant_exception(story: Story, **other: Any) -> str:
    reason = "the alert is of the version that this replaces"
    body: dict[str, Any] = {
        "exception_id": "exc-41",
        "subject": MODEL,
        "environment": "production",
        "rules": ["no_open_alert"],
        "compensating_control": "every denial is looked at by a person",
        "role": "risk_officer",
        "expires_at": "2026-12-01T00:00:00Z",
    }
    body["signature"] = personal(
        "priya",
        story.now,
        body,
        reason,
        **{
            "kind": "exception",
            "conditions": (body["compensating_control"],),
            "rules": ("no_open_alert",),
            "reference": "exc-41",
            "expires_at": int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1_000_000),
            **other,
        },
    )
    return story.say("exception.granted", "priya", reason, **body)


def rule(
    story: Story, request: str, outcome: str, name: str, supersedes: str | None, rules: list
) -> str:
    return story.say(
        "decision.made",
        decision_id=name,
        request_id=request,
        model=MODEL,
        environment="production",
        outcome=outcome,
        cause="requested" if supersedes is None else "evidence",
        supersedes=supersedes,
        risk_class="high",
        jurisdictions=["eu"],
        rules=[
            {
                "rule": rule_name,
                "result": result,
                "reason": f"{rule_name.replace('_', ' ')}: {result}",
                "evidence": evidence,
                "exception_id": "exc-41" if result == "waived" else None,
            }
            for rule_name, result, evidence in rules
        ],
        exceptions=["exc-41"] if any(each[1] == "waived" for each in rules) else [],
        policy=f"sha256:{sha256(POLICY.encode()).hexdigest()}",
        positions=[{"origin": "local/c/lifecycle/0", "size": len(story.said)}],
        reason={"allow": "every rule holds or is waived", "needs_review": "people must decide"}[
            outcome
        ],
    )


def _watch(story: Story) -> None:
    evidence = {"origin": "local/c/inference/0", "first": 0, "last": 2999}
    served = {"deployment": DEPLOYMENT, "model": MODEL}
    summary = {"rows": 3000, "mean": 0.36, "sd": 0.1}
    story.say(
        "serving.observed",
        **served,
        predictions=3000,
        started_at="2026-09-22T10:00:00Z",
        ended_at="2026-09-22T18:00:00Z",
        features=["debt_to_income"],
        sensitivity="confidential",
        profiled=True,
        evidence=evidence,
    )
    signal = story.say(
        "drift.signalled",
        **served,
        kind="location",
        monitor="debt_to_income.location",
        feature="debt_to_income",
        statistic=31.0,
        threshold=20.0,
        effect_size=0.62,
        rows=400,
        started_at="2026-09-22T17:00:00Z",
        ended_at="2026-09-22T18:00:00Z",
        reference=summary,
        current={**summary, "mean": 0.42},
        evidence=evidence,
        false_alarms_per_week=0.01,
        monitors=12,
        policy="sha256:" + "aa" * 32,
        detail="debt_to_income is higher than in training",
    )
    story.say(
        "alert.raised",
        **served,
        alert_id="alert-0a1b2c3d",
        fingerprint="f1",
        tier="review",
        cause="signal",
        kind="location",
        risk_class="high",
        owner="mortgage-risk-team",
        features=["debt_to_income"],
        effect_size=0.62,
        signals=[signal],
        since="2026-09-22T17:00:00Z",
        policy="sha256:" + "aa" * 32,
        title="debt_to_income moved at mortgage-risk-eu",
    )
    opened = {"investigation_id": "inv-0a1b2c3d", "alert_id": "alert-0a1b2c3d"}
    story.say(
        "investigation.opened",
        **opened,
        model=MODEL,
        owner="mortgage-risk-team",
        promotion_blocked=True,
        question="why did debt_to_income move?",
    )
    story.say(
        "investigation.dispositioned",
        "lee",
        **opened,
        disposition="population_shift",
        resume=True,
        rationale="a campaign in one county; scores are still calibrated",
    )
    story.say(
        "alert.resolved",
        alert_id="alert-0a1b2c3d",
        cause="dispositioned",
        reason="its investigation ended",
    )
    story.say(
        "finding.raised",
        finding_id="finding-1",
        kind="exception_expires",
        tier="informational",
        model=MODEL,
        environment="production",
        owner="model-risk",
        title="exception exc-41 ends on 2026-12-01",
    )
