"""What release decisions need from other logs than the one they are folded from. Interfaces only.

Both answer as of a point in the logs: a policy as of a size of the control log, a grant as of a
time by the broker's clock. So a decision can be made anew from the same logs.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from auditspine.processors.release.policy import ReleasePolicy


class InForce(NamedTuple):
    """The release policy that holds for a tenant.

    Attributes:
        policy: The policy; None when its text cannot be used.
        digest: SHA-256 of its text, 32 bytes.
        problem: Why it cannot be used; empty when it can.
    """

    policy: ReleasePolicy | None
    digest: bytes
    problem: str = ""


class Policies(Protocol):
    """Port: release policies of the control log."""

    @property
    def origin(self) -> str:
        """The control log's identity; empty when it was not read yet."""
        ...

    def at(self, tenant: str, control_size: int) -> InForce | None:
        """Give the policy that held for a tenant in a prefix of the control log; None for none.

        Raises:
            HistoryError: The control log cannot be read so far.
        """
        ...


class HeldRole(NamedTuple):
    """A role that somebody held.

    Attributes:
        role: The role.
        event_id: The grant.
        origin: Log of the grant.
        position: Its position there.
    """

    role: str
    event_id: str
    origin: str
    position: int


class Grants(Protocol):
    """Port: who held which role when, by the access log."""

    def held(
        self, tenant: str, principal: str, roles: Collection[str], where: tuple[str, str], at: int
    ) -> HeldRole | None:
        """Give one of some roles that a principal held at a time.

        Args:
            tenant: Whose.
            principal: Who, as grants name them.
            roles: Any of these.
            where: Domain and environment that the grant must reach.
            at: When, the broker's milliseconds.

        Raises:
            NotYet: The access log is not read that far; try again later.
        """
        ...
