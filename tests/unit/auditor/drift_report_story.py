"""A model that drifts, as the database would give it: with few features or with many.

Incomes rise by half for everyone and most for one group; the feed of a feature breaks; approvals of
a group fall. Names hold what would be markup.
"""

import hashlib
import math
import random
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

from auditspine.auditor.alert_rows import Alert, Happening, Serving
from auditspine.auditor.drift import Place, Report
from auditspine.auditor.drift_report.material import ALL, Current, Material, Of, Sealed, Values
from auditspine.auditor.drift_report.ranges import Range
from auditspine.auditor.drift_report.statistics import PLACES

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
CHANGED = NOW - timedelta(hours=30)
DIGEST = "55" * 32
ORIGIN, LIFE = "eu/cluster/inference/2", "eu/cluster/lifecycle/0"
OUTCOMES = "eu/cluster/outcomes/1"
POLICY = "sha256:" + "0f" * 32
PLACE = Place("mortgage-risk-eu", "mortgage-risk", "3", DIGEST, NOW)
NASTY = '<script>alert("1")</script>&\u202e'
TOKENS = {"sex": ("5b1e0c7f9a3d", "c04d7be1f6a2"), "age_band": ("a1", "a2", "a3")}
NORMAL = NormalDist()
ROWS = 2000
LEAVES = {(ORIGIN, 117_001): "ab" * 32, (ORIGIN, 117_425): "cd" * 32}
DISPOSITIONS = (
    *("pipeline_break", "data_quality", "population_shift"),
    *("policy_drift", "label_delay", "degradation"),
)


def normal(middle: float, spread: float) -> tuple[float, ...]:
    return tuple(NORMAL.inv_cdf(place) * spread + middle for place in PLACES)


def lognormal(middle: float, spread: float) -> tuple[float, ...]:
    return tuple(middle * math.exp(NORMAL.inv_cdf(place) * spread) for place in PLACES)


def event(event_type: str, body: dict, at: datetime = NOW, number: int = 0, actor="") -> Sealed:
    text = f"{event_type} {number} {at}"
    event_id = "019ab6b0-0000-7000-8000-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    return Sealed(event_type, event_id, at, LIFE, 100 + number, actor, body)


def numeric(name: str, quantiles, missing: float = 0.0) -> dict:
    return {
        "name": name,
        "probabilities": list(PLACES),
        "quantiles": list(quantiles),
        "missing": missing,
    }


def worded(name: str, missing: float = 0.0, **shares: float) -> dict:
    parts = [{"category": each, "share": share} for each, share in shares.items()]
    return {"name": name, "shares": parts, "missing": missing}


def inputs() -> tuple[dict, dict]:
    """Give numeric and categorical features: of each the reference, now, and what is missing."""
    numbers = {
        "income": (lognormal(52, 0.45), lognormal(70, 0.5), 0.0, 0.0),
        "debt_to_income": (normal(0.31, 0.09), normal(0.312, 0.09), 0.01, 0.14),
        "months_employed": (
            tuple(max(0.0, value) for value in normal(18, 22)),
            tuple(max(0.0, value) for value in normal(18.4, 22)),
            0.0,
            0.0,
        ),
        "loan_amount": (lognormal(180, 0.4), lognormal(180 * 12, 0.4), 0.0, 0.0),
    }
    texts = {
        "purpose": (
            {"home": 0.62, "car": 0.2, "other things": 0.18},
            {"home": 0.48, "car": 0.33, "other things": 0.17, NASTY: 0.02},
        ),
    }
    return numbers, texts


def many_inputs(count: int) -> tuple[dict, dict]:
    """Give so many features, of which few moved."""
    chance = random.Random(7)
    numbers, texts = inputs()
    for number in range(count - len(numbers) - len(texts)):
        if number % 4 == 3:
            first = chance.uniform(0.2, 0.8)
            now = min(0.95, max(0.05, first + chance.gauss(0, 0.012)))
            names = [f"value_{each}" for each in "abcd"]
            texts[f"bureau_flag_{number:03}"] = tuple(
                {names[0]: share, **dict.fromkeys(names[1:], (1 - share) / 3)}
                for share in (first, now)
            )
        else:
            middle, spread = chance.uniform(-100, 100), chance.uniform(1, 30)
            moved = spread * (chance.gauss(0, 0.03) if chance.random() < 0.95 else 0.4)
            numbers[f"bureau_attribute_{number:03}_rolling_mean"] = (
                normal(middle, spread),
                normal(middle + moved, spread),
                0.0,
                0.0,
            )
    return numbers, texts


def profile(numbers: dict, texts: dict) -> Sealed:
    content = {
        "model": {
            "kind": "model",
            "name": "mortgage-risk",
            "version": "3",
            "digest": f"sha256:{DIGEST}",
        },
        "rows": 41_666,
        "numeric": [numeric(name, each[0], each[2]) for name, each in numbers.items()],
        "categorical": [worded(name, **each[0]) for name, each in texts.items()],
        "score": numeric("score", [NORMAL.cdf(value) for value in normal(-1.2, 0.6)]),
        "decision": worded("decision", approve=0.7, refer=0.3),
        "error_rate": 0.11,
        "groups": [
            {
                "attribute": attribute,
                "token": token,
                "rows": 41_666 // len(tokens),
                "numeric": [
                    numeric(name, [value * (1 - 0.05 * n) for value in each[0]])
                    for name, each in list(numbers.items())[:40]
                ],
                "categorical": [worded(name, **each[0]) for name, each in texts.items()],
                "score": None,
                "decision": worded("decision", approve=0.72 - 0.04 * n, refer=0.28 + 0.04 * n),
            }
            for attribute, tokens in TOKENS.items()
            for n, token in enumerate(tokens)
        ],
    }
    return event("run.completed", {"run_id": "run-2026-11-20", "profile": content}, SINCE, 1)


def current(numbers: dict, texts: dict) -> Current:
    rows = {ALL: ROWS}
    for attribute, tokens in TOKENS.items():
        rows |= {Of(attribute, token): ROWS // len(tokens) for token in tokens}
    rows[Of("age_band", "a3")] = 37  # too few to compare
    values = {}
    for of, count in rows.items():
        factor = 1.0 if of == ALL else 1 - 0.12 * list(TOKENS[of.attribute]).index(of.token)
        found = {
            name: Values(round(count * (1 - missing)), tuple(each * factor for each in now), {}, 0)
            for name, (_, now, _, missing) in numbers.items()
        }
        for name, (_, now) in texts.items():
            counts = {each: round(share * count) for each, share in now.items()}
            found[name] = Values(0, (), counts, sum(counts.values()))
        score = tuple(NORMAL.cdf(value) for value in normal(-1.0, 0.65))
        approved = round(count * 0.64 * factor)
        decisions = {"approve": approved, "refer": count - approved}
        found["(score)"] = Values(count, score)
        found["(decision)"] = Values(0, (), decisions, count)
        values[of] = found
    span = Range(ORIGIN, 118_204, 118_204 + ROWS + 11)
    return Current((span,), NOW - timedelta(hours=5), NOW - timedelta(minutes=2), rows, values)


def level(at: datetime, *, moved: bool, chance: random.Random) -> float:
    """Give how near a monitor is: quiet, or on its way to a signal from the change on."""
    hours = (at - CHANGED).total_seconds() / 3600
    if moved and hours > 0:
        return min(1.0, 1e-6 * math.exp(hours * 6))
    return 10 ** chance.uniform(-9, -3.2) if chance.random() < 0.1 else 1e-8


MOVED = frozenset({
    *("income.location", "income.shape", "loan_amount.location", "debt_to_income.missing"),
    *("purpose=car", "purpose=home", "(score).location", "income~sex.2", "sex.1-2.selection_rate"),
    *("sex.2.selection_rate", "calibration", "(decision)=refer"),
})  # fmt: skip


def monitors(numbers: dict, texts: dict) -> list[tuple[str, str]]:
    found = []
    for name in numbers:
        aspects = ("location", "scale", "shape", "missing", "schema")
        found += [(f"{name}.{each}", each) for each in aspects]
    for name, (before, _) in texts.items():
        found += [(f"{name}={each}", "category") for each in before]
        found += [(f"{name}.{each}", each) for each in ("new_category", "missing", "schema")]
    found += [(f"(score).{each}", "score") for each in ("location", "scale", "shape")]
    found += [("(decision)=approve", "decision"), ("(decision)=refer", "decision")]
    for group in (1, 2):
        found += [(f"sex.{group}.share", "group"), (f"sex.{group}.selection_rate", "group")]
    found += [("sex.1-2.selection_rate", "fairness"), ("sex.1-2.score", "fairness")]
    found += [("sex.missing", "protected"), ("ethnicity.excluded", "protected")]
    found += [("income~sex.2", "proxy"), ("purpose=car~sex.2", "proxy"), ("(score)~sex.2", "proxy")]
    found += [("(threshold).changed", "threshold"), ("rule.no-income", "rule")]
    return found


AFTER = [
    *(("error", "error"), ("calibration", "calibration"), ("sex.2.calibration", "calibration")),
    *(("delay", "delay"), ("coverage", "coverage"), ("outcome.negative_delay", "outcome")),
    *(("sex.1-2.true_positive_rate", "fairness"),),
]
FOUND = {
    "income.location": (0.0, 0.63),
    "error": (0.11, 0.118),
    "calibration": (0.0, -0.041),
    "delay": (1.0, 1.08),
    "coverage": (0.92, 0.9),
}


def reports(numbers: dict, texts: dict) -> list[Report]:
    chance = random.Random(3)
    found = []
    for names, origin in ((monitors(numbers, texts), ORIGIN), (AFTER, OUTCOMES)):
        for step in range(60):
            at = SINCE + (NOW - SINCE) * (step + 1) / 60
            moved = [level(at, moved=name in MOVED, chance=chance) for name, _ in names]
            later = at > CHANGED
            found.append(
                Report(
                    at,
                    (step + 1) * (700 if origin == ORIGIN else 110),
                    1_300_000.0,
                    True,
                    [name for name, _ in names],
                    [kind for _, kind in names],
                    moved,
                    [FOUND.get(name, (0.2, 0.2))[0] for name, _ in names],
                    [
                        FOUND.get(name, (0.2, 0.21))[1 if later else 0]
                        + chance.gauss(0, 0.004 if name != "delay" else 0.02)
                        for name, _ in names
                    ],
                    origin,
                )
            )
    return sorted(found, key=lambda each: each.at)


def signals() -> list[Sealed]:
    found = []
    for number, (name, kind) in enumerate(
        (
            ("income.location", "location"),
            ("income.shape", "shape"),
            ("loan_amount.location", "location"),
            ("debt_to_income.missing", "missing"),
            ("sex.1-2.selection_rate", "fairness"),
            ("calibration", "calibration"),
        )
    ):
        at = CHANGED + timedelta(hours=4, minutes=number)
        body = {
            "monitor": name,
            "kind": kind,
            "feature": "",
            "effect_size": 0.63,
            "rows": 425,
            "started_at": CHANGED.isoformat(),
            "change_earliest": (CHANGED - timedelta(hours=2)).isoformat() if number else None,
            "change_latest": (CHANGED + timedelta(hours=3)).isoformat() if number else None,
            "evidence": {"origin": ORIGIN, "first": 117_001 + number, "last": 117_425 + number},
            "policy": POLICY,
            "detail": f"{name} is not as it was: {NASTY}",
        }
        found.append(event("drift.signalled", body, at, 10 + number))
    return found


def alert(number: int, **changed) -> Alert:
    values = {
        "alert_id": f"alert-{number:016x}",
        "deployment": PLACE.deployment,
        "model": PLACE.model,
        "model_version": "3",
        "model_digest": DIGEST,
        "kind": "location",
        "tier": "review",
        "state": "open",
        "risk_class": "high",
        "owner": "credit-models@acme.example",
        "features": ["income"],
        "effect_size": 0.63,
        "signals": 2,
        "since": CHANGED,
        "raised_at": CHANGED + timedelta(hours=4),
        "last_signal_at": CHANGED + timedelta(hours=5),
        "acknowledged_at": None,
        "acknowledged_by": "",
        "resolved_at": None,
        "silenced_until": None,
        "investigation_id": f"inv-{number:016x}",
        "investigating": True,
        "level": 0,
        "title": "income lies 0.63 training standard deviations higher than expected "
        "(mortgage-risk 3 at mortgage-risk-eu)",
        "evidence_origin": ORIGIN,
        "evidence_first": 117_001,
        "evidence_last": 117_425,
    }
    return Alert(**(values | changed))


def alerts() -> list[Alert]:
    return [
        alert(1, state="acknowledged", acknowledged_by="ana.silva@acme.example",
              acknowledged_at=CHANGED + timedelta(hours=4, minutes=20)),
        alert(2, kind="fairness", features=[], tier="review",
              title="favourable decisions of sex group 1 and sex group 2 lie 11 points further "
              f"apart than expected {NASTY}"),
        alert(3, kind="location", features=["loan_amount"], tier="stop_the_line", state="resolved",
              resolved_at=CHANGED + timedelta(hours=9),
              title="loan_amount lies 3.1 training standard deviations higher than expected"),
        alert(4, kind="missing", features=["debt_to_income"], tier="caution",
              title="debt_to_income is missing in 14.0% of the rows instead of 1.0%"),
    ]  # fmt: skip


def analysed(number: int) -> Sealed:
    shares = (0.82, 0.1, 0.05, 0.01, 0.01, 0.01)
    said = {
        "investigation_id": f"inv-{number:016x}",
        "alert_id": f"alert-{number:016x}",
        "revision": 1,
        "features": ["income", NASTY],
        "groups": ["sex group 2"],
        "change_earliest": (CHANGED - timedelta(hours=2)).isoformat(),
        "change_at": CHANGED.isoformat(),
        "change_latest": (CHANGED + timedelta(hours=3)).isoformat(),
        "changes": [
            {
                "event_id": "e",
                "event_type": "feature.defined",
                "appended_at": (CHANGED - timedelta(minutes=3)).isoformat(),
                "artifact": {"kind": "feature", "name": "income", "version": "4", "digest": "d"},
                "relation": "feature",
                "minutes_before": 3.1,
            },
            {
                "event_id": "f",
                "event_type": "deployment.changed",
                "appended_at": (CHANGED - timedelta(days=2)).isoformat(),
                "artifact": {"kind": "deployment", "name": NASTY, "version": "2", "digest": "d"},
                "relation": "deployment",
                "minutes_before": 2880.0,
            },
        ],
        "likeliest": "pipeline_break",
        "classes": [
            {
                "disposition": name,
                "probability": share,
                "evidence": ["income was defined anew 3 minutes before it moved", NASTY][: 2 - n],
            }
            for n, (name, share) in enumerate(zip(DISPOSITIONS, shares, strict=True))
        ],
        "detail": "income moved between 01:30 and 06:30; its definition 4 came 3 minutes before: "
        "likeliest a break in the pipeline",
    }
    return event("investigation.analysed", said, CHANGED + timedelta(hours=5), 40 + number)


def raised(of: Alert, number: int, signal: Sealed) -> Sealed:
    actions = {
        "caution": ["notify"],
        "review": ["notify", "investigate"],
        "stop_the_line": ["notify", "investigate", "freeze_releases", "fallback"],
    }
    body = {
        "alert_id": of.alert_id,
        "signals": [signal.event_id],
        "actions": actions[of.tier],
        "evidence": [
            {"origin": of.evidence_origin, "first": of.evidence_first, "last": of.evidence_last}
        ],
    }
    return event("alert.raised", body, of.raised_at, 60 + number)


def dispositioned() -> Sealed:
    body = {
        "investigation_id": "inv",
        "alert_id": alerts()[2].alert_id,
        "disposition": "data_quality",
        "resume": True,
        "rationale": "The bureau sent amounts of months as of years <b>",
    }
    return event("investigation.dispositioned", body, CHANGED + timedelta(hours=9), 70, "ana")


RATES = {"decisions": ("selection_rate", "score_mean"), "outcomes": (
    "true_positive_rate", "false_positive_rate", "calibration", "delay_days", "coverage",
)}  # fmt: skip
SPREAD = {"score_mean": 0.01, "calibration": 0.02, "delay_days": 1.1}


def assessed(basis: str, period: int) -> Sealed:
    chance = random.Random(100 * period + len(basis))
    groups, gaps = [], []
    for attribute, count in (("sex", 2), ("age_band", 2), ("age_band & sex", 3)):
        tokens = TOKENS.get(attribute, ("a1 & " + TOKENS["sex"][0], "a1 & x", "a2 & y"))
        for number in range(1, count + 1):
            measures = []
            for measure in RATES[basis]:
                middle = {"calibration": 0.0, "delay_days": 31.0, "score_mean": 0.22}.get(
                    measure, 0.71
                )
                drop = 0.05 * (number - 1) + (0.14 if number == 2 and period > 4 else 0)
                scale = 60 if measure == "delay_days" else 0.2 if measure == "calibration" else 1
                value = middle - drop * scale * 0.8 + chance.gauss(0, 0.006) * scale
                half = SPREAD.get(measure, 0.018)
                measures.append(
                    {
                        "measure": measure,
                        "rows": 900 * number,
                        "value": value,
                        "low": value - half,
                        "high": value + half,
                    }
                )
            groups.append(
                {
                    "attribute": attribute,
                    "number": number,
                    "token": tokens[number - 1],
                    "rows": 1100 * number,
                    "share": 1 / count,
                    "measures": measures,
                }
            )
        own = [each for each in groups if each["attribute"] == attribute]
        for first in range(count):
            for second in range(first + 1, count):
                for one, other in zip(own[first]["measures"], own[second]["measures"], strict=True):
                    gap = one["value"] - other["value"]
                    half = 1.4 * (one["high"] - one["value"])
                    is_rate = one["measure"] in ("selection_rate", "true_positive_rate")
                    both = sorted((one["value"], other["value"]))
                    ratio = both[0] / both[1] if is_rate else None
                    gaps.append(
                        {
                            "attribute": attribute,
                            "first": first + 1,
                            "second": second + 1,
                            "measure": one["measure"],
                            "gap": gap,
                            "low": gap - half,
                            "high": gap + half,
                            "ratio": ratio,
                            "ratio_low": ratio - 0.04 if is_rate else None,
                            "ratio_high": min(1.0, ratio + 0.04) if is_rate else None,
                        }
                    )
    ended = NOW - timedelta(hours=24 * (6 - period))
    answered = basis == "outcomes"
    body = {
        "basis": basis,
        "started_at": (ended - timedelta(days=1)).isoformat(),
        "ended_at": ended.isoformat(),
        "predictions": 6120,
        "attributes": [
            {"attribute": "sex", "rows": 6000, "missing": 120, "small_groups": 0},
            {"attribute": "age_band", "rows": 5200, "missing": 920, "small_groups": 1},
            {"attribute": "age_band & sex", "rows": 5100, "missing": 1020, "small_groups": 3},
        ],
        "groups": groups,
        "gaps": gaps,
        "exclusions": [
            {
                "attribute": "ethnicity",
                "jurisdiction": "fr",
                "reason": f"Loi Informatique et Libertés, article 6 {NASTY}",
                "predictions": 318,
            }
        ],
        "overdue": 212 if answered else 0,
        "error_rate": 0.118 if answered else None,
        "error_rate_low": 0.107 if answered else None,
        "error_rate_high": 0.16 if answered else None,
        "confidence": 0.95,
        "least_rows": 100,
        "evidence": {"origin": ORIGIN, "first": 112_000, "last": 118_120},
        "policy": POLICY,
    }
    return event("bias.assessed", body, ended, 80 + period + (10 if answered else 0))


def history(of: Alert) -> list[Happening]:
    at = of.raised_at
    found = [
        Happening(at, "raised", "", f"{of.tier} (signal): notify", "e"),
        Happening(at, "signalled", "", of.title, "e"),
    ]
    if of.acknowledged_by:
        found.append(
            Happening(of.acknowledged_at, "acknowledged", of.acknowledged_by, "Asking them", "e")
        )
    if of.state == "resolved":
        found.append(
            Happening(of.resolved_at, "dispositioned", "ana.silva@acme.example", "data_quality: "
                      "The bureau sent amounts of months as of years", "e")
        )  # fmt: skip
    return found


def material(count: int = 5, **changed) -> Material:
    """Give what would be read of a model with so many features."""
    numbers, texts = inputs() if count <= 5 else many_inputs(count)
    told, raised_alerts = signals(), alerts()
    of_alert = (0, 4, 2, 3)
    events = [
        *told,
        *(assessed(basis, period) for period in range(7) for basis in RATES),
        *(raised(each, n, told[of_alert[n]]) for n, each in enumerate(raised_alerts)),
        *(analysed(1), analysed(2), dispositioned()),
    ]
    values = {
        "tenant": "acme",
        "place": PLACE,
        "others": ("2",),
        "since": SINCE,
        "made_at": NOW,
        "most_rows": ROWS,
        "reports": reports(numbers, texts),
        "profile": profile(numbers, texts),
        "alerts": raised_alerts,
        "more_alerts": 0,
        "history": {each.alert_id: history(each) for each in raised_alerts},
        "events": sorted(events, key=lambda each: each.at),
        "serving": Serving(
            *(PLACE.deployment, PLACE.model, "3", DIGEST, "fallback"),
            *(True, False, "alert-1", "A stop_the_line alert is open", CHANGED),
        ),
        "current": current(numbers, texts),
        "attributes": frozenset({"sex", "age_band"}),
    }
    return Material(**(values | changed))


def bare() -> Material:
    """Give what would be read of a model of which nothing is known."""
    return material(
        place=Place("", "mortgage-risk", "3", DIGEST, NOW), others=(), reports=[], profile=None,
        alerts=[], history={}, events=[], serving=None, current=Current(), attributes=frozenset(),
    )  # fmt: skip
