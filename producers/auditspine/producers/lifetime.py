"""Clients and their process: nothing queued is lost at exit, nothing is sent twice after a fork.

``atexit`` runs at a normal end, after an uncaught exception and after Ctrl-C. It does not run
on SIGTERM unless the program handles it, for example with
``signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))``, nor on SIGKILL or ``os._exit`` (which
is how ``multiprocessing`` children end: close the client there, or use it as a context manager).
"""

import atexit
import ctypes
import logging
import os
from typing import Protocol

_log = logging.getLogger(__name__)
_open: dict[int, "Client"] = {}


class Client(Protocol):
    """What is tracked."""

    def close(self) -> None:
        """Deliver what is queued and stop."""

    def forget(self) -> object:
        """Drop, in a forked child, what belongs to the parent; give what must not be freed."""


def track(client: Client) -> None:
    """Close the client at exit, and have it forget its session in forked children."""
    _open[id(client)] = client


def untrack(client: Client) -> None:
    """Leave a closed client alone."""
    _open.pop(id(client), None)


def _close_all() -> None:
    for client in list(_open.values()):
        try:
            client.close()
        except Exception:  # noqa: BLE001 - the other clients are still to be closed
            _log.exception("an audit client could not deliver everything before the exit")


def _forget_all() -> None:
    for client in list(_open.values()):
        # librdkafka's threads do not exist in the child: freeing its handles would wait for them
        # for ever, so they are kept for the life of the process.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(client.forget()))


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
