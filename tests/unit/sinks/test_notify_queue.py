"""The notification queue: nothing taken is lost, nobody is told twice, order per alert."""

import json
import sqlite3

import pytest
from tests.unit.sinks.notices import COLUMNS, NOW, Alerts, notice

from auditspine.sinks.notify.port import Notice, NotifyError, notification_id
from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.settings import NotifySettings

LONGEST_S = 3600.0
SETTINGS = NotifySettings.model_validate(
    {
        "default": ["chat"],
        "receivers": {
            "chat": {"kind": "apprise", "url": "json://chat.example"},
            "pager": {"kind": "alertmanager", "url": "http://pager.example"},
            "log": {"kind": "apprise", "url": "json://log.example", "tell_resolved": False},
        },
        "routes": [
            {"tiers": ["stop_the_line"], "receivers": ["pager", "log"]},
            {"tiers": ["review"], "receivers": ["chat"]},
        ],
    }
)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(tmp_path, clock):
    made = NotificationQueue(tmp_path / "q" / "notify.sqlite3", SETTINGS, clock)
    yield made
    made.close()


def write(queue, rows) -> None:
    queue.write("notifications", COLUMNS, rows)


def due(queue, receiver="chat"):
    return queue.due(receiver, LONGEST_S)


def test_a_row_is_one_item_for_each_receiver_however_often_it_is_written(queue) -> None:
    rows = Alerts().raised(tier="stop_the_line")
    write(queue, rows)
    write(queue, rows)
    assert queue.counts() == {"waiting": 2}
    for name in ("pager", "log"):
        item = due(queue, name)
        assert item.key == notification_id(item.event_id, name)
        queue.settle(queue.begin(item), "delivered")
    write(queue, rows)
    assert queue.counts() == {"delivered": 2}


def test_items_come_oldest_first(queue) -> None:
    alerts = Alerts()
    write(queue, alerts.raised("a") + alerts.raised("b"))
    first = due(queue)
    assert first.notice.alert_id == "a"
    queue.settle(first, "delivered")
    assert due(queue).notice.alert_id == "b"


def test_an_alert_that_must_wait_delays_its_own_end_and_no_other(queue) -> None:
    alerts = Alerts()
    write(queue, alerts.raised("a") + alerts.resolved("a") + alerts.raised("b"))
    queue.postpone(due(queue), NOW + 60, "no")
    assert due(queue).notice.alert_id == "b"
    queue.settle(due(queue), "delivered")
    assert due(queue) is None


def test_an_end_goes_to_all_who_were_told_and_want_to_know(queue) -> None:
    alerts = Alerts()
    write(queue, alerts.raised(tier="review") + alerts.raised(tier="stop_the_line"))
    for name in ("chat", "pager", "log"):
        queue.settle(due(queue, name), "delivered")
    write(queue, alerts.resolved())
    assert due(queue, "chat").notice.over
    assert due(queue, "pager").notice.over
    assert due(queue, "log") is None


def test_an_end_of_an_alert_that_the_queue_never_saw_goes_by_the_routes(queue) -> None:
    alerts = Alerts()
    alerts.raised(tier="review")
    write(queue, alerts.resolved())
    assert due(queue).notice.over


def test_an_event_that_is_old_when_first_seen_is_expired_and_recorded(queue, clock) -> None:
    clock.at = NOW + 25 * 3600
    write(queue, Alerts().raised())
    assert due(queue) is None
    settled = queue.unrecorded()
    assert settled.body["status"] == "expired"
    assert settled.body["attempts"] == 0
    assert settled.body["detail"] == "25.0 h old when first seen, more than 24 h"


def test_an_event_that_is_derived_today_of_what_was_days_ago_is_expired(queue) -> None:
    alerts = Alerts()
    alerts.behind_s = 3 * 86_400
    write(queue, alerts.raised())
    assert due(queue) is None
    assert queue.unrecorded().body["detail"] == "72.0 h old when first seen, more than 24 h"


def test_what_an_earlier_version_queued_is_still_told() -> None:
    before = json.loads(notice(Alerts().raised()).to_json())
    del before["occurred_at"]
    assert Notice.from_json(json.dumps(before)).occurred_at == before["appended_at"]


def test_what_can_never_be_recorded_is_done_and_keeps_what_became_of_it(queue) -> None:
    write(queue, Alerts().raised())
    queue.settle(queue.begin(due(queue)), "delivered")
    queue.unrecordable(queue.unrecorded())
    assert queue.unrecorded() is None
    assert queue.counts() == {"delivered": 1}


def test_an_event_that_grew_old_in_the_queue_is_still_told(queue, clock) -> None:
    write(queue, Alerts().raised())
    clock.at = NOW + 25 * 3600
    assert due(queue) is not None


def test_a_clock_that_stepped_back_makes_nothing_wait_for_it(queue, clock) -> None:
    clock.at = NOW + 86_000
    write(queue, Alerts().raised())
    queue.postpone(due(queue), clock.at + 60, "no")
    clock.at = NOW
    assert due(queue) is not None


def test_an_item_is_recorded_once_it_is_settled_and_only_once(queue) -> None:
    write(queue, Alerts().raised())
    assert queue.unrecorded() is None
    item = queue.begin(queue.begin(due(queue)))
    queue.settle(item, "failed", "the receiver answered 500")
    settled = queue.unrecorded()
    assert settled.tenant == "acme"
    assert settled.body == {
        "notification_id": item.key,
        "alert_id": "alert-1",
        "event_id": item.event_id,
        "receiver": "chat",
        "status": "failed",
        "attempts": 2,
        "detail": "the receiver answered 500",
    }
    queue.recorded(settled)
    assert queue.unrecorded() is None


def test_items_of_receivers_that_are_gone_fail_with_a_reason(queue) -> None:
    write(queue, Alerts().raised())
    assert queue.forsake(["pager"]) == 1
    assert queue.forsake(["pager"]) == 0
    assert "not in the notification settings" in queue.unrecorded().body["detail"]


def test_a_queue_opened_again_has_its_items(queue, tmp_path, clock) -> None:
    write(queue, Alerts().raised())
    begun = queue.begin(due(queue))
    again = NotificationQueue(tmp_path / "q" / "notify.sqlite3", SETTINGS, clock)
    assert due(again) == begun
    again.close()


def test_rows_of_another_table_or_without_a_column_are_refused(queue) -> None:
    with pytest.raises(NotifyError, match="expected rows of notifications, got rows of findings"):
        queue.write("findings", ("a",), [("b",)])
    rows = Alerts().raised()
    with pytest.raises(NotifyError, match="expected a column event_id, got none"):
        queue.write("notifications", COLUMNS[1:], [row[1:] for row in rows])
    assert queue.counts() == {}


def test_a_file_that_is_no_queue_is_refused(tmp_path) -> None:
    path = tmp_path / "q.sqlite3"
    path.write_bytes(b"not a database, but longer than its header would have to be" * 20)
    with pytest.raises(NotifyError, match="cannot be opened as a notification queue"):
        NotificationQueue(path, SETTINGS)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(NotifyError, match="expected queue format 1, got 9"):
        NotificationQueue(path, SETTINGS)
