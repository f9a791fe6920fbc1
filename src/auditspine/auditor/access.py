"""Who may do what, and what of it was used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.asking import named_rows, query
from auditspine.schemas.relations import SENSITIVITIES

_GRANTS = """
    SELECT principal, grant_id, toString(role), toString(standing), granted_sensitivity,
        granted_environments, uses, last_used_at, idle_days, used_operations, used_kinds,
        used_environments, used_sensitivity
    FROM used_against_granted WHERE tenant = {tenant:String}
    ORDER BY principal, role, grant_id
"""
_GRANTS_AT = """
    SELECT principal, grant_id, role, max_sensitivity, environments, granted_by, granted_at
    FROM grants_at(at = fromUnixTimestamp64Milli({at:Int64})) WHERE tenant = {tenant:String}
    ORDER BY principal, role, grant_id
"""


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant and what of it was used.

    Attributes:
        principal: Who has it.
        grant_id: Its identifier.
        role: The role.
        standing: ``active``, ``expired`` or ``revoked``.
        sensitivity: The highest that it reaches.
        environments: Those that it reaches; empty for all.
        uses: How often it was used.
        last_used_at: When last; None when never.
        idle_days: Since its last use, or since it was given.
        used_operations: What was done with it.
        used_kinds: On which kinds of artifacts.
        used_environments: Where.
        used_sensitivity: The highest that it was used on; empty when never.
    """

    principal: str
    grant_id: str
    role: str
    standing: str
    sensitivity: str
    environments: list[str]
    uses: int
    last_used_at: datetime | None
    idle_days: int
    used_operations: list[str]
    used_kinds: list[str]
    used_environments: list[str]
    used_sensitivity: str

    def assessment(self, unused_days: int) -> str:
        """Say what a reviewer should know: ``unused``, ``excessive: …`` or ``used``."""
        if not self.uses:
            return "unused" if self.idle_days >= unused_days else "not used yet"
        if self.idle_days >= unused_days:
            return f"unused for {self.idle_days} days"
        return "; ".join(self._excess()) or "used"

    def _excess(self) -> Iterator[str]:
        if self.used_sensitivity in SENSITIVITIES and SENSITIVITIES.index(
            self.used_sensitivity
        ) < SENSITIVITIES.index(self.sensitivity):
            yield f"excessive: reaches {self.sensitivity}, used up to {self.used_sensitivity}"
        unused = sorted(set(self.environments) - set(self.used_environments))
        if unused:
            yield f"excessive: not used in {', '.join(unused)}"
        if not self.environments:
            yield f"excessive: every environment, used in {', '.join(self.used_environments)}"


def held_grants(client: Client, tenant: str) -> list[HeldGrant]:
    """Give every grant of a tenant, held against its use.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    return [HeldGrant(*row) for row in query(client, _GRANTS, {"tenant": tenant})]


def grants_at(client: Client, tenant: str, at: datetime) -> list[dict[str, Any]]:
    """Give who could do what at a time of the ledger; errors as above."""
    return named_rows(client, _GRANTS_AT, {"tenant": tenant, "at": int(at.timestamp() * 1000)})
