"""Every finding of the access fold, provoked; and that its verdicts rest on the grants."""

import itertools
import json
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.processors.memory_state import Memory

from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.access.grants import GRANTS, REVIEWS, VERDICTS
from auditspine.processors.access.policy import AccessPolicy
from auditspine.processors.access.rules import Rules
from auditspine.processors.projection.errors import SettingsError, StateError
from auditspine.processors.projection.findings import FINDINGS
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

DECODER = Decoder(schema_texts())
POLICY = AccessPolicy()
DAY = 24 * 3600 * 1000
START = 1_790_000_000_000
DATA = {"kind": "dataset", "name": "loans", "version": "1", "digest": "sha256:" + "ab" * 32}


class Log:
    """Events of one tenant, one after another, and what the fold made of them."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.events: list[SealedEvent] = []
        self.at = START
        self.rules = rules

    def say(self, event_type: str, by: str = "admin", *, after: int = 1000, **said: Any) -> "Log":
        """Append an event: its body's fields, and ``env_…`` fields of its envelope."""
        number = len(self.events)
        content = json.loads(example(event_type))
        envelope = content["envelope"]
        envelope["event_id"] = f"0199a0b0-0000-7000-8000-{number:012x}"
        envelope["actor"] = {"principal": by, "kind": said.pop("kind", "person")}
        key: bytes = said.pop("key", b"")
        network = said.pop("network", "")
        envelope["actor"]["origin"] = {"network": network}
        envelope["environment"] = said.pop("environment", "production")
        envelope["domain"] = said.pop("domain", "credit")
        envelope["workload"] = {"name": "tool", "namespace": said.pop("namespace", "ml")}
        envelope["intent"] = {"trigger": said.pop("trigger", "request"), "reason": "test"}
        content["body"] |= said
        decoded = DECODER.decode(encode(parse_json(json.dumps(content))))
        self.at += after
        self.events.append(
            SealedEvent("o", number, self.at, event_type, decoded.envelope, decoded.body, key)
        )
        return self

    def grant(self, principal: str, role: str, grant_id: str = "g1", **scope: Any) -> "Log":
        after, expires = scope.pop("after", 1000), scope.pop("expires_at", None)
        kind = scope.pop("principal_kind", "person")
        whole = {
            "domains": [],
            "environments": [],
            "max_sensitivity": "confidential",
            "namespace": "",
            "network": "",
        }
        return self.say(
            "role.granted",
            scope.pop("by", "admin"),
            after=after,
            grant_id=grant_id,
            principal=principal,
            principal_kind=kind,
            role=role,
            scope=whole | scope,
            expires_at=expires,
        )

    def access(self, by: str = "ana", operation: str = "read", **said: Any) -> "Log":
        body = {"artifact": DATA, "operation": operation, "sensitivity": "confidential"}
        return self.say("artifact.accessed", by, **(body | said))

    def folded(self) -> dict[str, list[dict[str, Any]]]:
        return fold(self.events, rules=self.rules)

    def kinds(self, without: tuple[str, ...] = ("first_access",)) -> list[tuple[str, str]]:
        found = [(row["kind"], row["severity"]) for row in self.folded()["findings"]]
        return [each for each in found if each[0] not in without]

    def verdicts(self) -> list[str]:
        return [row["verdict"] for row in self.folded()["access_verdicts"]]


def fold(events, cuts=(), rules=None, state=None) -> dict[str, list[dict[str, Any]]]:
    projection, state = AccessProjection(POLICY, rules), state or Memory()
    rows: dict[str, dict[Any, dict[str, Any]]] = {}
    keys = {GRANTS: ("grant_id",), REVIEWS: ("review_id",), FINDINGS: ("finding_id",)}
    for start, end in itertools.pairwise([0, *sorted(cuts), len(events)]):
        for table, changed in projection.fold(events[start:end], state).items():
            for row in changed:
                named = dict(zip(table.columns, row, strict=True))
                key = tuple(named[part] for part in keys.get(table, ("version",)))
                rows.setdefault(table.name, {})[key] = named
    return {name: list(rows.get(name, {}).values()) for name in ("findings", "access_verdicts")} | {
        name: list(rows.get(name, {}).values()) for name in ("access_grants", "access_reviews")
    }


def test_an_access_that_a_grant_covers_is_allowed_and_counted() -> None:
    log = Log().grant("ana", "data_reader").access().access()
    assert log.verdicts() == ["allowed", "allowed"]
    [grant] = log.folded()["access_grants"]
    assert (grant["uses"], grant["first_used_at"], grant["last_used_at"]) == (
        2,
        START + 2000,
        START + 3000,
    )
    verdict = log.folded()["access_verdicts"][0]
    assert (verdict["grant_id"], verdict["role"]) == ("g1", "data_reader")
    assert verdict["policy_digest"] == POLICY.digest
    assert log.kinds() == []


def test_a_tenant_without_any_grant_is_not_governed_yet() -> None:
    log = Log().access()
    assert (log.verdicts(), log.kinds()) == (["ungoverned"], [])


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"by": "eve"}, ("access_without_grant", "critical")),
        ({"operation": "write"}, ("access_without_grant", "critical")),
        ({"artifact": DATA | {"kind": "model"}}, ("access_without_grant", "critical")),
        ({"sensitivity": "restricted"}, ("beyond_tier", "critical")),
        ({"domain": "health"}, ("beyond_domain", "warning")),
        ({"environment": "dev"}, ("cross_environment", "critical")),
        ({"namespace": "other"}, ("undeclared_namespace", "warning")),
        ({"network": "cafe"}, ("undeclared_network", "warning")),
    ],
)
def test_what_a_grant_does_not_cover_is_found(said, finding) -> None:
    log = Log().grant(
        "ana",
        "data_reader",
        domains=["credit"],
        environments=["production"],
        namespace="ml",
        network="vpc",
    )
    log.access(**({"network": "vpc"} | said))
    assert log.kinds() == [finding]
    assert log.verdicts() == [finding[0]]


def test_a_promotion_may_cross_environments_and_is_told() -> None:
    log = Log().grant("ana", "data_reader", environments=["staging"])
    assert log.access(trigger="promotion").verdicts() == ["allowed"]
    assert log.kinds() == [("promotion_access", "info")]


def test_a_grant_that_its_own_policy_narrows_is_beyond_scope() -> None:
    policy = AccessPolicy(
        'permit (principal == Role::"checker", action == Action::"export", resource) '
        "when { context.grant.max_sensitivity >= 3 };"
    )
    log = Log().grant("ana", "checker", max_sensitivity="internal")
    log.access(operation="export", sensitivity="internal")
    rows = AccessProjection(policy).fold(log.events, Memory())[VERDICTS]
    assert dict(zip(VERDICTS.columns, rows[0], strict=True))["verdict"] == "beyond_scope"


def test_a_policy_that_cannot_be_evaluated_never_allows() -> None:
    policy = AccessPolicy(
        'permit (principal == Role::"data_reader", action, resource) '
        "when { context.sensitivity * 9223372036854775807 > 0 };"
    )
    log = Log().grant("ana", "data_reader").access()
    changes = AccessProjection(policy).fold(log.events, Memory())
    [verdict] = [dict(zip(VERDICTS.columns, row, strict=True)) for row in changes[VERDICTS]]
    found = [dict(zip(FINDINGS.columns, row, strict=True)) for row in changes[FINDINGS]]
    assert verdict["verdict"] != "allowed"
    assert ("policy_error", "critical") in [(each["kind"], each["severity"]) for each in found]


def test_a_grant_to_a_workload_is_none_to_a_person_of_that_name() -> None:
    log = Log().grant("ana", "data_reader", principal_kind="workload").access()
    assert log.verdicts() == ["access_without_grant"]


def test_an_event_in_another_partition_than_its_tenants_is_found() -> None:
    log = Log().access()
    partitions = 4
    home = crc32(b"acme") % partitions
    for partition, told in ((home, False), ((home + 1) % partitions, True)):
        events = [replace(each, origin=f"r/c/t/{partition}") for each in log.events]
        rows = AccessProjection(POLICY, None, partitions).fold(events, Memory())[FINDINGS]
        kinds = [dict(zip(FINDINGS.columns, row, strict=True))["kind"] for row in rows]
        assert ("misplaced_event" in kinds) is told


def test_an_event_gives_a_bounded_number_of_findings() -> None:
    ids = [f"g{n}" for n in range(5_000)]
    log = Log().say("access_review.opened", review_id="r1", grants=ids)
    assert log.kinds() == [("review_of_nothing", "warning")]


def test_many_lapsed_grants_do_not_slow_a_principal() -> None:
    log = Log()
    for number in range(200):
        log.grant("ana", "data_reader", f"g{number}")
        log.say("role.revoked", grant_id=f"g{number}", reason="over")
    log.access()
    assert log.verdicts() == ["lapsed_grant_used"]


def test_an_auditor_who_writes_is_found_whatever_else_it_may() -> None:
    log = Log().grant("ana", "auditor").access(operation="delete")
    assert log.kinds() == [("auditor_writes", "critical")]
    both = Log().grant("ana", "auditor").grant("ana", "feature_engineer", "g2")
    both.access(operation="write", artifact=DATA | {"kind": "feature"})
    assert both.verdicts() == ["auditor_writes"]
    assert ("separation_of_duties", "critical") in both.kinds()


def test_a_lapsed_grant_that_is_still_used_is_found() -> None:
    expired = Log().grant("ana", "data_reader", expires_at="2026-09-21T14:13:22Z")
    assert expired.access(after=60_000).kinds() == [("lapsed_grant_used", "critical")]
    revoked = Log().grant("ana", "data_reader").say("role.revoked", grant_id="g1", reason="over")
    assert revoked.access().kinds() == [("lapsed_grant_used", "critical")]
    [grant] = revoked.folded()["access_grants"]
    assert (grant["revoked_by"], grant["revoked_position"]) == ("admin", 1)


def test_a_secret_is_restricted_and_needs_its_role() -> None:
    log = Log().grant("ana", "platform_operator", max_sensitivity="restricted")
    log.grant("bob", "data_reader", "g2")
    log.say("secret.read", "ana", secret="db", keeper="vault")
    log.say("secret.read", "bob", secret="db", keeper="vault")
    assert log.verdicts() == ["allowed", "access_without_grant"]


def test_what_its_keeper_refused_is_no_access_against_a_grant() -> None:
    log = Log().grant("bob", "data_reader").access(permitted=False)
    assert log.verdicts() == ["denied"]
    assert log.kinds() == [("denied_access", "warning")]


def test_a_new_reach_after_the_learning_period_is_a_warning() -> None:
    log = Log().grant("ana", "data_reader").access()
    log.access(artifact=DATA | {"name": "other"}, after=20 * DAY)
    assert log.kinds() == [("new_reach", "warning")]


def test_one_principal_in_two_networks_at_once_is_found_once_a_day() -> None:
    log = Log().grant("ana", "data_reader").access(network="office").access(network="home")
    log.access(network="office").access(network="home", after=20 * 60_000)
    assert log.kinds() == [("shared_credentials", "critical")]


def test_one_key_in_two_places_at_once_is_found_whoever_acts() -> None:
    log = Log().grant("ana", "data_reader").grant("bob", "data_reader", "g2")
    log.access("ana", key=b"k" * 32, namespace="ml").access("bob", key=b"k" * 32, namespace="lab")
    log.access("ana", key=b"k" * 32, namespace="ml")
    assert log.kinds() == [("shared_credentials", "critical")]
    [finding] = [f for f in log.folded()["findings"] if f["kind"] == "shared_credentials"]
    assert finding["subject"] == "lab/tool"
    assert b"k".hex() * 8 in finding["detail"]
    assert "ml/tool" in finding["detail"]


def test_one_key_of_a_workload_in_two_networks_is_told_once_of_the_key() -> None:
    log = Log().grant("svc", "data_reader", principal_kind="workload")
    for network in ("vpc-1", "vpc-2"):
        log.access("svc", kind="workload", key=b"k" * 32, network=network)
    assert log.kinds() == [("shared_credentials", "critical")]


def test_a_key_that_serves_many_people_in_one_place_is_no_finding() -> None:
    log = Log().grant("ana", "data_reader").grant("bob", "data_reader", "g2")
    log.access("ana", key=b"k" * 32, network="office").access("bob", key=b"k" * 32, network="home")
    assert log.kinds() == []


def test_grants_that_lie_idle_are_found_once() -> None:
    log = Log().grant("ana", "data_reader").grant("bob", "trainer", "g2")
    log.access(after=60 * DAY).access(after=40 * DAY).access(after=DAY)
    assert log.kinds() == [("unused_grant", "warning")]
    [finding] = [f for f in log.folded()["findings"] if f["kind"] == "unused_grant"]
    assert (finding["subject"], finding["artifact_name"]) == ("bob", "g2")


def test_roles_that_nobody_may_hold_at_once_are_found() -> None:
    log = Log().grant("ana", "trainer").grant("ana", "validator", "g2")
    assert log.kinds() == [("separation_of_duties", "critical")]
    apart = Log().grant("ana", "trainer").say("role.revoked", grant_id="g1", reason="moves")
    assert apart.grant("ana", "validator", "g2").kinds() == []


def test_roles_that_pile_up_are_found() -> None:
    log = Log()
    for number, role in enumerate(
        ("data_reader", "feature_engineer", "trainer", "platform_operator")
    ):
        log.grant("ana", role, f"g{number}")
    assert log.kinds() == [("privilege_creep", "warning")]


@pytest.mark.parametrize(
    ("log", "finding"),
    [
        (Log().grant("ana", "emperor"), "unknown_role"),
        (Log().grant("ana", "trainer").grant("bob", "trainer"), "grant_repeated"),
        (Log().grant("ana", "trainer", by="ana"), "granted_to_itself"),
        (Log().say("role.revoked", grant_id="g9", reason="r"), "revocation_of_nothing"),
        (Log().say("access_review.opened", grants=["g9"]), "review_of_nothing"),
        (Log().say("access_review.opened", grants=[]), "review_of_nothing"),
        (Log().say("access_review.decided", grant_id="g9"), "review_of_nothing"),
    ],
)
def test_what_makes_no_sense_is_a_finding_and_no_crash(log, finding) -> None:
    assert [kind for kind, _ in log.kinds()] == [finding]


def test_a_review_is_followed_to_its_end_and_found_when_overdue() -> None:
    log = Log().grant("ana", "data_reader").grant("bob", "trainer", "g2")
    log.say(
        "access_review.opened",
        "head",
        review_id="r1",
        grants=["g1", "g2"],
        reviewer="head",
        due_at="2026-09-25T00:00:00Z",
    )
    log.say("access_review.decided", "head", review_id="r1", grant_id="g1", decision="keep")
    log.access(after=10 * DAY)
    assert log.kinds() == [("overdue_review", "warning")]
    log.say("access_review.opened", "head", review_id="r1", grants=["g1"], reviewer="head")
    log.say("access_review.decided", "bob", review_id="r1", grant_id="g2", decision="keep")
    assert [kind for kind, _ in log.kinds()][1:] == ["review_repeated", "decided_by_another"]
    log.say("access_review.decided", "head", review_id="r1", grant_id="g2", decision="revoke")
    [review] = log.folded()["access_reviews"]
    assert (review["kept"], review["revoked"]) == (["g1"], ["g2"])
    assert review["closed_at"] == log.at
    log.access(after=DAY).access(after=DAY)
    assert [kind for kind, _ in log.kinds()].count("review_not_carried_out") == 1


def test_nobody_decides_on_a_grant_of_their_own() -> None:
    log = Log().grant("ana", "data_reader")
    log.say("access_review.opened", "ana", review_id="r1", grants=["g1"], reviewer="ana")
    log.say("access_review.decided", "ana", review_id="r1", grant_id="g1", decision="keep")
    assert log.kinds() == [("reviewed_by_itself", "critical")]


@given(cuts=st.sets(st.integers(1, 8)))
@settings(max_examples=40, deadline=None)
def test_cutting_the_log_elsewhere_changes_nothing(cuts) -> None:
    log = Log().grant("ana", "data_reader").access().access(network="a").access(network="b")
    log.access("eve").say("role.revoked", grant_id="g1", reason="r").access()
    log.say("access_review.opened", grants=["g1"]).access(after=100 * DAY)
    assert fold(log.events, cuts) == fold(log.events)


def test_another_policy_needs_a_rebuild() -> None:
    state = Memory()
    fold(Log().access().events, state=state)
    with pytest.raises(StateError, match="auditspine rebuild access"):
        fold(Log().access().events, rules=Rules(unused_days=30), state=state)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit (principal", "not Cedar"),
        ('permit (principal == Role::"a", action, resource) when {context.nosuch};', "nosuch"),
        ("permit (principal, action, resource);", "expected principal =="),
        ('@id("beyond_tier") forbid (principal, action, resource);', "beyond_tier is taken"),
        (
            '@id("beyond_tier") permit (principal == Role::"a", action, resource);',
            "beyond_tier is taken",
        ),
        ('permit (principal == Role::"x", action == Action::"fly", resource);', "fly"),
        ('@id("No Name") forbid (principal, action, resource);', "a forbid needs an @id"),
        ('@id("a") @severity("loud") forbid (principal, action, resource);', "got loud"),
    ],
)
def test_a_policy_file_that_is_wrong_is_refused(text, said) -> None:
    with pytest.raises(SettingsError, match=said):
        AccessPolicy(text)


def test_no_policy_file_loosens_the_floor() -> None:
    log = Log().grant("ana", "auditor").access(operation="write", sensitivity="restricted")
    policy = AccessPolicy('permit (principal == Role::"auditor", action, resource);')
    rows = AccessProjection(policy).fold(log.events, Memory())[VERDICTS]
    verdict = dict(zip(VERDICTS.columns, rows[0], strict=True))["verdict"]
    assert verdict in ("auditor_writes", "beyond_tier")
