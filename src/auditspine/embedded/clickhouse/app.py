"""ClickHouse's HTTP interface as a bare ASGI application: the engine does the work.

The event loop only moves bytes; every call of the engine is made in a thread. A response's next
chunk is asked for when the one before it is sent, so a slow client slows its query and costs no
memory.
"""

import asyncio
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, BinaryIO, cast

from auditspine.embedded.clickhouse.accounts import Account, Accounts
from auditspine.embedded.clickhouse.compression import choose_encoding, decoder, encoded
from auditspine.embedded.clickhouse.engine import Engine
from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.clickhouse.execute import execute
from auditspine.embedded.clickhouse.multipart import parse_multipart
from auditspine.embedded.clickhouse.output import Reply
from auditspine.embedded.clickhouse.request import (
    ExternalTable,
    Request,
    bound_parameters,
    credentials,
    default_format,
    engine_settings,
    external_table,
    parse_arguments,
)
from auditspine.embedded.clickhouse.sessions import Session, Sessions

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_THREADS = 32
_READER_THREADS = 8  # of their own, so that they cannot keep the product's parts waiting
_BODY_IN_MEMORY_BYTES = 16_777_216
_MAX_FORM_BYTES = 67_108_864
_CANCEL_INTERVAL_S = 0.2
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", ""})


class _ClientGoneError(Exception):
    """The client closed its connection."""


class App:
    """The ASGI application over one engine; closes the engine when it is shut down."""

    def __init__(self, engine: Engine, accounts: Accounts) -> None:
        self.engine = engine
        self.accounts = accounts
        self.sessions = Sessions()
        self.pool = ThreadPoolExecutor(_THREADS, "statement")
        self.reader_pool = ThreadPoolExecutor(_READER_THREADS, "reader")
        self.cancel_pool = ThreadPoolExecutor(1, "cancel")  # never behind the statements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        loop = asyncio.get_running_loop()
        for pool in (self.pool, self.reader_pool):
            stopping = loop.run_in_executor(None, pool.shutdown)
            while not stopping.done():  # a statement can begin after it was looked for
                self.engine.cancel_all()
                await asyncio.wait({stopping}, timeout=_CANCEL_INTERVAL_S)
        self.cancel_pool.shutdown()
        self.engine.close()
        await send({"type": "lifespan.shutdown.complete"})


class _Exchange:
    """One request and its response."""

    def __init__(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._id = str(uuid.uuid4())
        self._headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        self._arguments = parse_arguments(scope["query_string"])
        self._pool = app.pool
        self._begun = False

    async def run(self) -> None:
        if not self._is_local():
            await self._plain(403, b"Host must be 127.0.0.1 or localhost.\n")
        elif self._scope["path"] in ("/ping", "/replicas_status"):
            await self._plain(200, b"Ok.\n")
        elif self._scope["path"] not in ("/", "/query"):
            await self._plain(404, b"There is no handle for this path. Use / or /ping.\n")
        elif self._scope["method"] not in ("GET", "HEAD", "POST"):
            await self._plain(405, b"Use GET or POST.\n")
        elif self._scope["method"] != "POST" and not self._arguments.get("query"):
            await self._plain(200, b"Ok.\n")
        else:
            await self._answer()

    def _is_local(self) -> bool:
        """Refuse what a browser sends when a foreign name is made to point here (DNS rebinding)."""
        host = self._headers.get("host", "")
        name, _, port = host.rpartition(":")
        return (name if port.isdigit() else host).lower() in _HOSTS

    async def _answer(self) -> None:
        try:
            account = self._app.accounts.authenticate(*credentials(self._headers, self._arguments))
            self._pool = self._app.reader_pool if account.limited else self._app.pool
            async with AsyncExitStack() as resources:
                request = await self._read(account, resources)
                session = await self._session(account, resources)
                await self._run(request, session)
        except _ClientGoneError:
            return
        except (ClickHouseError, OSError) as exc:  # such as no space for a body
            if not self._begun:
                await self._refuse(ClickHouseError.of(exc))

    async def _refuse(self, error: ClickHouseError) -> None:
        code = {"X-ClickHouse-Exception-Code": str(error.code)}
        await self._plain(error.status, error.body(self._app.engine.version), code)

    async def _read(self, account: Account, resources: AsyncExitStack) -> Request:
        """Read the whole request, its body decoded to memory or a private file."""
        arguments = self._arguments
        for name in ("compress", "decompress", "role"):
            if arguments.get(name, "0") not in ("", "0"):
                raise ClickHouseError(48, f"Parameter {name} is not offered.")
        spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed with the others
            _BODY_IN_MEMORY_BYTES, dir=str(self._app.engine.spool)
        )
        body = cast("BinaryIO", resources.enter_context(spool))
        await self._read_body(body)
        external = self._form(account, body)
        return Request(
            request_id=self._id,
            account=account,
            query=arguments.get("query", "").encode("utf-8", "surrogateescape"),
            body=body,
            parameters=bound_parameters(arguments),
            settings=engine_settings(arguments, account, external),
            database=arguments.get("database") or self._headers.get("x-clickhouse-database", ""),
            default_format=default_format(self._headers, arguments),
            wait_end=arguments.get("wait_end_of_query", "0") not in ("", "0"),
            read_only=self._scope["method"] != "POST",
            external=external,
        )

    async def _read_body(self, body: BinaryIO) -> None:
        encoding = decoder(self._headers.get("content-encoding", ""))
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _ClientGoneError
            if data := message.get("body", b""):
                body.write(encoding.decode(data))
            more = message.get("more_body", False)
        encoding.finish()
        body.seek(0)

    def _form(self, account: Account, body: BinaryIO) -> tuple[ExternalTable, ...]:
        """Take a form's fields as parameters, and its files as external tables."""
        kind = self._headers.get("content-type", "").lower()
        if kind.startswith("application/x-www-form-urlencoded"):
            if "query" not in self._arguments and body.read(6) == b"query=":  # curl -d sends SQL so
                self._arguments |= parse_arguments(b"query=" + body.read(_MAX_FORM_BYTES))
            else:
                body.seek(0)
            return ()
        if not kind.startswith("multipart/form-data"):
            return ()
        data = body.read(_MAX_FORM_BYTES)
        if body.read(1):
            raise ClickHouseError(36, f"A form of more than {_MAX_FORM_BYTES} bytes.", 413)
        files = []
        for part in parse_multipart(self._headers["content-type"], data):
            if not part.is_file and (part.name == "query" or part.name.startswith("param_")):
                self._arguments[part.name] = part.data.decode("utf-8", "surrogateescape")
            else:
                files.append(part)
        if files and account.limited:
            raise ClickHouseError(497, "External data are not allowed for readers.")
        return tuple(external_table(part.name, part.data, self._arguments) for part in files)

    async def _session(self, account: Account, resources: AsyncExitStack) -> Session | None:
        session_id = self._arguments.get("session_id", "")
        if not session_id:
            return None
        timeout = self._arguments.get("session_timeout", "")
        return await resources.enter_async_context(
            self._app.sessions.use(
                account.name,
                session_id,
                must_exist=self._arguments.get("session_check") == "1",
                timeout_s=float(timeout) if timeout.isdigit() else None,
            )
        )

    async def _run(self, request: Request, session: Session | None) -> None:
        gone = asyncio.ensure_future(self._await_disconnect())
        try:
            reply = await self._in_thread(gone, execute, self._app.engine, request, session)
            try:
                await self._stream(gone, reply)
            finally:
                await self._in_thread(None, reply.resources.close)
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _await_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _in_thread(
        self, gone: "asyncio.Future[None] | None", step: Callable[..., Any], *args: Any
    ) -> Any:
        """Run a step of the engine in a thread; cancel it when the client is gone."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, step, *args)
        if gone is None:
            return await work
        why: Exception = _ClientGoneError()
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
        except asyncio.CancelledError:  # the server stops, and will wait for the threads
            why = ClickHouseError(394, "Query was cancelled: the endpoint is stopping.")
        await self._cancel(work)
        raise why

    async def _cancel(self, work: "asyncio.Future[Any]") -> None:
        loop = asyncio.get_running_loop()
        while not work.done():  # the statement may not have begun yet
            await loop.run_in_executor(self._app.cancel_pool, self._app.engine.cancel, self._id)
            await asyncio.wait({work}, timeout=_CANCEL_INTERVAL_S)
        if work.exception() is None and isinstance(work.result(), Reply):
            await loop.run_in_executor(None, work.result().resources.close)

    async def _stream(self, gone: "asyncio.Future[None]", reply: Reply) -> None:
        headers = dict(reply.headers)
        chunks: Iterator[bytes] = reply.chunks
        wanted = self._arguments.get("enable_http_compression", "1") != "0"
        accepted = self._headers.get("accept-encoding", "") if wanted else ""
        if reply.length != 0 and (encoding := choose_encoding(accepted)):
            headers["Content-Encoding"] = encoding
            chunks = encoded(encoding, chunks)
        elif reply.length is not None:
            headers["Content-Length"] = str(reply.length)
        await self._start(200, headers)
        try:
            while chunk := await self._in_thread(gone, next, chunks, b""):
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                await self._in_thread(None, close)

    async def _plain(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "text/plain; charset=UTF-8", "Content-Length": str(len(body))}
        await self._start(status, {**kind, **(headers or {})})
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        common = {
            "X-ClickHouse-Query-Id": self._arguments.get("query_id") or self._id,
            "X-ClickHouse-Timezone": self._app.engine.timezone,
            "X-ClickHouse-Server-Display-Name": "auditspine-embedded",
        }
        self._begun = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
                    for name, value in {**common, **headers}.items()
                ],
            }
        )
