"""Exceptions over time: told when they are about to expire, and when they are over. Pure."""

from dataclasses import replace

from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.people import exception_granted, person_of
from auditspine.processors.release.releasing import reconsidered
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import Waiver

_DAY_MS = 24 * 3600 * 1000
_DEFAULT_WARN_DAYS = 14


def granted(step: Step, event: SealedEvent) -> None:
    """Take ``exception.granted``.

    Raises:
        NotYet: The access log is not read that far.
    """
    person = person_of(step.book, event)
    waiver = exception_granted(step.book, step.policy, step.grants, event)
    if person_of(step.book, event) != person:  # whose second account it is concerns any release
        reconsidered(step, None)
    if waiver is None:
        return
    step.keep_waiver(waiver)
    if waiver.refused:
        title = f"Exception {waiver.exception_id} does not count: {waiver.refused}"
        step.find("exception_refused", "caution", waiver.model, waiver.environment, title)
        return
    _look(step, waiver)
    reconsidered(step, (waiver.model.digest,))


def look(step: Step) -> None:
    """Look at what time changes about exceptions."""
    for waiver in step.book.waivers(step.tenant):
        if not waiver.refused and not waiver.over:
            _look(step, waiver)


def _look(step: Step, waiver: Waiver) -> None:
    days = _DEFAULT_WARN_DAYS if step.policy is None else step.policy.warn_days
    warn_at = waiver.expires_at - days * _DAY_MS
    if step.at >= waiver.expires_at:
        _expired(step, waiver)
    elif step.at >= warn_at and not waiver.warned:
        step.keep_waiver(replace(waiver, warned=True))
        left = max(0, waiver.expires_at - step.at) // _DAY_MS
        title = f"Exception {waiver.exception_id} ends in {left} days{_rests(waiver)}"
        step.find(
            "exception_expiring",
            "caution",
            waiver.model,
            waiver.environment,
            title,
            evidence=(waiver.event_id,),
        )
        step.wake(step.clock_of(waiver.expires_at))
    else:
        step.wake(step.clock_of(waiver.expires_at if waiver.warned else warn_at))


def _expired(step: Step, waiver: Waiver) -> None:
    step.keep_waiver(replace(waiver, warned=True, over=True))
    reason = f"Exception {waiver.exception_id} is over{_rests(waiver)}"
    body = {
        "exception_id": waiver.exception_id,
        "subject": waiver.model.body(),
        "environment": waiver.environment,
        "decisions": waiver.decisions,
        "reason": reason,
    }
    step.say("exception.expired", body, reason)
    step.find(
        "exception_expired",
        "review",
        waiver.model,
        waiver.environment,
        reason,
        evidence=(waiver.event_id,),
    )
    reconsidered(step, (waiver.model.digest,))


def _rests(waiver: Waiver) -> str:
    if not waiver.decisions:
        return ""
    return f"; {waiver.model.name} {waiver.model.version} rests on it in {waiver.environment}"
