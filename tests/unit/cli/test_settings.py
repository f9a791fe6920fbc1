import pytest

from auditspine.cli.errors import CliError
from auditspine.cli.settings import load_settings


def test_an_option_goes_before_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("AUDITSPINE_PARTITIONS", "8")
    assert load_settings().topics.partitions == 8
    assert load_settings(partitions=2).topics.partitions == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("PARTITIONS", "many"), ("REGION", "eu/west"), ("KAFKA", "{not json")],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value) -> None:
    monkeypatch.setenv(f"AUDITSPINE_{name}", value)
    with pytest.raises(CliError) as caught:
        load_settings()
    assert name.lower() in str(caught.value).lower()
    assert value not in str(caught.value)
