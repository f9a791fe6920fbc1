"""Predictions and outcomes as a projection gets them, and the ports that it looks into."""

import hashlib
from collections.abc import Iterable

import numpy as np

from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.projection.port import SealedEvent

START = 1_764_000_000_000


def ref(kind: str, name: str, version: str = "1") -> dict:
    content = f"{kind} {name} {version}".encode()
    return {
        "kind": kind,
        "name": name,
        "version": version,
        "digest": hashlib.sha256(content).digest(),
    }


DEPLOYMENT = ref("deployment", "risk-eu")
MODEL = ref("model", "risk")


def prediction(position: int, features: dict, **given) -> SealedEvent:
    score = given.pop("score", 0.1)
    decision = given.pop("decision", "approve")
    at = given.pop("at", START + position * 1000)
    return SealedEvent(
        given.pop("origin", "local/c/inference/0"),
        position,
        at,
        "prediction.made",
        {
            "tenant": "acme",
            "domain": "credit",
            "environment": "production",
            "event_id": f"01900000-0000-7000-8000-{position:012x}",
            "occurred_at": given.pop("occurred_at", at) * 1000,
            "classification": {"sensitivity": "confidential"},
        },
        {
            "prediction_id": given.pop("prediction_id", f"p{position}"),
            "deployment": given.pop("deployment", DEPLOYMENT),
            "model": given.pop("model", MODEL),
            "features": [
                {
                    "name": name,
                    "number": value if isinstance(value, float) else None,
                    "text": value if isinstance(value, str) else None,
                }
                for name, value in features.items()
            ],
            "score": score,
            "threshold": 0.5,
            "decision": decision,
            **_protected(given),
        },
    )


def _protected(given: dict) -> dict:
    """Give the protected attributes, a token or None by name; absent as before there were any."""
    if "protected" not in given:
        return {}
    tokens = given["protected"].items()
    return {"protected": [{"attribute": name, "token": token} for name, token in tokens]}


def outcome(position: int, prediction_id: str, label: str | None, **given) -> SealedEvent:
    at = given.pop("at", START + position * 1000 + 500)
    return SealedEvent(
        given.pop("origin", "local/c/outcomes/0"),
        position,
        at,
        "outcome.observed",
        {
            "tenant": "acme",
            "domain": "credit",
            "environment": "production",
            "event_id": f"01900000-0000-7000-8001-{position:012x}",
            "occurred_at": at * 1000,
            "classification": {"sensitivity": "confidential"},
        },
        {
            "prediction_id": prediction_id,
            "deployment": given.pop("deployment", DEPLOYMENT),
            "label": label,
            "value": None,
            "observed_at": given.pop("observed_at", at) * 1000,
        },
    )


def numeric(name: str, values: np.ndarray, missing: float = 0.0) -> dict:
    places = np.linspace(0.01, 0.99, 99)
    return {
        "name": name,
        "probabilities": places.tolist(),
        "quantiles": np.quantile(values, places).tolist(),
        "missing": missing,
    }


def profile(random: np.random.Generator, rows: int = 2000, **more) -> dict:
    return {
        "model": MODEL,
        "rows": rows,
        "numeric": [
            numeric("income", random.normal(50, 10, rows)),
            numeric("ratio", random.gamma(2.0, 0.1, rows), 0.02),
        ],
        "categorical": [
            {
                "name": "region",
                "shares": [
                    {"category": "north", "share": 0.5},
                    {"category": "south", "share": 0.3},
                    {"category": "west", "share": 0.2},
                ],
                "missing": 0.0,
            }
        ],
        "score": numeric("score", random.beta(2, 8, rows)),
        "decision": {
            "name": "decision",
            "shares": [
                {"category": "approve", "share": 0.9},
                {"category": "refer", "share": 0.1},
            ],
            "missing": 0.0,
        },
        "error_rate": 0.1,
        **more,
    }


def case(random: np.random.Generator, position: int, **moved) -> SealedEvent:
    """Give a prediction as the profile expects it, but for what is moved."""
    features = {
        "income": float(random.normal(50, 10)),
        "ratio": None if random.random() < 0.02 else float(random.gamma(2.0, 0.1)),
        "region": str(random.choice(["north", "south", "west"], p=[0.5, 0.3, 0.2])),
    }
    features |= {name: make(features) for name, make in moved.items()}
    return prediction(
        position,
        features,
        score=float(random.beta(2, 8)),
        decision="approve" if random.random() < 0.9 else "refer",
    )


class KnownProfiles:
    def __init__(self, *known: FoundProfile) -> None:
        self._known = known

    def find(self, tenant: str, model_digest: bytes, at: int) -> FoundProfile | None:
        return self._known[-1] if self._known else None


class MemoryState(dict):
    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value


def bodies(rows: Iterable[tuple]) -> list[dict]:
    return [row[0].body for row in rows]
