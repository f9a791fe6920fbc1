import pytest

from auditspine.cli.errors import CliError
from auditspine.cli.genesis import _known_trust


def test_a_trust_file_that_is_not_json_is_named(tmp_path) -> None:
    path = tmp_path / "trust.json"
    path.write_text('{"version": ')
    with pytest.raises(CliError, match=r"trust\.json is not JSON: move it away"):
        _known_trust(path)
