"""Which approvals count for a request: by different people, none of whom made or asks for it. Pure.

What can be told of an approval by itself was told when it was taken
(:mod:`auditspine.processors.release.people`). Here it meets a request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auditspine.processors.release.book import Book
from auditspine.processors.release.policy import ReleasePolicy
from auditspine.processors.release.values import Approval, Request

_STANDS = frozenset(("approved", "approved_with_conditions"))
_MOST_TOLD = 32


@dataclass(frozen=True, slots=True)
class Count:
    """The approvals of a model, sorted.

    Attributes:
        valid: Those that count, one for each person.
        refused: Those for this environment that do not, and why, as ``who: why``.
        rejected: Whether somebody who may decide rejects it.
        other_digests: Digests that were approved under the same name and version.
        evidence: The event_ids of all that was looked at.
    """

    valid: tuple[Approval, ...]
    refused: tuple[str, ...]
    rejected: bool
    other_digests: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def until(self) -> int | None:
        """When the first of them ends, the broker's milliseconds; None when none does."""
        ends = [each.expires_at for each in self.valid if each.expires_at is not None]
        return min(ends, default=None)

    def document(self) -> dict[str, Any]:
        """Give it as rules read it."""
        return {
            "persons": [each.person for each in self.valid],
            "roles": sorted({each.role for each in self.valid}),
            "refused": list(self.refused),
            "rejected": self.rejected,
            "other_digests": list(self.other_digests),
        }


def count(
    book: Book,
    policy: ReleasePolicy,
    tenant: str,
    request: Request,
    trainers: Sequence[str],
    at: int,
) -> Count:
    """Sort the approvals of a requested model.

    Args:
        book: What the log says.
        policy: The policy in force.
        tenant: Whose.
        request: The request.
        trainers: Principals who made the model.
        at: The broker's time, milliseconds since 1970.
    """
    apart = {
        "they made the model": _persons(book, policy, tenant, trainers),
        "they ask for the release": _persons(book, policy, tenant, [request.requester]),
    }
    valid: dict[str, Approval] = {}
    refused: list[str] = []
    rejected = False
    known = book.approvals(tenant, request.model.digest)
    for each in known:
        if each.environment and each.environment != request.environment:
            continue
        why = each.refused or _against(each, request, at)
        if not why and each.decision == "rejected":
            rejected = True
            why = "they reject it"
        who = _persons(book, policy, tenant, [each.principal]) | {policy.person(each.person)}
        if not why:
            why = next((why for why, persons in apart.items() if persons & who), "")
        if why:
            refused.append(f"{each.principal}: {why}")
        else:
            valid.setdefault(policy.person(each.person), each)
    others: list[str] = book.read("b", tenant, request.model.name, request.model.version) or []
    return Count(
        tuple(valid.values()),
        tuple(refused[:_MOST_TOLD]),
        rejected,
        tuple(each for each in others if each != request.model.digest),
        tuple(each.event_id for each in known),
    )


def _against(approval: Approval, request: Request, at: int) -> str:
    if approval.environment != request.environment:
        return "it is for no environment in particular"
    if approval.expires_at is not None and at >= approval.expires_at:
        return "it has expired"
    if approval.decision not in _STANDS and approval.decision != "rejected":
        return "it was withdrawn"
    return ""


def _persons(book: Book, policy: ReleasePolicy, tenant: str, principals: Sequence[str]) -> set[str]:
    """Give the persons behind some accounts: as the policy says, and as they once signed."""
    found = {policy.person(each) for each in principals}
    signed = (book.read("c", tenant, each) for each in principals)
    return found | {policy.person(each) for each in signed if each is not None}
