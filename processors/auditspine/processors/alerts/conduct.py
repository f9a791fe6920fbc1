"""Whether what serves may serve: approved, and with data no more sensitive than it is cleared for.

A tenant that never decided on a model's approval is not held to it. A model has until its second
report to be approved: an approval may come a little late. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auditspine.processors.alerts.causes import Seen, fingerprint
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.taking import taken
from auditspine.processors.projection.fit import as_sentence
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.relations import SENSITIVITIES

_STANDS = frozenset({"approved", "approved_with_conditions"})


def decided(step: Step, event: SealedEvent) -> None:
    """Take ``approval.decided``."""
    subject, expires = event.body["subject"], event.body["expires_at"]
    until = None if expires is None else expires // 1000
    stands = event.body["decision"] in _STANDS
    step.book.put_approval(step.tenant, subject["digest"].hex(), stands=stands, until=until)


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
        approval = step.book.approval(step.tenant, seen.model.digest)
        if approval is not None and not approval.holds(step.at):
            yield "unapproved", f"{name} serves model {named}, which no approval that holds allows"
    sensitivity = body.get("sensitivity", SENSITIVITIES[0])
    clearance = policy.clearance(name)
    if SENSITIVITIES.index(sensitivity) > SENSITIVITIES.index(clearance):
        yield (
            f"clearance {clearance}",
            f"{name} serves model {named} with {sensitivity} data and is cleared for {clearance}",
        )
