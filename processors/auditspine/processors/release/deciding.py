"""Decides on a request: rules on facts, exceptions for what does not hold, one outcome. Pure.

Whatever cannot be judged is a denial that says so: no policy, one that cannot be used, a risk class
or an environment that it does not know, a rule that raises.
"""

from collections.abc import Callable
from dataclasses import replace

from auditspine.processors.release.counting import persons
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.facts import Facts, domains_of, gather, in_domain
from auditspine.processors.release.outcome import Decision, Ruled, decided, refused
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.port import InForce
from auditspine.processors.release.rules import Judged, Rule, RuleSet, judge
from auditspine.processors.release.step import Step
from auditspine.processors.release.values import Request


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
        return refused(step, request, in_force, "policy_in_force", "error", problem)
    policy = in_force.policy
    if policy is None:
        problem = f"the release policy cannot be used: {in_force.problem}"
        return refused(step, request, in_force, "policy_in_force", "error", problem)
    try:
        ruleset = _ruleset(step, policy, request)
    except PolicyError as exc:
        return refused(step, request, in_force, "risk_class_known", "error", str(exc))
    if request.environment not in policy.environments:
        known = ", ".join(policy.environments)
        why = f"expected one of the environments {known}, got another"
        return refused(step, request, in_force, "environment_known", "failed", why)
    facts = gather(step.book, policy, step.tenant, request, step.at)
    ruled = tuple(
        _ruled(step, policy, request, facts, each)
        for each in _judge(step, policy, request, ruleset, facts)
        if only(each.rule)
    )
    return decided(step, request, in_force, ruleset, facts, ruled)


def refuse(step: Step, request: Request, rule_id: str, why: str) -> Decision:
    """Give a denial that no rule of a policy gives."""
    return refused(step, request, step.in_force, rule_id, "failed", why)


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
) -> Ruled:
    if judged.result != "failed" or not judged.rule.waivable or facts.makers is None:
        return Ruled(judged)
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
            return Ruled(judged, waiver)
    return Ruled(judged)
