"""Answers that are not what was asked for: a decision on something else, a second one, a drip."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from auditspine.cli import gating, oidc_login, replaying
from auditspine.cli.errors import CliError
from auditspine.cli.gating import Ask
from auditspine.cli.replaying import Replayed
from auditspine.processors.projection.port import Derived, SealedEvent
from auditspine.schemas.codec import encode
from auditspine.schemas.examples import example
from auditspine.schemas.models import DecisionMade
from auditspine.schemas.parse import parse_json

LOG = "local/c/lifecycle/0"


def made(envelope: Mapping[str, Any] | None = None, **body: Any) -> DecisionMade:
    event = parse_json(example("decision.made"))
    assert isinstance(event, DecisionMade)
    return event.model_copy(
        update={
            "envelope": event.envelope.model_copy(update=envelope or {}),
            "body": event.body.model_copy(update={"outcome": "allow", **body}),
        }
    )


def awaited(decision: DecisionMade) -> str | None:
    ours = made()
    asked = Ask(
        ours.envelope.tenant,
        ours.body.model,
        ours.body.environment,
        "high",
        "credit decisions",
        (),
        "credit",
        None,
        "release",
    )
    found = gating._await(
        iter([encode(decision)]), ours.body.request_id, asked, lambda _: None, wait=True
    )
    return None if found is None else found.outcome


def test_the_gate_takes_the_decision_on_what_it_asked_for() -> None:
    assert awaited(made()) == "allow"


@pytest.mark.parametrize(
    "decision",
    [
        made({"tenant": "other"}),
        made(environment="development"),
        made(model=made().body.model.model_copy(update={"digest": b"\1" * 32})),
    ],
    ids=["tenant", "environment", "digest"],
)
def test_a_decision_with_the_same_request_id_on_something_else_is_not_the_gates(decision) -> None:
    assert awaited(decision) is None


def test_a_second_decision_under_the_id_of_a_good_one_is_told() -> None:
    good = made()
    event_id = str(good.envelope.event_id)
    envelope = {"tenant": good.envelope.tenant, "event_id": event_id}
    cause = SealedEvent(LOG, 0, 0, "deployment.requested", envelope, {})
    derived = {event_id: Derived(cause, 0, "decision.made", dict(good.body), "release")}
    found = Replayed()
    replaying._compare({event_id: [good, made(outcome="deny")]}, derived, found)
    assert (found.equal, [each.what for each in found.differences]) == (1, ["altered"])
    assert found.differences[0].fields == ("outcome",)


def test_a_token_endpoint_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dripping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    time.sleep(0.1)

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("auditspine.cli.oidc_login._WHOLE_S", 1.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        issuer = f"http://127.0.0.1:{server.server_port}"
        began = time.monotonic()
        with pytest.raises(CliError, match="too long or too slow"):
            oidc_login._exchange(f"{issuer}/token", issuer, {"code": "x"})
        assert time.monotonic() - began < 5
        server.shutdown()
