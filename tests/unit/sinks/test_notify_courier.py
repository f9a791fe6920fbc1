"""Couriers: when an attempt is made again, and when it is given up."""

import threading

import pytest
from structlog.testing import capture_logs
from tests.unit.sinks.notices import NOW, Alerts
from tests.unit.sinks.test_notify_queue import SETTINGS, Clock, write

from auditspine.sinks.notify.courier import Courier
from auditspine.sinks.notify.port import DELIVERED, NotifyError, Outcome, UnrecordableError
from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.sender import Recording, SenderLoop

NO = Outcome(delivered=False, detail="the receiver answered 500")


class Script:
    """A receiver that does what it is told; the last outcome for ever."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.told: list[tuple[str, str]] = []

    def tell(self, notice, key: str) -> Outcome:
        self.told.append((notice.alert_id, key))
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


class Case:
    def __init__(self, tmp_path) -> None:
        self.clock = Clock()
        self.queue = NotificationQueue(tmp_path / "notify.sqlite3", SETTINGS, self.clock)
        self.stopped = threading.Event()
        self.alerts = Alerts()

    def courier(self, receiver, chance: float = 1.0, limit_s: float = 30.0) -> Courier:
        return Courier(
            *(self.queue, "chat", receiver, SETTINGS.delivery),
            limit_s=limit_s,
            now=self.clock,
            chance=lambda: chance,
        )

    def wait_s(self, courier: Courier) -> float:
        """Let time pass until the next attempt is made; give how much it was, to 0.1 s."""
        began = self.clock.at
        while not courier.step(self.stopped):
            self.clock.at = round(self.clock.at + 0.1, 1)
            assert self.clock.at < began + 90_000, "no attempt within a day"
        return round(self.clock.at - began, 1)


@pytest.fixture
def case(tmp_path):
    made = Case(tmp_path)
    yield made
    made.queue.close()


def test_waits_double_up_to_the_longest(case) -> None:
    write(case.queue, case.alerts.raised())
    courier = case.courier(Script(NO))
    waits = [case.wait_s(courier) for _ in range(10)]
    assert waits == [0, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_chance_takes_up_to_half_of_a_wait(case) -> None:
    write(case.queue, case.alerts.raised())
    courier = case.courier(Script(NO), chance=0.0)
    assert [case.wait_s(courier) for _ in range(4)] == [0, 1, 2, 4]


def test_an_attempt_that_succeeds_is_the_last(case) -> None:
    write(case.queue, case.alerts.raised())
    receiver = Script(NO, DELIVERED)
    courier = case.courier(receiver)
    assert [case.wait_s(courier) for _ in range(2)] == [0, 2]
    assert case.queue.counts() == {"delivered": 1}
    assert case.queue.unrecorded().body["attempts"] == 2
    assert len({key for _, key in receiver.told}) == 1


def test_after_the_deadline_it_has_failed_with_the_last_reason(case) -> None:
    write(case.queue, case.alerts.raised())
    receiver = Script(NO)
    courier = case.courier(receiver)
    courier.step(case.stopped)
    case.clock.at = NOW + 24 * 3600 - 1
    courier.step(case.stopped)
    assert case.queue.counts() == {"waiting": 1}
    case.clock.at = NOW + 24 * 3600
    courier.step(case.stopped)
    body = case.queue.unrecorded().body
    assert (body["status"], body["attempts"], body["detail"]) == ("failed", 3, NO.detail)


def test_a_receiver_that_asks_for_a_pause_is_left_alone_with_everything(case) -> None:
    write(case.queue, case.alerts.raised("a") + case.alerts.raised("b"))
    receiver = Script(Outcome(False, "the receiver answered 429", 120.0), DELIVERED)
    courier = case.courier(receiver)
    assert [case.wait_s(courier) for _ in range(3)] == [0, 120, 0]
    assert [alert for alert, _ in receiver.told] == ["a", "a", "b"]


def test_a_pause_of_days_is_cut_to_an_hour(case) -> None:
    write(case.queue, case.alerts.raised())
    courier = case.courier(Script(Outcome(False, "the receiver answered 503", 1e6)))
    assert [case.wait_s(courier) for _ in range(2)] == [0, 3600]


def test_a_clock_that_steps_back_does_not_prolong_a_pause(case) -> None:
    write(case.queue, case.alerts.raised())
    case.clock.at = NOW + 80_000
    courier = case.courier(Script(Outcome(False, "the receiver answered 429", 600.0)))
    courier.step(case.stopped)
    case.clock.at = NOW
    assert courier.step(case.stopped)


def test_a_failed_item_does_not_stop_the_next(case) -> None:
    write(case.queue, case.alerts.raised("a") + case.alerts.raised("b"))
    receiver = Script(NO, DELIVERED)
    courier = case.courier(receiver)
    assert courier.step(case.stopped)
    assert courier.step(case.stopped)
    assert [alert for alert, _ in receiver.told] == ["a", "b"]


def test_an_exception_of_a_receiver_is_a_failure_without_its_text(case) -> None:
    class Broken:
        def tell(self, notice, key):
            raise ValueError("https://secret.example")

    write(case.queue, case.alerts.raised())
    courier = case.courier(Broken())
    courier.step(case.stopped)
    case.clock.at += 86_400
    courier.step(case.stopped)
    assert case.queue.unrecorded().body["detail"] == "the attempt failed (ValueError)"


def test_an_attempt_that_never_ends_is_given_up(case) -> None:
    release = threading.Event()

    class Stuck:
        def tell(self, notice, key):
            release.wait()
            return DELIVERED

    write(case.queue, case.alerts.raised())
    courier = case.courier(Stuck(), limit_s=0.1)
    assert courier.step(case.stopped)
    case.clock.at += 86_400
    assert courier.step(case.stopped)
    assert case.queue.unrecorded().body["detail"] == "the attempt took more than 0.1 s"
    release.set()


class Book:
    """A recorder that fails so many times, or always for one alert."""

    def __init__(self, failures: int = 0, never: str = "") -> None:
        self.failures, self.never = failures, never
        self.bodies: list[dict] = []

    def record(self, tenant: str, body) -> None:
        if self.failures > 0 or body["alert_id"] == self.never:
            self.failures -= 1
            raise ConnectionError("no broker")
        self.bodies.append({"tenant": tenant, **body})


def record_all(case, book: Book, steps: int) -> None:
    recording = Recording(case.queue, book)
    case.stopped.set()  # so that it does not wait after a failure
    for _ in range(steps):
        recording.step(case.stopped)


def test_what_cannot_be_recorded_now_is_recorded_later(case) -> None:
    write(case.queue, case.alerts.raised())
    case.courier(Script(DELIVERED)).step(case.stopped)
    book = Book(failures=1)
    record_all(case, book, 4)
    assert [(each["tenant"], each["status"]) for each in book.bodies] == [("acme", "delivered")]


def test_what_can_never_be_recorded_does_not_stop_the_others(case) -> None:
    write(case.queue, case.alerts.raised("a") + case.alerts.raised("b"))
    courier = case.courier(Script(DELIVERED))
    assert courier.step(case.stopped)
    assert courier.step(case.stopped)
    book = Book(never="a")
    record_all(case, book, 6)
    assert [each["alert_id"] for each in book.bodies] == ["b"]
    assert case.queue.unrecorded().body["alert_id"] == "a"


def test_what_is_no_event_is_given_up_and_not_quoted(case) -> None:
    write(case.queue, case.alerts.raised("a") + case.alerts.raised("b"))
    courier = case.courier(Script(DELIVERED))
    assert courier.step(case.stopped)
    assert courier.step(case.stopped)

    class Strict(Book):
        def record(self, tenant: str, body) -> None:
            if body["alert_id"] == "a":
                raise UnrecordableError("SECRET words")
            if not self.bodies:
                self.bodies.append(body)
                raise ValueError("SECRET words")
            super().record(tenant, body)

    book = Strict()
    with capture_logs() as logs:
        record_all(case, book, 6)
    assert case.queue.unrecorded() is None
    assert [each["alert_id"] for each in book.bodies] == ["b", "b"]
    assert "SECRET" not in str(logs)
    assert [each["log_level"] for each in logs] == ["error", "warning"]


def test_a_queue_that_cannot_be_used_any_more_ends_the_loop(case) -> None:
    loop = SenderLoop(case.queue, SETTINGS, Book(), receivers={"chat": Script(DELIVERED)})
    case.queue.forsake = lambda known: case.queue.close() or 0
    with pytest.raises(NotifyError, match="cannot be read"):
        loop.run()
