"""A schema registry for tests."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Registry(BaseHTTPRequestHandler):
    """The two calls of Confluent's protocol that registering needs; no registry runs here."""

    ids: dict[str, int]
    levels: dict[str, str]

    def do_PUT(self) -> None:
        self.levels[self.path.rpartition("/")[2]] = self.body()["compatibility"]
        self.answer({"compatibility": "BACKWARD_TRANSITIVE"})

    def do_POST(self) -> None:
        subject = self.path.split("/")[2]
        assert json.loads(self.body()["schema"])["type"] == "record"
        self.answer({"id": self.ids.setdefault(subject, len(self.ids) + 1)})

    def body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, content: dict) -> None:
        raw = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry():
    handler = type("Handler", (Registry,), {"ids": {}, "levels": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()
