"""Waiting on conditions, as every test does."""

import time
from collections.abc import Callable


def await_true(condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Return once the condition holds; fail naming ``what`` after ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)
