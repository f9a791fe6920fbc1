"""Raises alerts, does what their tier asks for, and ends them. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import as_event_ids
from auditspine.processors.alerts.places import HOLDING, Hold, hold_of
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.tables import serving_row
from auditspine.processors.drift.policy_parts import ACTIONS, Tier
from auditspine.processors.projection.fit import as_name, as_sentence, as_token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERYTHING = frozenset(ACTIONS)
NOBODY = frozenset({"notify"})


def raised(
    step: Step,
    alert: Alert,
    cause: str,
    previous: Tier | None = None,
    *,
    without: Iterable[str] = (),
    owner: str = "",
) -> Alert:
    """Tell of an alert and do what its tier asks for; an informational one is recorded only.

    Args:
        step: The fold at the event.
        alert: As it is from now.
        cause: Why it is raised; a symbol of the schema.
        previous: Its tier before, when it was told of before.
        without: Actions that are not taken, whatever the tier says.
        owner: Who is told; the policy's owner when empty.

    Returns:
        The alert after that; it is noted.
    """
    alert = replace(alert, cause=cause)
    if alert.tier is Tier.INFORMATIONAL:
        return step.keep(alert)
    actions = tuple(each for each in step.policy.actions_of(alert.tier) if each not in without)
    is_silenced = step.silenced(alert) is not None
    if "notify" in actions:
        is_asked = cause == "unacknowledged"
        alert = replace(
            alert,
            pending=is_silenced,
            told=None if is_silenced else step.now,
            asked=alert.asked + 1 if is_asked else 0,
        )
    said = tuple(each for each in actions if each != "notify" or not is_silenced)
    alert = replace(alert, level=alert.level + 1 if alert.announced else 0, announced=True)
    step.say("alert.raised", _body(step, alert, previous, said, owner), alert.title)
    step.note(alert, "raised", f"{alert.tier} ({cause}): {', '.join(said) or 'nothing is done'}")
    if "investigate" in actions and not alert.investigating:
        alert = _investigated(step, alert)
    if HOLDING & set(actions):
        _hold(step, alert, hold_of(actions, alert.alert_id))
    return step.keep(alert)


def resolved(
    step: Step, alert: Alert, cause: str, reason: str, *, clock: int | None = None, who: str = ""
) -> Alert:
    """End an alert.

    Args:
        step: The fold at the event.
        alert: The alert.
        cause: ``quiet`` or ``dispositioned``.
        reason: One sentence.
        clock: When it ended; now when not given.
        who: The person who ended it.

    Returns:
        The alert after that; it is noted.
    """
    ended = step.now if clock is None else clock
    alert = alert.over(step.at, ended, by_person=cause == "dispositioned")
    if alert.announced:
        body = {"alert_id": alert.alert_id, "cause": cause, "reason": as_sentence(reason)}
        step.say("alert.resolved", body, reason)
    step.note(alert, "resolved", reason, who)
    place = step.book.place(step.tenant, alert.place).without_alert(alert.fingerprint)
    step.book.put_place(step.tenant, alert.place, place)
    return step.keep(alert)


def held(step: Step, alert: Alert, hold: Hold, reason: str) -> None:
    """Hold an alert's place in a state from now, for that alert's sake; an empty hold lifts it.

    ``serving_state.changed`` follows where that changes what all alerts together hold it in.
    """
    before = step.book.place(step.tenant, alert.place)
    after = before.with_hold(alert.fingerprint, hold)
    if after == before:
        return
    if after.elsewhere is None:
        after = replace(after, elsewhere=step.event.elsewhere)
    step.book.put_place(step.tenant, alert.place, after)
    now = after.held
    if now.what == before.held.what:
        return
    state, frozen, quarantined = now.what
    body = {
        "deployment": alert.deployment.body(),
        "model": alert.model.body(),
        "state": state,
        "releases_frozen": frozen,
        "quarantined": quarantined,
        "alert_id": now.alert_id or None,
        "reason": as_sentence(reason),
    }
    step.say("serving_state.changed", body, reason)
    what = (state, "releases frozen" if frozen else "", "quarantined" if quarantined else "")
    step.note(alert, "serving", ", ".join(filter(None, what)))
    row = serving_row(step.event, alert, after, as_sentence(reason))
    step.serving[step.tenant, *alert.place] = row


def _hold(step: Step, alert: Alert, hold: Hold) -> None:
    known = step.book.place(step.tenant, alert.place).holds.get(alert.fingerprint)
    together = hold if known is None else hold.joined(known)
    held(step, alert, together, f"A {alert.tier} alert is open: {alert.title}")


def _investigated(step: Step, alert: Alert) -> Alert:
    number = alert.investigations + 1
    name = f"inv-{alert.alert_id.removeprefix('alert-')}"
    name = name if number == 1 else f"{name}-{number}"
    body = {
        "investigation_id": name,
        "alert_id": alert.alert_id,
        "model": alert.model.body(),
        "owner": step.owner(alert),
        "promotion_blocked": True,
        "question": as_sentence(f"What is behind this, and what is to be done? {alert.title}"),
    }
    step.say("investigation.opened", body, f"A {alert.tier} alert asks for an investigation")
    step.note(alert, "investigated", name)
    step.places[alert.place] = None
    return replace(alert, investigation=name, investigations=number, investigating=True)


def _body(
    step: Step, alert: Alert, previous: Tier | None, actions: tuple[str, ...], owner: str
) -> dict[str, object]:
    return {
        "alert_id": alert.alert_id,
        "fingerprint": alert.fingerprint,
        "tier": alert.tier.value,
        "previous_tier": None if previous is None else previous.value,
        "cause": alert.cause,
        "level": alert.level,
        "kind": as_token(alert.kind),
        "deployment": alert.deployment.body(),
        "model": alert.model.body(),
        "risk_class": as_token(alert.risk),
        "owner": as_name(owner) if owner else step.owner(alert),
        "features": alert.features,
        "effect_size": alert.effect,
        "signals": as_event_ids(alert.signal_ids),
        "evidence": tuple(
            {"origin": as_name(origin), "first": first, "last": last}
            for origin, first, last in alert.evidence
        ),
        "since": _EPOCH + timedelta(microseconds=alert.since),
        "actions": actions,
        "policy": step.policy.digest,
        "title": as_sentence(alert.title),
    }
