"""Where the commands print: results to stdout, remarks and progress to stderr."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.theme import Theme

_THEME = Theme(
    {
        "good": "green",
        "bad": "bold red",
        "warn": "yellow",
        "dim": "bright_black",
        "title": "bold cyan",
        "hash": "magenta",
    }
)

_PLAIN_WIDTH = 120  # columns, where the output is no terminal


def _console(*, to_stderr: bool) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(theme=_THEME, highlight=False, stderr=to_stderr, width=width)


stdout = _console(to_stderr=False)
stderr = _console(to_stderr=True)


_HIDDEN = dict.fromkeys((*range(32), *range(127, 160), *range(8234, 8239), *range(8294, 8298)), "�")


def printable(text: str) -> str:
    """Give text that others wrote without what would move a terminal's cursor or order."""
    return text.translate(_HIDDEN)


def print_json(value: Any) -> None:
    """Print one JSON document on one line, for machines."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
