"""Split an INSERT from its data, and let ``input()`` read the data from a file. Pure.

The engine takes the data of an INSERT apart from the statement, and refuses INSERT ... SELECT
there; so ``input('structure')`` becomes ``file('path', 'format', 'structure')`` over spooled data.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.tokens import Token, tokens

# What ClickHouse skips between the format's name and the data.
_BEFORE_DATA = re.compile(rb"[ \t\f]*(?:\r?\n)?")


@dataclass(frozen=True, slots=True)
class InsertWithData:
    """An INSERT whose data follow it.

    Attributes:
        statement: The text before FORMAT, or before VALUES.
        data_format: Format of the data.
        data_offset: Where the data begin.
        input_span: Start and end of an ``input(...)`` in the statement, or None.
    """

    statement: bytes
    data_format: str
    data_offset: int
    input_span: tuple[int, int] | None = None

    def reading_file(self, path: Path) -> bytes:
        """Give the statement with ``input(...)`` reading a file.

        Args:
            path: File with the data; its name must have no extension, or the engine decompresses.
        """
        assert self.input_span is not None
        start, end = self.input_span
        arguments = self.statement[start:end].partition(b"(")[2][:-1].strip()
        source = f"file({quoted(str(path))}, {quoted(self.data_format)}".encode()
        structure = b", " + arguments if arguments else b""
        return self.statement[:start] + source + structure + b")" + self.statement[end:]


def split_insert(head: bytes) -> InsertWithData | None:
    """Find where an INSERT's data begin.

    Args:
        head: Start of the request's text; the whole statement must be within.

    Returns:
        None for any other statement, INSERT ... SELECT without ``input()`` included.

    Raises:
        ClickHouseError: INSERT ... FROM INFILE, which would read this host's files.
    """
    inserts = selects = False
    source: list[Token] = []
    previous: Token | None = None
    end = 0
    for token in tokens(head):
        if not inserts:
            if not _may_insert(previous, token):
                return None
            inserts = _begins(previous, token)
            end, previous = (previous.end if previous else 0), token
            continue
        if previous is not None and token.kind == "word" and _ends(previous, source, selects):
            after = _BEFORE_DATA.match(head, token.end)
            assert after is not None
            span = (source[0].start, source[-1].end) if selects else None
            return InsertWithData(head[:end], token.text.decode("ascii"), after.end(), span)
        if token.depth == 0 and not selects:
            if token.is_word(b"INFILE"):
                raise ClickHouseError(48, "INSERT FROM INFILE is not offered.")
            if token.is_word(b"VALUES"):
                return InsertWithData(head[: previous.end if previous else 0], "Values", token.end)
            selects = token.is_word(b"SELECT", b"WITH")
        _collect_input(source, previous, token)
        end = previous.end if previous else 0  # without a comment that may follow
        previous = token
    return None


def quoted(value: str) -> str:
    """Quote a string for SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _may_insert(previous: Token | None, token: Token) -> bool:
    """Tell whether a statement may be an INSERT still: at its start, or after a WITH."""
    if previous is None:
        return token.is_word(b"INSERT", b"WITH")
    return not (token.depth == 0 and token.is_word(b"SELECT"))


def _begins(previous: Token | None, token: Token) -> bool:
    if previous is None:
        return token.is_word(b"INSERT")
    return token.is_word(b"INTO") and previous.depth == 0 and previous.is_word(b"INSERT")


def _ends(previous: Token, source: list[Token], selects: bool) -> bool:
    if previous.depth != 0 or not previous.is_word(b"FORMAT"):
        return False
    return not selects or (len(source) > 1 and source[-1].text == b")")


def _collect_input(source: list[Token], previous: Token | None, token: Token) -> None:
    """Gather the name, opening and closing bracket of the first ``input(...)``."""
    if not source:
        if token.text == b"(" and previous is not None and previous.is_word(b"INPUT"):
            source.extend((previous, token))
    elif len(source) == 2 and token.text == b")" and token.depth == source[1].depth - 1:
        source.append(token)
