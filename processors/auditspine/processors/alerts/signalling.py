"""Takes ``drift.signalled``: one alert for one feature, and one for many that moved at once. Pure.

The first features that move have an alert each. With the one that makes them many, an alert of
kind ``several`` is opened, and those alerts end in it: whoever is on call has one thing to look
at. Features that move later join it and tell nobody, unless they ask for a higher tier.

That the score or the decisions move is what moved features lead to: it joins their alert, and if it
was noticed first, its own alert ends in theirs.
"""

from dataclasses import replace

from auditspine.processors.alerts import unanswered
from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import SEVERAL, Seen, cause_of, fingerprint, signal
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.alerts.places import Hold
from auditspine.processors.alerts.raising import raised, resolved
from auditspine.processors.alerts.repeats import Mark
from auditspine.processors.alerts.signs import Sign
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.taking import opened, taken
from auditspine.processors.alerts.tallying import tallied
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent

_SYMPTOMS = frozenset({"score", "decision"})


def signalled(step: Step, event: SealedEvent) -> None:
    """Take ``drift.signalled``; a repeat changes nothing."""
    seen = signal(event)
    monitor = seen.monitor
    who = (seen.origin, *seen.place, monitor)
    if not step.book.is_new(step.tenant, who, Mark.of(seen.event_id, seen.last, step.at)):
        return
    _noted(step, event, seen)
    mark = fingerprint(step.tenant, seen.place, cause_of(seen, monitor))
    own = step.book.alert(step.tenant, mark)
    if seen.kind in _SYMPTOMS and (own is None or not own.is_open):
        host = _host(step, seen)
        if host is not None:
            taken(step, host.fingerprint, seen)
            return
    if not seen.feature or (own is not None and _is_apart(step, own)):
        taken(step, mark, seen)
        return
    many = fingerprint(step.tenant, seen.place, SEVERAL)
    shared = step.book.alert(step.tenant, many)
    if shared is not None and _is_shared(step, seen, shared):
        taken(step, many, seen)
        return
    times = step.policy.alerts
    place = step.book.place(step.tenant, seen.place)
    place = place.with_moved(seen.feature, step.now, times.many_minutes * MINUTE_MS)
    step.book.put_place(step.tenant, seen.place, place)
    if len(place.moved) < times.many_features:
        alert = taken(step, mark, seen)
    else:
        alert = _merged(step, many, seen, tuple(place.moved))
    for symptom in _symptoms(step, seen):
        _end_in(step, symptom, alert)


def _noted(step: Step, event: SealedEvent, seen: Seen) -> None:
    sign = Sign.of(event, seen, step.now)
    signs = step.book.signs(step.tenant, seen.place).with_sign(sign)
    step.book.put_signs(step.tenant, seen.place, signs)
    unanswered.heard(step, sign, seen.place)
    step.places[seen.place] = None
    tallied(step, seen)


def _is_apart(step: Step, own: Alert) -> bool:
    """Tell whether a feature's own alert is open, or was ended by a person a short while ago."""
    return own.is_open or (own.dispositioned and step.now < _cooled(step, own))


def _is_shared(step: Step, seen: Seen, shared: Alert) -> bool:
    """Tell whether a signal is of the alert that many features share."""
    if shared.is_open:
        return True
    return step.now < _cooled(step, shared) and as_name(seen.feature) in shared.features


def _cooled(step: Step, alert: Alert) -> int:
    return (alert.ended or 0) + step.policy.alerts.cool_down_minutes * MINUTE_MS


def _host(step: Step, seen: Seen) -> Alert | None:
    """Give the open alert of the features that moved last at the same place, if that is of late."""
    found = [alert for alert in _late(step, seen) if alert.features]
    return max(found, key=lambda alert: (alert.last, alert.began), default=None)


def _symptoms(step: Step, seen: Seen) -> list[Alert]:
    """Give the open alerts of what moved of late at the same place and is no feature."""
    return [a for a in _late(step, seen) if not a.features and a.kind in _SYMPTOMS]


def _late(step: Step, seen: Seen) -> list[Alert]:
    """Give the open alerts of a place that began of late."""
    since = step.now - step.policy.alerts.many_minutes * MINUTE_MS
    place = step.book.place(step.tenant, seen.place)
    found = (step.book.alert(step.tenant, mark) for mark in place.alerts)
    return [each for each in found if each is not None and each.is_open and each.began >= since]


def _end_in(step: Step, alert: Alert, other: Alert) -> None:
    """End an alert in another one, which holds from then on what it held."""
    _hand_over(step, alert, other)
    step.note(other, "joined", f"{alert.alert_id}: {alert.title}")
    resolved(step, alert, "quiet", f"It goes on in {other.alert_id}, which explains it")


def _merged(step: Step, many: str, seen: Seen, moved: tuple[str, ...]) -> Alert:
    """Open the alert that many features share, and end those of single features in it."""
    singles = _singles(step, seen, moved)
    alert = replace(opened(step, many, seen), kind=SEVERAL).titled()
    for single in reversed(singles):  # so that what moved first comes first
        alert = alert.absorbing(single)
    alert = raised(step, alert, seen.cause)
    for single in singles:
        _hand_over(step, single, alert)
        step.note(alert, "joined", f"{single.alert_id}: {single.title}")
        reason = f"It goes on in {alert.alert_id}, since several features moved"
        resolved(step, single, "quiet", reason)
    return alert


def _singles(step: Step, seen: Seen, moved: tuple[str, ...]) -> list[Alert]:
    """Give the open alerts of single features that moved of late."""
    names = {as_name(each) for each in moved}
    place = step.book.place(step.tenant, seen.place)
    found = (step.book.alert(step.tenant, mark) for mark in place.alerts)
    return [
        alert
        for alert in found
        if alert is not None
        and alert.is_open
        and alert.kind != SEVERAL
        and names.intersection(alert.features)
    ]


def _hand_over(step: Step, single: Alert, alert: Alert) -> None:
    """Let an alert hold the place in what another held it in; that changes nothing for it."""
    place = step.book.place(step.tenant, single.place)
    theirs = place.holds.get(single.fingerprint)
    if theirs is None:
        return
    theirs = replace(theirs, alert_id=alert.alert_id)
    together = place.holds.get(alert.fingerprint, Hold()).joined(theirs)
    place = place.with_hold(single.fingerprint, Hold()).with_hold(alert.fingerprint, together)
    step.book.put_place(step.tenant, single.place, place)
