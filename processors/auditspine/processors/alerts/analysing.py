"""Analyses investigations: when one is opened, and again when a signal tells more. Pure.

It happens after all else at an event, so that what was derived from it before has the same ids.
"""

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.analysis import Analysis, times_of
from auditspine.processors.alerts.changes import preceding
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.alerts.evidence import Case
from auditspine.processors.alerts.signs import Sign, change_times, features_of
from auditspine.processors.alerts.step import Step

_MOST_REVISIONS = 16  # of one investigation
_MOST_DEPLOYMENTS = 64  # where the same model is looked for


def analyse(step: Step) -> None:
    """Analyse what is under investigation at the places that the event was about."""
    for place in step.places:
        for mark in step.book.place(step.tenant, place).alerts:
            alert = step.book.alert(step.tenant, mark)
            if alert is not None and alert.is_open and alert.investigating:
                _analyse(step, alert)


def _analyse(step: Step, alert: Alert) -> None:
    before = step.book.found(step.tenant, alert.fingerprint)
    if before is not None and before.investigation != alert.investigation:
        before = None
    revision = 0 if before is None else before.revision + 1
    if revision >= _MOST_REVISIONS:
        return
    analysis = _analysis(step, alert)
    found = analysis.found(revision)
    if before is not None and not found.is_new_after(before):
        return
    body = analysis.body(revision, step.policy.digest)
    step.say("investigation.analysed", body, analysis.sentence)
    step.note(alert, "analysed", analysis.sentence)
    step.book.put_found(step.tenant, alert.fingerprint, found)


def _analysis(step: Step, alert: Alert) -> Analysis:
    signs = _signs(step, alert)
    times = times_of(alert, signs)
    upstream = step.upstream
    names = alert.deployment.name, alert.model.name
    features = features_of(signs) or alert.features
    place = step.book.place(step.tenant, alert.place)
    case = Case(
        alert.kind,
        signs,
        preceding(upstream, names, features, times, place.first_at),
        step.policy.alerts.many_features,
        upstream.is_told,
        _quiet(step, alert),
    )
    return Analysis.of(alert, case, times)


def _signs(step: Step, alert: Alert) -> tuple[Sign, ...]:
    """Give the signals of an alert, and those of its place at its time.

    Of the latter only what may have begun to move when the alert's own did: what moved before, or
    after, is another change.
    """
    span, ids = step.policy.alerts.many_minutes * MINUTE_MS, set(alert.signal_ids)
    known = step.book.signs(step.tenant, alert.place).signs
    own = [each for each in known if each.event_id in ids or each.feature in alert.features]
    near = [each for each in known if alert.began - span <= each.clock <= alert.began + span]
    if own:
        earliest, _, latest = change_times(own)
        near = [each for each in near if each.earliest <= latest and earliest <= each.latest]
    return tuple(each for each in known if each in own or each in near)


def _quiet(step: Step, alert: Alert) -> int:
    """Count other deployments where the same model serves and nothing was signalled of late."""
    span = step.policy.alerts.many_minutes * MINUTE_MS
    others = (
        (name, alert.model.digest)
        for name in step.book.deployments(step.tenant)[:_MOST_DEPLOYMENTS]
        if name != alert.deployment.name
    )
    return sum(
        step.book.place(step.tenant, place).reports > 0
        and all(
            each.clock < alert.began - span for each in step.book.signs(step.tenant, place).signs
        )
        for place in others
    )
