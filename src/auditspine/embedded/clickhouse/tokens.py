"""Cut SQL text into ClickHouse's tokens, as far as finding clauses needs it. Pure.

Source: ClickHouse, src/Parsers/Lexer.cpp. The safety of limited callers does not rest on this:
their statements are first written anew by the engine's own parser (see ``guard``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
      (?P<blank> \s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string> '(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
                | \xe2\x80\x98.*?\xe2\x80\x99 )
    | (?P<quoted> `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" | \xe2\x80\x9c.*?\xe2\x80\x9d )
    | (?P<word> [A-Za-z_][A-Za-z0-9_$]* )
    | (?P<number> \d[\w.]* )
    | (?P<sign> . )
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token that is neither blank nor comment.

    Attributes:
        kind: ``string``, ``quoted`` (an identifier), ``word``, ``number`` or ``sign``.
        text: Its bytes.
        start: Offset of its first byte.
        depth: Brackets open around it; an opening bracket counts itself, a closing one does not.
    """

    kind: str
    text: bytes
    start: int
    depth: int

    @property
    def end(self) -> int:
        """Give the offset after its last byte."""
        return self.start + len(self.text)

    def is_word(self, *words: bytes) -> bool:
        """Tell whether it is one of some keywords, given in upper case."""
        return self.kind == "word" and self.text.upper() in words


def tokens(sql: bytes) -> Iterator[Token]:
    """Give the tokens of a text."""
    depth = 0
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup or "sign"
        if kind == "tag":
            kind = "string"
        text = found.group()
        if kind == "blank":
            continue
        if text in (b"(", b"[", b"{"):  # {name:Type} is a parameter, whatever its name
            depth += 1
        elif text in (b")", b"]", b"}"):
            depth -= 1
        yield Token(kind, text, found.start(), depth)


def first_word(sql: bytes) -> str:
    """Give a statement's first keyword in upper case, past opening brackets; ``""`` if none."""
    for token in tokens(sql):
        if token.text != b"(":
            return token.text.decode("ascii").upper() if token.kind == "word" else ""
    return ""
