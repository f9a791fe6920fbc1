"""The demo's model as it answers: predictions, and what its answers looked like in training."""

import time
from collections.abc import Sequence

from auditspine.cli.demo.applications import ATTRIBUTE, FEATURES, Application
from auditspine.cli.demo.credit_model import CreditModel
from auditspine.producers.profile import training_profile
from auditspine.producers.protected import Tokens
from auditspine.schemas.models import (
    ArtifactRef,
    FeatureValue,
    PredictionMadeBody,
    TrainingProfile,
)

REJECT, ACCEPT = "reject", "accept"


def decision(denied: bool) -> str:
    """Give the word for a decision, the model's or the lender's."""
    return REJECT if denied else ACCEPT


def prediction(
    name: str,
    deployment: ArtifactRef,
    ref: ArtifactRef,
    model: CreditModel,
    application: Application,
    tokens: Tokens,
) -> PredictionMadeBody:
    """Answer an application; give what ``prediction.made`` says of it.

    Args:
        name: Identifier of the prediction.
        deployment: Where it is made.
        ref: Reference of the model.
        model: The model.
        application: The application, as it came.
        tokens: Makes a token of whether the applicant belongs to the protected group.
    """
    began = time.perf_counter()
    score = model.answer(application.features)
    latency_ms = (time.perf_counter() - began) * 1000
    return PredictionMadeBody(
        prediction_id=name,
        deployment=deployment,
        model=ref,
        features=tuple(_value(name, value) for name, value in application.features.items()),
        score=score,
        threshold=model.threshold,
        decision=decision(model.denies(score)),
        latency_ms=latency_ms,
        protected=tokens.all({ATTRIBUTE: application.group}),
    )


def profile_of(
    ref: ArtifactRef,
    model: CreditModel,
    fitted: Sequence[Application],
    others: Sequence[Application],
    tokens: Tokens,
) -> TrainingProfile:
    """Give a model's training profile, of both groups as well.

    Args:
        ref: Reference of the model.
        model: The model.
        fitted: The applications that it was trained on.
        others: Applications that it was not.
        tokens: As predictions have them.
    """
    scores = [model.score(row) for row in others]
    denies = [model.denies(score) for score in scores]
    wrong = sum(denied is not row.denied for denied, row in zip(denies, others, strict=True))
    return training_profile(
        ref,
        {name: [row.features[name] for row in fitted] for name in FEATURES},
        scores=scores,
        decisions=list(map(decision, denies)),
        error_rate=wrong / len(others),
        protected=_groups(tokens, fitted),
        answered_protected=_groups(tokens, others),
    )


def _groups(tokens: Tokens, rows: Sequence[Application]) -> dict[str, list[str | None]]:
    return {ATTRIBUTE: [tokens.token(ATTRIBUTE, row.group) for row in rows]}


def _value(name: str, value: float | str) -> FeatureValue:
    if isinstance(value, str):
        return FeatureValue(name=name, text=value)
    return FeatureValue(name=name, number=value)
