"""Carries failures out of Kafka's callbacks into the loop."""

import sys
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from auditspine.sinks.errors import BrokerError

Callback = Callable[[Consumer, list[TopicPartition]], None]


class Failures:
    """Keeps the first failure that a callback reports."""

    def __init__(self) -> None:
        self._first: Exception | None = None

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
        """Raise what was reported."""
        if self._first is not None:
            raise self._first

    def guard(self, callback: Callback) -> Callback:
        """Wrap a rebalance callback, so that nothing that it raises is lost.

        confluent-kafka raises raw ``KafkaError`` objects in callbacks. They are no exceptions:
        ``except BaseException`` misses them and the thread dies silently.
        """

        def guarded(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            try:
                callback(consumer, partitions)
            except:  # noqa: E722 - see above
                self.report(sys.exc_info()[1])

        return guarded
