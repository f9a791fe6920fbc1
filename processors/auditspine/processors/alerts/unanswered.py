"""Outcomes that never come: predictions are long due, and nothing ever told of an outcome. Pure.

What monitors of outcomes signal rests on outcomes; where there are none, none can signal. That
there are outcomes is known by signals and assessments of them; an assessment comes with the first
outcome after its period.
"""

from dataclasses import replace

from auditspine.processors.alerts.causes import Ref, Seen, fingerprint
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.alerts.places import Place
from auditspine.processors.alerts.raising import resolved
from auditspine.processors.alerts.signs import Sign
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.taking import taken
from auditspine.processors.projection.fit import as_sentence
from auditspine.processors.projection.port import SealedEvent

_DAY_MS = 1440 * MINUTE_MS
_CAUSE = "outcomes"
_OF_OUTCOMES = frozenset({"error", "calibration", "delay", "coverage", "outcome"})


def reported(step: Step, seen: Seen) -> None:
    """Take a report that a model serves: raise an alert, once, when its outcomes never came."""
    place = step.book.place(step.tenant, seen.place)
    due = step.policy.due_ms(seen.deployment.name)
    if due is None or place.answered or place.unanswered:
        return
    if place.served is None:
        step.book.put_place(step.tenant, seen.place, replace(place, served=step.now))
        return
    period = step.policy.fairness.assess_minutes * MINUTE_MS
    if step.now < place.served + due + period + _DAY_MS:
        return
    days = (step.now - place.served) // _DAY_MS
    title = (
        f"{seen.deployment.name} has served {seen.model.name} {seen.model.version} for {days} days "
        f"and no outcome was ever seen, though they are due after {due / _DAY_MS:g}"
    )
    told = replace(seen, kind="coverage", cause="silent", title=as_sentence(title))
    alert = taken(step, _mark(step, seen.place), told)
    step.keep(replace(alert, silent=True))
    place = step.book.place(step.tenant, seen.place)
    step.book.put_place(step.tenant, seen.place, replace(place, unanswered=True))


def assessed(step: Step, event: SealedEvent) -> None:
    """Take ``bias.assessed``: one of outcomes tells that there are some."""
    body = event.body
    if body["basis"] == "outcomes":
        _answered(step, (Ref.of(body["deployment"]).name, Ref.of(body["model"]).digest))


def heard(step: Step, sign: Sign, where: tuple[str, str]) -> None:
    """Take a signal: one that rests on outcomes tells that there are some."""
    if sign.kind in _OF_OUTCOMES or sign.is_error:
        _answered(step, where)


def left(step: Step, where: tuple[str, str]) -> None:
    """Expect no outcomes any more: the model is not deployed there."""
    _ended(step, where, step.book.place(step.tenant, where), "It is not deployed any more")


def _answered(step: Step, where: tuple[str, str]) -> None:
    place = step.book.place(step.tenant, where)
    if not place.answered:
        place = replace(place, answered=True)
        step.book.put_place(step.tenant, where, place)
        _ended(step, where, place, "Outcomes are seen")


def _ended(step: Step, where: tuple[str, str], place: Place, reason: str) -> None:
    """End the alert that outcomes never come, unless it is under investigation."""
    alert = step.book.alert(step.tenant, _mark(step, where)) if place.unanswered else None
    if alert is None or not alert.is_open:
        return
    alert = replace(alert, silent=False)
    if step.ends_by_itself(alert):
        resolved(step, alert, "quiet", reason)
    else:
        step.keep(alert)


def _mark(step: Step, where: tuple[str, str]) -> str:
    return fingerprint(step.tenant, where, _CAUSE)
