"""Holds what is seen to serve against what is said to be deployed, and notes silence. Pure.

A tenant that never said what it deploys is not held to it: that is a finding, not an alert. Silence
is told to it as well: traffic is expected where reports came, until what they told of is retired.
For how long a deployment may be silent, its :class:`~auditspine.processors.alerts.rhythm.Rhythm`
says.
"""

from dataclasses import replace

from auditspine.processors.alerts import unanswered
from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import SILENCE, Ref, Seen, began, evidence_of, fingerprint
from auditspine.processors.alerts.clock import MINUTE_MS, NEVER
from auditspine.processors.alerts.conduct import held_to
from auditspine.processors.alerts.deployments import Deployment, Odd
from auditspine.processors.alerts.patterns import heed
from auditspine.processors.alerts.raising import resolved
from auditspine.processors.alerts.repeats import Mark
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.taking import going_on, taken
from auditspine.processors.projection.findings import Artifact
from auditspine.processors.projection.fit import as_name, as_sentence
from auditspine.processors.projection.port import SealedEvent

_MOST_ODD = 16  # that wait; more are not given time
_MOST_TOLD = 64
_ALL = 1.0  # the effect: of the predictions that it is about, all


def observed(step: Step, event: SealedEvent) -> None:
    """Take ``serving.observed``; a repeat changes nothing."""
    body = event.body
    seen = _seen(event)
    who = (seen.origin, *seen.place, seen.deployment.digest, "serving")
    own = Mark.of(seen.event_id, seen.last, step.at)
    if not body["predictions"] or not step.book.is_new(step.tenant, who, own):
        return
    name = seen.deployment.name
    known = step.book.deployment(step.tenant, name)
    known = _spoken(step, known.reported(seen, step.now))
    grace = step.policy.alerts.served_grace_minutes * MINUTE_MS
    if not known.allows(seen, body["ended_at"] // 1000, grace):
        known = _suspected(step, known, seen, grace)
    _keep(step, name, known)
    held_to(step, seen, body)
    unanswered.reported(step, seen)
    place = step.book.place(step.tenant, seen.place)
    if place.first_at is None:
        step.book.put_place(step.tenant, seen.place, replace(place, first_at=seen.since))
    if known.is_live and step.book.is_governed(step.tenant):
        heed(step, body)
    features, kinds = (set(body.get(f"drifting_{what}", ())) for what in ("features", "kinds"))
    for mark in step.book.place(step.tenant, seen.place).alerts:
        alert = step.book.alert(step.tenant, mark)
        if alert is not None and alert.is_open and _goes_on(alert, features, kinds):
            going_on(step, alert)


def _goes_on(alert: Alert, features: set[str], kinds: set[str]) -> bool:
    """Tell whether a report says that what an alert is about is still not as it was."""
    named = {as_name(each) for each in features}
    return bool(named.intersection(alert.features)) or (not alert.features and alert.kind in kinds)


def changed(step: Step, event: SealedEvent) -> None:
    """Take ``deployment.changed``."""
    step.book.govern(step.tenant)
    name = Ref.of(event.body["deployment"]).name
    known = step.book.deployment(step.tenant, name)
    after = known.changed(event.body, step.at)
    _keep(step, name, _watched_anew(step, after))
    _gone(step, name, known, after)


def retired(step: Step, event: SealedEvent) -> None:
    """Take ``artifact.retired``: what serves of it from now is not deployed any more."""
    artifact = Ref.of(event.body["artifact"])
    names = step.book.deployments(step.tenant)
    if artifact.kind == "deployment":
        names = [name for name in names if name == artifact.name]
    elif artifact.kind != "model":
        return
    for name in names:
        known = step.book.deployment(step.tenant, name)
        model = artifact.digest if artifact.kind == "model" else ""
        left = known.without(step.at, model=model)
        if left.serving != known.serving:
            _keep(step, name, _watched_anew(step, left))
            _gone(step, name, known, left)
        elif not step.book.is_governed(step.tenant) and _is_last(known, artifact):
            gone = _spoken(step, left, "It is retired")
            _keep(step, name, replace(gone, watched=None))


def _gone(step: Step, name: str, before: Deployment, after: Deployment) -> None:
    """Note models that serve at a deployment no more."""
    left = {each.model for each in after.serving}
    for model in dict.fromkeys(each.model for each in before.serving if each.model not in left):
        unanswered.left(step, (name, model))


def _is_last(known: Deployment, artifact: Ref) -> bool:
    """Tell whether an artifact is what was last seen to serve, or where."""
    last = known.report
    return last is not None and (artifact.kind == "deployment" or artifact == last.model)


def resumed(step: Step, name: str) -> None:
    """Expect the traffic of a deployment anew: a model may serve there again."""
    known = step.book.deployment(step.tenant, name)
    if known.watched is not None:
        _keep(step, name, known.watched_anew(step.now))


def look(step: Step, name: str, *, speaks: bool) -> None:
    """Look at what time changes about a deployment.

    Args:
        step: The fold at the event.
        name: Name of the deployment.
        speaks: Whether the event tells that it serves, so that it is not silent.
    """
    known = after = step.book.deployment(step.tenant, name)
    for odd in known.odd:
        if step.now >= odd.due:
            after = replace(after, odd=tuple(each for each in after.odd if each != odd))
            _served(step, odd.seen)
    if step.now >= _silent_due(step, after) and not speaks:
        after = _silent(step, after)
    if after != known:
        step.book.put_deployment(step.tenant, name, after)
    # A report that is a repeat, or of no predictions, does not end a silence: look again soon.
    step.wake(max(_due(step, after), step.now + MINUTE_MS * speaks))


def _keep(step: Step, name: str, known: Deployment) -> None:
    step.book.put_deployment(step.tenant, name, known)
    step.wake(_due(step, known))


def _due(step: Step, known: Deployment) -> int:
    return min(_silent_due(step, known), *(odd.due for odd in known.odd), NEVER)


def _silent_due(step: Step, known: Deployment) -> int:
    minutes = step.policy.traffic.silence_minutes
    if not minutes or known.silence or known.watched is None or not _is_expected(step, known):
        return NEVER
    due = known.rhythm.due(known.watched, minutes * MINUTE_MS)
    return due + step.policy.monitors.report_minutes * MINUTE_MS


def _is_expected(step: Step, known: Deployment) -> bool:
    """Tell whether traffic is expected: of a model that is deployed and may serve.

    Of a tenant that never said what it deploys, it is what was last seen to serve.
    """
    last = known.report
    if last is None:
        return False
    models = [each.model for each in known.serving if each.share > 0]
    if not step.book.is_governed(step.tenant):
        models = [last.model.digest]
    places = (step.book.place(step.tenant, (last.deployment.name, each)) for each in models)
    return any(place.held.state == "live" for place in places)


def _seen(event: SealedEvent) -> Seen:
    body = event.body
    deployment, model = Ref.of(body["deployment"]), Ref.of(body["model"])
    return Seen(
        deployment,
        model,
        event.envelope["domain"],
        "served",
        "served",
        "",
        _ALL,
        event.envelope["event_id"],
        *evidence_of(body),
        began(event),
        as_sentence(
            f"{deployment.name} {deployment.version} serves model {model.name} {model.version}, "
            "which is not said to be deployed there"
        ),
    )


def _suspected(step: Step, known: Deployment, seen: Seen, grace: int) -> Deployment:
    """Give what serves and is not said to be deployed a little time to be said."""
    if not step.book.is_governed(step.tenant):
        return _undeclared(step, known, seen)
    mark = _mark(step, seen)
    alert = step.book.alert(step.tenant, mark)
    since = max(seen.since // 1000, known.left(seen))
    due = step.now - max(0, step.at - since) + grace
    waiting = any(_mark(step, each.seen) == mark for each in known.odd)
    if waiting:  # a timer looks at it
        return known
    if (alert is not None and alert.is_open) or step.now >= due or len(known.odd) >= _MOST_ODD:
        _served(step, seen)
        return known
    return replace(known, odd=(*known.odd, Odd(due, seen)))


def _served(step: Step, seen: Seen) -> None:
    taken(step, _mark(step, seen), seen)


def _mark(step: Step, seen: Seen) -> str:
    return fingerprint(step.tenant, seen.place, f"served {seen.deployment.digest}")


def _undeclared(step: Step, known: Deployment, seen: Seen) -> Deployment:
    pair = f"{seen.model.digest} {seen.deployment.digest}"
    if pair in known.told:
        return known
    ref = seen.deployment
    artifact = Artifact(ref.kind, ref.name, ref.version, bytes.fromhex(ref.digest))
    detail = f"{seen.title}; no deployment.changed of this tenant says what is"
    step.find("undeclared_deployment", "warning", artifact, detail)
    return replace(known, told=(*known.told, pair)[-_MOST_TOLD:])


def _silent(step: Step, known: Deployment) -> Deployment:
    """Raise an alert that nothing serves; what was last seen to serve names it."""
    last = known.report
    if last is None:
        return known
    minutes = (step.now - (known.watched or 0)) // MINUTE_MS
    title = f"{last.deployment.name} has served no prediction for {minutes} minutes, unlike usual"
    seen = replace(last, kind="traffic", cause="silent", title=title)
    mark = fingerprint(step.tenant, seen.place, SILENCE)
    alert = taken(step, mark, seen)
    step.keep(replace(alert, silent=True))
    return replace(known, silence=mark)


def _spoken(
    step: Step, known: Deployment, reason: str = "Predictions are seen again"
) -> Deployment:
    """End the alert that nothing serves, unless it is under investigation."""
    if not known.silence:
        return known
    alert = step.book.alert(step.tenant, known.silence)
    if alert is not None and alert.is_open:
        alert = replace(alert, silent=False)
        if step.ends_by_itself(alert):
            resolved(step, alert, "quiet", reason)
        else:
            step.keep(alert)
    return replace(known, silence="")


def _watched_anew(step: Step, known: Deployment) -> Deployment:
    """Expect traffic from now on, or no more."""
    known = known.watched_anew(step.now)
    if known.is_live:
        return known
    return _spoken(step, known, "It is not deployed any more")
