"""Asks the broker whether topics are the logs that the settings mean."""

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from auditspine.producers import lifetime
from auditspine.producers.errors import BrokerUnreachableError, SetupError, TopicError

PROPAGATION_S = 2.0
"""How long a topic may be missing before it is: a new one reaches the brokers one by one."""

_ASK_AGAIN_S = 0.1
_log = logging.getLogger(__name__)
_REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
)


class TopicCheck:
    """Describes topics without blocking; made only while something is to be checked.

    Args:
        given: The librdkafka properties that the caller chose.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._servers = str(given["bootstrap.servers"])
        self._last_error = ""
        config = {"reconnect.backoff.max.ms": 1000, **given, "error_cb": self._on_error}
        self._admin = AdminClient(config, logger=_log)
        lifetime.keep_in_children(self)

    def ask(self, topics: Iterable[str], timeout: float) -> dict[str, Future[Any]]:
        """Send the question; the futures resolve within ``timeout`` seconds."""
        asked: dict[str, Future[Any]] = self._admin.describe_topics(
            TopicCollection(list(topics)), request_timeout=timeout
        )
        return asked

    def require(self, topics: Mapping[str, int], timeout: float) -> None:
        """Wait until every topic is confirmed.

        Args:
            topics: Names, with the partitions that each should have.
            timeout: Seconds to wait for an answer.

        Raises:
            ProducerError: As :meth:`judge`.
        """
        missing_until = time.monotonic() + min(PROPAGATION_S, timeout)
        for topic, answer in self.ask(topics, timeout).items():
            while True:
                try:
                    self.judge(topic, topics[topic], answer)
                    break
                except TopicError as exc:
                    if exc.got or time.monotonic() > missing_until:
                        raise
                time.sleep(_ASK_AGAIN_S)
                answer = self.ask([topic], timeout)[topic]  # noqa: PLW2901 - the newer answer

    def judge(self, topic: str, partitions: int, answer: Future[Any]) -> str:
        """Compare the answer with what is expected; blocks until it is there.

        Returns:
            The topic's id, which no other log ever has.

        Raises:
            TopicError: The topic is missing or has another number of partitions.
            SetupError: The broker refuses to tell.
            BrokerUnreachableError: No answer in time.
        """
        try:
            found = answer.result()
        except KafkaException as exc:
            error: KafkaError = exc.args[0]
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicError(topic, partitions, 0) from exc
            if error.code() in _REFUSALS:
                raise SetupError(f"topic {topic}: {error.str()}") from exc
            self._admin.poll(0)  # for the reason behind a timeout
            detail = self._last_error or error.str()
            raise BrokerUnreachableError(self._servers, detail) from exc
        if len(found.partitions) != partitions:
            raise TopicError(topic, partitions, len(found.partitions))
        return str(found.topic_id)

    def _on_error(self, error: KafkaError) -> None:
        self._last_error = error.str()
