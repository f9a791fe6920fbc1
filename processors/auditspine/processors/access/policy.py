"""The access policy: Cedar files, checked when they are read, asked once for each grant. Pure.

A role's permits come from a policy file that deployments may replace. The floor's forbids always
hold beside it, and in Cedar a forbid overrides every permit: a policy file cannot loosen it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

import cedarpy

from auditspine.processors.projection.errors import SettingsError
from auditspine.schemas.relations import SENSITIVITIES

_REMEMBERED = 10_000  # decisions
_SEVERITIES = ("info", "warning", "critical")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Reach(NamedTuple):
    """What a grant reaches; fields as in the schema ``auditspine.GrantScope``."""

    max_sensitivity: str
    domains: tuple[str, ...]
    environments: tuple[str, ...]
    namespace: str
    network: str


class Attempt(NamedTuple):
    """What was done, as far as a policy looks at it.

    Attributes:
        operation: ``read``, ``write``, ``list``, ``delete`` or ``export``.
        kind: Kind of the artifact.
        sensitivity: How harmful its disclosure would be.
        domain: Business domain.
        environment: Where it was done.
        namespace: Namespace of the workload.
        network: Where the actor came from.
        trigger: What set it off.
    """

    operation: str
    kind: str
    sensitivity: str
    domain: str
    environment: str
    namespace: str
    network: str
    trigger: str


class Ruling(NamedTuple):
    """What the policy says of an attempt under a grant.

    Attributes:
        allowed: Whether the grant covers it.
        role_may: Whether the role could do it at all, whatever the grant reaches.
        forbidden: Ids of the forbids that stand against it.
    """

    allowed: bool
    role_may: bool
    forbidden: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Files:
    roles: str
    floor: str
    schema: str


class AccessPolicy:
    """A policy file with the floor.

    Args:
        roles: Text of the policy file, Cedar; the shipped one when not given.

    Attributes:
        digest: SHA-256 of all that decides, hex.
        roles: Roles that it knows.

    Raises:
        SettingsError: The text is not Cedar, or not of the schema; the message says where.
    """

    everything = Reach(SENSITIVITIES[-1], (), (), "", "")
    """The reach of a grant that holds everywhere."""

    def __init__(self, roles: str | None = None) -> None:
        shipped = _shipped()
        own = shipped.roles if roles is None else roles
        text = own + "\n" + shipped.floor
        try:
            _check(_parsed(own), {name for name, _ in _named(_parsed(shipped.floor)).values()})
            policies = _parsed(text)
            checked = cedarpy.validate_policies(text, shipped.schema)
        except ValueError as exc:
            raise SettingsError(f"the access policy is not Cedar: {exc}") from exc
        if not checked.validation_passed:
            problems = dict.fromkeys(str(error.error) for error in checked.errors)
            raise SettingsError(f"the access policy: {'; '.join(problems)}")
        self._policies = cedarpy.PolicySet.from_str(text)
        self._ids = _named(policies)
        self.roles = frozenset(_roles(policies.values()))
        self.digest = sha256((text + shipped.schema).encode()).hexdigest()
        self._rulings: dict[tuple[str, Attempt, Reach], Ruling] = {}

    def rule(self, role: str, attempt: Attempt, reach: Reach) -> Ruling:
        """Say whether a grant of a role covers an attempt; one that is not known covers nothing."""
        if role not in self.roles:
            return Ruling(allowed=False, role_may=False, forbidden=())
        key = (role, attempt, reach)
        known = self._rulings.get(key)
        if known is None:
            if len(self._rulings) >= _REMEMBERED:
                self._rulings.clear()
            known = self._rulings[key] = self._ask(role, attempt, reach)
        return known

    def severity(self, forbid: str) -> str:
        """Give the severity that a forbid names; ``warning`` when it names none."""
        for name, severity in self._ids.values():
            if name == forbid:
                return severity
        return "warning"

    def _ask(self, role: str, attempt: Attempt, reach: Reach) -> Ruling:
        allowed, reasons = self._decide(role, attempt, reach)
        if allowed:
            return Ruling(allowed=True, role_may=True, forbidden=())
        role_may, _ = self._decide(role, attempt, self.everything)
        return Ruling(allowed=False, role_may=role_may, forbidden=reasons)

    def _decide(self, role: str, attempt: Attempt, reach: Reach) -> tuple[bool, tuple[str, ...]]:
        request = {
            "principal": f"Role::{json.dumps(role, ensure_ascii=False)}",
            "action": f"Action::{json.dumps(attempt.operation)}",
            "resource": 'Artifact::"it"',
            "context": {
                "grant": {
                    **reach._asdict(),
                    "domains": list(reach.domains),
                    "environments": list(reach.environments),
                    "max_sensitivity": _rank(reach.max_sensitivity),
                },
                "sensitivity": _rank(attempt.sensitivity),
                "domain": attempt.domain,
                "environment": attempt.environment,
                "namespace": attempt.namespace,
                "network": attempt.network,
                "trigger": attempt.trigger,
            },
        }
        entity = {
            "uid": {"type": "Artifact", "id": "it"},
            "attrs": {"kind": attempt.kind},
            "parents": [],
        }
        result = cedarpy.is_authorized(request, self._policies, [entity])
        if result.diagnostics.errors:  # an error in a policy never allows
            return False, ("policy_error",)
        reasons = tuple(sorted(self._ids[reason][0] for reason in result.diagnostics.reasons))
        return result.decision is cedarpy.Decision.Allow, reasons


def _parsed(text: str) -> dict[str, dict[str, Any]]:
    policies: dict[str, dict[str, Any]] = json.loads(cedarpy.policies_to_json_str(text))[
        "staticPolicies"
    ]
    return policies


def _named(policies: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {number: _annotations(number, each) for number, each in policies.items()}


def _check(policies: dict[str, dict[str, Any]], floor: set[str]) -> None:
    """Check what a policy file may not do: take a name twice, or permit to every role."""
    taken = set(floor)
    for number, policy in policies.items():
        name, _ = _annotations(number, policy)
        if name in taken:
            raise SettingsError(f"the access policy: the id {name} is taken")
        taken.add(name)
        role = next(_roles([policy]), None)
        if policy["effect"] == "permit" and role is None:
            raise SettingsError(
                f'the access policy: permit {name}: expected principal == Role::"…", got another'
            )
        if role is not None and not role.isprintable():
            raise SettingsError(f"the access policy: permit {name}: the role is not printable")


def _shipped() -> _Files:
    folder = files("auditspine.policies")
    texts = [
        (folder / name).read_text("utf-8")
        for name in ("roles.cedar", "floor.cedar", "access.cedarschema")
    ]
    return _Files(*texts)


def _annotations(number: str, policy: dict[str, Any]) -> tuple[str, str]:
    """Give a policy's id and severity; a forbid must have an id, since it names a finding."""
    found = policy.get("annotations", {})
    name, severity = str(found.get("id", number)), str(found.get("severity", "warning"))
    if policy["effect"] == "forbid" and not _NAME.fullmatch(name):
        raise SettingsError(
            f'the access policy: a forbid needs an @id("…") of small letters, got {name}'
        )
    if severity not in _SEVERITIES:
        raise SettingsError(
            f"the access policy: @severity of {name}: expected one of {', '.join(_SEVERITIES)}, "
            f"got {severity}"
        )
    return name, severity


def _roles(policies: Any) -> Iterator[str]:
    for policy in policies:
        principal = policy["principal"]
        if policy["effect"] == "permit" and principal.get("op") == "==":
            yield str(principal["entity"]["id"])


def _rank(sensitivity: str) -> int:
    """Give the place of a sensitivity, least harmful first; an unknown one is the highest."""
    if sensitivity in SENSITIVITIES:
        return SENSITIVITIES.index(sensitivity)
    return len(SENSITIVITIES)
