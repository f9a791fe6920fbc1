"""The mortgage model as it serves real applications, drawn with replacement, with changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from random import Random

from auditspine.cli.connections import kafka_properties
from auditspine.cli.demo.applications import (
    ATTRIBUTE,
    Application,
    dataset_bytes,
    read_applications,
    split,
)
from auditspine.cli.demo.credit_model import CreditModel, retune, train
from auditspine.cli.demo.serving import decision, prediction, profile_of
from auditspine.cli.settings import load_settings
from auditspine.producers.client import AuditClient
from auditspine.producers.protected import Tokens
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.models import ArtifactRef

TENANT = "acme"
TOKENS = Tokens(b"\x07" * 32)
Change = Callable[[Application, Random], Application]


def ref(kind: str, name: str, version: str = "1") -> ArtifactRef:
    digest = sha256(f"{kind} {name} {version}".encode()).digest()
    return ArtifactRef(kind=kind, name=name, version=version, digest=digest)


MODEL = ref("model", "mortgage")


@cache
def fitted() -> tuple[CreditModel, tuple[Application, ...], tuple[Application, ...]]:
    """Give the model, what it was trained on, and what it was not."""
    complete, _ = read_applications(dataset_bytes())
    parts = split(complete, "all")
    others = (*parts["test"].rows, *parts["live"].rows)
    model = train(parts["train"].rows, "1")
    return retune(model, others, 0.85, "2"), parts["train"].rows, others


class Lent:
    """The model at one deployment.

    Args:
        data: Data directory of the stack.
        name: Of the deployment.
        seed: Of its applications.
    """

    def __init__(self, data, name: str, seed: int) -> None:
        settings = load_settings(data_dir=data)
        self.deployment = ref("deployment", name)
        self.name, self.random = name, Random(seed)
        self.rows: list[Application] = []
        self.deliveries: list = []
        self.client = AuditClient(
            {"log_level": "0", **kafka_properties(settings)},
            tenant=TENANT,
            producer="scorer",
            key=data / "keys" / "scorer.pem",
            domain="credit",
            environment="production",
            topics=settings.topics,
            settings=ProducerSettings(heartbeat_s=0.0),
            state=data / f"{name}.epoch",
        )

    def say(self, event_type: str, body) -> None:
        envelope = self.client.envelope("request", "serve")
        event = event_types()[event_type].model.model_validate({"envelope": envelope, "body": body})
        self.deliveries.append(self.client.publish(event))

    def delivered(self) -> None:
        for delivery in self.deliveries:
            delivery.result(60)
        self.deliveries.clear()

    def trained(self) -> "Lent":
        model, rows, others = fitted()
        body = {
            "run_id": "run-mortgage",
            "status": "succeeded",
            "outputs": (MODEL,),
            "duration_seconds": 1.0,
            "profile": profile_of(MODEL, model, rows, others, TOKENS),
        }
        self.say("run.completed", body)
        self.delivered()
        self.define("uria", "1")
        return self

    def deployed(self) -> "Lent":
        body = {
            "deployment": self.deployment,
            "model": MODEL,
            "environment": "production",
            "action": "deployed",
        }
        self.say("deployment.changed", body)
        self.delivered()
        return self

    def define(self, feature: str, version: str) -> None:
        """Say how a feature is computed from now on."""
        body = {
            "feature": ref("feature", feature, version),
            "description": "Unemployment rate in the applicant's industry, per cent",
            "inputs": (),
            "definition": "coalesce(rate_of_region, rate_of_industry)",
            "language": "sql",
            "type": "real",
            "owner": "features@acme.example",
        }
        self.say("feature.defined", body)
        self.delivered()

    def serve(self, count: int, change: Change | None = None, refuse: float = 0.0) -> int:
        """Answer applications; give the row of the first.

        Args:
            count: How many.
            change: What becomes of an application on its way.
            refuse: How often a good application of the protected group is rejected all the same.
        """
        model, _, others = fitted()
        first = len(self.rows)
        for row in range(first, first + count):
            application = self.random.choice(others)
            application = application if change is None else change(application, self.random)
            self.rows.append(application)
            name = f"{self.name}-{row}"
            body = prediction(name, self.deployment, MODEL, model, application, TOKENS)
            if application.protected and self.random.random() < refuse:
                body = body.model_copy(update={"decision": decision(denied=True)})
            self.say("prediction.made", body)
        self.delivered()
        return first

    def answer(self, first: int, count: int, days: float = 20.0) -> None:
        """Publish what the lender decided on some applications, some days later."""
        for row in range(first, first + count):
            after = timedelta(days=self.random.expovariate(1 / days))
            body = {
                "prediction_id": f"{self.name}-{row}",
                "deployment": self.deployment,
                "label": decision(self.rows[row].denied),
                "observed_at": datetime.now(UTC) + after,
                "source": "loan officer",
            }
            self.say("outcome.observed", body)
        self.delivered()

    def close(self) -> None:
        self.client.close()


def raised(feature: str, by: float) -> Change:
    """Raise a feature of the protected group alone: it becomes a proxy of the group."""

    def change(application: Application, _: Random) -> Application:
        if not application.protected:
            return application
        features = dict(application.features)
        features[feature] = float(features[feature]) + by
        return replace(application, features=features)

    return change


GROUP = f"{ATTRIBUTE} group 2"
"""What the protected group is called: the smaller one of the profile."""
