"""Takes requests and makes decisions of them, and looks at them again when something changes. Pure.

An allowed release stays allowed while its continuous rules hold. A request that people must decide
on is judged again whenever something comes that may change it. A denial is final: ask again.
"""

from dataclasses import replace

from auditspine.processors.alerts.causes import Ref, as_event_ids
from auditspine.processors.alerts.clock import MINUTE_MS
from auditspine.processors.projection.fit import as_name, as_token
from auditspine.processors.projection.port import SealedEvent
from auditspine.processors.release.deciding import decide, refuse
from auditspine.processors.release.making import Touched
from auditspine.processors.release.outcome import Decision
from auditspine.processors.release.saying import let_stand, say
from auditspine.processors.release.standing import stand
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import ALLOW, DENY, NEEDS_REVIEW, Request

_HOUR_MS = 60 * MINUTE_MS
_DEFAULT_HOURS = 72
_DEFAULT_ENVIRONMENT = "-"
_MOST_PENDING = 512  # requests of a tenant: each is looked at whenever anything changes
_MOST_JURISDICTIONS = 257  # one more than a policy can have: more cannot all be known


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
            stand(step, digest, environment, "revoked", at_all=touched is None)
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
            stand(step, digest, environment, "expired")
        else:
            step.wake(step.clock_of(standing.until))


def _unanswered(request: Request) -> str:
    return (
        f"Nobody decided in time on {request.model.name} {request.model.version} for "
        f"{request.environment}: ask again"
    )


def _answer(step: Step, request: Request, decision: Decision, cause: str) -> None:
    """Make a decision on a request, and let an allowing one stand."""
    decision_id = say(step, request, decision, cause, request.decision_id)
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
        let_stand(step, request, decision, decision_id)


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
