"""A sender as a process of its own, for tests that kill it. Run as ``python … '<json>'``."""

import json
import os
import signal
import sys
from pathlib import Path

from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.sender import SenderLoop
from auditspine.sinks.notify.settings import load_settings


class Book:
    """Appends to a file what it records; or dies of it."""

    def __init__(self, path: str, *, dies: bool) -> None:
        self._path = path
        self._dies = dies

    def record(self, tenant, body) -> None:
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(self._path, "a") as book:  # noqa: PTH123
            book.write(json.dumps({"tenant": tenant, **body}) + "\n")


def main() -> None:
    given = json.loads(sys.argv[1])
    settings = load_settings(Path(given["settings"]))
    queue = NotificationQueue(Path(given["queue"]), settings)
    loop = SenderLoop(queue, settings, Book(given["book"], dies=given["dies"]))
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    loop.run()


if __name__ == "__main__":
    main()
