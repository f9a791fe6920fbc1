"""Decides on a request: rules on facts, exceptions for what does not hold, one outcome. Pure.

Whatever cannot be judged is a denial that says so: no policy, one that cannot be used, a risk class
or an environment that it does not know, a rule that raises.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditspine.processors.alerts.causes import Ref, as_event_ids
from auditspine.processors.projection.fit import as_sentence, as_token
from auditspine.processors.release.counting import persons
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.facts import Facts, domains_of, gather, in_domain
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.port import InForce
from auditspine.processors.release.rules import Judged, Rule, RuleSet, judge
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
class _Ruled:
    """A rule's result with the exception that stands for it, if any."""

    judged: Judged
    waiver: Waiver | None = None

    @property
    def result(self) -> str:
        return "waived" if self.waiver is not None else self.judged.result


def decide(
    step: Step,
    request: Request,
    in_force: InForce | None,
    only: Callable[[Rule], bool] = lambda _: True,
) -> Decision:
    """Decide on a request, as of the event at hand.

    Args:
        step: The fold at the event.
        request: The request.
        in_force: The policy to judge by; None for none.
        only: Tells which rules to look at.
    """
    if in_force is None:
        problem = "no release policy is published for this tenant"
        return _refused(step, request, in_force, "policy_in_force", "error", problem)
    policy = in_force.policy
    if policy is None:
        problem = f"the release policy cannot be used: {in_force.problem}"
        return _refused(step, request, in_force, "policy_in_force", "error", problem)
    try:
        ruleset = _ruleset(step, policy, request)
    except PolicyError as exc:
        return _refused(step, request, in_force, "risk_class_known", "error", str(exc))
    if request.environment not in policy.environments:
        known = ", ".join(policy.environments)
        why = f"expected one of the environments {known}, got another"
        return _refused(step, request, in_force, "environment_known", "failed", why)
    facts = gather(step.book, policy, step.tenant, request, step.at)
    ruled = tuple(
        _ruled(step, policy, request, facts, each)
        for each in _judge(step, policy, request, ruleset, facts)
        if only(each.rule)
    )
    return _decision(step, request, in_force, ruleset, facts, ruled)


def refuse(step: Step, request: Request, rule_id: str, why: str) -> Decision:
    """Give a denial that no rule of a policy gives."""
    return _refused(step, request, step.in_force, rule_id, "failed", why)


def can_judge(step: Step, request: Request, in_force: InForce | None) -> bool:
    """Tell whether a policy can be used and knows what a request names."""
    policy = None if in_force is None else in_force.policy
    if policy is None or request.environment not in policy.environments:
        return False
    try:
        _ruleset(step, policy, request)
    except PolicyError:
        return False
    return True


def holds(
    step: Step, request: Request, policy: ReleasePolicy, only: Callable[[Rule], bool]
) -> bool:
    """Tell whether some rules of a policy hold, each by itself, without an exception.

    It is asked of each allowed release whenever something comes that may concern all, so it gathers
    only what those rules read. The policy must be one that can judge the request.
    """
    ruleset = _ruleset(step, policy, request)
    rules = tuple(each for each in ruleset.rules if only(each))
    groups = frozenset(name for each in rules for name in each.reads)
    facts = gather(step.book, policy, step.tenant, request, step.at, groups)
    judged = _judge(step, policy, request, replace(ruleset, rules=rules), facts)
    return all(each.result == "passed" for each in judged)


def _ruleset(step: Step, policy: ReleasePolicy, request: Request) -> RuleSet:
    domains = [policy.domain(each) for each in domains_of(step.book, step.tenant, request)]
    theirs = (name for each in domains for name in each.jurisdictions)
    return policy.ruleset(request.risk_class, (*request.jurisdictions, *theirs))


def _judge(
    step: Step, policy: ReleasePolicy, request: Request, ruleset: RuleSet, facts: Facts
) -> tuple[Judged, ...]:
    """Judge a release in each of its model's domains; what is worst counts."""
    domains = domains_of(step.book, step.tenant, request)
    found = [judge(ruleset, in_domain(facts, policy, each)) for each in domains]
    return tuple(max(each, key=_badness) for each in zip(*found, strict=True))


def _badness(judged: Judged) -> int:
    return ("passed", "failed", "error").index(judged.result)


def _ruled(
    step: Step, policy: ReleasePolicy, request: Request, facts: Facts, judged: Judged
) -> _Ruled:
    if judged.result != "failed" or not judged.rule.waivable or facts.makers is None:
        return _Ruled(judged)
    book, tenant = step.book, step.tenant
    apart = facts.makers | persons(book, policy, tenant, [request.requester])
    domains = set(domains_of(book, tenant, request))
    for waiver in book.waivers(tenant):
        if (
            waiver.holds(step.at)
            and (waiver.model.digest, waiver.environment) == request.place
            and judged.rule.id in waiver.rules
            and domains <= set(waiver.domains)
            and not apart & persons(book, policy, tenant, [waiver.person, waiver.principal])
        ):
            return _Ruled(judged, waiver)
    return _Ruled(judged)


def _decision(
    step: Step,
    request: Request,
    in_force: InForce,
    ruleset: RuleSet,
    facts: Facts,
    ruled: tuple[_Ruled, ...],
) -> Decision:
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


def _outcome(ruled: Iterable[_Ruled]) -> str:
    outcome = ALLOW
    for each in ruled:
        if each.result == "error" or (
            each.result == "failed" and each.judged.rule.otherwise == DENY
        ):
            return DENY
        if each.result == "failed":
            outcome = NEEDS_REVIEW
    return outcome


def _result(ruled: _Ruled, facts: Facts, rules: int) -> dict[str, Any]:
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


def _reason(request: Request, outcome: str, ruled: Iterable[_Ruled]) -> str:
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


def _refused(
    step: Step, request: Request, in_force: InForce | None, rule_id: str, result: str, why: str
) -> Decision:
    """Give a denial that no rule of a policy gives."""
    judged = Judged(Rule(rule_id, "", why), "error" if result == "error" else "failed", why)
    ruled = _Ruled(judged)
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
