"""Where each tenant's events count, as the control log says: a part of its fold. Pure.

A tenant without a decision belongs to its event's domain's space, else to the shared one. From
``tenancy.decided`` until ``tenant.moved`` its events count nowhere, so that the history that the
latter names is complete: nothing of the tenant can be sealed as valid after it where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple


class LogRange(NamedTuple):
    """A tenant's entries in a range of a log; fields as in the schema ``LogRange``."""

    origin: str
    topic: str
    partition: int
    first: int
    size: int
    entries: int
    leaves: bytes


class Tally:
    """Number and hash of a tenant's entries, as a move names them; one at a time, in order."""

    def __init__(self) -> None:
        self.entries = 0
        self._leaves = sha256()

    def add(self, leaf: bytes) -> None:
        """Count an entry by its leaf hash, 32 bytes."""
        self.entries += 1
        self._leaves.update(leaf)

    @property
    def leaves(self) -> bytes:
        """SHA-256 of the leaves so far."""
        return self._leaves.digest()

    def is_that_of(self, part: LogRange) -> bool:
        """Tell whether it is what a move names."""
        return (self.entries, self.leaves) == (part.entries, part.leaves)


class Decision(NamedTuple):
    """A decision that is not carried out yet.

    Attributes:
        position: Of the entry of the control log that says so.
        event_id: Of the event.
        topic_prefix: Of the space that it is to.
    """

    position: int
    event_id: str
    topic_prefix: str


class Move(NamedTuple):
    """A tenant came to be in a space.

    Attributes:
        position: Of the entry of the control log that says so.
        tenant: The tenant.
        space: Name of the space.
        topic_prefix: First part of its source topics' names.
        history: The tenant's entries elsewhere that the space did not hold before.
        decided: Position of the decision; nothing that is sealed by it counts elsewhere.
    """

    position: int
    tenant: str
    space: str
    topic_prefix: str
    history: tuple[LogRange, ...]
    decided: int = -1


@dataclass(slots=True)
class Tenancy:
    """The fold of decisions and moves.

    Attributes:
        shared: Prefix of the shared space's topics; None until the control log's own opening.
        tenants: Prefix of each tenant's space; None while it is being moved.
        domains: Prefix of each domain's space.
        domain_prefixes: Prefixes of the spaces that any domain ever had.
        moves: Moves in their order.
        decisions: Tenants that are being moved, with the decision.
        position: Position after the last entry that changed anything; 0 before.
    """

    shared: str | None = None
    tenants: dict[str, str | None] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    domain_prefixes: set[str] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)
    position: int = 0

    def takes(self, topic_prefix: str, tenant: str, domain: str) -> bool:
        """Tell whether a tenant's events of a domain count on topics with this prefix."""
        if tenant in self.tenants:
            return self.tenants[tenant] == topic_prefix
        home = self.domains.get(domain, self.shared)
        return home is None or home == topic_prefix

    def place_of(self, tenant: str) -> str | None:
        """Give the prefix of the space that a tenant is in; None while it is being moved."""
        return self.tenants.get(tenant, self.shared)

    def decide(self, position: int, event: Mapping[str, Any]) -> str:
        """Fold ``tenancy.decided``; give why it changes nothing, else the empty text."""
        body = event["body"]
        tenant, domain = body.get("tenant"), body.get("domain")
        if (tenant is None) == (domain is None):
            return "a decision is on a tenant or on a domain"
        if tenant is not None:
            self.tenants[tenant] = None
            self.decisions[tenant] = Decision(
                position, event["envelope"]["event_id"], body["topic_prefix"]
            )
        elif body["topic_prefix"] == self.shared:
            self.domains.pop(domain, None)
        else:
            self.domains[domain] = body["topic_prefix"]
            self.domain_prefixes.add(body["topic_prefix"])
        self.position = position + 1
        return ""

    def move(
        self, position: int, event: Mapping[str, Any], logs: Mapping[str, tuple[str, int]]
    ) -> str:
        """Fold ``tenant.moved``; give why it changes nothing, else the empty text.

        Args:
            position: Of the entry.
            event: The event.
            logs: Topic and partition of each opened log, by origin.
        """
        body = event["body"]
        tenant, prefix = body["tenant"], body["topic_prefix"]
        decision = self.decisions.get(tenant)
        if decision is None or decision.event_id != body["decision_id"]:
            return "the tenant is not being moved by this decision"
        if decision.topic_prefix != prefix:
            return "the decision is on another space"
        for part in body["history"]:
            if logs.get(part["origin"]) != (part["topic"], part["partition"]):
                return "the history names a log that is not opened"
            before, dot, stream = part["topic"].rpartition(".")
            if before + dot == prefix or stream == "control":
                return "the history names a log of the space itself, or the control log"
        del self.decisions[tenant]
        if prefix == self.shared:
            del self.tenants[tenant]
        else:
            self.tenants[tenant] = prefix
        history = tuple(
            LogRange(**{**each, "leaves": bytes(each["leaves"])}) for each in body["history"]
        )
        self.moves.append(Move(position, tenant, body["space"], prefix, history, decision.position))
        self.position = position + 1
        return ""
