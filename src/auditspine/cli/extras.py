"""Optional parts of the installation."""

from importlib.util import find_spec

from auditspine.cli.errors import CliError


def require_extra(extra: str, *modules: str) -> None:
    """Check that an extra is installed.

    Args:
        extra: Its name in the package's metadata.
        *modules: Modules that it brings.

    Raises:
        CliError: One is missing.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise CliError(
            f"{', '.join(missing)}: not installed; this command needs "
            f"`pip install 'auditspine[{extra}]'`"
        )
