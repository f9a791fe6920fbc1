"""Alerts, stories and reports as the database would give them."""

from datetime import UTC, datetime, timedelta

from auditspine.auditor.alert_rows import Alert, Happening, Said, Serving, Story
from auditspine.auditor.drift import Place, Report

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=20)
DIGEST = "ab" * 32


def alert(**changed) -> Alert:
    values = {
        "alert_id": "alert-424a5d1d5e68d7fa",
        "deployment": "mortgage-risk-eu",
        "model": "mortgage-risk",
        "model_version": "3",
        "model_digest": DIGEST,
        "kind": "location",
        "tier": "review",
        "state": "open",
        "risk_class": "high",
        "owner": "credit-models",
        "features": ["income"],
        "effect_size": 0.9,
        "signals": 3,
        "since": BEGAN,
        "raised_at": BEGAN + timedelta(seconds=7),
        "last_signal_at": BEGAN + timedelta(seconds=9),
        "acknowledged_at": None,
        "acknowledged_by": "",
        "resolved_at": None,
        "silenced_until": None,
        "investigation_id": "inv-424a5d1d5e68d7fa",
        "investigating": True,
        "level": 0,
        "title": "income lies 0.90 training standard deviations higher than expected",
        "evidence_origin": "local/cluster/topic/3",
        "evidence_first": 1500,
        "evidence_last": 1749,
    }
    return Alert(**(values | changed))


def serving(**changed) -> Serving:
    values = {
        "deployment": "mortgage-risk-eu",
        "model": "mortgage-risk",
        "model_version": "3",
        "model_digest": DIGEST,
        "state": "fallback",
        "releases_frozen": True,
        "quarantined": False,
        "alert_id": "alert-424a5d1d5e68d7fa",
        "reason": "A stop_the_line alert is open",
        "since": BEGAN,
    }
    return Serving(**(values | changed))


def signal(monitor: str = "income.location", **changed) -> Said:
    body = {
        "kind": "location",
        "monitor": monitor,
        "statistic": 1.3e6,
        "threshold": 1.3e6,
        "effect_size": 0.9,
        "rows": 50,
        "reference": {"rows": 4000, "mean": 0.0, "sd": 1.0},
        "current": {"rows": 50, "mean": 0.9, "sd": None},
        "false_alarms_per_week": 0.0667,
        "monitors": 15,
    }
    return Said("event", BEGAN, body | changed)


def story(of: Alert | None = None, held: Serving | None = None, **changed) -> Story:
    values = {
        "history": [Happening(BEGAN, "raised", "", "review (signal): notify, investigate", "e")],
        "raised": [Said("r", BEGAN, {"actions": ["notify", "investigate"], "cause": "signal"})],
        "signals": [signal()],
        "told": [
            Said(
                "n",
                BEGAN + timedelta(seconds=2),
                {"receiver": "on-call", "status": "delivered", "attempts": 2, "detail": ""},
            )
        ],
    }
    return Story(of or alert(), serving=held, **(values | changed))


PLACE = Place("mortgage-risk-eu", "mortgage-risk", "3", DIGEST, NOW)


def report(levels: dict[str, float], **changed) -> Report:
    values = {
        "at": NOW,
        "predictions": 1500,
        "run_length": 1e6,
        "profiled": True,
        "monitors": list(levels),
        "kinds": ["location" for _ in levels],
        "levels": list(levels.values()),
        "expected": [0.0 for _ in levels],
        "found": [0.5 for _ in levels],
    }
    return Report(**(values | changed))
