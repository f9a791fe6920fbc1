"""Carries failures out of Kafka's callbacks into the loop."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from auditspine.processors.ledger.errors import BrokerError

_Arg = TypeVar("_Arg")
_Other = TypeVar("_Other")


class Failures:
    """Keeps the first failure that a callback reports."""

    def __init__(self) -> None:
        self._first: Exception | None = None

    def __bool__(self) -> bool:
        return self._first is not None

    def report(self, failure: object) -> None:
        """Keep a failure; Kafka's errors become a :class:`BrokerError`."""
        if self._first is not None:
            return
        if isinstance(failure, KafkaException):
            failure = failure.args[0]
        if isinstance(failure, Exception):
            self._first = failure
        else:
            text = failure.str() if isinstance(failure, KafkaError) else repr(failure)
            self._first = BrokerError(f"the Kafka client failed: {text}")

    def check(self) -> None:
        """Raise what was reported.

        Raises:
            Exception: The first failure.
        """
        if self._first is not None:
            raise self._first

    def guard(self, callback: Callable[[_Arg, _Other], None]) -> Callable[[_Arg, _Other], None]:
        """Wrap a rebalance callback, so that nothing that it raises is lost.

        confluent-kafka raises raw ``KafkaError`` objects in callbacks. They are no exceptions:
        ``except BaseException`` misses them and the thread dies silently (FACTS.md).
        """

        @wraps(callback)
        def guarded(consumer: _Arg, partitions: _Other) -> None:
            try:
                callback(consumer, partitions)
            except:  # noqa: E722 - see above
                self.report(sys.exc_info()[1])

        return guarded
