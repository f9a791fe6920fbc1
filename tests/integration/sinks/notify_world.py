"""Receivers that tests start: an HTTP server that answers as told, and a mail server."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    path: str
    headers: Message
    body: bytes


class Answer(NamedTuple):
    """``status`` 0 ends the connection without an answer."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Behaviour = Callable[[Request], Answer]


class HttpReceiver:
    """Answers in turn as the given behaviours say; the last one for ever."""

    def __init__(self, *behaviours: Behaviour | Answer) -> None:
        self.requests: list[Request] = []
        self.released = threading.Event()
        self._behaviours = list(behaviours) or [Answer()]
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = outer._answer(Request(self.path, self.headers, body))
                if not answer.status:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the library's name

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # killed clients
        self.at = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def silent(self, _: Request) -> Answer:
        """Say nothing until the test ends."""
        self.released.wait()
        return Answer(0)

    def then(self, *behaviours: Behaviour | Answer) -> "HttpReceiver":
        """Behave otherwise from now on."""
        with self._lock:
            self._behaviours = list(behaviours)
        return self

    def keys(self) -> list[str]:
        return [request.headers["X-Notification-Id"] for request in self.requests]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            many = len(self._behaviours) > 1
            behaviour = self._behaviours.pop(0) if many else self._behaviours[0]
        return behaviour if isinstance(behaviour, Answer) else behaviour(request)


class MailServer:
    """Takes mail as RFC 5321 has it, without extensions; or refuses every recipient."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.mails: list[Message] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 test")
                while line := self.rfile.readline():
                    verb = line.strip().upper().split(b" ")[0]
                    if verb == b"QUIT":
                        self.say("221 bye")
                        return
                    if verb == b"RCPT" and refuses:
                        self.say("550 nobody here")
                    elif verb == b"DATA":
                        self.say("354 go on")
                        outer.mails.append(message_from_bytes(b"".join(self.data())))
                        self.say("250 taken")
                    else:
                        self.say("250 fine")

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def data(self) -> Iterator[bytes]:
                while (line := self.rfile.readline()) != b".\r\n":
                    yield line.removeprefix(b".")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def closing(*servers: HttpReceiver | MailServer) -> Iterator[None]:
    """Close servers at the end."""
    try:
        yield
    finally:
        for server in servers:
            server.close()
