"""What a request comes to: each rule with its evidence, one outcome, and why. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from auditspine.processors.alerts.causes import Ref, as_event_ids
from auditspine.processors.projection.fit import as_sentence, as_token
from auditspine.processors.release.facts import Facts
from auditspine.processors.release.port import InForce
from auditspine.processors.release.rules import Judged, Rule, RuleSet
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import ALLOW, DENY, NEEDS_REVIEW, Request, Waiver

# Of all rules together, so that a decision always fits into an event.
_MOST_EVIDENCE = 2048
_MOST_WORDS = 40_000  # characters


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request comes to, as of an event.

    Attributes:
        outcome: ``allow``, ``needs_review`` or ``deny``.
        results: Each rule, as ``decision.made`` has it.
        failed: Rules that did not hold, with what they came to.
        exceptions: Exceptions that it rests on.
        until: When what it rests on runs out, the broker's milliseconds; None for never.
        risk_class: Risk class that it was judged by.
        jurisdictions: Jurisdictions whose overlays were applied.
        artifacts: Artifacts that were read of.
        positions: How far logs were read, by origin.
        needed: Approvals that the policy asks for.
        given: Approvals that count.
        reason: One sentence.
        policy: SHA-256 of the policy that it was judged by, 32 bytes; None for none.
    """

    outcome: str
    results: tuple[Mapping[str, Any], ...]
    failed: tuple[tuple[str, str], ...]
    exceptions: tuple[str, ...]
    until: int | None
    risk_class: str
    jurisdictions: tuple[str, ...]
    artifacts: tuple[Ref, ...]
    positions: Mapping[str, int]
    needed: int
    given: int
    reason: str
    policy: bytes | None

    @property
    def waived(self) -> tuple[str, ...]:
        """Names of the rules that only an exception stands for."""
        return tuple(each["rule"] for each in self.results if each["result"] == "waived")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule's result with the exception that stands for it, if any."""

    judged: Judged
    waiver: Waiver | None = None

    @property
    def result(self) -> str:
        """What it came to, as ``decision.made`` has it."""
        return "waived" if self.waiver is not None else self.judged.result


def decided(
    step: Step,
    request: Request,
    in_force: InForce,
    ruleset: RuleSet,
    facts: Facts,
    ruled: tuple[Ruled, ...],
) -> Decision:
    """Give the decision that follows from what the rules came to.

    Args:
        step: The fold at the event.
        request: The request.
        in_force: The policy that it was judged by.
        ruleset: Its rules.
        facts: What was known.
        ruled: What each rule came to.
    """
    failed = tuple(
        (each.judged.rule.id, each.result) for each in ruled if each.result in ("failed", "error")
    )
    outcome = _outcome(ruled)
    waivers = {each.waiver.exception_id: each.waiver for each in ruled if each.waiver}
    ends = [each.expires_at for each in waivers.values()]
    if facts.count.until is not None:
        ends.append(facts.count.until)
    needed = ruleset.parameters.get("approvals", 0)
    return Decision(
        outcome,
        tuple(_result(each, facts, len(ruled)) for each in ruled),
        failed,
        tuple(waivers),
        min(ends, default=None) if outcome == ALLOW else None,
        ruleset.risk_class,
        ruleset.jurisdictions,
        facts.artifacts,
        _positions(step, facts, waivers.values()),
        int(needed) if isinstance(needed, int | float) else 0,
        len(facts.count.valid),
        _reason(request, outcome, ruled),
        in_force.digest,
    )


def refused(
    step: Step, request: Request, in_force: InForce | None, rule_id: str, result: str, why: str
) -> Decision:
    """Give a denial that no rule of a policy gives.

    Args:
        step: The fold at the event.
        request: The request.
        in_force: The policy in force; None for none.
        rule_id: What stands for a rule.
        result: ``failed`` or ``error``.
        why: One sentence.
    """
    judged = Judged(Rule(rule_id, "", why), "error" if result == "error" else "failed", why)
    ruled = Ruled(judged)
    positions = {step.event.origin: step.event.position + 1}
    if step.policies.origin:
        positions[step.policies.origin] = step.event.control_size
    return Decision(
        DENY,
        (
            {
                "rule": rule_id,
                "result": ruled.result,
                "reason": as_sentence(why),
                "evidence": as_event_ids([request.request_id]),
                "exception_id": None,
            },
        ),
        ((rule_id, ruled.result),),
        (),
        None,
        request.risk_class,
        request.jurisdictions,
        (request.model,),
        positions,
        0,
        0,
        _reason(request, DENY, (ruled,)),
        None if in_force is None else in_force.digest,
    )


def _outcome(ruled: Iterable[Ruled]) -> str:
    outcome = ALLOW
    for each in ruled:
        if each.result == "error" or (
            each.result == "failed" and each.judged.rule.otherwise == DENY
        ):
            return DENY
        if each.result == "failed":
            outcome = NEEDS_REVIEW
    return outcome


def _result(ruled: Ruled, facts: Facts, rules: int) -> dict[str, Any]:
    judged, waiver = ruled.judged, ruled.waiver
    evidence = [
        event_id for group in judged.rule.reads for event_id in facts.evidence.get(group, ())
    ]
    if waiver is not None:
        evidence.append(waiver.event_id)
    reason = judged.reason
    if waiver is not None:
        reason = f"Exception {waiver.exception_id} stands for it: {reason}"
    return {
        "rule": as_token(judged.rule.id),
        "result": ruled.result,
        "reason": as_sentence(reason)[: max(1, _MOST_WORDS // rules)],
        "evidence": as_event_ids(dict.fromkeys(evidence))[: min(64, _MOST_EVIDENCE // rules)],
        "exception_id": None if waiver is None else waiver.exception_id,
    }


def _positions(step: Step, facts: Facts, waivers: Iterable[Waiver]) -> dict[str, int]:
    """Give how far each log was read: this one, the control log, and logs of grants."""
    found = {step.event.origin: step.event.position + 1}
    if step.policies.origin:
        found[step.policies.origin] = step.event.control_size
    for grant in (*(each.grant for each in facts.count.valid), *(each.grant for each in waivers)):
        if grant:
            origin, position = grant
            found[origin] = max(found.get(origin, 0), position + 1)
    return found


def _reason(request: Request, outcome: str, ruled: Iterable[Ruled]) -> str:
    what, where = f"{request.model.name} {request.model.version}", request.environment
    if outcome == ALLOW:
        return f"{what} may be deployed to {where}"
    against = [each for each in ruled if each.result in ("failed", "error")]
    words = "; ".join(f"{each.judged.rule.id}: {each.judged.reason}" for each in against)
    if outcome == NEEDS_REVIEW:
        return (
            f"{what} waits for people before it may be deployed to {request.environment}: {words}"
        )
    return f"{what} may not be deployed to {request.environment}: {words}"
