"""Runs a command in the demo as whoever would type it: shows it first."""

import shlex
from collections.abc import Sequence

import typer
from rich.markup import escape

from auditspine.cli.console import stdout
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings


def run(
    settings: Settings, app: typer.Typer, words: Sequence[str], more: Sequence[str] = ()
) -> None:
    """Show a command and run it.

    Args:
        settings: The settings.
        app: What the command's first word names.
        words: The command, as it is shown.
        more: Further options of it that are not.

    Raises:
        CliError: It ends with another code than 0.
    """
    stdout.print(f"  [dim]$ auditspine {escape(shlex.join(words))}[/]", soft_wrap=True)
    given = [*words[1:], *more, "--data-dir", str(settings.data_dir)]
    code = app(given, standalone_mode=False)
    if code:
        raise CliError(f"auditspine {' '.join(words[:2])} ended with code {code}, expected 0")
