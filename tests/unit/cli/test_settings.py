import pytest

from auditspine.cli.errors import CliError
from auditspine.cli.settings import load_settings
from auditspine.ledger.errors import FormatError


def test_an_option_goes_before_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("AUDITSPINE_PARTITIONS", "8")
    assert load_settings().topics.partitions == 8
    assert load_settings(partitions=2).topics.partitions == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITIONS", "many"),
        ("REGION", "eu/west"),
        ("KAFKA", "{not json"),
        ("TOPIC_PREFIX", "without-a-dot"),
        ("ACCESS_RULES", '{"unused_days": -1}'),
        ("ACCESS_RULES", '{"unused_weeks": 3}'),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value) -> None:
    monkeypatch.setenv(f"AUDITSPINE_{name}", value)
    with pytest.raises(CliError) as caught:
        load_settings()
    assert name.lower() in str(caught.value).lower()
    assert value not in str(caught.value)


def test_limits_of_access_findings_are_settings(monkeypatch) -> None:
    monkeypatch.setenv("AUDITSPINE_ACCESS_RULES", '{"unused_days": 60, "conflicts": [["a", "b"]]}')
    rules = load_settings().access_rules
    assert (rules.unused_days, rules.learning_days, rules.conflicts) == (60, 14, (("a", "b"),))


def test_a_space_has_its_own_topics_and_database(monkeypatch, tmp_path) -> None:
    file = tmp_path / "tenancy.toml"
    file.write_text('[spaces.x]\nisolation = "domain"\ndomains = ["d"]')
    monkeypatch.setenv("AUDITSPINE_TENANCY", str(file))
    shared, own = load_settings(), load_settings(space="x")
    assert (shared.database, own.database) == ("auditspine", "auditspine_x")
    assert own.topics.source("access") == "auditspine.x.access"
    assert shared.topics_for("acme", "d") == own.topics
    assert shared.topics_for("acme", "e") == shared.topics
    with pytest.raises(CliError, match="no space y"):
        load_settings(space="y")
    file.write_text("[spaces")
    with pytest.raises(FormatError, match=r"tenancy\.toml: not TOML"):
        load_settings()


def test_each_space_has_a_domain_and_files_of_its_own(tmp_path) -> None:
    file = tmp_path / "tenancy.toml"
    file.write_text('[spaces.grid]\nisolation = "domain"\ndomains = ["energy"]\n')
    shared, grid = (load_settings(tenancy=file, space=each) for each in ("shared", "grid"))
    assert (shared.own_domain, grid.own_domain) == ("governance", "energy")
    assert (shared.named_for_space("x"), grid.named_for_space("x")) == ("x", "x-grid")
