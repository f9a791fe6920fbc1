"""The notification queue: who still has to be told of what. One SQLite file, no network.

Rows of the ``notifications`` table become one item per receiver. What was taken is durable before
``write`` returns, so it survives every kill and a power cut. Items stay when they are done, without
their content: a log that is read again must tell nobody twice.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditspine.sinks.notify.port import Notice, NotifyError, notification_id
from auditspine.sinks.notify.queue_file import open_queue
from auditspine.sinks.notify.settings import NotifySettings

_TABLE = "notifications"
_DUE = """
SELECT seq, event_id, receiver, content, attempts, first_try FROM items AS i
WHERE receiver = :receiver AND status = 'waiting'
    AND (next_try <= :now OR next_try > :now + :longest)
    AND NOT EXISTS (
        SELECT 1 FROM items AS earlier
        WHERE earlier.status = 'waiting' AND earlier.receiver = i.receiver
            AND earlier.tenant = i.tenant AND earlier.alert_id = i.alert_id
            AND earlier.seq < i.seq
    )
ORDER BY seq LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Item:
    """Somebody who has to be told of something.

    Attributes:
        seq: Place in the queue.
        event_id: What is told.
        receiver: Who is told.
        notice: With which content.
        attempts: How often it was tried.
        first_try: When it was first tried, seconds since 1970; ``None`` before.
    """

    seq: int
    event_id: str
    receiver: str
    notice: Notice
    attempts: int
    first_try: float | None

    @property
    def key(self) -> str:
        """Its notification id."""
        return notification_id(self.event_id, self.receiver)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an item, not yet recorded.

    Attributes:
        seq: Place in the queue.
        tenant: Whose alert it is.
        body: Body of the ``notification.delivered`` event.
    """

    seq: int
    tenant: str
    body: dict[str, Any]


class NotificationQueue:
    """The durable queue; also the store that the notify projection writes to.

    Any number of threads; any number of processes may write, and one sender takes from it.

    Args:
        path: The SQLite file; made if missing, with its folder.
        settings: Routes, and how old an event may be when first seen.
        now: The time, seconds since 1970.

    Attributes:
        changes: How often this object changed what is due, or was woken.

    Raises:
        NotifyError: The file is not a queue, or of another format.
    """

    def __init__(
        self, path: Path, settings: NotifySettings, now: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._settings = settings
        self._now = now
        self._lock = threading.RLock()
        self._changed = threading.Condition()
        self.changes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = open_queue(path)
        except sqlite3.Error as exc:
            raise NotifyError(f"{path} cannot be opened as a notification queue: {exc}") from exc

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Take rows of the ``notifications`` table; return when they are durable.

        Rows that were taken before change nothing. The end of an alert goes to all who were told
        of the alert, or by the routes where the queue knows of none.

        Raises:
            NotifyError: Another table, a missing column, or the file stays locked.
        """
        if table != _TABLE:
            raise NotifyError(f"expected rows of {_TABLE}, got rows of {table}")
        notices = [Notice.from_row(columns, row) for row in rows]
        with self._writing():
            for notice in notices:
                self._take(notice)
        self.wake()

    def due(self, receiver: str, longest_s: float) -> Item | None:
        """Give the oldest item that a receiver may be told now.

        An item waits for the earlier ones of the same alert, so that no receiver hears of an
        alert's end before its beginning.

        Args:
            receiver: Name of the receiver.
            longest_s: No item waits longer; one that seems to was planned by another clock.
        """
        asked = {"receiver": receiver, "now": self._now(), "longest": longest_s}
        with self._reading() as connection:
            row = connection.execute(_DUE, asked).fetchone()
        if row is None:
            return None
        seq, event_id, name, content, attempts, first_try = row
        return Item(seq, event_id, name, Notice.from_json(content), attempts, first_try)

    def begin(self, item: Item) -> Item:
        """Count an attempt before it is made; give the item with it."""
        first_try = self._now() if item.first_try is None else item.first_try
        with self._writing() as connection:
            connection.execute(
                "UPDATE items SET attempts = attempts + 1, first_try = ? WHERE seq = ?",
                (first_try, item.seq),
            )
        return Item(
            item.seq, item.event_id, item.receiver, item.notice, item.attempts + 1, first_try
        )

    def postpone(self, item: Item, next_try: float, detail: str) -> None:
        """Plan the next attempt, at a time in seconds since 1970."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE items SET next_try = ?, detail = ? WHERE seq = ?",
                (next_try, detail, item.seq),
            )

    def settle(self, item: Item, status: str, detail: str = "") -> None:
        """Store what became of an item: ``delivered`` or ``failed``; it is not tried again."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE items SET status = ?, detail = ?, content = '' "
                "WHERE seq = ? AND status = 'waiting'",
                (status, detail, item.seq),
            )
        self.wake()

    def forsake(self, known: Sequence[str]) -> int:
        """Settle items of receivers that the settings do not know any more as failed.

        Returns:
            How many.
        """
        with self._writing() as connection:
            return connection.execute(
                "UPDATE items SET status = 'failed', content = '', "
                "detail = 'the receiver is not in the notification settings any more' "
                "WHERE status = 'waiting' AND receiver NOT IN (SELECT value FROM json_each(?))",
                (json.dumps(list(known)),),
            ).rowcount

    def unrecorded(self, after: int = 0) -> Settled | None:
        """Give the oldest settled item, after a place in the queue, that is not recorded yet."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT seq, tenant, event_id, receiver, alert_id, status, attempts, detail "
                "FROM items WHERE status != 'waiting' AND recorded = 0 AND seq > ? "
                "ORDER BY seq LIMIT 1",
                (after,),
            ).fetchone()
        if row is None:
            return None
        seq, tenant, event_id, receiver, alert_id, status, attempts, detail = row
        body = {
            "notification_id": notification_id(event_id, receiver),
            "alert_id": alert_id,
            "event_id": event_id,
            "receiver": receiver,
            "status": status,
            "attempts": attempts,
            "detail": detail,
        }
        return Settled(seq, tenant, body)

    def recorded(self, settled: Settled) -> None:
        """Note that an item is recorded: it is done."""
        with self._writing() as connection:
            connection.execute("UPDATE items SET recorded = 1 WHERE seq = ?", (settled.seq,))

    def unrecordable(self, settled: Settled) -> None:
        """Note that an item can never be recorded: it is done as well."""
        with self._writing() as connection:
            connection.execute("UPDATE items SET recorded = 2 WHERE seq = ?", (settled.seq,))

    def counts(self) -> dict[str, int]:
        """Count items by status."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT status, count(*) FROM items GROUP BY status"))

    def wait(self, seen: int, timeout_s: float) -> None:
        """Wait until :attr:`changes` is not what was seen, or so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != seen, timeout_s)

    def wake(self) -> None:
        """End all waits."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _take(self, notice: Notice) -> None:
        now = self._now()
        # A processor that is behind derives today what is no news any more.
        age_h = (now - min(notice.occurred_at, notice.appended_at) / 1000) / 3600
        status, detail = "waiting", ""
        if age_h > self._settings.delivery.most_age_hours:
            most = self._settings.delivery.most_age_hours
            status, detail = "expired", f"{age_h:.1f} h old when first seen, more than {most:g} h"
        for receiver in self._receivers_of(notice):
            self._connection.execute(
                "INSERT OR IGNORE INTO items "
                "(event_id, receiver, tenant, alert_id, over, content, status, detail, next_try) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(notice.event_id, receiver, notice.tenant, notice.alert_id, notice.over),
                    "" if detail else notice.to_json(),
                    *(status, detail, now),
                ),
            )

    def _receivers_of(self, notice: Notice) -> Sequence[str]:
        routed = self._settings.receivers_of(notice)
        if not notice.over:
            return routed
        told = self._connection.execute(
            "SELECT receiver FROM items WHERE tenant = ? AND alert_id = ? AND NOT over "
            "GROUP BY receiver ORDER BY min(seq)",
            (notice.tenant, notice.alert_id),
        )
        known = self._settings.receivers
        names = [name for (name,) in told if name in known] or routed
        return [name for name in names if known[name].tell_resolved]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as exc:
                raise NotifyError(f"{self.path} cannot be read: {exc}") from exc

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
