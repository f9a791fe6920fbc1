"""A verification of one tenant's content: what must be there, and whether that means anything."""

import difflib
from collections.abc import Iterable

from auditspine.auditor.core.partial import WHOLE, Tenants
from auditspine.auditor.core.result import LogResult
from auditspine.ledger.control import PLATFORM_TENANT, ControlState

_NAMED = 12  # tenants that a message lists at most


def expected_tenants(tenant: str | None) -> Tenants:
    """Give the tenants whose content must be there: one and the platform's, else all."""
    return None if tenant is None else {tenant: WHOLE, PLATFORM_TENANT: WHOLE}


def tenant_doubts(
    tenant: str | None, control: ControlState | None, results: Iterable[LogResult]
) -> list[str]:
    """Say why a verification of one tenant's content proves less than it seems to.

    Args:
        tenant: The tenant; ``None`` when everybody's content was verified.
        control: What the control log says, where it could be judged.
        results: Of the logs that were verified.
    """
    if tenant is None:
        return []
    if control is None:
        doubt = "without signatures and the control log nothing shows whose an entry is"
        return [f"tenant {tenant}: {doubt}"]
    if tenant not in control.tenants:
        return [f"tenant {tenant} is not registered in the control log{_hint(tenant, control)}"]
    if not any(stream[1] == tenant for result in results for stream in result.highest):
        return [f"tenant {tenant}: no signed event of it is in the logs that were read"]
    return []


def _hint(tenant: str, control: ControlState) -> str:
    near = difflib.get_close_matches(tenant, control.tenants, n=3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    known = sorted(control.tenants)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f", which knows {', '.join(known[:_NAMED]) or 'none'}{more}"
