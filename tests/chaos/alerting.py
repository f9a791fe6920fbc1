"""Whether what was derived from the logs is all there and nothing else: signals, alerts, pages.

The sealed logs are folded anew from nothing, by the same pure folds, and held against what the
workers published while they were killed; and what arrived at a receiver against both.
"""

import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.chaos.folded import compare
from tests.chaos.independent import ClickHouse

from auditspine.cli.composing import make_parts
from auditspine.cli.connections import kafka_properties
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.drift.fold import DriftProjection
from auditspine.processors.drift.policy import shipped_policy
from auditspine.processors.drift.predictions import PredictionFiles, ReadLogs
from auditspine.processors.drift.profiles import ProfileIndex, SealedProfiles
from auditspine.processors.projection.sealed_index import SealedIndex
from auditspine.sinks.notify.port import notification_id

RECEIVER = "on-call"


class Receiver:
    """Counts the notifications that arrive, by their stable id."""

    def __init__(self) -> None:
        got = self.got = Counter()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                got[self.headers["X-Notification-Id"]] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def settings(self, folder: Path) -> Path:
        """Write the notification settings that name it."""
        path = folder / "notifications.toml"
        url = f"json://127.0.0.1:{self._server.server_port}/"
        path.write_text(
            f'default = ["{RECEIVER}"]\n[receivers.{RECEIVER}]\nkind = "apprise"\nurl = "{url}"\n'
        )
        return path

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def derived_differences(settings, store: ClickHouse) -> list[str]:
    """Fold drift and alerts from nothing; compare states, and events with what is in the logs."""
    kafka = kafka_properties(settings)
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="auditspine-folded-") as folder:
        again = settings.model_copy(update={"state_dir": Path(folder)})
        index = make_parts(ProfileIndex(), again, kafka)
        profiles = SealedProfiles(SealedIndex(index, settings.topics, kafka))
        predictions = PredictionFiles(Path(folder), ReadLogs(), 90)
        policy = shipped_policy()
        try:
            for projection in (
                DriftProjection(profiles, predictions, policy),
                AlertsProjection(policy),
            ):
                problems += compare(projection, settings, kafka, store)[0]
        finally:
            profiles.close()
            predictions.close()
    return problems


def delivery_differences(store: ClickHouse, receiver: Receiver) -> list[str]:
    """Hold what arrived against what is told of: each at least once, and nothing else."""
    rows = store.rows(
        "SELECT DISTINCT toString(event_id), event_type, JSONExtractString(body, 'alert_id'), "
        "JSONExtract(body, 'actions', 'Array(String)') FROM committed_evidence "
        "WHERE event_type IN ('alert.raised', 'alert.resolved', 'finding.raised', "
        "'approval.requested')"
    )
    told = {
        notification_id(event_id, RECEIVER)
        for event_id, event_type, _, actions in rows
        if "notify" in actions or not event_type.startswith("alert.")
    }
    may = told | {notification_id(row[0], RECEIVER) for row in rows}
    got = set(receiver.got)
    problems = []
    if told - got:
        problems.append(f"notifications: {len(told - got)} of {len(told)} never arrived")
    if got - may:
        problems.append(f"notifications: {len(got - may)} arrived that nothing asks for")
    open_ = store.rows(
        "SELECT tenant, fingerprint, count() FROM (SELECT tenant, fingerprint, alert_id "
        "FROM alerts FINAL WHERE state != 'resolved') GROUP BY tenant, fingerprint "
        "HAVING count() > 1"
    )
    if open_:
        problems.append(f"alerts: {len(open_)} fingerprints have more than one open alert")
    return problems
