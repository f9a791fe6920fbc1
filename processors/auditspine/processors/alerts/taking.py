"""Turns what was seen into alerts: a new one, more of an open one, or one that is back. Pure."""

from dataclasses import replace

from auditspine.processors.alerts.alert import OPEN, Alert, widest
from auditspine.processors.alerts.causes import SEVERAL, Seen, alert_id
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.alerts.raising import EVERYTHING, NOBODY, raised
from auditspine.processors.alerts.step import Step
from auditspine.processors.drift.policy_parts import Tier
from auditspine.processors.projection.fit import as_name, as_token

_OF_SEVERAL = "location"  # stands for what features of an alert of several did, mostly


def taken(step: Step, mark: str, seen: Seen) -> Alert:
    """Take what was seen into the alert of its fingerprint.

    Args:
        step: The fold at the event.
        mark: The fingerprint.
        seen: What was seen.

    Returns:
        The alert after that; it is noted.
    """
    known = step.book.alert(step.tenant, mark)
    if known is not None and known.is_open:
        return _grown(step, known, seen)
    if known is not None and known.ended is not None:
        over = known.ended + step.policy.alerts.cool_down_minutes * MINUTE_MS
        if step.now < over:
            return _reopened(step, known, seen, over)
    alert = opened(step, mark, seen)
    return raised(step, alert, seen.cause)


def going_on(step: Step, alert: Alert) -> Alert:
    """Note that what an alert is about is still not as it was, though no monitor signals it anew.

    A monitor tells of a shift when it begins and ever more seldom after; that it lasts is in the
    reports of what serves.
    """
    alert = replace(alert, last=step.now)
    feature = alert.features[0] if len(alert.features) == 1 else ""
    minutes = (step.now - alert.began) / MINUTE_MS
    kind = _OF_SEVERAL if alert.kind == SEVERAL else alert.kind
    tier = step.policy.tier(alert.risk, kind, alert.effect, minutes, feature)
    if tier.rank <= alert.tier.rank:
        return step.keep(alert)
    previous = alert.tier if alert.announced else None
    alert = replace(
        alert, tier=tier, state=OPEN, acknowledged_at=None, acknowledged_by="", settled=None
    )
    return raised(step, alert, "persistence", previous)


def opened(step: Step, mark: str, seen: Seen) -> Alert:
    """Give a new alert; it is not yet noted, except at its place."""
    _place(step, seen, mark)
    return Alert(
        alert_id(mark, step.event.envelope["event_id"]),
        mark,
        seen.kind,
        _tier(step, seen, 0),
        as_token(step.policy.risk_class(seen.domain, seen.deployment.name)),
        seen.deployment,
        seen.model,
        (as_name(seen.feature),) if seen.feature else (),
        seen.effect,
        1,
        (seen.event_id,),
        ((seen.origin, seen.first, seen.last),),
        seen.since,
        step.now,
        step.now,
        step.at,
        step.at,
        seen.title,
        seen.cause,
        elsewhere=step.event.elsewhere,
        monitors=widest((), seen),
    )


def _tier(step: Step, seen: Seen, minutes: float) -> Tier:
    """Give the tier of a signal that is signalled for some minutes."""
    risk = step.policy.risk_class(seen.domain, seen.deployment.name)
    return step.policy.tier(risk, seen.kind, seen.effect, minutes, seen.feature)


def _grown(step: Step, alert: Alert, seen: Seen) -> Alert:
    minutes = (step.now - alert.began) / MINUTE_MS
    alert = alert.with_signal(seen, step.at, step.now)
    tier = _tier(step, seen, minutes)
    if tier.rank > alert.tier.rank:
        return _risen(step, alert, seen, tier)
    if alert.settled is not None and step.now >= alert.settled:
        # It goes on although a person ended it, and what they said is not new any more.
        previous = alert.tier if alert.announced else None
        alert = replace(alert.of_tier(tier, seen), began=step.now, settled=None)
        return raised(step, alert, "persistence", previous)
    step.note(alert, "signalled", seen.title)
    return step.keep(alert)


def _risen(step: Step, alert: Alert, seen: Seen, tier: Tier) -> Alert:
    at_once = _tier(step, seen, 0)
    cause = "effect" if at_once.rank > alert.tier.rank else "persistence"
    previous = alert.tier if alert.announced else None
    alert = replace(alert.of_tier(tier, seen), settled=None)
    return raised(step, alert, cause, previous)


def _reopened(step: Step, alert: Alert, seen: Seen, over: int) -> Alert:
    """Open an alert again that was over a short while ago.

    Nobody is told. If a person ended it, nothing else is done either: they decided on this very
    cause. Should it go on after the cool-down, it is raised in full.
    """
    by_person = alert.dispositioned
    began = step.now if by_person else alert.began
    alert = replace(
        alert.with_signal(seen, step.at, step.now),
        state=OPEN,
        acknowledged_at=None,
        acknowledged_by="",
        began=began,
        ended=None,
        resolved_at=None,
        dispositioned=False,
        settled=over if by_person else None,
    )
    _place(step, seen, alert.fingerprint)
    tier = _tier(step, seen, (step.now - began) / MINUTE_MS)
    if tier.rank > alert.tier.rank:
        return _risen(step, alert, seen, tier)
    without = EVERYTHING if by_person else NOBODY
    return raised(step, alert, seen.cause, alert.tier if alert.announced else None, without=without)


def _place(step: Step, seen: Seen, mark: str) -> None:
    place = step.book.place(step.tenant, seen.place).with_alert(mark)
    step.book.put_place(step.tenant, seen.place, place)
