"""Late outcomes: joined with their predictions, and how often decisions turn out wrong. Pure.

Pairs are in the order of the outcome log. An outcome answers a prediction that the broker took
before it; one that answers none, comes twice, contradicts or is too late is counted and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from auditspine.processors.drift import signals
from auditspine.processors.drift.detector import BLOCK, Bank
from auditspine.processors.drift.inference import ERROR_SHARE, Step, prediction_key, rank_of
from auditspine.processors.drift.layout import Monitor
from auditspine.processors.drift.port import Answer, Prediction, Predictions
from auditspine.processors.drift.seen import Seen
from auditspine.processors.drift.signals import Family, Where
from auditspine.processors.drift.watch import Alarm, pack, unpack
from auditspine.processors.projection.port import Derived, SealedEvent

_DAY_MS = 24 * 3_600_000
_ERROR = Monitor("error", "error", "")
_NO_MODEL = {"kind": "model", "name": "", "version": "", "digest": ""}
_PROBLEMS = {
    "orphan": "an outcome answers no prediction that was made before it",
    "repeated": "an outcome came a second time",
    "contradiction": "an outcome contradicts the one that came before it",
    "late": "an outcome came later than the policy waits for",
    "unusable": "an outcome has no label to hold the decision against",
}


class OutcomeWatch:
    """Takes outcomes of one log.

    Args:
        step: What the call of the fold works with.
        predictions: Predictions that wait for their outcomes.
    """

    def __init__(self, step: Step, predictions: Predictions) -> None:
        self._step = step
        self._predictions = predictions
        self._errors: dict[str, _Errors] = {}

    def take(self, events: Sequence[SealedEvent]) -> None:
        """Take outcomes, in the order of the log.

        Raises:
            NotYet: The inference log is not read as far as they are.
        """
        for event in events:
            self._take(event)
        for key, errors in self._errors.items():
            self._step.state.put(_state_key(key), errors.encode())

    def _take(self, event: SealedEvent) -> None:
        body, tenant = event.body, str(event.envelope["tenant"])
        key = prediction_key(tenant, body["deployment"]["name"], body["prediction_id"])
        found = self._predictions.find(event.origin, key, event.appended_at)
        if found is None:
            self._problem(event, "orphan", None)
            return
        label = body["label"]
        answer = Answer(event.appended_at, event.position, label or "")
        first = self._predictions.answer(event.origin, key, answer)
        if first.position != event.position:
            same = first.label == answer.label
            self._problem(event, "repeated" if same else "contradiction", found)
            return
        if event.appended_at - found.at > self._step.policy.monitors.outcome_days * _DAY_MS:
            self._problem(event, "late", found)
        elif label is None:
            self._problem(event, "unusable", found)
        else:
            agreed = self._step.policy.agrees(body["deployment"]["name"], found.decision, label)
            self._errors_of(event, found).take(self._step, event, found, wrong=not agreed)

    def _problem(self, event: SealedEvent, problem: str, found: Prediction | None) -> None:
        errors = self._errors_of(event, found)
        monitor = f"outcome.{problem}"
        if errors.seen.speaks(monitor, event.appended_at):
            what = ("outcome", monitor, _PROBLEMS[problem])
            where = errors.where(event, found)
            at = (event.position, event.appended_at)
            family = errors.family(self._step, event.appended_at)
            body = signals.of_rule(where, family, event, what, (1, 1), at)
            self._step.derived.append(Derived(event, 0, "drift.signalled", body, body["detail"]))

    def _errors_of(self, event: SealedEvent, found: Prediction | None) -> "_Errors":
        deployment = event.body["deployment"]["name"]
        digest = "" if found is None else found.model[2]
        key = "\0".join((str(event.envelope["tenant"]), deployment, digest))
        errors = self._errors.get(key)
        if errors is None:
            stored = self._step.state.get(_state_key(key))
            errors = _Errors.begin(event, found) if stored is None else _Errors.decode(stored)
            self._errors[key] = errors
        return errors


@dataclass(slots=True)
class _Errors:
    """How often the decisions of one model at one deployment turn out wrong.

    Attributes:
        seen: What is known of it.
        bank: Its monitor; none until there is a reference.
        pairs: Answered predictions.
        wrong: Those of them that were wrong, while there is no reference yet.
        block: What the next block holds: 1 for wrong; and where it begins.
        off: Wrong, answered, position and time since the rate has been off.
    """

    seen: Seen
    bank: Bank | None = None
    pairs: int = 0
    wrong: int = 0
    block: list[float] = field(default_factory=list)
    start: tuple[int, int] = (0, 0)
    off: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0, 0.0])

    @classmethod
    def begin(cls, event: SealedEvent, found: Prediction | None) -> "_Errors":
        body = event.body
        deployment = {**body["deployment"], "digest": bytes(body["deployment"]["digest"]).hex()}
        model = _NO_MODEL if found is None else found.reference
        return cls(Seen(str(event.envelope["tenant"]), deployment, model, event.appended_at))

    @classmethod
    def decode(cls, value: bytes) -> "_Errors":
        head, arrays = unpack(value)
        errors = cls(
            Seen.decode(head["seen"].encode()),
            None,
            head["pairs"],
            head["wrong"],
            head["block"],
            (head["start"][0], head["start"][1]),
            head["off"],
        )
        if arrays:
            errors.bank = _bank(0.5, 1, 1e5)
            errors.bank.load(arrays)
        return errors

    def encode(self) -> bytes:
        head = {
            "seen": self.seen.encode().decode(),
            "pairs": self.pairs,
            "wrong": self.wrong,
            "block": self.block,
            "start": self.start,
            "off": self.off,
        }
        return pack(head, {} if self.bank is None else self.bank.state())

    def take(self, step: Step, event: SealedEvent, found: Prediction, *, wrong: bool) -> None:
        """Take an answered prediction."""
        if self.bank is None and self.pairs == 0:
            self._refer(step, event)
        self.pairs += 1
        self.seen.rows += 1
        if self.bank is None:
            self._learn(step, event.appended_at, wrong=wrong)
            return
        if not self.block:
            self.start = event.position, event.appended_at
        self.block.append(float(wrong))
        if len(self.block) == BLOCK:
            self._test(step, event, found)
            self.block = []

    def where(self, event: SealedEvent, found: Prediction | None) -> Where:
        """Give of what a signal speaks."""
        model = self.seen.model if found is None else found.reference
        digest = bytes.fromhex(model["digest"]) or bytes(32)
        named = {**model, "name": model["name"] or "-", "version": model["version"] or "-"}
        return Where(
            event.body["deployment"], {**named, "digest": digest}, self.seen.profile_event_id
        )

    def family(self, step: Step, at: int) -> Family:
        """Give the budget: the monitor of errors has a share of a model's for itself."""
        return Family(1, self.seen.rows_a_week(at), step.policy.digest)

    def _refer(self, step: Step, event: SealedEvent) -> None:
        """Take the reference from the training profile, if there is one."""
        digest = bytes.fromhex(self.seen.model["digest"])
        found = step.profiles.find(self.seen.tenant, digest, event.appended_at)
        if found is None or found.problem or found.profile["error_rate"] is None:
            return
        self.seen.profile_event_id = found.event_id
        rows = int(found.profile["rows"])
        self.bank = _bank(
            float(found.profile["error_rate"]), rows, self._run_length(step, event.appended_at)
        )

    def _learn(self, step: Step, at: int, *, wrong: bool) -> None:
        """Take the first answered predictions as the reference."""
        self.wrong += wrong
        if self.pairs >= step.policy.monitors.warm_up_rows:
            self.bank = _bank(self.wrong / self.pairs, self.pairs, self._run_length(step, at))

    def _test(self, step: Step, event: SealedEvent, found: Prediction) -> None:
        assert self.bank is not None
        bank, total = self.bank, sum(self.block)
        mean, sd = float(bank.reference_mean[0]), float(bank.reference_sd[0])
        known = int(bank.rows[0])
        run_length = self._run_length(step, event.appended_at)
        bank.set_run_length(run_length)
        sums = np.array([total])
        alarmed = bool(bank.step(sums, sums, np.array([float(BLOCK)]))[0])
        self._follow(total, mean, sd)
        if not alarmed:
            return
        wrong, rows, _, position, at = self.off
        rate = wrong / max(rows, 1.0)
        self.off = [0.0, 0.0, 0.0, 0.0, 0.0]
        alarm = Alarm(
            0,
            _ERROR,
            0,
            rate - mean,
            run_length,
            int(rows),
            int(position),
            int(at),
            (mean, sd, known),
            (rate, (rate * (1 - rate)) ** 0.5),
        )
        rank = rank_of(step.policy, alarm, event)
        if rate > mean and self.seen.speaks(_ERROR.name, event.appended_at, alarm.effect, rank):
            where, family = self.where(event, found), self.family(step, event.appended_at)
            body = signals.of_alarm(where, family, alarm, event)
            step.derived.append(Derived(event, 1, "drift.signalled", body, body["detail"]))

    def _follow(self, total: float, mean: float, sd: float) -> None:
        """Follow since when the rate has been higher than expected."""
        wrong, rows, excess, position, at = self.off
        if excess <= 0:
            wrong, rows, (position, at) = 0.0, 0.0, self.start
        z = (total - BLOCK * mean) / (sd * BLOCK**0.5)
        self.off = [wrong + total, rows + BLOCK, max(0.0, max(excess, 0.0) + z - 0.5), position, at]

    def _run_length(self, step: Step, at: int) -> float:
        rows = self.seen.rows_a_week(at)
        return max(10_000.0, rows / (ERROR_SHARE * step.policy.budget.false_alarms_per_week))


def _bank(rate: float, rows: int, run_length: float) -> Bank:
    return Bank.rate(np.array([rate]), np.array([float(rows)]), run_length)


def _state_key(key: str) -> bytes:
    return f"e{key}".encode("utf-8", "surrogatepass")
