"""Clients and their process: nothing queued is lost at exit, nothing is sent twice after a fork.

``atexit`` runs at a normal end, after an uncaught exception and after Ctrl-C. It does not run
on SIGTERM unless the program handles it, for example with
``signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))``, nor on SIGKILL or ``os._exit`` (which
is how ``multiprocessing`` children end: close the client there, or use it as a context manager).

librdkafka's threads do not exist in a forked child, and freeing a handle there waits for them
for ever or crashes. So the child keeps every handle of the SDK, those of closed clients that
are not collected yet too. Kafka clients that a program makes by itself are its own to close
before it forks.
"""

import atexit
import ctypes
import logging
import os
import weakref
from typing import Protocol

_log = logging.getLogger(__name__)
_open: dict[int, "Client"] = {}
_handles: dict[int, weakref.ref[object]] = {}
_kept: list[list[object]] = []


class Client(Protocol):
    """What is tracked."""

    def close(self) -> None:
        """Deliver what is queued and stop."""

    def forget(self) -> None:
        """Drop, in a forked child, what belongs to the parent."""


def track(client: Client) -> None:
    """Close the client at exit, and have it forget its session in forked children."""
    _open[id(client)] = client


def untrack(client: Client) -> None:
    """Leave a closed client alone."""
    _open.pop(id(client), None)


def keep_in_children(handle: object) -> None:
    """Never free, in a forked child, an object that owns a librdkafka handle."""
    number = id(handle)
    _handles[number] = weakref.ref(handle, lambda _: _handles.pop(number, None))


def _close_all() -> None:
    for client in list(_open.values()):
        try:
            client.close()
        except Exception:  # noqa: BLE001 - the other clients are still to be closed
            _log.exception("an audit client could not deliver everything before the exit")


def _hold() -> None:
    # Before the fork, so that no collection in the child comes first.
    _kept.append([handle() for handle in list(_handles.values())])


def _release() -> None:
    _kept.pop()


def _forget_all() -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_kept.pop()))  # never freed, not even at exit
    for client in list(_open.values()):
        client.forget()


atexit.register(_close_all)
os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_forget_all)
