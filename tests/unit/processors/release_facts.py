"""Facts of a release that every shipped rule passes, and how each rule's fact is spoiled."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from auditspine.processors.release.vocabulary import EXAMPLE

SPOILT: Mapping[str, Mapping[str, Any]] = {
    "risk_class_assigned": {"request.assigned_class": "prohibited"},
    "model_registered": {"model.registered": False},
    "artifact_signed": {"signature.valid": False},
    "not_quarantined": {"quarantine.active": True},
    "artifact_digest_approved": {"approvals.other_digests": ["ab" * 32], "approvals.persons": []},
    "no_rejection": {"approvals.rejected": True},
    "enough_approvals": {"approvals.persons": []},
    "environment_known": {"environments.known": False},
    "environment_order": {"environments.deployed_before": False},
    "purpose_permitted": {"purpose.violations": ["applications"]},
    "no_flagged_source": {"sources.flagged": ["bureau 3"]},
    "no_deprecated_feature": {"features.deprecated": ["zip_code 1"]},
    "no_open_alert": {"alerts.open": ["alert-1"]},
    "validation_passed": {"validation.passed": False},
    "bias_reported": {"bias.reported": False},
    "fair_in_service": {"fairness.selection_ratio_high": 0.79},
    "explained": {"explanation.attached": False},
    "adverse_action_explained": {"explanation.attached": False},
}
"""What makes each shipped rule fail."""


def good_facts(**changes: Any) -> dict[str, dict[str, Any]]:
    """Give facts that every shipped rule of every class passes.

    Args:
        **changes: Groups of which fields are other, as ``validation={"passed": False}``.
    """
    facts = deepcopy(dict(EXAMPLE)) | {
        "approvals": {
            "persons": ["ana", "tom"],
            "roles": ["release_approver"],
            "refused": [],
            "rejected": False,
            "other_digests": [],
        },
        "features": {"used": ["income"], "deprecated": []},
        "sources": {"unknown": [], "flagged": []},
        "purpose": {"violations": []},
        "alerts": {"open": []},
        "bias": {"reported": True, "attributes": ["age", "sex"]},
    }
    facts["request"]["assigned_class"] = "minimal"  # every class stands for it
    return {name: dict(group) | changes.get(name, {}) for name, group in facts.items()}


def spoilt(facts: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give facts with fields, named as ``group.field``, changed."""
    found = {name: dict(group) for name, group in facts.items()}
    for path, value in changes.items():
        name, _, field = path.partition(".")
        found[name][field] = value
    return found
