"""Takes requests and makes decisions of them, and looks at them again when something changes. Pure.

An allowed release stays allowed while its continuous rules hold. A request that people must decide
on is judged again whenever something comes that may change it. A denial is final: ask again.
"""

from dataclasses import replace

from auditspine.processors.alerts.causes import Ref, as_event_ids
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.projection.fit import as_name, as_token
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.catalogue import Touched
from auditspine.processors.release.deciding import (
    Decision,
    can_judge,
    decide,
    holds,
    refuse,
)
from auditspine.processors.release.decision_body import body_of
from auditspine.processors.release.port import InForce
from auditspine.processors.release.rules import Rule
from auditspine.processors.release.step import Step
from auditspine.processors.release.tables import decision_row
from auditspine.processors.release.values import (
    ALLOW,
    DENY,
    NEEDS_REVIEW,
    Made,
    Request,
    Standing,
)

_HOUR_MS = 60 * MINUTE_MS
_DEFAULT_HOURS = 72
_DEFAULT_ENVIRONMENT = "-"
_MOST_PENDING = 512  # requests of a tenant: each is looked at whenever anything changes
_MOST_JURISDICTIONS = 257  # one more than a policy can have: more cannot all be known
_MOST_DECISIONS = 1024  # of one exception


def requested(step: Step, event: SealedEvent) -> None:
    """Take ``deployment.requested``; one that was taken before changes nothing."""
    body, request_id = event.body, event.envelope["event_id"].lower()
    if not as_event_ids([request_id]):
        # No decision could name it, so none must stand.
        title = "a deployment request is not answered: its event_id is no UUID version 7"
        model, environment = Ref.of(body["model"]), as_token(body["environment"])
        step.find("request_unanswerable", "caution", model, environment, title)
        return
    if step.book.request(step.tenant, request_id) is not None:
        return
    deployment = body["deployment"]
    jurisdictions = dict.fromkeys(as_token(each) for each in body["jurisdictions"])
    hours = _DEFAULT_HOURS if step.policy is None else step.policy.request_hours
    request = Request(
        request_id,
        Ref.of(body["model"]),
        as_token(body["environment"] or _DEFAULT_ENVIRONMENT),
        as_token(body["risk_class"]),
        as_name(body["purpose"]),
        tuple(jurisdictions)[:_MOST_JURISDICTIONS],
        "" if deployment is None else Ref.of(deployment).name,
        event.envelope["domain"],
        as_name(event.envelope["actor"]["principal"]),
        step.now + hours * _HOUR_MS,
    )
    decision = decide(step, request, step.in_force)
    if decision.outcome == NEEDS_REVIEW and len(step.book.pending(step.tenant)) >= _MOST_PENDING:
        why = f"{_MOST_PENDING} requests of this tenant wait for people already"
        decision = refuse(step, request, "requests_waiting", why)
    _answer(step, request, decision, "requested")


def reconsidered(step: Step, touched: Touched) -> None:
    """Look again at what an event may have changed.

    Args:
        step: The fold at the event.
        touched: Digests of models; None for all of the tenant's.
    """
    if touched is not None and not touched:
        return
    book, tenant = step.book, step.tenant
    for digest, environment in book.allowed(tenant, touched):
        if touched is None or digest in touched:
            _stand(step, digest, environment, "revoked", at_all=touched is None)
    for request_id, digest in book.pending(tenant):
        if touched is not None and digest not in touched:
            continue
        request = book.request(tenant, request_id)
        if request is not None:
            decision = decide(step, request, step.in_force)
            if decision.outcome != request.outcome:
                _answer(step, request, decision, "evidence")


def look(step: Step) -> None:
    """Look at what time changes: requests that nobody decided on, and what runs out."""
    for request_id, _ in step.book.pending(step.tenant):
        request = step.book.request(step.tenant, request_id)
        if request is None:
            continue
        if step.now >= request.due:
            decision = replace(
                decide(step, request, step.in_force),
                outcome=DENY,
                until=None,
                reason=_unanswered(request),
            )
            _answer(step, request, decision, "expired")
        else:
            step.wake(request.due)
    for digest, environment in step.book.allowed(step.tenant):
        standing = step.book.standing(step.tenant, digest, environment)
        if standing is None or standing.until is None:
            continue
        if step.at >= standing.until:
            _stand(step, digest, environment, "expired")
        else:
            step.wake(step.clock_of(standing.until))


def _unanswered(request: Request) -> str:
    return (
        f"Nobody decided in time on {request.model.name} {request.model.version} for "
        f"{request.environment}: ask again"
    )


def _answer(step: Step, request: Request, decision: Decision, cause: str) -> None:
    """Make a decision on a request, and let an allowing one stand."""
    decision_id = _say(step, request, decision, cause, request.decision_id)
    is_first = not request.decision_id
    request = replace(
        request, outcome=decision.outcome, decision_id=decision_id, failed=decision.failed
    )
    step.book.put_request(step.tenant, request)
    waits = decision.outcome == NEEDS_REVIEW
    step.book.put_pending(step.tenant, request, waits=waits)
    if waits:
        step.wake(request.due)
        if is_first:
            _ask(step, request, decision)
    if decision.outcome == ALLOW:
        _let_stand(step, request, decision, decision_id)


def _let_stand(
    step: Step,
    request: Request,
    decision: Decision,
    decision_id: str,
    control_size: int | None = None,
) -> None:
    before = step.book.standing(step.tenant, *request.place)
    standing = Standing(
        request.request_id,
        decision_id,
        True,
        decision.exceptions,
        decision.until,
        step.at,
        decision.waived,
        step.event.control_size if control_size is None else control_size,
        before.began if before is not None and before.allowed else step.event.version,
    )
    step.keep_standing(request.model, request.environment, standing, decision.reason)
    if decision.until is not None:
        step.wake(step.clock_of(decision.until))


def _stand(step: Step, digest: str, environment: str, cause: str, *, at_all: bool = False) -> None:
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
    decision_id = _say(step, request, revoked, cause, standing.decision_id)
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
    decision_id = _say(step, request, decision, cause, standing.decision_id)
    _let_stand(step, request, decision, decision_id, control_size)


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


def _say(step: Step, request: Request, decision: Decision, cause: str, supersedes: str) -> str:
    body = body_of(step, request, decision, cause, supersedes)
    decision_id = str(body["decision_id"])
    step.say("decision.made", body, decision.reason)
    step.book.put_made(
        step.tenant,
        decision_id,
        Made(
            *request.place,
            decision.outcome == ALLOW,
            decision.exceptions,
            request.deployment,
            step.event.version,
        ),
    )
    results: dict[str, list[str]] = {"failed": [], "error": [], "waived": [], "passed": []}
    for each in decision.results:
        results[each["result"]].append(each["rule"])
    body["exceptions"] = list(decision.exceptions)
    step.decisions.append(decision_row(step.event, request, body, results))
    for waiver in step.book.waivers(step.tenant):
        if decision.outcome == ALLOW and waiver.exception_id in decision.exceptions:
            step.keep_waiver(
                replace(waiver, decisions=(*waiver.decisions, decision_id)[-_MOST_DECISIONS:])
            )
    return decision_id


def _ask(step: Step, request: Request, decision: Decision) -> None:
    """Ask people to decide on a request that waits for them."""
    if step.policy is None or decision.given >= decision.needed:
        return
    body = {
        "request_id": request.request_id,
        "model": request.model.body(),
        "environment": request.environment,
        "roles": tuple(as_token(each) for each in step.policy.approver_roles),
        "needed": decision.needed,
        "given": decision.given,
        "reason": decision.reason[:1000],
    }
    step.say("approval.requested", body, decision.reason)
