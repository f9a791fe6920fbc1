"""Bound what a limited caller's results take of this host's disk before they are sent.

The engine's own ``max_result_bytes`` has no effect on chDB's streams and files.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auditspine.embedded.clickhouse.errors import ClickHouseError

MAX_SPOOLED_BYTES = 1024**3
_INTERVAL_S = 0.1


def too_large() -> ClickHouseError:
    """Give the error for a result that is larger than ``MAX_SPOOLED_BYTES``."""
    return ClickHouseError(
        396,
        f"Limit for a result that is collected before it is sent: {MAX_SPOOLED_BYTES} bytes. "
        "Take a format that streams, such as Native or TSV, without wait_end_of_query.",
    )


@contextmanager
def bounded(path: Path, cancel: Callable[[], None]) -> Iterator[None]:
    """Watch a file while a statement writes it.

    Args:
        path: The file, which need not exist yet.
        cancel: Called again and again, from another thread, once the file is too large.

    Raises:
        ClickHouseError: 396 where it became too large.
    """
    done = threading.Event()
    exceeded = threading.Event()

    def watch() -> None:
        while not done.wait(_INTERVAL_S):
            if path.exists() and path.stat().st_size > MAX_SPOOLED_BYTES:
                exceeded.set()
                cancel()

    thread = threading.Thread(target=watch, name="spool")
    thread.start()
    try:
        yield
    except Exception:
        if not exceeded.is_set():
            raise
    finally:
        done.set()
        thread.join()
    if exceeded.is_set():
        raise too_large()
