"""A model that serves, as its producer sees it: profile, deployment, predictions and outcomes."""

import hashlib
from datetime import UTC, datetime

import numpy as np

from auditspine.cli.connections import kafka_properties
from auditspine.cli.settings import load_settings
from auditspine.producers.client import AuditClient
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types

TENANT = "acme"
PLACES = np.linspace(0.01, 0.99, 99)


def ref(kind: str, name: str, version: str = "1") -> dict:
    content = f"{kind} {name} {version}".encode()
    return {
        "kind": kind,
        "name": name,
        "version": version,
        "digest": hashlib.sha256(content).digest(),
    }


class Served:
    """One model at one deployment.

    Args:
        data: Data directory of the stack.
        name: Of the model and the deployment.
        domain: Business domain: it gives the risk class.
        seed: Of its applicants.
    """

    def __init__(self, data, name: str, domain: str = "credit", seed: int = 1) -> None:
        settings = load_settings(data_dir=data)
        self.model, self.deployment = ref("model", name), ref("deployment", f"{name}-eu")
        self.random = np.random.default_rng(seed)
        self.name = name
        self.count = 0
        self.deliveries: list = []
        self.client = AuditClient(
            {"log_level": "0", **kafka_properties(settings)},
            tenant=TENANT,
            producer="scorer",
            key=data / "keys" / "scorer.pem",
            domain=domain,
            environment="production",
            topics=settings.topics,
            settings=ProducerSettings(heartbeat_s=0.0),
            state=data / f"{name}.epoch",
        )

    def say(self, event_type: str, body: dict):
        envelope = self.client.envelope("request", "serve")
        model = event_types()[event_type].model
        delivery = self.client.publish(model.model_validate({"envelope": envelope, "body": body}))
        self.deliveries.append(delivery)
        return delivery

    def trained(self, rows: int = 4000) -> "Served":
        """Say what it looked like in training."""
        random = np.random.default_rng(7)
        income, score = random.normal(50, 10, rows), random.beta(2, 8, rows)
        profile = {
            "model": self.model,
            "rows": rows,
            "numeric": (self._numeric("income", income),),
            "categorical": (
                {
                    "name": "region",
                    "shares": (
                        {"category": "north", "share": 0.6},
                        {"category": "south", "share": 0.4},
                    ),
                },
            ),
            "score": self._numeric("score", score),
            "error_rate": 0.1,
        }
        body = {
            "run_id": f"run-{self.name}",
            "status": "succeeded",
            "outputs": (self.model,),
            "duration_seconds": 1.0,
            "profile": profile,
        }
        self.say("run.completed", body).result(30)
        return self

    def deployed(self, action: str = "deployed") -> "Served":
        body = {
            "deployment": self.deployment,
            "model": self.model,
            "environment": "production",
            "action": action,
        }
        self.say("deployment.changed", body).result(30)
        return self

    def predict(self, count: int, **moved) -> "Served":
        """Publish predictions, with what is moved: a function of each feature's value."""
        for _ in range(count):
            features = {
                "income": float(self.random.normal(50, 10)),
                "region": str(self.random.choice(["north", "south"], p=[0.6, 0.4])),
            }
            features |= {name: make(features.get(name)) for name, make in moved.items()}
            body = {
                "prediction_id": f"{self.name}-{self.count}",
                "deployment": self.deployment,
                "model": self.model,
                "features": tuple(
                    {
                        "name": name,
                        "number": value if isinstance(value, float) else None,
                        "text": value if isinstance(value, str) else None,
                    }
                    for name, value in features.items()
                ),
                "score": float(self.random.beta(2, 8)),
                "decision": "approve",
                "latency_ms": 1.0,
            }
            self.say("prediction.made", body)
            self.count += 1
        for delivery in self.deliveries:
            delivery.result(60)
        self.deliveries.clear()
        return self

    def answer(self, first: int, last: int, wrong: float) -> None:
        """Publish the outcomes of some predictions, some of them wrong."""
        for number in range(first, last):
            label = "defaulted" if self.random.random() < wrong else "approve"
            body = {
                "prediction_id": f"{self.name}-{number}",
                "deployment": self.deployment,
                "label": label,
                "observed_at": datetime.now(UTC),
                "source": "loan officer",
            }
            self.say("outcome.observed", body)
        for delivery in self.deliveries:
            delivery.result(60)
        self.deliveries.clear()

    def close(self) -> None:
        self.client.close()

    def _numeric(self, name: str, values) -> dict:
        return {
            "name": name,
            "probabilities": tuple(PLACES.tolist()),
            "quantiles": tuple(np.quantile(values, PLACES).tolist()),
        }
