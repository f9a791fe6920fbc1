"""The ASGI application around review and registry hook: HTTP alone, no verdict of its own."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from auditspine.producers.admission.errors import MalformedError
from auditspine.producers.admission.judging import Check
from auditspine.producers.admission.registry import answer
from auditspine.producers.admission.review import Terms, review

MAX_BODY_BYTES = 3 * 1024 * 1024
"""A review holds an object and the one before: etcd keeps them up to 1.5 MiB each."""

_BODY_S = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Admission:
    """The endpoints.

    Attributes:
        check: Tells what is known of a digest; does no I/O.
        is_ready: Tells whether it knows at all.
        terms: What is asked of objects.
        token: What a registry must show as a bearer token, if anything.
    """

    check: Check
    is_ready: Callable[[], bool]
    terms: Terms
    token: str | None = None

    async def validate(self, request: Request) -> Response:
        """Answer the API server."""
        document = await _document(request)
        answered = review(document, self.check, self.terms)
        response = answered["response"]
        if not response["allowed"]:
            _log.warning("refused %r: %s", response["uid"], response["status"]["message"])
        return JSONResponse(answered)

    async def registry(self, request: Request) -> Response:
        """Answer a registry."""
        if self.token is not None and not _shows(request, self.token):
            raise HTTPException(401, "expected the token", {"WWW-Authenticate": "Bearer"})
        status, content = answer(await _document(request), self.check, self.terms.environment)
        if not content["allowed"]:
            _log.warning("refused a registry: %s", content["reason"])
        return JSONResponse(content, status)

    async def healthz(self, _request: Request) -> Response:
        """Say that the process is alive."""
        return PlainTextResponse("alive\n")

    async def readyz(self, _request: Request) -> Response:
        """Say whether verdicts are known; when they are not, everything is refused."""
        if self.is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("unknown: everything is refused\n", 503)


def make_app(admission: Admission) -> Starlette:
    """Make the application.

    A request that is not of its form gets 400, of another content type 415, over 3 MiB 413, one
    whose body does not come in 10 s 408, and what fails here 500: Kubernetes refuses on each.
    """
    routes = [
        Route("/validate", admission.validate, methods=["POST"]),
        Route("/registry", admission.registry, methods=["POST"]),
        Route("/healthz", admission.healthz),
        Route("/readyz", admission.readyz),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: _on_http, MalformedError: _on_malformed},
    )


async def _document(request: Request) -> object:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "expected application/json")
    try:
        async with asyncio.timeout(_BODY_S):
            body = await _body(request)
    except TimeoutError:
        raise HTTPException(408, "the body did not come in time") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body ended early") from None
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:  # its text could quote the body
        raise MalformedError("expected JSON that is not nested too deeply") from None


async def _body(request: Request) -> bytes:
    given = request.headers.get("content-length", "0")
    if given.isdecimal() and int(given[:20]) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"expected at most {MAX_BODY_BYTES} bytes")


def _shows(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(), token.encode()
    )


async def _on_http(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse({"error": exc.detail}, exc.status_code, headers=exc.headers)


async def _on_malformed(_request: Request, exc: Exception) -> Response:
    return JSONResponse({"error": str(exc)}, 400)
