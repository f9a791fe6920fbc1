"""Looks at what the mere passing of time changes. Pure.

Every event of a tenant makes its clock go on. Nothing is read before something can be due.
"""

from dataclasses import replace

from auditspine.processors.alerts import serving
from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.clock import MINUTE_MS, NEVER
from auditspine.processors.alerts.raising import raised, resolved
from auditspine.processors.alerts.step import Step

_REPORTED = frozenset({"score", "decision"})  # kinds of no feature that reports speak of


def look(step: Step, speaks: str = "") -> None:
    """Do what is due for a tenant.

    Args:
        step: The fold at the event.
        speaks: Name of the deployment that the event tells to serve; empty for none.
    """
    if step.now < step.clock.due:
        return
    step.clock = step.clock._replace(due=NEVER)
    for mark in step.book.alerts(step.tenant).values():
        alert = step.book.alert(step.tenant, mark)
        if alert is not None:
            _look(step, alert)
    for name in step.book.deployments(step.tenant):
        serving.look(step, name, speaks=name == speaks)


def _look(step: Step, alert: Alert) -> None:
    quiet = step.quiet_due(alert)
    if step.now < quiet:
        if alert.is_open:
            alert = _told(step, alert)
        step.wake(step.due(alert))
    elif alert.is_open and not _looked(step, alert, quiet):
        _told(step, alert)
        step.wake(step.now + MINUTE_MS)
    elif alert.is_open:
        minutes = step.policy.alerts.quiet_minutes
        alert = resolved(step, alert, "quiet", f"No signal for {minutes} minutes", clock=quiet)
        if step.now >= step.quiet_due(alert):
            step.book.forget_alert(step.tenant, alert)
    else:
        step.book.forget_alert(step.tenant, alert)


def _looked(step: Step, alert: Alert, due: int) -> bool:
    """Tell whether somebody looked since: without predictions, nothing is known to be quiet."""
    if not alert.features and alert.kind not in _REPORTED:
        return True
    known = step.book.deployment(step.tenant, alert.deployment.name)
    if known.watched is None or (step.book.is_governed(step.tenant) and not known.is_live):
        return True  # no predictions are to be waited for
    return known.watched >= due


def _told(step: Step, alert: Alert) -> Alert:
    """Tell people after a silence, or again when nobody acknowledges."""
    if step.now < min(step.ask_due(alert), step.tell_due(alert)):
        return alert
    if step.silenced(alert) is not None:
        return step.keep(replace(alert, told=None, asked=0, pending=True))
    cause = alert.cause if alert.pending else "unacknowledged"
    owner = step.policy.owner(alert.deployment.name)
    to = owner.escalate_to if cause == "unacknowledged" else owner.owner
    return raised(step, alert, cause, alert.tier, owner=to)
