"""Whether what serves may serve: approved, and with data no more sensitive than it is cleared for.

A model is approved when somebody decided on it and, of each role that ever did, the latest decision
stands: it allows the model, with or without conditions, and is not over. So a rejection, a
withdrawal or an approval that ran out is lifted by a later approval in the same role and by no
other. Decisions on datasets, releases and the like approve no model.

A tenant that never decided on a model's approval is not held to it. A model has until its second
report to be approved: an approval may come a little late. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auditspine.processors.alerts.book import Approval
from auditspine.processors.alerts.causes import Ref, Seen, fingerprint
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.taking import taken
from auditspine.processors.projection.fit import as_name, as_sentence
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.relations import SENSITIVITIES

_STANDS = frozenset({"approved", "approved_with_conditions"})
_MOST_ROLES = 64  # of one model


def decided(step: Step, event: SealedEvent) -> None:
    """Take ``approval.decided``, if it is on a model."""
    subject, expires = Ref.of(event.body["subject"]), event.body["expires_at"]
    if subject.kind != "model":
        return
    until = None if expires is None else expires // 1000
    role, stands = as_name(event.body["role"]), event.body["decision"] in _STANDS
    known = step.book.approvals(step.tenant, subject.digest)
    known.pop(role, None)
    if len(known) == _MOST_ROLES:  # what allows it goes first, so that a refusal is not lost
        known.pop(next((name for name, each in known.items() if each.stands), next(iter(known))))
    known[role] = Approval(stands, until)
    step.book.put_approvals(step.tenant, subject.digest, known)


def held_to(step: Step, seen: Seen, body: Mapping[str, Any]) -> None:
    """Hold what a report tells of to approvals and clearances."""
    place = step.book.place(step.tenant, seen.place)
    if place.reports < 2:
        place = replace(place, reports=place.reports + 1)
        step.book.put_place(step.tenant, seen.place, place)
    for cause, title in _breaches(step, seen, body, reports=place.reports):
        mark = fingerprint(step.tenant, seen.place, cause)
        taken(step, mark, replace(seen, title=as_sentence(title)))


def _breaches(
    step: Step, seen: Seen, body: Mapping[str, Any], *, reports: int
) -> Iterator[tuple[str, str]]:
    policy, name = step.policy, seen.deployment.name
    named = f"{seen.model.name} {seen.model.version}"
    risk = policy.risk_class(seen.domain, name)
    if risk in policy.approvals.required and reports > 1:
        approvals = step.book.approvals(step.tenant, seen.model.digest).values()
        holds = bool(approvals) and all(each.holds(step.at) for each in approvals)
        if step.book.decides(step.tenant) and not holds:
            yield "unapproved", f"{name} serves model {named}, which no approval that holds allows"
    sensitivity = body.get("sensitivity", SENSITIVITIES[0])
    clearance = policy.clearance(name)
    if SENSITIVITIES.index(sensitivity) > SENSITIVITIES.index(clearance):
        yield (
            f"clearance {clearance}",
            f"{name} serves model {named} with {sensitivity} data and is cleared for {clearance}",
        )
