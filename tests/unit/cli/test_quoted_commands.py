"""Every command that README.md and docs quote is one that the program takes."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup
from typer.exceptions import Exit, TyperException

from auditspine.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_LINE = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(auditspine .+)$")


def quoted(page: Path) -> list[str]:
    """Give the command lines of a page's code blocks, without prompt, pipes and remarks."""
    found, fenced = [], False
    text = re.sub(r" \\\n\s*", " ", page.read_text("utf-8"))
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif (fenced or line.startswith("    ")) and (match := _LINE.match(line)):
            found.append(match[1])
    return found


COMMANDS = [
    pytest.param(line, id=f"{page.name}: {line[:60]}") for page in PAGES for line in quoted(page)
]


def words_of(line: str) -> list[str]:
    line = re.sub(r"(?<=\s)…(?=\s|$)", "", line)  # but not a quoted one, which stands for text
    words = shlex.split(line.replace(" KIND", " data_quality"), comments=True)[1:]
    for end in ("|", "&&", "·", ">", "<"):
        words = words[: words.index(end)] if end in words else words
    return words


def parse(words: list[str]) -> None:
    """Parse a command line down to its command, which is not run."""
    command, name, parent = typer.main.get_command(app), "auditspine", None
    while isinstance(command, TyperGroup):
        parent = command.make_context(name, list(words), parent=parent)
        words = [*parent._protected_args, *parent.args]
        name, command, words = command.resolve_command(parent, words)
    command.make_context(name, list(words), parent=parent)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_quoted_command_is_one_that_the_program_takes(line: str) -> None:
    try:
        parse(words_of(line))
    except TyperException as exc:
        is_cut = type(exc).__name__ == "MissingParameter" and "…" in line
        assert is_cut, exc.format_message()  # noqa: PT017
    except Exit as exc:
        assert exc.exit_code == 0  # noqa: PT017 - of --help


def test_there_are_some() -> None:
    assert len(COMMANDS) > 50


@pytest.mark.parametrize(
    "line", ["auditspine gate --no-such-option", "auditspine gates", "auditspine verify --lag x"]
)
def test_what_the_program_does_not_take_would_show(line: str) -> None:
    with pytest.raises(TyperException):
        parse(words_of(line))
