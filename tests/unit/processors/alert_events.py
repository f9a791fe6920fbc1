"""Events that lead to alerts, and a log that folds them."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, cast

from tests.unit.processors.memory_state import Memory

from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.alerts.tables import ALERTS, HISTORY, PRECISION, SERVING_STATES
from auditspine.processors.drift.policy import DriftPolicy, parse_policy, shipped_policy
from auditspine.processors.projection.findings import FINDINGS
from auditspine.processors.projection.port import DERIVED, Derived, SealedEvent, Table
from auditspine.schemas.catalogue import event_type
from auditspine.schemas.codec import encode
from auditspine.schemas.models import Actor, Envelope, Intent, Origin, Workload

START = 1_795_600_000_000
MINUTE = 60_000
LOG = "local/c/lifecycle/0"
EVIDENCE = "local/c/inference/3"

INVESTIGATED = ["alert.raised", "investigation.opened", "investigation.analysed"]
"""What is said of an alert of the review tier."""
STOPPED = [*INVESTIGATED[:2], "serving_state.changed", "investigation.analysed"]
"""What is said of one of the tier that stops the line."""

TABLES: dict[Table, tuple[str, ...]] = {
    ALERTS: ("tenant", "alert_id", "origin"),
    HISTORY: ("tenant", "alert_id", "origin", "position", "ordinal"),
    SERVING_STATES: ("tenant", "deployment", "model_digest", "origin"),
    PRECISION: ("tenant", "deployment", "model", "monitor", "origin"),
    FINDINGS: ("finding_id",),
}


def ref(kind: str, name: str, version: str = "1") -> dict[str, Any]:
    digest = sha256(f"{kind} {name} {version}".encode()).digest()
    return {"kind": kind, "name": name, "version": version, "digest": digest}


def event(
    position: int,
    minute: float,
    kind: str,
    body: dict[str, Any],
    *,
    tenant: str = "acme",
    domain: str = "credit",
    who: str = "ana@acme.example",
) -> SealedEvent:
    envelope = {
        "event_id": event_id(position, START + int(minute * MINUTE)),
        "tenant": tenant,
        "domain": domain,
        "environment": "production",
        "actor": {"principal": who},
    }
    return SealedEvent(LOG, position, START + int(minute * MINUTE), kind, envelope, body)


def event_id(position: int, at: int = START) -> str:
    time = f"{at:012x}"
    return f"{time[:8]}-{time[8:]}-7000-8000-{position:012x}"


def micros(minute: float) -> int:
    return (START + int(minute * MINUTE)) * 1000


class Log:
    """A tenant's log that is folded event by event; keeps what a store would."""

    def __init__(self, policy: DriftPolicy | None = None, *, domain: str = "credit") -> None:
        self.projection = AlertsProjection(policy or shipped_policy())
        self.state = Memory()
        self.events: list[SealedEvent] = []
        self.derived: list[Derived] = []
        self.rows: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = {t: {} for t in TABLES}
        self.minute = 0.0
        self.domain = domain
        self.evidence = 0

    def fold(self, events: Sequence[SealedEvent]) -> list[Derived]:
        changes = self.projection.fold(events, self.state)
        said = [cast("Derived", row[0]) for row in changes.get(DERIVED, ())]
        self.derived += said
        for table, key in TABLES.items():
            for row in changes[table]:
                named = dict(zip(table.columns, row, strict=True))
                at = tuple(named[column] for column in key)
                known = self.rows[table].get(at)
                if known is not None and known["version"] == named["version"]:
                    assert known == named, "one version has one content"
                if known is None or known["version"] < named["version"]:
                    self.rows[table][at] = named
        return said

    def take(self, kind: str, body: dict[str, Any], **envelope: Any) -> list[tuple[str, Any]]:
        """Fold one event now; give what is derived, as it would be published."""
        envelope = {"domain": self.domain, **envelope}
        made = event(len(self.events), self.minute, kind, body, **envelope)
        self.events.append(made)
        return [(each.event_type, published(each)) for each in self.fold([made])]

    def signal(self, feature: str = "dti", **it: Any) -> list[tuple[str, Any]]:
        self.evidence += 10
        return self.take("drift.signalled", signal(feature, self.evidence, self.minute, **it))

    def observe(self, version: str = "3", **it: Any) -> list[tuple[str, Any]]:
        self.evidence += 10
        return self.take("serving.observed", observed(version, self.evidence, self.minute, **it))

    def deploy(self, version: str = "3", action: str = "deployed", **it: Any) -> Any:
        return self.take("deployment.changed", deployed(version, action, **it))

    def beat(self, minute: float) -> list[tuple[str, Any]]:
        """Let the time come to a minute."""
        self.minute = minute
        return self.take("producer.heartbeat", {"epoch": 1, "streams": []})

    def assess(self, basis: str, *attributes: str) -> list[tuple[str, Any]]:
        body = {"deployment": ref("deployment", "risk-eu"), "model": ref("model", "risk", "3")}
        rows = [{"attribute": each} for each in attributes]
        return self.take("bias.assessed", {**body, "basis": basis, "attributes": rows})

    def acknowledge(self, alert_id: str) -> list[tuple[str, Any]]:
        return self.take("alert.acknowledged", {"alert_id": alert_id, "comment": "On it"})

    def escalate(self, alert_id: str, tier: str) -> list[tuple[str, Any]]:
        return self.take(
            "alert.escalated", {"alert_id": alert_id, "to_tier": tier, "reason": "It is bad"}
        )

    def silence(self, start: float, end: float, **it: Any) -> list[tuple[str, Any]]:
        body = {"silence_id": "s-1", "alert_id": None, "deployment": None, "reason": "Planned"}
        times = {"starts_at": micros(start), "ends_at": micros(end)}
        return self.take("alert.silenced", {**body, **times, **it})

    def disposition(self, alert_id: str, *, resume: bool, number: str = "") -> Any:
        body = {
            "investigation_id": alert_id.replace("alert-", "inv-") + number,
            "alert_id": alert_id,
            "disposition": "data_quality",
            "resume": resume,
            "rationale": "Repaired",
        }
        return self.take("investigation.dispositioned", body)

    def alerts(self) -> list[dict[str, Any]]:
        return sorted(self.rows[ALERTS].values(), key=lambda row: (row["raised_at"], row["title"]))

    def findings(self) -> list[str]:
        return [row["kind"] for row in self.rows[FINDINGS].values()]

    def history(self, alert_id: str) -> list[str]:
        rows = [row for row in self.rows[HISTORY].values() if row["alert_id"] == alert_id]
        return [r["what"] for r in sorted(rows, key=lambda r: (r["version"], r["ordinal"]))]

    def serving(self) -> dict[str, tuple[str, bool, bool]]:
        """Give state, freeze and quarantine by deployment and model version."""
        return {
            f"{row['deployment']} {row['model_version']}": (
                row["state"],
                row["releases_frozen"],
                row["quarantined"],
            )
            for row in self.rows[SERVING_STATES].values()
        }


def published(derived: Derived) -> Any:
    """Give a derived event's body as it is after a trip through its schema."""
    known = event_type(derived.event_type)
    envelope = Envelope(
        event_id=event_id(1),
        tenant="acme",
        domain="credit",
        environment="production",
        actor=Actor(principal="alerts", kind="workload", origin=Origin(network="platform")),
        workload=Workload(name="alerts", namespace="ml"),
        intent=Intent(trigger="stream", reason=derived.reason),
    )
    model = cast("Any", known.model)
    made = model(envelope=envelope, body=dict(derived.body))
    encode(made)
    return made.body


def signal(feature: str, last: int, minute: float, **it: Any) -> dict[str, Any]:
    """A signal; ``it`` names what differs from the usual."""
    kind = it.get("kind", "location")
    body = {
        "deployment": ref("deployment", "risk-eu"),
        "model": ref("model", "risk", "3"),
        "kind": kind,
        "monitor": f"{feature}.{kind}".strip("."),
        "feature": feature,
        "effect_size": 0.3,
        "started_at": micros(minute - 5),
        "evidence": {"origin": EVIDENCE, "first": max(0, last - 100), "last": last},
        "detail": f"{feature} moved",
    }
    return {**body, **it}


def observed(version: str, last: int, minute: float, **it: Any) -> dict[str, Any]:
    return {
        "deployment": ref("deployment", "risk-eu"),
        "model": ref("model", "risk", version),
        "predictions": 100,
        "started_at": micros(minute - 1),
        "ended_at": micros(minute),
        "evidence": {"origin": EVIDENCE, "first": max(0, last - 9), "last": last},
        **it,
    }


def deployed(version: str, action: str = "deployed", **it: Any) -> dict[str, Any]:
    return {
        "deployment": ref("deployment", "risk-eu"),
        "model": ref("model", "risk", version),
        "environment": "production",
        "action": action,
        "traffic_share": 1.0,
        **it,
    }


def policy_with(*parts: tuple[str, str]) -> DriftPolicy:
    """Give the shipped policy with some texts replaced."""
    text = (files("auditspine.policies") / "drift.toml").read_text("utf-8")
    for old, new in parts:
        assert old in text
        text = text.replace(old, new)
    return parse_policy(text)
