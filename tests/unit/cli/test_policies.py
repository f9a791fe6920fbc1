"""A stack does not start for its workers to die of a file that cannot be used."""

from pathlib import Path

import pytest

from auditspine.cli.errors import EXPECTED
from auditspine.cli.settings import load_settings
from auditspine.cli.stack import supervised

RECEIVERS = 'default = ["x"]\n[receivers.x]\nkind = "apprise"\nurl = "secret"\n'


@pytest.mark.parametrize(
    ("setting", "content", "said"),
    [
        ("access_policy", "permit (", "file: the access policy"),
        ("access_policy", None, "file cannot be read"),
        ("drift_policy", '[monitors]\nwarm_up_rows = "many"\n', "file: .*monitors.warm_up_rows"),
        ("drift_policy", "[", "file: .*not TOML"),
        ("drift_policy", None, "file cannot be read"),
        ("notifications", RECEIVERS, "file: receivers.x.url"),
        ("notifications", None, "file cannot be read"),
    ],
)
def test_the_stack_refuses_a_bad_file_at_once(
    setting: str, content: str | None, said: str, tmp_path: Path
) -> None:
    file, data = tmp_path / "file", tmp_path / "data"
    if content is not None:
        file.write_text(content)
    settings = load_settings(data_dir=data, **{setting: file})
    with pytest.raises(EXPECTED, match=said) as caught, supervised(settings):
        pass
    assert "secret" not in str(caught.value)
    assert not data.exists()
