"""Holds deployments against decisions: what no decision allows is told, after a little time. Pure.

A deployment may be told before the decision that allows it, as the log has them; so it is suspected
for the policy's grace period first. A tenant for which no policy is published is not held to it;
one whose policy cannot be used is.
"""

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.projection.fit import as_token
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import Made, Standing, Suspect

_STARTS = frozenset(("deployed", "resumed", "scaled", "rolled_back"))
_WHOLE = 1.0
_MOST_SUSPECTS = 256
_MOST_RUNNING = 1024
_DEFAULT_GRACE = 5  # minutes, where the policy cannot be used

_TITLES = {
    "release_bypassed": "{deployment} serves {model} in {environment}, which no decision allows",
    "release_unnamed": "{deployment} serves {model} in {environment} and names no decision",
    "served_unreleased": "{deployment} answers with {model} in {environment}, "
    "which no decision allows",
}


def changed(step: Step, event: SealedEvent) -> None:
    """Take ``deployment.changed``."""
    body = event.body
    deployment, model = Ref.of(body["deployment"]), Ref.of(body["model"])
    environment = as_token(body["environment"])
    starts = body["action"] in _STARTS
    if not starts:  # if it comes back so, that is told anew
        step.book.forget_stopped(step.tenant, deployment.name, environment)
    _run(step, deployment, model, environment, float(body["traffic_share"]) if starts else 0.0)
    if not starts or step.in_force is None:
        return
    suspect = Suspect(
        _due(step),
        "release_bypassed",
        deployment,
        model,
        environment,
        body.get("decision_id") or "",
        event.envelope["event_id"],
        event.origin,
        event.position,
        event.appended_at,
        body["action"],
    )
    if not _clear(step, suspect, "allowed"):
        _suspect(step, suspect)


def observed(step: Step, event: SealedEvent) -> None:
    """Take ``serving.observed``: a model that answers must be allowed, whatever is said of it."""
    body = event.body
    if step.in_force is None or not body["predictions"]:
        return
    environment = as_token(event.envelope["environment"])
    suspect = Suspect(
        _due(step),
        "served_unreleased",
        Ref.of(body["deployment"]),
        Ref.of(body["model"]),
        environment,
        "",
        event.envelope["event_id"],
        event.origin,
        event.position,
        event.appended_at,
        "",
    )
    if not _clear(step, suspect, "allowed"):
        _suspect(step, suspect)


def look(step: Step) -> None:
    """Look at suspects again: those that are allowed by now, and those whose time is over."""
    known = step.book.suspects(step.tenant)
    left = []
    for suspect in known:
        if _clear(step, suspect, "late"):
            continue
        if step.now < suspect.due:
            step.wake(suspect.due)
            left.append(suspect)
        else:
            _tell(step, suspect)
    if left != known:
        step.book.put_suspects(step.tenant, left)


def _suspect(step: Step, suspect: Suspect) -> None:
    known = step.book.suspects(step.tenant)
    if any(each.mark == suspect.mark for each in known):
        return
    if len(known) >= _MOST_SUSPECTS:
        _tell(step, suspect)
        return
    step.deployed(suspect, "waiting")
    step.book.put_suspects(step.tenant, [*known, suspect])
    step.wake(suspect.due)


def _clear(step: Step, suspect: Suspect, verdict: str) -> bool:
    """Tell whether a decision allows what is suspected, and note it if so."""
    standing = step.book.standing(step.tenant, *suspect.place)
    if standing is None or not standing.allowed:
        return False
    if not suspect.action:  # seen to serve: that it may is enough
        step.book.forget_told(step.tenant, suspect.mark)
        return True
    if not suspect.decision_id:
        step.deployed(suspect, "unnamed", standing.exceptions)
        _note_deployed(step, suspect)
        _tell_unnamed(step, suspect)
        return True
    made = step.book.made(step.tenant, suspect.decision_id)
    if made is None or not _covers(made, standing, suspect):
        return False
    exceptions = tuple(dict.fromkeys((*made.exceptions, *standing.exceptions)))
    step.deployed(suspect, verdict, exceptions)
    step.book.forget_told(step.tenant, suspect.mark)
    _note_deployed(step, suspect)
    return True


def _covers(made: Made, standing: Standing, suspect: Suspect) -> bool:
    """Tell whether a decision is one that allows a deployment.

    It is not where it was taken back since, though another may allow the model by now; nor where it
    was asked for another deployment, as then nobody looked at this one's alerts.
    """
    return (
        made.allowed
        and (made.digest, made.environment) == suspect.place
        and made.version >= standing.began
        and made.deployment in ("", suspect.deployment.name)
    )


def _due(step: Step) -> int:
    minutes = _DEFAULT_GRACE if step.policy is None else step.policy.grace_minutes
    return step.now + minutes * MINUTE_MS


def _note_deployed(step: Step, suspect: Suspect) -> None:
    """Note that a model was deployed in an environment as allowed: the next may follow."""
    known: dict[str, str] = step.book.read("h", step.tenant, suspect.model.digest) or {}
    known.setdefault(suspect.environment, suspect.event_id)
    step.book.write(known, "h", step.tenant, suspect.model.digest)


def _tell(step: Step, suspect: Suspect) -> None:
    step.deployed(suspect, "bypassed")
    if not step.book.is_told(step.tenant, suspect.mark):
        _find(step, suspect, suspect.kind, "stop_the_line")


def _tell_unnamed(step: Step, suspect: Suspect) -> None:
    if not step.book.is_told(step.tenant, f"unnamed {suspect.mark}"):
        _find(step, suspect, "release_unnamed", "caution")


def _find(step: Step, suspect: Suspect, kind: str, tier: str) -> None:
    title = _TITLES[kind].format(
        deployment=suspect.deployment.name,
        model=f"{suspect.model.name} {suspect.model.version}",
        environment=suspect.environment,
    )
    if suspect.decision_id:
        title += f" (it names {suspect.decision_id})"
    step.find(
        kind,
        tier,
        suspect.model,
        suspect.environment,
        title,
        deployment=suspect.deployment,
        evidence=(suspect.event_id,),
    )


def _run(step: Step, deployment: Ref, model: Ref, environment: str, share: float) -> None:
    """Note what runs under a deployment's name; all of the traffic takes the place of others."""
    running: dict[str, list[str]] = step.book.read("l", step.tenant) or {}
    place = f"{environment}\0{deployment.name}"
    others = [each for each in running.pop(place, []) if each != model.digest]
    kept = [] if share >= _WHOLE else others
    digests = [*kept, model.digest] if share > 0 else others
    if digests:
        running[place] = digests
    step.book.write(dict(list(running.items())[-_MOST_RUNNING:]), "l", step.tenant)
