"""Run one request on the engine, in a worker thread, with memory that does not grow with the data.

An INSERT's data are fed in chunks; a SELECT's result is fetched in chunks where its format allows,
and else written by the engine to a temporary file.
"""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

from auditspine.embedded.clickhouse.engine import Connection, Engine, require_single
from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.insert import InsertWithData, split_insert
from auditspine.embedded.clickhouse.output import (
    STREAMED_FORMATS,
    OutputClause,
    Reply,
    exception_trailer,
    format_headers,
    into_file,
    output_clause,
    summary_header,
    without_semicolon,
)
from auditspine.embedded.clickhouse.request import Request
from auditspine.embedded.clickhouse.sessions import Session
from auditspine.embedded.clickhouse.spool import MAX_SPOOLED_BYTES, bounded, too_large
from auditspine.embedded.clickhouse.tokens import first_word, tokens

_CHUNK_BYTES = 1_048_576
_HEAD_BYTES = 262_144  # an INSERT's statement must be within
_MAX_QUERY_BYTES = 67_108_864
_SPOOL_BYTES = 33_554_432  # of a result that is held in memory before it goes to a file

_SELECTS = ("SELECT", "WITH", "FROM")
_READS = (*_SELECTS, "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "VALUES", "TABLE")


def execute(engine: Engine, request: Request, session: Session | None) -> Reply:
    """Run a request up to the first byte of its result.

    Raises:
        ClickHouseError: It is refused, by the engine or here.
    """
    with ExitStack() as resources:
        try:
            connected = engine.connect(request.request_id, request.settings)
            connection = resources.enter_context(connected)
            reply = _Execution(engine, connection, request, session).run()
        except Exception as exc:
            raise ClickHouseError.of(exc) from exc
        reply.resources.push(resources.pop_all())
        # Before its connection: a result that is left to the garbage collector crashes the engine.
        reply.resources.callback(getattr(reply.chunks, "close", lambda: None))
        return reply


class _Execution:
    """One statement on its connection."""

    def __init__(
        self, engine: Engine, connection: Connection, request: Request, session: Session | None
    ) -> None:
        self._engine = engine
        self._connection = connection
        self._request = request
        self._session = session
        self._began = time.perf_counter()

    def run(self) -> Reply:
        self._prepare()
        query, body = self._request.query, self._request.body
        head = query + (b"\n" if query else b"") + body.read(_HEAD_BYTES)
        if not self._request.account.limited and (insert := split_insert(head)) is not None:
            self._protect()
            return self._insert(insert, head, body)
        head += body.read(_MAX_QUERY_BYTES)
        if body.read(1):
            raise ClickHouseError(62, f"Syntax error: the query exceeds {_MAX_QUERY_BYTES} bytes.")
        return self._statement(without_semicolon(head))

    def _prepare(self) -> None:
        """Bring the connection to the session's state and load the external tables."""
        for statement in self._session.statements if self._session else ():
            self._connection.query(statement)
        if database := self._request.database:
            escaped = database.replace("\\", "\\\\").replace("`", "\\`")
            self._connection.query(f"USE `{escaped}`")
        for table in self._request.external:
            self._connection.query(f"CREATE TEMPORARY TABLE `{table.name}` ({table.structure})")
            inserter = self._connection.insert(
                f"INSERT INTO `{table.name}`".encode(), table.data_format, {}
            )
            _feed(inserter, iter((table.data,)))

    def _protect(self) -> None:
        """Hold a request by GET to reading."""
        if self._request.read_only:
            self._connection.query("SET readonly = 2")

    def _insert(self, insert: InsertWithData, head: bytes, body: BinaryIO) -> Reply:
        chunks = _remaining(head[insert.data_offset :], body)
        if insert.input_span is not None:
            return self._insert_select(insert, chunks)
        inserter = self._connection.insert(
            insert.statement, insert.data_format, self._request.parameters
        )
        done = _feed(inserter, chunks)
        figures = {
            "written_rows": done.rows_written,
            "written_bytes": done.bytes_written,
            "result_rows": done.rows_written,
            "result_bytes": done.bytes_written,
            "elapsed_ns": self._elapsed_ns(),
        }
        return Reply(summary_header(figures))

    def _insert_select(self, insert: InsertWithData, chunks: Iterator[bytes]) -> Reply:
        path = self._engine.spool / f"{self._request.request_id}-input"
        try:
            with path.open("xb") as file:
                file.writelines(chunks)
            statement = insert.reading_file(path)
            return self._whole(statement, "TabSeparated", keep_format=False)
        finally:
            path.unlink(missing_ok=True)

    def _statement(self, sql: bytes) -> Reply:
        if not sql:
            raise ClickHouseError(62, "Syntax error: Empty query.")
        limited = self._request.account.limited
        if limited:
            sql = self._engine.check(self._connection, sql)
        elif _makes_temporary(sql):
            raise ClickHouseError(
                48, "Temporary tables are not offered: each request has a connection of its own."
            )
        found = self._connection.classify(sql)
        require_single(found)
        word = first_word(sql)
        if found.name == "CONTROL" and word in _READS:
            raise ClickHouseError(48, "INTO OUTFILE is not offered.")
        clause = output_clause(sql, self._request.default_format)
        streams = clause.name.lower() in STREAMED_FORMATS
        if limited:
            self._engine.narrow(self._connection)
        else:
            self._protect()
        if found.name == "READ_ONLY" and word in _SELECTS:
            return self._streamed(sql, clause.name) if streams else self._filed(sql, clause)
        reply = self._whole(sql, clause.name, keep_format=found.name == "READ_ONLY")
        if word in ("SET", "USE") and self._session is not None:
            self._session.statements.append(sql)
        return reply

    def _streamed(self, sql: bytes, output_format: str) -> Reply:
        result = self._connection.stream(sql, output_format, self._request.parameters)
        headers = format_headers(output_format)
        if self._request.wait_end:
            return self._collected(result, headers)
        first = result.fetch()
        tag = secrets.token_hex(8)
        headers["X-ClickHouse-Exception-Tag"] = tag
        headers |= summary_header({"elapsed_ns": self._elapsed_ns()})
        return Reply(headers, self._fetched(first, result, tag), length=None)

    def _fetched(self, chunk: Any, result: Any, tag: str) -> Iterator[bytes]:
        try:
            while chunk is not None:
                if data := chunk.bytes():
                    yield data
                chunk = result.fetch()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the client must learn of it
            yield exception_trailer(ClickHouseError.of(exc), tag, self._engine.version)
        finally:
            with suppress(Exception):
                result.cancel()

    def _collected(self, result: Any, headers: dict[str, str]) -> Reply:
        rows = 0
        limited = self._request.account.limited
        with ExitStack() as resources:
            spool = resources.enter_context(
                tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(self._engine.spool))
            )
            while (chunk := result.fetch()) is not None:
                spool.write(chunk.bytes())
                rows += chunk.rows_read()
                if limited and spool.tell() > MAX_SPOOLED_BYTES:
                    result.cancel()
                    raise too_large()
            size = spool.tell()
            spool.seek(0)
            figures = {"result_rows": rows, "result_bytes": size, "read_rows": rows}
            headers |= summary_header({**figures, "elapsed_ns": self._elapsed_ns()})
            chunks = _remaining(b"", spool)
            return Reply(headers, chunks, size, resources.pop_all())

    def _filed(self, sql: bytes, clause: OutputClause) -> Reply:
        path = self._engine.spool / f"{self._request.request_id}-output"
        statement = into_file(sql, clause, str(path))
        with ExitStack() as resources:
            resources.callback(path.unlink, missing_ok=True)
            cancel = partial(self._engine.cancel, self._request.request_id)
            with bounded(path, cancel) if self._request.account.limited else nullcontext():
                self._connection.query(statement, clause.name, self._request.parameters)
            file = resources.enter_context(path.open("rb"))
            headers = format_headers(clause.name)
            headers |= summary_header({"elapsed_ns": self._elapsed_ns()})
            size = path.stat().st_size
            return Reply(headers, _remaining(b"", file), size, resources.pop_all())

    def _whole(self, sql: bytes, output_format: str, *, keep_format: bool) -> Reply:
        result = self._connection.query(sql, output_format, self._request.parameters)
        data: bytes = result.bytes() or b""
        figures = {
            "read_rows": result.rows_read(),
            "read_bytes": result.bytes_read(),
            "written_rows": result.rows_written(),
            "written_bytes": result.bytes_written(),
            "result_rows": result.rows_read(),
            "result_bytes": len(data),
            "elapsed_ns": self._elapsed_ns(),
        }
        headers = format_headers(output_format) if data or keep_format else {}
        return Reply(headers | summary_header(figures), iter((data,) if data else ()), len(data))

    def _elapsed_ns(self) -> int:
        return int((time.perf_counter() - self._began) * 1e9)


def _makes_temporary(sql: bytes) -> bool:
    first = list(islice(tokens(sql), 4))  # CREATE OR REPLACE TEMPORARY
    return (
        bool(first)
        and first[0].is_word(b"CREATE")
        and any(each.is_word(b"TEMPORARY") for each in first)
    )


def _feed(inserter: Any, chunks: Iterator[bytes]) -> Any:
    """Append all data and commit, or cancel."""
    try:
        for chunk in chunks:
            inserter.append(chunk)
        return inserter.finish()
    except BaseException:
        with suppress(Exception):
            inserter.cancel()
        raise


def _remaining(start: bytes, file: Any) -> Iterator[bytes]:
    if start:
        yield start
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
