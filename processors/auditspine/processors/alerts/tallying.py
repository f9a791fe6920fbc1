"""Counts how often monitors signalled, and were right. Pure."""

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import Seen
from auditspine.processors.alerts.precision import Precision
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.tables import precision_row
from auditspine.processors.projection.fit import as_name, as_token


def tallied(step: Step, seen: Seen) -> None:
    """Count a monitor's signal."""
    where = seen.deployment.name, seen.model.name, seen.monitor
    risk = as_token(step.policy.risk_class(seen.domain, seen.deployment.name))
    fit = as_name(seen.feature) if seen.feature else ""
    known = step.book.precision(step.tenant, where)
    known = known.signalled(seen.kind, fit, risk, step.event.elsewhere)
    _keep(step, where, known)


def judged(step: Step, alert: Alert, disposition: str) -> None:
    """Count what a person said an alert was about for each of its monitors."""
    for watched in alert.monitors:
        where = alert.deployment.name, alert.model.name, watched.monitor
        known = step.book.precision(step.tenant, where)
        _keep(step, where, known.judged(disposition, watched.effect))


def _keep(step: Step, where: tuple[str, str, str], known: Precision) -> None:
    step.book.put_precision(step.tenant, where, known)
    step.precision[step.tenant, *where] = precision_row(step.event, where, known)
