"""The verdict on one access: which grant covers it, or what stands against it. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from auditspine.processors.access.grants import Grant
from auditspine.processors.access.policy import AccessPolicy, Attempt


class Verdict(NamedTuple):
    """A verdict.

    Attributes:
        kind: ``allowed``, ``denied``, ``ungoverned``, or the first finding.
        grant: The grant that covers it, or that comes nearest.
        findings: What is remarkable, most telling first.
    """

    kind: str
    grant: Grant | None = None
    findings: tuple[str, ...] = ()


def judge(policy: AccessPolicy, attempt: Attempt, grants: Iterable[Grant], at: int) -> Verdict:
    """Judge an access on all grants of who did it.

    Args:
        policy: Who may do what.
        attempt: What was done.
        grants: Every grant that the principal ever had.
        at: When it was done, milliseconds since 1970 by the broker.

    Returns:
        What is forbidden to a role that the principal holds, whatever else it holds; else
        ``allowed`` if one active grant covers it; else what stands against the active grant that
        comes nearest; else that the grant had lapsed; else that there is none.
    """
    nearest: Verdict | None = None
    lapsed: Grant | None = None
    allowing: Grant | None = None
    forbidden: set[str] = set()
    for grant in grants:
        ruling = policy.rule(grant.role, attempt, grant.reach)
        if not grant.is_active(at):
            lapsed = grant if ruling.allowed else lapsed
        elif ruling.allowed:
            allowing = allowing or grant
        elif ruling.role_may:
            against = ruling.forbidden or ("beyond_scope",)
            if nearest is None or len(against) < len(nearest.findings):
                nearest = Verdict(against[0], grant, against)
        else:
            forbidden.update(_own(ruling.forbidden, policy, grant.role, attempt))
    if forbidden:  # such as what an auditor may not do, whatever else it may
        kinds = tuple(sorted(forbidden))
        return Verdict(kinds[0], None, kinds)
    if allowing is not None:
        return Verdict("allowed", allowing)
    if nearest is not None:
        return nearest
    if lapsed is not None:
        return Verdict("lapsed_grant_used", lapsed, ("lapsed_grant_used",))
    return Verdict("access_without_grant", None, ("access_without_grant",))


def _own(
    forbidden: tuple[str, ...], policy: AccessPolicy, role: str, attempt: Attempt
) -> tuple[str, ...]:
    """Give the forbids that stand against the role itself, not against what the grant reaches."""
    whole = policy.rule(role, attempt, policy.everything)
    return tuple(each for each in forbidden if each in whole.forbidden)
