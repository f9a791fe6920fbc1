"""What the access projection finds remarkable beyond the policy: limits and conflicts. Pure."""

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pydantic import ConfigDict

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits, measured by the broker's clock in the log; changing one needs a rebuild.

    Attributes:
        learning_days: How long a workload's new artifacts are expected after its first access.
        unused_days: After how long without use a grant is reported.
        origins_minutes: Within how long one principal in two networks is remarkable.
        roles_most: Roles at once beyond which a principal is reported.
        conflicts: Pairs of roles that nobody may hold at once.

    Raises:
        ValueError: A limit is negative.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")  # a misspelt limit is an error

    learning_days: int = 14
    unused_days: int = 90
    origins_minutes: int = 10
    roles_most: int = 3
    conflicts: tuple[tuple[str, str], ...] = (
        ("trainer", "validator"),
        ("trainer", "release_approver"),
        ("platform_operator", "release_approver"),
        ("auditor", "feature_engineer"),
        ("auditor", "trainer"),
        ("auditor", "validator"),
        ("auditor", "platform_operator"),
    )

    def __post_init__(self) -> None:
        for name in ("learning_days", "unused_days", "origins_minutes", "roles_most"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")

    @property
    def digest(self) -> str:
        """SHA-256 of the limits, hex."""
        return sha256(repr(self).encode()).hexdigest()

    @property
    def learning_ms(self) -> int:
        """The learning period, milliseconds."""
        return self.learning_days * _DAY_MS

    @property
    def unused_ms(self) -> int:
        """How long a grant may lie idle, milliseconds."""
        return self.unused_days * _DAY_MS

    @property
    def origins_ms(self) -> int:
        """How close two networks may follow each other, milliseconds."""
        return self.origins_minutes * 60_000

    def conflicts_with(self, role: str, held: frozenset[str]) -> list[str]:
        """Name the held roles that a role may not be held together with."""
        pairs = [*self.conflicts, *((b, a) for a, b in self.conflicts)]
        return sorted(other for one, other in pairs if one == role and other in held)


def day_of(at: int) -> int:
    """Give the day of a time in milliseconds since 1970."""
    return at // _DAY_MS
