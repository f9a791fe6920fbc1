"""One lender's model from data to outcomes, as signed events. Every figure is computed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from auditspine.cli.demo.applications import (
    FEATURES,
    LABEL,
    NUMERIC,
    PROTECTED,
    Application,
    Split,
)
from auditspine.cli.demo.artifacts import (
    API,
    MODEL,
    check,
    code,
    environment,
    feature,
    metrics,
    ref,
)
from auditspine.cli.demo.credit_model import (
    L2,
    LEARNING_RATE,
    PASSES,
    CreditModel,
    GroupMetrics,
    disparate_impact,
    evaluate,
    retune,
    train,
)
from auditspine.cli.demo.serving import decision, prediction, profile_of
from auditspine.producers.client import AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.producers.protected import Tokens
from auditspine.schemas.models import (
    Actor,
    ApprovalDecided,
    ApprovalDecidedBody,
    ArtifactAccessed,
    ArtifactAccessedBody,
    ArtifactRef,
    Column,
    ColumnRef,
    Correlation,
    DatasetRegistered,
    DatasetRegisteredBody,
    DatasetSnapshotted,
    DatasetSnapshottedBody,
    DeploymentChanged,
    DeploymentChangedBody,
    Event,
    FeatureDefined,
    FeatureDefinedBody,
    LabelCount,
    LabelsApplied,
    LabelsAppliedBody,
    ModelRegistered,
    ModelRegisteredBody,
    Origin,
    OutcomeObserved,
    OutcomeObservedBody,
    Param,
    PredictionMade,
    RunCompleted,
    RunCompletedBody,
    RunStarted,
    RunStartedBody,
    ValidationReported,
    ValidationReportedBody,
)

WORKLOADS = (
    *("data-platform", "trainer", "validator", "release-desk", "scorer"),
    *("access-desk", "notebook"),
)
LEAST_IMPACT = 0.8  # the four-fifths rule, 29 CFR 1607.4(D)
TARGET_IMPACT = 0.85
_DELIVERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Validated:
    """A model version and what its validation found."""

    ref: ArtifactRef
    evaluation: ArtifactRef
    measured: Sequence[GroupMetrics]
    impact: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Live:
    """What serves at a lender, as its release was approved.

    Attributes:
        model: The model.
        ref: Its reference.
        approval_event_id: The approval.
        decision_id: The decision that lets it be deployed, if one was asked for.
        rows: Applications that it was not trained on.
    """

    model: CreditModel
    ref: ArtifactRef
    approval_event_id: str
    decision_id: str | None
    rows: Sequence[Application]


@dataclass(slots=True)
class Lender:
    """Publishes the life of one lender's model.

    Attributes:
        tenant: The lender.
        clients: Its workloads' clients by name.
        run: Distinguishes repeated runs of the demo.
        versions: What the model's versions are called, the first and the fairer one.
        tokens: Makes tokens of the applicants' protected attribute.
        deliveries: What was published.
        deployment: Where the model serves; ``None`` when none was approved.
        predictions: Identifiers of the predictions.
        approval_event_id: The approval of what is deployed.
        decision_id: The decision that lets it be deployed; ``None`` where no rules are published.
        rejected: The version that did not pass its validation; ``None`` when there is none.
        live: What serves; ``None`` when nothing does.
    """

    tenant: str
    clients: dict[str, AuditClient]
    run: str
    versions: tuple[str, str]
    tokens: Tokens
    deliveries: list[Delivery] = field(default_factory=list)
    deployment: ArtifactRef | None = None
    predictions: list[str] = field(default_factory=list)
    approval_event_id: str = ""
    decision_id: str | None = None
    rejected: ArtifactRef | None = None
    live: Live | None = None

    def register_data(self, raw: bytes, splits: dict[str, Split]) -> None:
        """Register the data set, its snapshots, labels and features."""
        dataset = ref("dataset", "hmda-boston", "1996", raw)
        self.say(
            "data-platform",
            DatasetRegistered,
            DatasetRegisteredBody(
                dataset=dataset,
                description="Mortgage applications in Boston with the lender's decision on each",
                source="R package Ecdat, Hdma, after Munnell et al. 1996",
                licence="GPL-2.0-or-later",
                owner=f"data-office@{self.tenant}.example",
                permitted_purposes=("credit risk modelling", "fair lending tests"),
            ),
            "quarterly intake",
        )
        for split in splits.values():
            self._snapshot(dataset, split)
        labels, rows = self.labels(splits["train"]), splits["train"].rows
        denied = sum(row.denied for row in rows)
        self.say(
            "data-platform",
            LabelsApplied,
            LabelsAppliedBody(
                labels=labels,
                snapshot=self.snapshot(splits["train"]),
                column=LABEL,
                labeller="lender's records",
                method="observed",
                instructions="1 where the lender denied the application, else 0",
                counts=(
                    LabelCount(label="0", rows=len(rows) - denied),
                    LabelCount(label="1", rows=denied),
                ),
            ),
            "labels for training",
        )
        for name in FEATURES:
            self._define(name, splits["train"])

    def train_first(self, splits: dict[str, Split], on_pass: Callable[[int], None]) -> CreditModel:
        """Train the first version, with its run and registration."""
        number = self.versions[0]
        return self._train(number, splits, lambda rows: train(rows, number, on_pass), None)

    def retune(self, model: CreditModel, splits: dict[str, Split]) -> CreditModel:
        """Make the second version: the same weights with a fairer threshold."""
        number = self.versions[1]
        return self._train(
            number, splits, lambda rows: retune(model, rows, TARGET_IMPACT, number), model
        )

    def validate(self, model: CreditModel, splits: dict[str, Split]) -> Validated:
        """Measure a version on the test split and report it."""
        split, number = splits["test"], model.version
        self.touch("validator", self.snapshot(split), "independent validation", len(split.content))
        measured = evaluate(model, split.rows)
        impact, overall = disparate_impact(measured), measured[0]
        checks = (
            check("accuracy", overall.accuracy, 0.85),
            check("disparate_impact", impact, LEAST_IMPACT),
        )
        report = repr((measured, checks)).encode()
        evaluation = ref("evaluation", f"{MODEL}-{number}", number, report)
        passed = all(check.passed for check in checks)
        self.say(
            "validator",
            ValidationReported,
            ValidationReportedBody(
                model=self.model(model),
                evaluation=evaluation,
                snapshot=self.snapshot(split),
                metrics=tuple(metric for group in measured for metric in metrics(group)),
                thresholds=checks,
                passed=passed,
                independent=True,
            ),
            f"validation of version {number}",
        )
        return Validated(self.model(model), evaluation, measured, impact, passed)

    def decide(self, found: Validated) -> bool:
        """Approve or reject a version as its validation says; tell which.

        It is reported by the release desk, as ever: nobody signs it personally.
        """
        number = found.ref.version
        approval = self.say(
            "release-desk",
            ApprovalDecided,
            ApprovalDecidedBody(
                subject=found.ref,
                decision="approved" if found.passed else "rejected",
                meaning="I have read the validation report and accept the remaining risk"
                if found.passed
                else "The four-fifths rule is not met",
                role="head of model risk",
                validations=(found.evaluation,),
            ),
            f"release of version {number}",
            justification="Model risk policy, section 4.2",
            actor=Actor(
                principal=f"maria.keller@{self.tenant}.example",
                kind="person",
                roles=("model-risk-officer",),
                origin=Origin(network="office-vpn"),
            ),
        )
        if found.passed:
            self.approval_event_id = str(approval.envelope.event_id)
        else:
            self.rejected = found.ref
        return found.passed

    def deploy(self, found: Validated) -> None:
        """Deploy an approved version, by the decision that lets it if one was asked for."""
        number = found.ref.version
        self.deployment = ref("deployment", API, number, found.ref.digest)
        self.say(
            "release-desk",
            DeploymentChanged,
            DeploymentChangedBody(
                deployment=self.deployment,
                model=found.ref,
                environment="production",
                action="deployed",
                traffic_share=1.0,
                approval_event_id=self.approval_event_id,
                decision_id=self.decision_id,
            ),
            f"approved release of version {number}",
            correlation=Correlation(causation_id=self.approval_event_id),
        )

    def serve(self, model: CreditModel, found: Validated, splits: dict[str, Split]) -> None:
        """Predict on live applications, and report what the lender decided on each."""
        assert self.deployment is not None
        rows = splits["live"].rows
        others = (*rows, *splits["test"].rows)
        self.live = Live(model, found.ref, self.approval_event_id, self.decision_id, others)
        self.touch("scorer", found.ref, "load the model to serve it", len(model.artifact))
        for row in rows:
            name = f"{self.run}-{row.number}"
            body = prediction(name, self.deployment, found.ref, model, row, self.tokens)
            self.say("scorer", PredictionMade, body, "application received")
            self.predictions.append(name)
        for name, row in zip(self.predictions, rows, strict=True):
            self.say(
                "scorer",
                OutcomeObserved,
                OutcomeObservedBody(
                    prediction_id=name,
                    deployment=self.deployment,
                    label=decision(row.denied),
                    observed_at=datetime.now(UTC),
                    source="loan officer",
                ),
                "decision of the loan officer",
            )

    def touch(self, workload: str, artifact: ArtifactRef, purpose: str, size: int) -> None:
        """Report that a workload read an artifact."""
        self.say(
            workload,
            ArtifactAccessed,
            ArtifactAccessedBody(
                artifact=artifact, operation="read", purpose=purpose, size_bytes=size
            ),
            purpose,
        )

    def principal(self, workload: str) -> str:
        """Give whom a workload's events name as the actor."""
        return self.clients[workload].envelope("request", "name").actor.principal

    def snapshot(self, split: Split) -> ArtifactRef:
        """Give the reference of a split."""
        return ref("snapshot", f"{self.tenant}-{split.name}", "1", split.content)

    def labels(self, split: Split) -> ArtifactRef:
        """Give the reference of a split's labels."""
        content = "".join(str(int(row.denied)) for row in split.rows).encode()
        return ref("labels", f"{self.tenant}-{LABEL}", "1", content)

    def model(self, model: CreditModel) -> ArtifactRef:
        """Give the reference of a model version."""
        return ref("model", MODEL, model.version, model.artifact)

    def _snapshot(self, dataset: ArtifactRef, split: Split) -> None:
        kind: Any = {"train": "train", "test": "test", "live": "all"}[split.name]
        columns = tuple(
            Column(
                name=name,
                type="real" if name in NUMERIC else "boolean",
                sensitivity="restricted" if name == PROTECTED else "confidential",
                protected_attribute=name == PROTECTED,
                missing=0,
            )
            for name in (*FEATURES, PROTECTED, LABEL)
        )
        self.say(
            "data-platform",
            DatasetSnapshotted,
            DatasetSnapshottedBody(
                snapshot=self.snapshot(split),
                dataset=dataset,
                rows=len(split.rows),
                columns=columns,
                split=kind,
                selection="by a hash of lender and row number",
                size_bytes=len(split.content),
            ),
            f"snapshot for {split.name}",
        )

    def _define(self, name: str, split: Split) -> None:
        self.say(
            "data-platform",
            FeatureDefined,
            FeatureDefinedBody(
                feature=feature(name),
                description=f"{name}, see data/ORIGIN.md",
                inputs=(ColumnRef(artifact=self.snapshot(split), column=name),),
                definition=f"column {name}",
                language="python",
                type="real" if name in NUMERIC else "category",
                owner=f"features@{self.tenant}.example",
            ),
            "features of the mortgage model",
        )

    def _train(
        self,
        number: str,
        splits: dict[str, Split],
        make: Callable[[Sequence[Application]], CreditModel],
        before: CreditModel | None,
    ) -> CreditModel:
        run_id, split, test = f"{self.run}-v{number}", splits["train"], splits["test"]
        inputs = (self.snapshot(split), self.labels(split))
        correlation = Correlation(run_id=run_id)
        reason = "first version" if before is None else "the four-fifths rule was not met"
        self.touch("trainer", inputs[0], "training", len(split.content))
        self.say(
            "trainer",
            RunStarted,
            RunStartedBody(
                run_id=run_id,
                name=f"{MODEL}-training",
                code=code(),
                environment=environment(),
                inputs=inputs,
                features=tuple(map(feature, FEATURES)),
                params=(
                    Param(name="passes", value=repr(PASSES)),
                    Param(name="learning_rate", value=repr(LEARNING_RATE)),
                    Param(name="l2", value=repr(L2)),
                ),
            ),
            reason,
            correlation=correlation,
        )
        began = time.perf_counter()
        model = make(split.rows)
        took = time.perf_counter() - began
        purpose = "profile of the answers on rows that it was not fitted to"
        self.touch("trainer", self.snapshot(test), purpose, len(test.content))
        self.say(
            "trainer",
            RunCompleted,
            RunCompletedBody(
                run_id=run_id,
                status="succeeded",
                metrics=tuple(metrics(evaluate(model, split.rows)[0])),
                outputs=(self.model(model),),
                duration_seconds=took,
                profile=profile_of(self.model(model), model, split.rows, test.rows, self.tokens),
            ),
            reason,
            correlation=correlation,
        )
        self.say(
            "trainer",
            ModelRegistered,
            ModelRegisteredBody(
                model=self.model(model),
                run_id=run_id,
                algorithm="logistic regression",
                training_snapshots=inputs[:1],
                labels=inputs[1:],
                features=tuple(map(feature, FEATURES)),
                code=code(),
                environment=environment(),
                intended_use="Rank mortgage applications by the risk that they would be denied",
                limitations="Trained on Boston applications of 1990 only; must not decide alone",
                owner=f"credit-models@{self.tenant}.example",
                previous=None if before is None else self.model(before),
            ),
            reason,
            correlation=correlation,
        )
        return model

    def delivered(self) -> None:
        """Wait until the log has all of it: what others say from now comes after it there."""
        for delivery in self.deliveries:
            delivery.result(_DELIVERED_S)

    def say(
        self, workload: str, kind: type[Event], body: object, reason: str, **fields: Any
    ) -> Event:
        """Publish an event of a workload; give it."""
        client = self.clients[workload]
        event = kind.model_validate(
            {"envelope": client.envelope("request", reason, **fields), "body": body}
        )
        self.deliveries.append(client.publish(event))
        return event
