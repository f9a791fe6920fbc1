"""A few threads for requests to ClickHouse that never hold up the end of the program."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Pool:
    """Runs tasks in daemon threads.

    The standard library's executor joins its threads at exit, and a request to a ClickHouse
    that hangs cannot be cancelled. To abandon one is safe: what it wrote is recognised later.

    Args:
        threads: How many.
        name: Their name.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = threads
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, action: Callable[[], T]) -> "Future[T]":
        """Run an action in one of the threads; its error is the future's."""
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(action())
            except BaseException as exc:  # noqa: BLE001 - whoever asks for the result sees it
                future.set_exception(exc)

        self._tasks.put(task)
        return future

    def close(self) -> None:
        """End the threads after what they are doing; does not wait for them."""
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


Task = Future[Any]
