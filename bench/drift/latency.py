"""From the prediction that makes a change detectable to the alert at a receiver, on a whole stack.

Each trial is another deployment, whose first prediction with a feature that training did not know
is signalled at once: what is measured is the way, not the detector's delay in rows. On the way it
is sealed, folded, signed as a signal, sealed, folded, signed as an alert, sealed, queued and sent.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from auditspine.cli.connections import kafka_properties
from auditspine.cli.settings import load_settings
from auditspine.producers.client import AuditClient
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.models import PredictionMade, RunCompleted

COMMAND = [sys.executable, "-m", "auditspine.cli"]
TRIALS = 100
READY_S, ARRIVES_S = 180.0, 60.0


class _Inbox:
    def __init__(self) -> None:
        arrived = self.arrived = {}
        changed = self.changed = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with changed:
                    arrived[message] = time.monotonic()
                    changed.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def wait_for(self, word: str) -> float:
        """Give when a message with a word came."""

        def came() -> float | None:
            return next((at for text, at in self.arrived.items() if word in text), None)

        with self.changed:
            if not self.changed.wait_for(lambda: came() is not None, ARRIVES_S):
                raise TimeoutError(f"no alert of {word} within {ARRIVES_S:.0f} s")
            return came() or 0.0

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def measure(trials: int = TRIALS) -> dict[str, float]:
    """Give the median, the 99th percentile and the longest time, seconds."""
    inbox = _Inbox()
    with tempfile.TemporaryDirectory(prefix="auditspine-bench-") as folder:
        data, told = Path(folder) / "data", Path(folder) / "notifications.toml"
        url = f"json://127.0.0.1:{inbox.server.server_port}/"
        told.write_text(
            f'default = ["bench"]\n[receivers.bench]\nkind = "apprise"\nurl = "{url}"\n'
        )
        stack = subprocess.Popen(
            [*COMMAND, "up", "--data-dir", str(data)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "AUDITSPINE_NOTIFICATIONS": str(told)},
        )
        try:
            _await_ready(data)
            took = sorted(_trials(data, inbox, trials))
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait(60)
            inbox.close()
    return {
        "median, s": took[len(took) // 2],
        "p99, s": took[min(len(took) - 1, int(len(took) * 0.99))],
        "longest, s": took[-1],
        "trials": float(len(took)),
    }


def _trials(data: Path, inbox: _Inbox, trials: int) -> list[float]:
    for command in (
        ("tenants", "register", "acme"),
        ("keys", "create", "scorer"),
        ("keys", "register", "scorer", "--tenant", "acme"),
    ):
        subprocess.run(
            [*COMMAND, *command, "--data-dir", str(data)], check=True, stdout=subprocess.DEVNULL
        )
    settings = load_settings(data_dir=data)
    with AuditClient(
        {"log_level": "0", **kafka_properties(settings)},
        tenant="acme",
        producer="scorer",
        key=data / "keys" / "scorer.pem",
        domain="credit",
        environment="production",
        settings=ProducerSettings(heartbeat_s=0.0),
    ) as client:
        _trained(client)
        names = [f"place{number:03}" for number in range(trials)]
        for name in [*names, "ready"]:
            _predict(client, name, "income")
        _predict(client, "ready", "income", "surprise")
        inbox.wait_for("ready")  # all monitors are set up: a start is not what is measured
        took = []
        for name in names:
            began = time.monotonic()
            _predict(client, name, "income", "surprise")
            took.append(inbox.wait_for(name) - began)
        return took


def _trained(client: AuditClient) -> None:
    model = _ref("model", "risk")
    profile = {
        "model": model,
        "rows": 1000,
        "numeric": [
            {
                "name": "income",
                "probabilities": (0.01, 0.25, 0.5, 0.75, 0.99),
                "quantiles": (1.0, 2.0, 3.0, 4.0, 5.0),
            }
        ],
    }
    body = {
        "run_id": "run-1",
        "status": "succeeded",
        "outputs": (model,),
        "duration_seconds": 1.0,
        "profile": profile,
    }
    envelope = client.envelope("schedule", "training")
    event = RunCompleted.model_validate({"envelope": envelope, "body": body})
    client.publish(event).result(30)


def _predict(client: AuditClient, name: str, *features: str) -> None:
    body = {
        "prediction_id": f"{name}-{len(features)}",
        "deployment": _ref("deployment", name),
        "model": _ref("model", "risk"),
        "features": [{"name": each, "number": 3.0} for each in features],
        "score": 0.2,
        "decision": "approve",
        "latency_ms": 1.0,
    }
    envelope = client.envelope("request", "an application")
    client.publish(PredictionMade.model_validate({"envelope": envelope, "body": body}))


def _ref(kind: str, name: str) -> dict[str, object]:
    return {"kind": kind, "name": name, "version": "1", "digest": name.encode().ljust(32, b".")}


def _await_ready(data: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if json.loads((data / "run" / "up.json").read_text())["ready"]:
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.1)
    raise TimeoutError(f"the stack was not ready within {READY_S:.0f} s")
