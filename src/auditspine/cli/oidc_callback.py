"""Receives the answer of a login: one request of the browser on a loopback port. RFC 8252 §7.3."""

import time
from collections.abc import Mapping
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from auditspine.cli.errors import CliError

PATH = "/callback"

_REQUEST_S = 5.0  # for a browser to say what it asks
_PAGE = """<!doctype html><meta charset="utf-8"><title>auditspine</title>
<p style="font: 1rem system-ui; margin: 3rem">{}</p>"""


class Callback:
    """Waits on a loopback port for the browser to come back.

    Answers without the login's state are turned away and waited out: anything on this machine may
    call a loopback port.

    Args:
        state: What the provider is to give back.
        port: Port to listen on; 0 for a free one.

    Raises:
        CliError: The port is taken.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        self._state = state
        self._answer: Mapping[str, str] = {}
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except OSError as exc:
            raise CliError(f"port {port} cannot be listened on: {exc.strerror}") from exc
        self._server.callback = self

    @property
    def redirect_uri(self) -> str:
        """Where the provider must send the browser."""
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def wait(self, timeout_s: float) -> Mapping[str, str]:
        """Wait for the answer; give its parameters.

        Raises:
            CliError: None came in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self._answer:
            self._server.timeout = deadline - time.monotonic()
            if self._server.timeout <= 0:
                raise CliError(
                    f"nobody logged in within {timeout_s:.0f} s; log in again, or give it longer "
                    "with --timeout"
                )
            self._server.handle_request()
        return self._answer

    def take(self, path: str) -> tuple[int, str]:
        """Take what a browser asks for; give the status and the text that it is shown."""
        at = urlsplit(path)
        given = {name: values[0] for name, values in parse_qs(at.query).items()}
        if at.path != PATH:
            return 404, "Not found."
        if not compare_digest(given.get("state", "").encode(), self._state.encode()):
            return 400, "This is not the login that auditspine waits for."
        self._answer = given
        if "error" in given:
            return 200, "The identity provider refused the login. See the terminal."
        return 200, "You may close this window; auditspine goes on in the terminal."

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(HTTPServer):
    callback: Callback

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that went away."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        status, words = self.server.callback.take(self.path)
        content = _PAGE.format(words).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the address holds the code."""
