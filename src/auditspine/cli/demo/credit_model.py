"""The demo's credit model: really trained with river, really evaluated. Nothing is typed in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from river import compose, linear_model, optim, preprocessing
from river import metrics as river_metrics

from auditspine.cli.demo.applications import Application

PASSES = 20
LEARNING_RATE = 0.01
L2 = 0.001


@dataclass(frozen=True, slots=True)
class CreditModel:
    """A trained model and the bytes that identify it.

    Attributes:
        pipeline: The river pipeline.
        version: What this version is called; a part of its bytes.
        artifact: Its version and parameters as canonical JSON: what is registered and deployed.
        threshold: Applications with a higher probability of denial are denied.
    """

    pipeline: Any
    version: str
    artifact: bytes
    threshold: float

    @property
    def digest(self) -> bytes:
        """SHA-256 of the artifact, 32 bytes."""
        return sha256(self.artifact).digest()

    def score(self, application: Application) -> float:
        """Give the probability that the application is denied, 0 to 1."""
        return self.answer(application.features)

    def answer(self, features: Mapping[str, float | str]) -> float:
        """Give the probability for features as they come, 0 to 1."""
        return float(self.pipeline.predict_proba_one(encoded(features)).get(True, 0.0))

    def denies(self, score: float) -> bool:
        """Tell the decision that follows from a score."""
        return score >= self.threshold


def encoded(features: Mapping[str, float | str]) -> dict[str, float]:
    """Give features as numbers: yes is 1, and any other word is 0."""
    return {
        name: float(value == "yes") if isinstance(value, str) else value
        for name, value in features.items()
    }


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """A model's quality on one group of applicants.

    Attributes:
        group: "all", "protected" or "other".
        rows: Applications in it.
        auc: Area under the ROC curve, 0 to 1.
        log_loss: Mean negative log-likelihood, nats.
        accuracy: Share of decisions that match the lender's, 0 to 1.
        approval_rate: Share that the model approves, 0 to 1.
    """

    group: str
    rows: int
    auc: float
    log_loss: float
    accuracy: float
    approval_rate: float


def train(
    rows: Sequence[Application],
    version: str,
    on_pass: Callable[[int], None] = lambda _number: None,
) -> CreditModel:
    """Train on applications, several passes over them.

    The threshold is set so that the model denies as often as the lenders did.
    """
    scaler = preprocessing.StandardScaler()
    classifier = linear_model.LogisticRegression(optim.SGD(LEARNING_RATE), l2=L2)
    pipeline = compose.Pipeline(scaler, classifier)
    samples = [(encoded(row.features), row.denied) for row in rows]
    for number in range(1, PASSES + 1):
        for features, denied in samples:
            pipeline.learn_one(features, denied)
        on_pass(number)
    scores = sorted(pipeline.predict_proba_one(each).get(True, 0.0) for each, _ in samples)
    count = sum(row.denied for row in rows)
    return _finish(pipeline, float(scores[len(scores) - count]) if count else 1.0, version)


def retune(
    model: CreditModel, rows: Sequence[Application], least_impact: float, version: str
) -> CreditModel:
    """Raise the threshold until the disparate impact on ``rows`` is at least ``least_impact``."""
    scored = [(model.score(row), row.protected) for row in rows]
    for threshold in sorted({score for score, _ in scored if score >= model.threshold}):
        rates = {
            group: [score < threshold for score, protected in scored if protected is group]
            for group in (True, False)
        }
        protected, other = (sum(rates[group]) / len(rates[group]) for group in (True, False))
        if other and protected / other >= least_impact:
            return _finish(model.pipeline, threshold, version)
    return _finish(model.pipeline, model.threshold, version)


def explanation(model: CreditModel) -> bytes:
    """Give what each feature adds to the log-odds of a denial, per standard deviation, as JSON."""
    weights = model.pipeline["LogisticRegression"].weights
    ranked = sorted(weights.items(), key=lambda each: (-abs(each[1]), each[0]))
    said = {
        "model": model.digest.hex(),
        "coefficients": {name: float(weight) for name, weight in ranked},
    }
    return json.dumps(said, indent=2).encode()


def _finish(pipeline: Any, threshold: float, version: str) -> CreditModel:
    scaler, classifier = pipeline["StandardScaler"], pipeline["LogisticRegression"]
    parameters = {
        "version": version,
        "algorithm": "river StandardScaler | LogisticRegression",
        "intercept": float(classifier.intercept),
        "weights": {name: float(weight) for name, weight in sorted(classifier.weights.items())},
        "means": {name: float(mean) for name, mean in sorted(scaler.means.items())},
        "variances": {name: float(value) for name, value in sorted(scaler.vars.items())},
        "threshold": threshold,
    }
    artifact = json.dumps(parameters, sort_keys=True, separators=(",", ":")).encode()
    return CreditModel(pipeline, version, artifact, threshold)


def evaluate(model: CreditModel, rows: Sequence[Application]) -> list[GroupMetrics]:
    """Measure a model on all applicants, on the protected group and on the others."""
    groups = {
        "all": list(rows),
        "protected": [row for row in rows if row.protected],
        "other": [row for row in rows if not row.protected],
    }
    return [_measure(model, name, members) for name, members in groups.items() if members]


def disparate_impact(measured: Sequence[GroupMetrics]) -> float:
    """Give the protected group's approval rate over the others' (the four-fifths rule's ratio)."""
    rates = {item.group: item.approval_rate for item in measured}
    return rates["protected"] / rates["other"]


def _measure(model: CreditModel, group: str, rows: Sequence[Application]) -> GroupMetrics:
    metrics: Any = river_metrics  # its constructors carry no types
    auc, log_loss, accuracy = (
        metrics.ROCAUC(n_thresholds=100),
        metrics.LogLoss(),
        metrics.Accuracy(),
    )
    approved = 0
    for row in rows:
        score = model.score(row)
        denies = model.denies(score)
        auc.update(row.denied, score)
        log_loss.update(row.denied, score)
        accuracy.update(row.denied, denies)
        approved += not denies
    return GroupMetrics(
        group,
        len(rows),
        float(auc.get()),
        float(log_loss.get()),
        float(accuracy.get()),
        approved / len(rows),
    )
