"""Which approvals count for a request: by different people, none of whom made or asks for it. Pure.

What can be told of an approval by itself was told when it was taken
(:mod:`auditspine.processors.release.people`). Here it meets a request.
"""

import unicodedata
from collections.abc import Iterable, Sequence
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
    trainers: Sequence[str] | None,
    at: int,
) -> Count:
    """Sort the approvals of a requested model.

    Args:
        book: What the log says.
        policy: The policy in force.
        tenant: Whose.
        request: The request.
        trainers: Principals who made the model; None where they are too many to tell.
        at: The broker's time, milliseconds since 1970.
    """
    made = persons(book, policy, tenant, trainers or ())
    asks = persons(book, policy, tenant, [request.requester])
    model = book.read("m", tenant, request.model.digest) or {"domains": (), "names": ()}
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
        who = persons(book, policy, tenant, [each.principal, each.person])
        if not why and trainers is None:
            why = "too many have made the model to tell them apart"
        elif not why and who & made:
            why = "they made the model"
        elif not why and who & asks:
            why = "they ask for the release"
        elif not why and set(model["domains"]) - set(each.domains):
            why = "it was registered in another business domain since"
        if why:
            refused.append(f"{each.principal}: {why}")
        else:
            valid.setdefault(alike(policy.person(each.person)), each)
    return Count(
        tuple(valid.values()),
        tuple(refused[:_MOST_TOLD]),
        rejected,
        _others(book, tenant, request, model["names"]),
        tuple(each.event_id for each in known),
    )


def persons(
    book: Book, policy: ReleasePolicy, tenant: str, principals: Iterable[str]
) -> frozenset[str]:
    """Give the persons behind some accounts: as the policy says, and as they once signed."""
    found = set()
    for each in principals:
        found.add(alike(policy.person(each)))
        signed = book.read("c", tenant, alike(each))
        if signed is not None:
            found.add(alike(policy.person(signed)))
    return frozenset(found)


def alike(name: str) -> str:
    """Give what names of one account have in common: systems write addresses in several ways."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _others(
    book: Book, tenant: str, request: Request, names: Iterable[Sequence[str]]
) -> tuple[str, ...]:
    """Give other digests that were approved under any of the model's names."""
    found: dict[str, None] = {}
    for name, version in (*names, (request.model.name, request.model.version)):
        found |= dict.fromkeys(book.read("b", tenant, name, version) or ())
    return tuple(each for each in found if each != request.model.digest)


def _against(approval: Approval, request: Request, at: int) -> str:
    if approval.expires_at is not None and at >= approval.expires_at:
        return "it has expired"
    if approval.decision == "rejected":  # for no environment in particular: for each
        return ""
    if approval.environment != request.environment:
        return "it is for no environment in particular"
    return "" if approval.decision in _STANDS else "it was withdrawn"
