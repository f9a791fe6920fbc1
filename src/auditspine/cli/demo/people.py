"""Who may do what at a lender of the demo, and one who reads without leave."""

from auditspine.cli.demo.applications import Split
from auditspine.cli.demo.approvers import APPROVERS, ROLE
from auditspine.cli.demo.deployment import GATED
from auditspine.cli.demo.lender import Lender
from auditspine.schemas.models import (
    Actor,
    ArtifactAccessed,
    ArtifactAccessedBody,
    GrantScope,
    Origin,
    RoleGranted,
    RoleGrantedBody,
)

_ROLES = {"trainer": "trainer", "validator": "validator", "scorer": "platform_operator"}


def grant_roles(lender: Lender) -> None:
    """Give whoever reads or approves anything their role, and one person a role never used."""
    granted = {workload: (lender.principal(workload), role) for workload, role in _ROLES.items()}
    granted["auditor"] = (f"external.audit@{lender.tenant}.example", "auditor")
    if lender.tenant == GATED:
        granted |= {person.number: (person.principal, ROLE) for person in APPROVERS}
    for name, (principal, role) in granted.items():
        lender.say(
            "access-desk",
            RoleGranted,
            RoleGrantedBody(
                grant_id=f"{lender.run}-{name}",
                principal=principal,
                principal_kind="person" if "@" in principal else "workload",
                role=role,
                scope=GrantScope(
                    domains=("credit",), environments=("production",), max_sensitivity="restricted"
                ),
            ),
            "roles of the mortgage model's team",
        )
    lender.delivered()  # a grant counts for what comes after it in the log


def read_without_leave(lender: Lender, split: Split) -> str:
    """Let somebody read the training data whom nobody gave a role; give their name."""
    reader = f"piet.vos@{lender.tenant}.example"
    lender.say(
        "notebook",
        ArtifactAccessed,
        ArtifactAccessedBody(
            artifact=lender.snapshot(split),
            operation="read",
            purpose="a question over lunch",
            size_bytes=len(split.content),
            sensitivity="restricted",
        ),
        "a question over lunch",
        actor=Actor(principal=reader, kind="person", origin=Origin(network="office-vpn")),
    )
    return reader
