"""The routing file says where events belong, or it is refused with the space and field at fault."""

import pytest

from auditspine.ledger.errors import FormatError
from auditspine.ledger.spaces import parse_routing, read_routing
from auditspine.ledger.topics import Topics

ROUTING = """
[spaces.grid]
isolation = "domain"
domains = ["energy", "water"]

[spaces.harbor-bank]
isolation = "dedicated"
tenants = ["harbor"]
database = "harbor_evidence"
"""


def test_a_tenants_own_space_goes_before_the_domains_and_that_before_the_shared_one() -> None:
    routing = parse_routing(ROUTING)
    assert routing.of("harbor", "energy").name == "harbor-bank"
    assert routing.of("acme", "energy").name == "grid"
    assert routing.of("acme", "credit") is routing.shared
    assert routing.of_tenant("acme") is routing.shared


def test_each_space_has_a_domain_whose_events_belong_in_it() -> None:
    routing = parse_routing(ROUTING)
    domains = {space.name: routing.domain_in(space) for space in routing}
    assert domains == {"shared": "governance", "grid": "energy", "harbor-bank": "governance"}
    text = ROUTING.replace('"water"', '"governance"')
    assert parse_routing(text).domain_in(parse_routing(text).shared) == "governance-1"
    for tenant, space in (("acme", "shared"), ("acme", "grid"), ("harbor", "harbor-bank")):
        assert routing.of(tenant, domains[space]).name == space


def test_topics_and_databases_are_derived_unless_said() -> None:
    grid, harbor = list(parse_routing(ROUTING, "audit.", "trail"))[1:]
    assert (grid.topic_prefix, grid.database) == ("audit.grid.", "trail_grid")
    assert (harbor.topic_prefix, harbor.database) == ("audit.harbor-bank.", "harbor_evidence")


def test_without_a_file_all_share() -> None:
    routing = parse_routing("")
    assert [space.name for space in routing] == ["shared"]
    assert routing.topics(routing.shared) == Topics("auditspine.", 4, "auditspine.")


def test_the_control_topics_are_the_deployments() -> None:
    routing = parse_routing(ROUTING)
    topics = routing.topics(routing.spaces["grid"], 2)
    assert topics.source("control") == "auditspine.control"
    assert topics.sealed("access") == "auditspine.grid.access.sealed"
    assert topics.stream("auditspine.control.sealed") == "control"
    assert topics.stream("auditspine.grid.outcomes") == "outcomes"
    assert "control" not in topics.own_streams
    assert set(topics.all()) == {
        f"auditspine.grid.{stream}{sealed}"
        for stream in ("lifecycle", "access", "inference", "outcomes")
        for sealed in ("", ".sealed")
    } | {"auditspine.grid.serving", "auditspine.grid.releases"}
    with pytest.raises(ValueError, match=r"auditspine\.grid"):
        topics.stream("auditspine.access")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spaces", "not TOML"),
        ("spaces = 3", "tables"),
        ("[other]", "other"),
        ("[spaces.Grid]", "space Grid: expected a name"),
        ('[spaces.shared]\nisolation = "dedicated"', "space shared: expected a name"),
        ("[spaces.x]", "space x: isolation"),
        ('[spaces.x]\nisolation = "alone"', "space x: isolation"),
        ('[spaces.x]\nisolation = "shared"', "space x: isolation: expected domain or dedicated"),
        ('[spaces.x]\nisolation = "dedicated"\ntenants = ["a", "b"]', "names one tenant at most"),
        ("[spaces.keys]", "space keys: expected a name"),
        ("[spaces.masked_acme]", "begins with masked"),
        ('[spaces.x]\nisolation = "domain"\nlog_key = "x.pem"', "space x: log_key"),
        ('[spaces.x]\nisolation = "domain"\ntenants = ["a"]', "names domains"),
        ('[spaces.x]\nisolation = "domain"\ndomains = ["a b"]', "space x: domains.0"),
        ('[spaces.x]\nisolation = "domain"\ndomains = ["a"]\nsecret = "s3"', "space x: secret"),
        ('[spaces.x]\nisolation = "domain"\ndomains = ["a"]\ndatabase = "a b"', "database"),
        ('[spaces.x]\nisolation = "domain"\ndomains = ["a", "a"]', "domain a is in two spaces"),
        (
            '[spaces.x]\nisolation = "domain"\ndomains = ["a"]\ndatabase = "auditspine"',
            "database auditspine is in two spaces",
        ),
        *(
            (f'[spaces.x]\nisolation = "domain"\ndatabase = "{name}"', f"database {name}")
            for name in ("auditspine_keys", "auditspine_masked_acme", "system", "default")
        ),
        (
            '[spaces.x]\nisolation = "domain"\ndomains = ["a"]\ntopic_prefix = "auditspine."',
            "topic_prefix auditspine. is in two spaces",
        ),
    ],
)
def test_what_cannot_be_is_refused(text, said) -> None:
    with pytest.raises(FormatError, match=said.replace(".", r"\.")) as refused:
        parse_routing(text)
    assert "s3" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(FormatError, match="nothing here"):
        read_routing(tmp_path / "nothing here")
    (tmp_path / "wrong.toml").write_text("[other]")
    with pytest.raises(FormatError, match=r"wrong\.toml"):
        read_routing(tmp_path / "wrong.toml")
