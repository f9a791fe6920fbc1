"""Where a statement's result goes: which formats stream, and the headers that tell of it. Pure."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.insert import quoted
from auditspine.embedded.clickhouse.tokens import Token, tokens

STREAMED_FORMATS = frozenset(
    {
        "csv",
        "jsoncompacteachrow",
        "jsoneachrow",
        "jsonlines",
        "lineasstring",
        "native",
        "ndjson",
        "rawblob",
        "rowbinary",
        "tabseparated",
        "tabseparatedraw",
        "tsv",
        "tsvraw",
        "values",
    }
)
"""Formats whose chunks, one after the other, are the whole; others repeat headers per chunk."""

_CONTENT_TYPES = {
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
}


@dataclass(slots=True)
class Reply:
    """A response.

    Attributes:
        headers: Beside those that every response has.
        chunks: The body; may raise before the first chunk only.
        length: Bytes of the body where known.
        resources: What to close after the body, sent or not.
    """

    headers: dict[str, str]
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    length: int | None = 0
    resources: ExitStack = field(default_factory=ExitStack)


@dataclass(frozen=True, slots=True)
class OutputClause:
    """Where a SELECT says its format.

    Attributes:
        name: The format.
        start: Offset of the clause, where INTO OUTFILE would stand; the text's end if it has none.
    """

    name: str
    start: int


def output_clause(sql: bytes, default: str) -> OutputClause:
    """Find the FORMAT clause at the end of a statement.

    Args:
        sql: The statement, without a semicolon at its end.
        default: Format where there is no clause.
    """
    found = OutputClause(default, len(sql))
    previous: Token | None = None
    for token in tokens(sql):
        if previous is not None and token.kind == "word" and _is_format(previous):
            found = OutputClause(token.text.decode("ascii"), previous.start)
        previous = token
    return found


def _is_format(token: Token) -> bool:
    return token.depth == 0 and token.is_word(b"FORMAT")


def into_file(sql: bytes, clause: OutputClause, path: str) -> bytes:
    """Let the engine write a SELECT's result to a file, in memory that does not grow with it."""
    target = f"\nINTO OUTFILE {quoted(path)} COMPRESSION 'none' "
    tail = sql[clause.start :] or f"FORMAT {clause.name}".encode()
    return sql[: clause.start] + target.encode() + tail


def without_semicolon(sql: bytes) -> bytes:
    """Cut a statement's closing semicolons, and what blanks and comments follow its last token."""
    end = 0
    for token in tokens(sql):
        if token.text != b";":
            end = token.end
    return sql[:end]


def format_headers(output_format: str) -> dict[str, str]:
    """Give the headers that name a format."""
    kind = _CONTENT_TYPES.get(output_format.lower(), "text/plain; charset=UTF-8")
    return {"X-ClickHouse-Format": output_format, "Content-Type": kind}


def summary_header(figures: Mapping[str, int] | None = None) -> dict[str, str]:
    """Give the header that sums a statement up; figures that are not known yet are 0."""
    names = (
        "read_rows",
        "read_bytes",
        "written_rows",
        "written_bytes",
        "total_rows_to_read",
        "result_rows",
        "result_bytes",
        "elapsed_ns",
        "memory_usage",
    )
    known = figures or {}
    summary = {name: str(known.get(name, 0)) for name in names}
    return {"X-ClickHouse-Summary": json.dumps(summary, separators=(",", ":"))}


def exception_trailer(error: ClickHouseError, tag: str, version: str) -> bytes:
    """Give what tells a client of an error when the body has begun.

    Args:
        error: What happened.
        tag: Value of the response's X-ClickHouse-Exception-Tag header.
        version: The engine's version.

    Source: ClickHouse, src/Server/HTTP/WriteBufferFromHTTPServerResponse.cpp.
    """
    text = error.body(version)
    head = b"\r\n__exception__\r\n" + tag.encode() + b"\r\n"
    return head + text + f"{len(text)} {tag}\r\n__exception__\r\n".encode()
