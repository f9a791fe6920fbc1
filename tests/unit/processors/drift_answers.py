"""Applicants of two sexes and three ages, what was decided on them, and what became of it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from auditspine.processors.drift.inference import prediction_key
from auditspine.processors.drift.policy import DriftPolicy, parse_policy
from auditspine.processors.drift.port import Prediction
from auditspine.processors.projection.port import SealedEvent

from .drift_events import DEPLOYMENT, MODEL, START, outcome, prediction

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AGREEMENT = """
[[outcomes]]
deployments = ["*"]
labels = { approve = ["repaid"], refer = ["defaulted"] }
favourable = ["approve"]
probability_of = ["defaulted"]
due_days = 1.0
"""


def policy(more: str = AGREEMENT, **fairness) -> DriftPolicy:
    """Give the shipped policy with what outcomes mean, and with settings of fairness."""
    text = (Path(__file__).parents[3] / "policies/auditspine/policies/drift.toml").read_text()
    made = parse_policy(text + more)
    settings = made.fairness.model_copy(update=fairness)
    return made.model_copy(update={"fairness": settings})


@dataclass(slots=True)
class Case:
    """A prediction and its outcome, in minutes after the beginning.

    Attributes:
        made: When it was made.
        sex: Token.
        age: Token.
        score: Probability of a default, as it is said.
        approved: What was decided.
        label: What became of it.
        delay: How long that took; None for never.
    """

    made: float
    sex: str
    age: str
    score: float
    approved: bool
    label: str
    delay: float | None


@dataclass(slots=True)
class Bank:
    """Draws cases, one a minute."""

    seed: int
    cases: list[Case] = field(default_factory=list)

    def draw(self, rows: int, **moved) -> "Bank":
        """Draw more cases.

        Args:
            rows: How many.
            moved: What is not as usual, each a function of the sex: ``approves`` (how likely,
                instead of the rule), ``odds`` (of a default, in logits), ``delays`` (factor) and
                ``comes`` (how likely there is an outcome).
        """
        random = np.random.default_rng([self.seed, len(self.cases)])
        for _ in range(rows):
            sex = "female" if random.random() < 0.4 else "male"
            score = float(random.beta(2, 3))
            logit = np.log(score / (1 - score)) + moved.get("odds", lambda _: 0.0)(sex)
            rule = 0.9 if score < 0.5 else 0.2
            approves = moved["approves"](sex) if "approves" in moved else rule
            approved = random.random() < approves
            defaulted = random.random() < 1 / (1 + np.exp(-logit))
            delay = random.exponential(300) * moved.get("delays", lambda _: 1.0)(sex)
            comes = random.random() < moved.get("comes", lambda _: 0.95)(sex)
            label = "defaulted" if defaulted else "repaid"
            age = str(random.choice(["young", "middle", "old"]))
            made = float(len(self.cases))
            case = Case(made, sex, age, score, bool(approved), label, delay if comes else None)
            self.cases.append(case)
        return self

    def predictions(self) -> list[SealedEvent]:
        """Give the inference log."""
        return [
            prediction(
                position,
                {"income": 50.0},
                score=each.score,
                decision="approve" if each.approved else "refer",
                at=START + int(each.made * MINUTE),
                protected={"sex": each.sex, "age": each.age},
            )
            for position, each in enumerate(self.cases)
        ]

    def waiting(self) -> list[Prediction]:
        """Give the predictions as the fold of the inference log has them wait."""
        model = MODEL["name"], MODEL["version"], MODEL["digest"].hex()
        numbers: dict[str, dict[str, int]] = {"sex": {}, "age": {}, "age & sex": {}}
        made = []
        for n, each in enumerate(self.cases):
            both = f"{each.age} & {each.sex}"
            tokens = {"sex": each.sex, "age": each.age, "age & sex": both}
            members = tuple(
                (name, numbers[name].setdefault(token, len(numbers[name]) + 1), token)
                for name, token in tokens.items()
            )
            key = prediction_key("acme", DEPLOYMENT["name"], f"p{n}")
            at = START + int(each.made * MINUTE)
            decision = "approve" if each.approved else "refer"
            made.append(Prediction(key, at, model, decision, at, each.score, b"p" * 16, members))
        return made

    def outcomes(self, unit: float = MINUTE) -> list[SealedEvent]:
        """Give the outcome log, as outcomes come, until the last prediction.

        Args:
            unit: Milliseconds that a minute of delay is observed as; the log has it as it is.
        """
        known = [(n, each) for n, each in enumerate(self.cases) if each.delay is not None]
        come = [(n, each) for n, each in known if each.made + each.delay <= len(self.cases)]
        come.sort(key=lambda pair: pair[1].made + pair[1].delay)
        return [
            outcome(
                position,
                f"p{n}",
                each.label,
                at=START + int((each.made + each.delay) * MINUTE),
                observed_at=START + int(each.made * MINUTE + each.delay * unit),
            )
            for position, (n, each) in enumerate(come)
        ]
