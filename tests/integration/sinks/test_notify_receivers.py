"""Notifications against receivers that answer well, badly, late, elsewhere, or not at all."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest
from apprise.plugins import pagerduty
from tests.unit.sinks.notices import COLUMNS, Alerts, notice
from tests.waiting import await_true

sys.path.insert(0, str(Path(__file__).parent))
from notify_world import Answer, HttpReceiver, MailServer, closing

from auditspine.sinks.notify.alertmanager import AlertmanagerReceiver
from auditspine.sinks.notify.apprise_sender import AppriseReceiver
from auditspine.sinks.notify.port import Outcome, notification_id
from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.sender import SenderLoop
from auditspine.sinks.notify.settings import NotifySettings

SECRET = "T0PS3CRET"
TIMEOUT_S = 0.5


@pytest.fixture(autouse=True)
def _direct(monkeypatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def http():
    server = HttpReceiver()
    with closing(server):
        yield server


@pytest.fixture(params=["apprise", "alertmanager"])
def receiver(request, http):
    """A receiver of each kind, at the same server."""
    if request.param == "apprise":
        return AppriseReceiver(f"json://user:{SECRET}@{http.at}/{SECRET}", TIMEOUT_S)
    return AlertmanagerReceiver(f"http://user:{SECRET}@{http.at}/{SECRET}", TIMEOUT_S)


def tell(receiver, key: str = "key-1") -> Outcome:
    return receiver.tell(notice(Alerts().raised()), key)


def test_a_receiver_is_told_with_a_key(http, receiver) -> None:
    assert tell(receiver) == Outcome(delivered=True)
    (request,) = http.requests
    assert request.headers["X-Notification-Id"] == "key-1"
    assert request.headers["Authorization"].startswith("Basic ")
    assert b"auditspine alerts show alert-1" in request.body
    assert b"key-1" in request.body


def test_an_alertmanager_is_told_at_its_v2_api(http) -> None:
    for base in ("", "/", "/api/v2", "/prefix/api/v2/"):
        assert tell(AlertmanagerReceiver(f"http://{http.at}{base}", TIMEOUT_S)).delivered
    paths = [request.path for request in http.requests]
    assert paths == ["/api/v2/alerts"] * 3 + ["/prefix/api/v2/alerts"]
    (alert,) = json.loads(http.requests[0].body)
    assert alert["labels"]["fingerprint"] == "9f3c2d4e5a6b7c8d"


def test_too_many_requests_say_when_to_come_back(http, receiver) -> None:
    http.then(Answer(429, (("Retry-After", "120"),)))
    assert tell(receiver) == Outcome(
        False, "the receiver answered 429 and asked to wait 120 s", 120.0
    )


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_error_is_named(http, receiver, status) -> None:
    http.then(Answer(status))
    assert tell(receiver) == Outcome(False, f"the receiver answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(http, receiver, status) -> None:
    elsewhere = HttpReceiver()
    with closing(elsewhere):
        http.then(Answer(status, (("Location", f"http://{elsewhere.at}/{SECRET}"),)))
        outcome = tell(receiver)
        assert not outcome.delivered
        assert f"answered {status}, a redirect, which is not followed" in outcome.detail
        assert len(http.requests) == 1
        assert elsewhere.requests == []


def test_a_url_cannot_ask_for_redirects(http) -> None:
    http.then(Answer(302, (("Location", f"http://{http.at}/other"),)))
    assert not tell(AppriseReceiver(f"json://{http.at}/?redirect=yes&retry=3", TIMEOUT_S)).delivered
    assert len(http.requests) == 1


def test_silence_ends_with_the_timeout(http, receiver) -> None:
    http.then(http.silent)
    assert tell(receiver) == Outcome(False, "the receiver did not answer in time")


def test_a_connection_that_ends_without_an_answer_is_a_failure(http, receiver) -> None:
    http.then(Answer(0))
    assert tell(receiver) == Outcome(
        False, "no connection to the receiver, or it ended before an answer"
    )


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"json://127.0.0.1:{port}", mail_url(port)):
        assert not tell(AppriseReceiver(url, TIMEOUT_S)).delivered
    assert not tell(AlertmanagerReceiver(f"http://127.0.0.1:{port}", TIMEOUT_S)).delivered


def test_no_log_and_no_outcome_shows_a_secret(http, receiver, caplog, capfd) -> None:
    caplog.set_level(1)
    for name in ("apprise", "urllib3.connectionpool"):
        caplog.set_level(1, name)
        logging.getLogger(name).addHandler(caplog.handler)
    try:
        for answer in (Answer(), Answer(500), Answer(302, (("Location", "/x"),)), Answer(0)):
            http.then(answer)
            assert SECRET not in repr(tell(receiver))
        http.then(http.silent)
        assert SECRET not in repr(tell(receiver))
    finally:
        for name in ("apprise", "urllib3.connectionpool"):
            logging.getLogger(name).removeHandler(caplog.handler)
    assert len(http.requests) == 5
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def mail_url(port: int) -> str:
    people = "from=audit@acme.example&to=you@acme.example"
    return f"mailto://127.0.0.1:{port}?mode=insecure&{people}"


def test_mail_arrives_with_a_subject_and_the_key_in_a_header() -> None:
    server = MailServer()
    with closing(server):
        assert tell(AppriseReceiver(mail_url(server.port), TIMEOUT_S)).delivered
        (mail,) = server.mails
    assert mail["X-Notification-Id"] == "key-1"
    assert mail["To"] == "you@acme.example"
    subject = " ".join(mail["Subject"].split())
    assert subject.startswith("[REVIEW] debt_to_income of mortgage-risk")
    whole = b"".join(
        part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()
    )
    assert b"auditspine alerts show alert-1" in whole


def test_a_mail_server_that_refuses_is_a_failure() -> None:
    server = MailServer(refuses=True)
    with closing(server):
        outcome = tell(AppriseReceiver(mail_url(server.port), TIMEOUT_S))
    assert outcome == Outcome(False, "apprise could not reach the receiver, or it refused")


def test_an_alert_is_one_incident_that_ends_with_it(http, monkeypatch) -> None:
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"http://{http.at}/v2/enqueue")
    receiver = AppriseReceiver(f"pagerduty://{'a' * 32}@{'b' * 20}/node/drift", TIMEOUT_S)
    alerts = Alerts()
    for rows in (alerts.raised(), alerts.raised(tier="stop_the_line"), alerts.resolved()):
        assert receiver.tell(notice(rows), "key").delivered
    said = [json.loads(request.body) for request in http.requests]
    assert [each["event_action"] for each in said] == ["trigger", "trigger", "resolve"]
    assert len({each["dedup_key"] for each in said}) == 1
    severities = [each["payload"]["severity"] for each in said[:2]]
    assert severities == ["warning", "critical"]


class Book:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def record(self, tenant, body) -> None:
        self.bodies.append({"tenant": tenant, **body})


def settings_of(**receivers: HttpReceiver) -> NotifySettings:
    return NotifySettings.model_validate(
        {
            "default": list(receivers),
            "receivers": {
                name: {"kind": "apprise", "url": f"json://{each.at}/{name}", "timeout_s": 2}
                for name, each in receivers.items()
            },
            "delivery": {"first_wait_s": 0.01, "longest_wait_s": 0.02},
        }
    )


class Running:
    """A sender loop in a thread, with what it needs."""

    def __init__(self, path: Path, settings: NotifySettings) -> None:
        self.queue = NotificationQueue(path, settings)
        self.book = Book()
        self.loop = SenderLoop(self.queue, settings, self.book)
        self.alerts = Alerts()
        self.thread = threading.Thread(target=self.loop.run)

    def write(self, rows) -> None:
        now = int(time.time() * 1000)
        at = COLUMNS.index("appended_at")
        self.queue.write("notifications", COLUMNS, [(*r[:at], now, *r[at + 1 :]) for r in rows])

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.queue.close()


def test_what_fails_is_told_again_in_order_and_recorded_once(http, tmp_path) -> None:
    http.then(Answer(500), Answer(0), Answer(200))
    with Running(tmp_path / "q", settings_of(chat=http)) as running:
        running.write(running.alerts.raised() + running.alerts.resolved())
        await_true(lambda: len(running.book.bodies) == 2, "both are recorded")
    events = [str(event.envelope["event_id"]) for event in running.alerts.events]
    first, second = (notification_id(event, "chat") for event in events)
    assert http.keys() == [first, first, first, second]
    told = [(b["event_id"], b["status"], b["attempts"], b["detail"]) for b in running.book.bodies]
    assert told == [(events[0], "delivered", 3, ""), (events[1], "delivered", 1, "")]


def test_a_silent_receiver_delays_nobody_else(http, tmp_path) -> None:
    silent = HttpReceiver()
    silent.then(silent.silent)
    with closing(silent), Running(tmp_path / "q", settings_of(dead=silent, chat=http)) as running:
        running.write(running.alerts.raised("a"))
        await_true(lambda: silent.requests, "the silent receiver is being told")
        running.write(running.alerts.raised("b"))
        await_true(lambda: len(running.book.bodies) == 2, "the other is told of both")
        assert {body["receiver"] for body in running.book.bodies} == {"chat"}
        silent.then(Answer())
        silent.released.set()
        await_true(lambda: len(running.book.bodies) == 4, "the silent one is told later")
        assert [b["alert_id"] for b in running.book.bodies[2:]] in (["a", "b"], ["b", "a"])


def test_of_two_senders_on_a_queue_one_works_and_the_other_takes_over(http, tmp_path) -> None:
    settings = settings_of(chat=http)
    first, second = (Running(tmp_path / "q", settings) for _ in range(2))
    second.alerts = first.alerts
    with first:
        first.write(first.alerts.raised("a"))
        await_true(lambda: len(first.book.bodies) == 1, "the first tells")
        with second:
            second.write(first.alerts.raised("b"))
            await_true(lambda: len(first.book.bodies) == 2, "the first tells what is new")
            assert second.book.bodies == []
            first.loop.stop()
            second.write(first.alerts.raised("c"))
            await_true(lambda: len(second.book.bodies) == 1, "the second takes over")
    assert len(http.keys()) == len(set(http.keys())) == 3


class Process:
    """Starts senders as processes on one queue."""

    def __init__(self, folder: Path, http: HttpReceiver) -> None:
        self.http, self.book = http, folder / "book"
        settings = folder / "notify.toml"
        settings.write_text(
            f'default = ["chat"]\n[receivers.chat]\nkind = "apprise"\nurl = "json://{http.at}"\n'
        )
        queue, book = str(folder / "q"), str(self.book)
        self.given = {"settings": str(settings), "queue": queue, "book": book}

    def start(self, *, dies: bool = False) -> subprocess.Popen[bytes]:
        script = str(Path(__file__).with_name("notify_process.py"))
        return subprocess.Popen([sys.executable, script, json.dumps({**self.given, "dies": dies})])

    def recorded(self) -> list[dict[str, Any]]:
        text = self.book.read_text() if self.book.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def finish(self) -> list[dict[str, Any]]:
        """Run a sender until it has recorded something."""
        process = self.start()
        try:
            await_true(self.recorded, "it is recorded")
        finally:
            process.terminate()
            assert process.wait(20) == 0
        return self.recorded()


@pytest.fixture
def process(http, tmp_path):
    made = Process(tmp_path, http)
    settings = settings_of(chat=http)
    filling = Running(tmp_path / "q", settings)
    filling.write(filling.alerts.raised())
    filling.queue.close()
    return made


def test_a_sender_killed_before_it_knew_tells_again_with_the_same_key(http, process) -> None:
    doomed = process.start()

    def kill(_) -> Answer:
        os.kill(doomed.pid, signal.SIGKILL)
        return Answer(200)

    http.then(kill, Answer(200))
    assert doomed.wait(30) == -signal.SIGKILL
    assert process.recorded() == []
    (body,) = process.finish()
    assert (body["status"], body["attempts"]) == ("delivered", 2)
    assert http.keys() == [body["notification_id"]] * 2


def test_a_sender_killed_before_it_recorded_records_later(http, process) -> None:
    assert process.start(dies=True).wait(30) == -signal.SIGKILL
    assert process.recorded() == []
    (body,) = process.finish()
    assert body["status"] == "delivered"
    assert http.keys() == [body["notification_id"]]
