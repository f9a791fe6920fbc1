"""From a prediction to the page on call: the whole way, on the real stack."""

import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.integration.cli.cli_stack import Stack
from tests.integration.cli.served_model import TENANT, Served
from tests.waiting import await_true

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack


class Inbox(BaseHTTPRequestHandler):
    """Whoever is on call."""

    got: list[dict]

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(raw))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def inbox():
    handler = type("Handler", (Inbox,), {"got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", handler.got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, inbox):
    root = tmp_path_factory.mktemp("drift")
    told = root / "notifications.toml"
    told.write_text(
        f'default = ["on-call"]\n[receivers.on-call]\nkind = "apprise"\nurl = "json://{inbox[0]}/"\n'
    )
    running = Stack(root, AUDITSPINE_NOTIFICATIONS=str(told)).start()
    assert running.run("tenants", "register", TENANT)[0] == 0
    for name in ("scorer", "on-call"):
        assert running.run("keys", "create", name)[0] == 0
        assert running.run("keys", "register", name, "--tenant", TENANT)[0] == 0
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def alerts(stack, deployment: str) -> list[tuple]:
    return stack.query(
        "SELECT tier, state, kind, features, alert_id FROM alerts FINAL "
        f"WHERE deployment = '{deployment}' ORDER BY raised_at"
    )


def test_a_moved_feature_reaches_whoever_is_on_call(stack, inbox) -> None:
    served = Served(stack.data, "mortgage").trained().deployed()
    try:
        served.predict(1000).predict(300, income=lambda value: value + 9)
        await_true(lambda: alerts(stack, "mortgage-eu"), "an alert", 60)
        [(tier, state, kind, features, alert_id)] = alerts(stack, "mortgage-eu")
        assert (tier, state, features) == ("review", "open", ["income"])
        await_true(lambda: [m for m in inbox[1] if alert_id in json.dumps(m)], "a page", 60)
    finally:
        served.close()
