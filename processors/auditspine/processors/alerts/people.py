"""Takes what people say about alerts: acknowledge, silence, escalate, disposition. Pure.

What names an alert that is not known, or is over, is a finding.
"""

from dataclasses import replace

from auditspine.processors.alerts.alert import ACKNOWLEDGED, OPEN, Alert
from auditspine.processors.alerts.places import Hold
from auditspine.processors.alerts.raising import held, raised, resolved
from auditspine.processors.alerts.serving import resumed
from auditspine.processors.alerts.silences import Silence, kept
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.tallying import judged
from auditspine.processors.drift.policy_parts import Tier
from auditspine.processors.projection.findings import Artifact
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent


def acknowledged(step: Step, event: SealedEvent) -> None:
    """Take ``alert.acknowledged``: nobody is asked again, until it asks for more."""
    alert = _open(step, event)
    if alert is None:
        return
    who = _who(event)
    step.note(alert, "acknowledged", event.body["comment"], who)
    if alert.state == ACKNOWLEDGED:  # the first one has it
        return
    step.keep(
        replace(
            alert,
            state=ACKNOWLEDGED,
            acknowledged_at=step.at,
            acknowledged_by=who,
            told=None,
            pending=False,
        )
    )


def silenced(step: Step, event: SealedEvent) -> None:
    """Take ``alert.silenced``: of an alert's fingerprint, or of a deployment."""
    body = event.body
    alert_id, deployment = body["alert_id"], body["deployment"]
    alert = None
    if alert_id:
        alert = _known(step, event)
        if alert is None:
            return
    if not (alert_id or deployment) or body["ends_at"] <= body["starts_at"]:
        detail = "it names neither an alert nor a deployment, or ends before it starts"
        step.find("unusable_silence", "warning", _artifact(body["silence_id"]), detail)
        return
    silence = Silence(
        body["silence_id"],
        alert.fingerprint if alert is not None else "",
        "" if alert is not None else as_name(deployment),
        body["starts_at"],
        body["ends_at"],
    )
    silences = step.book.silences(step.tenant)
    step.book.put_silences(step.tenant, kept(silences, silence, step.at))
    for mark in step.book.alerts(step.tenant).values():
        each = step.book.alert(step.tenant, mark)
        if each is not None and each.is_open and silence.concerns(each):
            step.note(each, "silenced", body["reason"], _who(event))
            step.keep(each)


def escalated(step: Step, event: SealedEvent) -> None:
    """Take ``alert.escalated``: the alert is raised with that tier, if it is a higher one."""
    alert = _open(step, event)
    if alert is None:
        return
    tier = Tier(event.body["to_tier"])
    step.note(alert, "escalated", f"{tier}: {event.body['reason']}", _who(event))
    if tier.rank <= alert.tier.rank:
        return
    previous = alert.tier if alert.announced else None
    alert = replace(
        alert, tier=tier, state=OPEN, acknowledged_at=None, acknowledged_by="", settled=None
    )
    raised(step, alert, "person", previous)


def dispositioned(step: Step, event: SealedEvent) -> None:
    """Take ``investigation.dispositioned``: the alert is over, and so is the release freeze.

    The model serves again only if the person says so; else it stays out of service, until a
    later disposition of the same alert says otherwise.
    """
    body = event.body
    alert = _known(step, event)
    if alert is None:
        return
    if alert.investigation and body["investigation_id"] != alert.investigation:
        detail = f"expected investigation {alert.investigation}, got {body['investigation_id']}"
        step.find("unknown_investigation", "warning", _artifact(alert.alert_id), detail)
        return
    hold = step.book.place(step.tenant, alert.place).holds.get(alert.fingerprint)
    if not alert.is_open and hold is None:
        _over(step, alert)
        return
    who = _who(event)
    resume = "resumes" if body["resume"] else "does not resume"
    words = f"{body['disposition']}, {resume}: {body['rationale']}"
    step.note(alert, "dispositioned", words, who)
    if alert.is_open:
        judged(step, alert, body["disposition"])
        alert = replace(alert, monitors=())
        reason = f"The investigation ended: {body['disposition']}"
        alert = resolved(step, alert, "dispositioned", reason, who=who)
    if hold is not None:
        after = Hold() if body["resume"] else replace(hold, frozen=False)
        held(step, alert, after, f"{who} ended the investigation: {body['disposition']}")
        resumed(step, alert.deployment.name)
    place = step.book.place(step.tenant, alert.place)
    step.book.put_place(step.tenant, alert.place, replace(place, moved={}))
    step.keep(alert)  # what it holds is another, and so is what is due


def _known(step: Step, event: SealedEvent) -> Alert | None:
    """Give the alert that an event names; tell of one that is not known."""
    alert_id: str = event.body["alert_id"]
    alert = step.book.named(step.tenant, alert_id)
    if alert is None:
        detail = f"{event.event_type} names an alert that is not known, or was over long ago"
        step.find("unknown_alert", "warning", _artifact(alert_id), detail)
    return alert


def _open(step: Step, event: SealedEvent) -> Alert | None:
    """Give the open alert that an event names; tell of one that is over."""
    alert = _known(step, event)
    if alert is not None and not alert.is_open:
        _over(step, alert)
        return None
    return alert


def _over(step: Step, alert: Alert) -> None:
    detail = f"{step.event.event_type} names an alert that is over; nothing is done"
    step.find("ended_alert", "info", _artifact(alert.alert_id), detail)


def _artifact(name: str) -> Artifact:
    return Artifact("alert", name, "", b"")


def _who(event: SealedEvent) -> str:
    return as_name(event.envelope["actor"]["principal"])
