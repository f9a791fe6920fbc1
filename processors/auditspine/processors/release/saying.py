"""Says a decision, and notes what stands by it. Pure."""

from dataclasses import replace

from auditspine.processors.release.decision_body import body_of
from auditspine.processors.release.outcome import Decision
from auditspine.processors.release.step import Step
from auditspine.processors.release.tables import decision_row
from auditspine.processors.release.values import ALLOW, Made, Request, Standing

_MOST_DECISIONS = 1024  # of one exception


def say(step: Step, request: Request, decision: Decision, cause: str, supersedes: str) -> str:
    """Say a decision; give its identifier.

    Args:
        step: The fold at the event.
        request: The request that it answers.
        decision: The decision.
        cause: Why it is made; a symbol of the schema.
        supersedes: The decision before it; empty for none.
    """
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


def let_stand(
    step: Step,
    request: Request,
    decision: Decision,
    decision_id: str,
    control_size: int | None = None,
) -> None:
    """Let an allowing decision stand for its model and environment.

    Args:
        step: The fold at the event.
        request: The request that it answers.
        decision: The decision.
        decision_id: Its identifier.
        control_size: Entries of the control log whose policy it was judged by; those of the event
            when not given.
    """
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
