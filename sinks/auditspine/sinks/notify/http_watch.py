"""Watches the HTTP requests of apprise: it says only yes or no, and follows redirects.

Each of its plugins calls ``requests`` by itself and keeps the answer. While a watch is open,
requests of its context follow no redirect, have our timeout, and leave their outcome here. Others
in the process are not touched.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests

from auditspine.sinks.notify.answers import judge, no_answer
from auditspine.sinks.notify.port import Outcome


class Watch:
    """What the requests of one attempt led to.

    Args:
        timeout_s: For connecting, and for each wait for an answer.

    Attributes:
        failures: Outcomes of the requests that failed, in order.
        redirected: The first outcome that was a redirect.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.failures: list[Outcome] = []
        self.redirected: Outcome | None = None

    def answered(self, response: requests.Response) -> None:
        """Note an answer."""
        outcome = judge(response.status_code, response.headers, time.time())
        if not outcome.delivered:
            self.failures.append(outcome)
        if 300 <= response.status_code < 400 and self.redirected is None:
            self.redirected = outcome


_current: ContextVar[Watch | None] = ContextVar("notify_http_watch", default=None)
_send = requests.Session.send


def _watched_send(
    self: requests.Session, request: requests.PreparedRequest, **kwargs: Any
) -> requests.Response:
    watch = _current.get()
    if watch is None:
        return _send(self, request, **kwargs)
    kwargs.update(allow_redirects=False, timeout=(watch.timeout_s, watch.timeout_s))
    try:
        response = _send(self, request, **kwargs)
    except requests.RequestException as exc:
        watch.failures.append(no_answer(exc))
        raise
    watch.answered(response)
    return response


requests.Session.send = _watched_send  # type: ignore[method-assign]


class _NotWhileWatched(logging.Filter):
    """Drops records that would show a receiver's URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return _current.get() is None


logging.getLogger("urllib3.connectionpool").addFilter(_NotWhileWatched())


@contextmanager
def watching(timeout_s: float) -> Iterator[Watch]:
    """Watch the requests of this context, and of threads that run in a copy of it."""
    watch = Watch(timeout_s)
    token = _current.set(watch)
    try:
        yield watch
    finally:
        _current.reset(token)
