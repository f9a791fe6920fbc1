"""Whoever is on call in the demo: an HTTP receiver on loopback, and the settings that name it."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from auditspine.cli.settings import Settings

_VARIABLE = "AUDITSPINE_NOTIFICATIONS"
_MOST_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Message:
    """What was received.

    Attributes:
        title: One line.
        text: The lines below.
        at: When, seconds since 1970.
    """

    title: str
    text: str
    at: float


class Receiver:
    """Keeps what it is told; thread-safe."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._changed = threading.Condition()

    def keep(self, message: Message) -> None:
        """Keep a message."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def wait_for(self, text: str, timeout_s: float) -> Message | None:
        """Wait for a message that has a text in it; give the first, or ``None`` in vain."""

        def found() -> Message | None:
            return next((each for each in self._messages if text in each.text), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, timeout_s)
            return found()


@contextmanager
def receiving(settings: Settings) -> Iterator[tuple[Settings, Receiver]]:
    """Receive for the length of a block; workers that are started in it tell this receiver.

    Gives the settings with which they are to be started.
    """
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, receiver))
    thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
    thread.start()
    try:
        with TemporaryDirectory(prefix="auditspine-demo-") as folder:
            path = Path(folder) / "notifications.toml"
            path.write_text(
                'default = ["on-call"]\n[receivers.on-call]\nkind = "apprise"\n'
                f'url = "json://127.0.0.1:{server.server_port}/"\n',
                "utf-8",
            )
            os.environ[_VARIABLE] = str(path)
            try:
                yield settings.model_copy(update={"notifications": path}), receiver
            finally:
                del os.environ[_VARIABLE]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Takes what apprise's ``json://`` posts."""

    def __init__(self, receiver: Receiver, *args: object) -> None:
        self._receiver = receiver
        super().__init__(*args)  # type: ignore[arg-type] # the server's own

    def do_POST(self) -> None:
        """Keep a message."""
        try:
            size = min(int(self.headers.get("Content-Length", "0")), _MOST_BYTES)
            given = json.loads(self.rfile.read(size))
            message = Message(str(given["title"]), str(given["message"]), time.time())
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        self._receiver.keep(message)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Say nothing: the demo tells what came."""
