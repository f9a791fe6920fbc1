"""The life of one credit model in two releases, whose lineage can be checked by hand.

::

    loans ─ loans-2025 ┬ income ─ dti ──────────┬──────────── scorer@1 ─ approval ─ scorer-eu@1
                       └ labels ────────────────┤
    bureau ─ bureau-2025 ─ score ─ bureau_score ┴──────────── scorer@2 ─ approval ─ scorer-eu@2
"""

import json
from hashlib import sha256
from typing import Any

from auditspine.schemas.codec import encode
from auditspine.schemas.parse import parse_json


def ref(kind: str, name: str, version: str = "1") -> dict[str, str]:
    digest = sha256(f"{kind} {name} {version}".encode()).hexdigest()
    return {"kind": kind, "name": name, "version": version, "digest": f"sha256:{digest}"}


def code(commit: str) -> dict[str, str]:
    digest = sha256(commit.encode()).hexdigest()
    return {"repository": "git/scoring", "commit": commit, "digest": f"sha256:{digest}"}


def column(name: str, sensitivity: str = "confidential", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "real", "sensitivity": sensitivity, **more}


LOANS, BUREAU = ref("dataset", "loans"), ref("dataset", "bureau")
LOANS_2025, BUREAU_2025 = ref("snapshot", "loans-2025"), ref("snapshot", "bureau-2025")
LABELS = ref("labels", "loans-default")
DTI, BUREAU_SCORE = ref("feature", "dti"), ref("feature", "bureau_score")
ENVIRONMENT = ref("environment", "uv.lock")
MODELS = {version: ref("model", "scorer", version) for version in ("1", "2")}
DEPLOYMENTS = {version: ref("deployment", "scorer-eu", version) for version in ("1", "2")}
EVALUATIONS = {version: ref("evaluation", f"scorer-{version}-report") for version in ("1", "2")}


def event_id(number: int) -> str:
    return f"0199a0b0-0000-7000-8000-{number:012x}"


class Story:
    """Says one event after another, each a minute after the one before."""

    def __init__(self, tenant: str = "acme") -> None:
        self.tenant = tenant
        self.values: list[bytes] = []

    def say(
        self,
        event_type: str,
        by: str = "pipeline",
        trigger: str = "request",
        why: str = "planned",
        cause: str | None = None,
        **body: Any,
    ) -> str:
        number = len(self.values)
        envelope = {
            "event_id": event_id(number),
            "event_type": event_type,
            "occurred_at": f"2026-09-21T10:{number:02d}:00Z",
            "tenant": self.tenant,
            "domain": "credit",
            "environment": "production",
            "actor": {"principal": by, "kind": "person"},
            "workload": {"name": "scorer", "namespace": "ml"},
            "intent": {"trigger": trigger, "reason": why},
            "correlation": {"causation_id": cause},
        }
        self.values.append(encode(parse_json(json.dumps({"envelope": envelope, "body": body}))))
        return event_id(number)

    def release(self, version: str, commit: str, data: list, features: list, **intent: Any) -> None:
        """Train, validate, approve and deploy one version."""
        model, run, previous = MODELS[version], f"r{version}", MODELS.get(str(int(version) - 1))
        self.say(
            "run.started",
            **intent,
            run_id=run,
            name="train",
            code=code(commit),
            environment=ENVIRONMENT,
            inputs=[*data, LABELS],
            features=features,
            params=[
                {"name": "learning_rate", "value": f"0.{version}"},
                {"name": "epochs", "value": "5"},
            ],
        )
        self.say(
            "run.completed", run_id=run, status="succeeded", outputs=[model], duration_seconds=1.0
        )
        self.say(
            "model.registered",
            model=model,
            run_id=run,
            algorithm="logistic regression",
            training_snapshots=data,
            labels=[LABELS],
            features=features,
            code=code(commit),
            environment=ENVIRONMENT,
            intended_use="tests",
            limitations="tests",
            owner="risk",
            previous=previous,
        )
        self.say(
            "validation.reported",
            model=model,
            evaluation=EVALUATIONS[version],
            snapshot=LOANS_2025,
            metrics=[{"name": "auc", "value": 0.7 + int(version) / 100}],
            passed=True,
            independent=True,
        )
        approval = self.say(
            "approval.decided",
            by={"1": "ruth", "2": "omar"}[version],
            subject=model,
            decision="approved",
            meaning="fit for use",
            role="head of model risk",
            validations=[EVALUATIONS[version]],
        )
        self.say(
            "deployment.changed",
            by="deployer",
            why=f"release {version}",
            deployment=DEPLOYMENTS[version],
            model=model,
            environment="production",
            action="deployed",
            approval_event_id=approval,
            replaces=previous,
        )


def lifecycle() -> list[bytes]:
    story = Story()
    for dataset in (LOANS, BUREAU):
        story.say(
            "dataset.registered",
            dataset=dataset,
            description="d",
            source="s",
            licence="l",
            owner="data-office",
        )
    columns = [
        column("income"),
        column("age", "restricted", protected_attribute=True),
        column("default"),
    ]
    story.say("dataset.snapshotted", snapshot=LOANS_2025, dataset=LOANS, rows=1000, columns=columns)
    story.say(
        "dataset.snapshotted",
        snapshot=BUREAU_2025,
        dataset=BUREAU,
        rows=900,
        columns=[column("score", "internal")],
    )
    story.say(
        "labels.applied",
        labels=LABELS,
        snapshot=LOANS_2025,
        column="default",
        labeller="ops",
        method="observed",
        instructions="i",
        counts=[],
    )
    for feature, snapshot, of in (
        (DTI, LOANS_2025, "income"),
        (BUREAU_SCORE, BUREAU_2025, "score"),
    ):
        story.say(
            "feature.defined",
            feature=feature,
            description="d",
            inputs=[{"artifact": snapshot, "column": of}],
            definition=of,
            language="sql",
            type="real",
            owner="features",
        )
    story.release("1", "c1", [LOANS_2025], [DTI])
    drift = story.say("dataset.flagged", dataset=ref("dataset", "old"), reason="too old", by="iris")
    story.release(
        "2",
        "c2",
        [LOANS_2025, BUREAU_2025],
        [DTI, BUREAU_SCORE],
        trigger="drift",
        why="the score drifted",
        cause=drift,
    )
    story.say(
        "feature.deprecated",
        by="iris",
        feature=BUREAU_SCORE,
        reason="the contract ends",
        owner="features",
        review_status="accepted",
    )
    story.say("dataset.flagged", by="iris", dataset=BUREAU, reason="the licence ends")
    story.say(
        "lineage_tag.set",
        artifact=BUREAU,
        sensitivity="internal",
        regulatory_domains=["fcra"],
        business_unit="mortgages",
    )
    return story.values


def predictions() -> list[bytes]:
    story = Story()
    for number, (deployed, model) in enumerate((("1", "1"), ("2", "2"), ("2", "1")), start=1):
        story.say(
            "prediction.made",
            prediction_id=f"p{number}",
            deployment=DEPLOYMENTS[deployed],
            model=MODELS[model],
            features=[],
            score=0.5,
            decision="approve",
            latency_ms=1.0,
        )
    return story.values
