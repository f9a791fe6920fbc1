"""Lets an allowed release stand while what it rests on holds, and takes it back when not. Pure."""

from dataclasses import replace

from auditspine.processors.release.deciding import can_judge, decide, holds
from auditspine.processors.release.outcome import Decision
from auditspine.processors.release.port import InForce
from auditspine.processors.release.rules import Rule
from auditspine.processors.release.saying import let_stand, say
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import ALLOW, DENY, Request, Standing


def stand(step: Step, digest: str, environment: str, cause: str, *, at_all: bool = False) -> None:
    """Let an allowed release stand, or not, by the rules that must go on holding.

    Those are the continuous ones, and those that only an exception stands for.

    Args:
        step: The fold at the event.
        digest: The model.
        environment: Where.
        cause: Why it is looked at: ``revoked`` or ``expired``.
        at_all: Whether all are looked at, and not this one because of what is said of it.
    """
    standing = step.book.standing(step.tenant, digest, environment)
    request = None if standing is None else step.book.request(step.tenant, standing.request_id)
    if standing is None or request is None:
        return
    in_force, control_size = _judges(step, request, standing)
    if in_force is None or in_force.policy is None:
        return
    waived = frozenset(standing.waived)

    def must_hold(rule: Rule) -> bool:
        return rule.continuous or rule.id in waived

    if at_all and holds(step, request, in_force.policy, must_hold):
        return
    decision = decide(step, request, in_force, must_hold)
    if decision.outcome == ALLOW:
        _renew(step, request, standing, decision, cause, control_size)
        return
    revoked = replace(decision, outcome=DENY, until=None, reason=_taken_back(request, decision))
    decision_id = say(step, request, revoked, cause, standing.decision_id)
    after = replace(standing, decision_id=decision_id, allowed=False, until=None, since=step.at)
    step.keep_standing(request.model, environment, after, revoked.reason)
    served = deployments_of(step, digest, environment)
    if served:
        title = f"{', '.join(served)}: {revoked.reason}"
        evidence = (standing.request_id, step.event.envelope["event_id"])
        step.find(
            "release_revoked", "stop_the_line", request.model, environment, title, evidence=evidence
        )


def _judges(step: Step, request: Request, standing: Standing) -> tuple[InForce | None, int]:
    """Give the policy that an allowed release is held to, and how much of the control log it needs.

    That is the one in force. Where it cannot be used, or does not know the class, jurisdictions or
    environment any more, it is the one by which the release was judged before: so a slip in a
    policy neither stops all that runs, nor keeps what must stop. It is told.
    """
    if can_judge(step, request, step.in_force):
        return step.in_force, step.event.control_size
    before = step.policies.at(step.tenant, standing.control_size)
    if not can_judge(step, request, before):
        before = None
    digest = "" if step.in_force is None else step.in_force.digest.hex()
    if not step.book.is_told(step.tenant, f"unjudged {digest}"):
        title = (
            "The release policy in force cannot be used, or does not know the class, jurisdiction "
            f"or environment of what was allowed, such as {request.model.name} "
            f"{request.model.version} in {request.environment}: that is held to the policy before"
        )
        step.find("release_unjudged", "review", request.model, request.environment, title)
    return before, standing.control_size


def _renew(
    step: Step,
    request: Request,
    standing: Standing,
    decision: Decision,
    cause: str,
    control_size: int,
) -> None:
    """Say anew what stands when it rests on something else now, or for another time."""
    kept = tuple(dict.fromkeys((*standing.exceptions, *decision.exceptions)))
    if (decision.until, kept) == (standing.until, standing.exceptions):
        if decision.waived != standing.waived:
            after = replace(standing, waived=decision.waived)
            step.book.put_standing(step.tenant, request.place, after)
        return
    decision = replace(decision, exceptions=kept)
    cause = "expired" if cause == "expired" else "evidence"
    decision_id = say(step, request, decision, cause, standing.decision_id)
    let_stand(step, request, decision, decision_id, control_size)


def _taken_back(request: Request, decision: Decision) -> str:
    rules = ", ".join(rule for rule, _ in decision.failed)
    return (
        f"{request.model.name} {request.model.version} may no longer be deployed to "
        f"{request.environment}: {rules}"
    )


def deployments_of(step: Step, digest: str, environment: str) -> list[str]:
    """Give the names of the deployments that serve a model in an environment."""
    running: dict[str, list[str]] = step.book.read("l", step.tenant) or {}
    found = []
    for place, digests in running.items():
        where, _, name = place.partition("\0")
        if where == environment and digest in digests:
            found.append(name)
    return sorted(found)
