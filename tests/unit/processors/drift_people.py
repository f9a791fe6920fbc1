"""Predictions on people of two groups by one attribute, or of more by two. Values are tokens."""

import numpy as np

from auditspine.processors.projection.port import SealedEvent

from .drift_events import MODEL, numeric, prediction

TOKENS = tuple(letters * 16 for letters in ("aa", "bb", "cc"))
SHARES = (0.7, 0.3)
RATES = (0.6, 0.5, 0.5)  # favourable decisions of the groups


class Applicants:
    """Draws predictions; what is given changes them from now on.

    Args:
        seed: Of the applicants.
        shares: Of the groups.
    """

    def __init__(self, seed: int, shares: tuple[float, ...] = SHARES) -> None:
        self.random = np.random.default_rng(seed)
        self.shares = shares
        self.position = 0

    def draw(
        self,
        rows: int,
        *,
        rates: tuple[float, ...] = RATES,
        income: tuple[float, ...] = (0.0, 0.0, 0.0),
        north: tuple[float, ...] = (0.5, 0.5, 0.5),
        score: tuple[float, ...] = (0.0, 0.0, 0.0),
        missing: float = 0.0,
        **more,
    ) -> list[SealedEvent]:
        """Give predictions.

        Args:
            rows: How many.
            rates: Favourable decisions by group.
            income: By how many standard deviations income lies higher, by group.
            north: How many live in the north, by group.
            score: By how much the score's logit lies higher, by group.
            missing: How often the attribute is.
            more: Further arguments of each prediction.
        """
        return [self._one(rates, income, north, score, missing, more) for _ in range(rows)]

    def _one(self, rates, income, north, score, missing, more) -> SealedEvent:
        random = self.random
        group = int(random.choice(len(self.shares), p=self.shares))
        features = {
            "income": float(random.normal(50 + 10 * income[group], 10)),
            "region": "north" if random.random() < north[group] else "south",
        }
        logit = random.normal(-1 + score[group], 1)
        token = None if random.random() < missing else TOKENS[group]
        extra = more.get("protected", lambda _group, _random: {})(group, random)
        given = {name: value for name, value in more.items() if name != "protected"}
        self.position += 1
        return prediction(
            self.position - 1,
            features,
            score=float(1 / (1 + np.exp(-logit))),
            decision="approve" if random.random() < rates[group] else "decline",
            protected={"sex": token, **extra},
            **given,
        )


def profiled(seed: int = 0, rows: int = 10_000, groups: bool = True) -> dict:
    """Give the training profile of such applicants."""
    random = np.random.default_rng(seed)
    income, logit = random.normal(50, 10, rows), random.normal(-1, 1, rows)
    score = 1 / (1 + np.exp(-logit))
    whole = {
        "model": MODEL,
        "rows": rows,
        "numeric": [numeric("income", income)],
        "categorical": [_shares("region", north=0.5, south=0.5)],
        "score": numeric("score", score),
        "decision": _shares("decision", approve=0.57, decline=0.43),
        "error_rate": None,
    }
    if groups:
        whole["groups"] = [
            {
                "attribute": "sex",
                "token": token,
                "rows": int(rows * share),
                "numeric": [numeric("income", income)],
                "categorical": [_shares("region", north=0.5, south=0.5)],
                "score": numeric("score", score),
                "decision": _shares("decision", approve=rate, decline=1 - rate),
            }
            for token, share, rate in zip(TOKENS, SHARES, RATES, strict=False)
        ]
    return whole


def _shares(name: str, **shares: float) -> dict:
    told = [{"category": word, "share": share} for word, share in shares.items()]
    return {"name": name, "shares": told, "missing": 0.0}
