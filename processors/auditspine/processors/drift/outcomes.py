"""Late outcomes: joined with the predictions that they answer. Pure.

Pairs are in the order of the outcome log. An outcome answers a prediction that the broker took
before it; one that answers none, comes twice, contradicts or is too late is counted and told.
"""

import math
from collections.abc import Sequence

from auditspine.processors.drift.inference import Step, prediction_key
from auditspine.processors.drift.outcome_model import OutcomeModel
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.port import Answer, Prediction, Predictions
from auditspine.processors.projection.port import SealedEvent

_DAY_MS = 24 * 3_600_000
_KEPT = 256  # models that are held in memory
_MOST_MEANINGS = 10_000
_CLOCKS_MS = 60_000  # by which two clocks may differ
_PROBLEMS = {
    "orphan": "an outcome answers no prediction that was made before it",
    "repeated": "an outcome came a second time",
    "contradiction": "an outcome contradicts the one that came before it",
    "late": "an outcome came later than the policy waits for",
    "unusable": "an outcome has no label to hold the decision against",
    "negative_delay": "an outcome was observed before its prediction was made",
    "no_probability": "the score of a prediction is no probability: not from 0 to 1",
}


class OutcomeWatch:
    """Takes outcomes; the models that were used last are held in memory.

    Args:
        policy: What is monitored.
        predictions: Predictions that wait for their outcomes.
    """

    def __init__(self, policy: DriftPolicy, predictions: Predictions) -> None:
        self._policy = policy
        self._predictions = predictions
        self._held: dict[bytes, tuple[bytes, OutcomeModel]] = {}  # with what the state has of them
        self._models: dict[bytes, OutcomeModel] = {}  # of this step
        self._meanings: dict[tuple[str, str, str], tuple[float, float, float, float]] = {}

    def take(self, step: Step, events: Sequence[SealedEvent]) -> None:
        """Take outcomes of one log, in its order.

        Raises:
            NotYet: The inference log is not read as far as they are.
        """
        self._models = {}
        if len(self._meanings) > _MOST_MEANINGS:
            self._meanings.clear()
        for event in events:
            self._take(step, event)
        for origin in sorted({each.origin for each in events}):
            self._predictions.keep(origin)
        for key, model in self._models.items():
            value = model.encode()
            step.state.put(key, value)
            self._held[key] = value, model
        while len(self._held) > _KEPT:
            del self._held[next(iter(self._held))]

    def _take(self, step: Step, event: SealedEvent) -> None:
        body, tenant = event.body, str(event.envelope["tenant"])
        key = prediction_key(tenant, body["deployment"]["name"], body["prediction_id"])
        found = self._predictions.find(event.origin, key, event.appended_at)
        model = self._model_of(step, event, found)
        if found is None:
            model.problem(step, event, None, _problem("orphan"))
            return
        model.look(step, event, found, self._predictions)
        label = body["label"]
        took = body["observed_at"] // 1000 - found.occurred_at
        delay = max(took, 0) if took >= -_CLOCKS_MS else None
        answer = Answer(event.appended_at, event.version, label or "", delay)
        first = self._predictions.answer(event.origin, key, answer)
        if first.position != event.version:
            same = first.label == answer.label
            model.problem(step, event, found, _problem("repeated" if same else "contradiction"))
        elif event.appended_at - found.at > step.policy.monitors.outcome_days * _DAY_MS:
            model.problem(step, event, found, _problem("late"))
        elif label is None:
            model.problem(step, event, found, _problem("unusable"))
        else:
            model.take(step, event, found, self._row(step, event, (model, found), label, delay))

    def _row(
        self,
        step: Step,
        event: SealedEvent,
        of: tuple[OutcomeModel, Prediction],
        label: str,
        delay: int | None,
    ) -> tuple[float, ...]:
        """Give what is known of an answered prediction; see :class:`~.outcome_rows.Outcome`."""
        model, found = of
        asked = event.body["deployment"]["name"], found.decision, label
        meaning = self._meanings.get(asked)
        if meaning is None:
            meaning = self._meanings[asked] = self._meaning(*asked)
        said = found.score
        if not 0 <= said <= 1:
            said = math.nan
            if not math.isnan(meaning[3]):
                model.problem(step, event, found, _problem("no_probability"), 1)
        if delay is None:
            model.problem(step, event, found, _problem("negative_delay"), 2)
        took = math.nan if delay is None else float(delay)
        return (*meaning, said, took, float(event.appended_at - found.at))

    def _meaning(
        self, deployment: str, decision: str, label: str
    ) -> tuple[float, float, float, float]:
        """Give the first four of :class:`~.outcome_rows.Outcome`."""
        policy = self._policy
        said = policy.probability_of(deployment)
        return (
            float(not policy.agrees(deployment, decision, label)),
            float(policy.is_favourable(deployment, label)),
            float(decision in policy.favourable(deployment)),
            float(label in said) if said else math.nan,
        )

    def _model_of(self, step: Step, event: SealedEvent, found: Prediction | None) -> OutcomeModel:
        deployment = event.body["deployment"]["name"]
        digest = "" if found is None else found.model[2]
        key = _state_key(f"{event.envelope['tenant']}\0{deployment}\0{digest}")
        model = self._models.get(key)
        if model is None:
            stored = step.state.get(key)
            saved, held = self._held.pop(key, (b"", None))  # if the step fails it is read anew
            if stored is None:
                model = OutcomeModel.begin(event, found)
            elif held is not None and saved == stored:
                model = held
            else:
                model = OutcomeModel.decode(stored)
            self._models[key] = model
        return model


def _problem(name: str) -> tuple[str, str]:
    return f"outcome.{name}", _PROBLEMS[name]


def _state_key(key: str) -> bytes:
    return f"e{key}".encode("utf-8", "surrogatepass")
