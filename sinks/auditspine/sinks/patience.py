"""Waiting for ClickHouse: repeats an action while it is away, and says so in the log."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from auditspine.sinks.errors import SchemaNotStoredError, StoppedError, UnavailableError

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 10.0
T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Patience:
    """Repeats what failed for a passing reason, until it is told to stop.

    Args:
        stopped: Set when nothing may be repeated any more; ends a wait at once.
        deadline_s: Give up after so long; never when ``None``.
    """

    def __init__(self, stopped: threading.Event, deadline_s: float | None = None) -> None:
        self._stopped = stopped
        self._deadline_s = deadline_s

    def run(self, what: str, action: Callable[[], T]) -> T:
        """Run an action until it does not fail for a passing reason.

        Args:
            what: Names it in the log.
            action: Safe to repeat.

        Raises:
            StoppedError: Told to stop while waiting.
            UnavailableError: The deadline passed.
            SinkError: The action failed for good.
        """
        began, wait_s, failures = time.monotonic(), _FIRST_WAIT_S, 0
        while True:
            try:
                result = action()
            except (UnavailableError, SchemaNotStoredError) as exc:
                failures += 1
                waited_s = time.monotonic() - began
                if self._deadline_s is not None and waited_s + wait_s > self._deadline_s:
                    raise
                _log.warning(
                    "waiting", what=what, reason=str(exc), attempt=failures, retry_in_s=wait_s
                )
                if self._stopped.wait(wait_s):
                    raise StoppedError(f"stopped while waiting to {what}") from exc
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                if failures:
                    waited_s = round(time.monotonic() - began, 1)
                    _log.info("going on", what=what, waited_s=waited_s, attempts=failures + 1)
                return result
