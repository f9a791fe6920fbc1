"""Finds patterns of the policy's tiers that match no feature of what is deployed. Pure.

A misspelt feature in a row of the policy would make nothing stricter, and nobody would see it.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from auditspine.processors.alerts.step import Step
from auditspine.processors.projection.findings import Artifact

_REPORTS = 20  # of a tenant, after which a pattern that matched no feature is told of


def heed(step: Step, body: Mapping[str, Any]) -> None:
    """Hold the policy's patterns against the features that a report names.

    What matched none after some reports is a finding, once per policy and tenant.

    Args:
        step: The fold at the event.
        body: Of ``serving.observed``, of what is said to be deployed.
    """
    patterns = step.policy.feature_patterns()
    if not patterns:
        return
    policy = step.policy.digest.hex()
    known, left, reports = step.book.unmatched(step.tenant)
    if known != policy:
        left, reports = patterns, 0
    if not left:
        return
    names = {*body.get("features", ()), *body.get("unknown_features", ())}
    left, reports = _unmatched(left, names), reports + 1
    if left and reports >= _REPORTS:
        _tell(step, left)
        left = ()
    step.book.put_unmatched(step.tenant, policy, left, reports)


def _unmatched(patterns: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    return tuple(each for each in patterns if not any(fnmatchcase(name, each) for name in names))


def _tell(step: Step, patterns: Iterable[str]) -> None:
    artifact = Artifact("policy", "drift", step.policy.version, step.policy.digest)
    detail = (
        f"no feature of {_REPORTS} reports of what is deployed matches, in the policy's tiers: "
        f"{', '.join(patterns)}"
    )
    step.find("unmatched_policy_feature", "warning", artifact, detail)
