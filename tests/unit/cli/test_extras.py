import pytest

from auditspine.cli.errors import CliError
from auditspine.cli.extras import require_extra


def test_what_is_installed_is_enough() -> None:
    require_extra("demo", "json", "river")


def test_what_is_missing_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(CliError, match=r"no_such_module: not installed.*auditspine\[demo\]"):
        require_extra("demo", "json", "no_such_module")
