"""The errors of the producer SDK, split by what the caller must do.

::

    ProducerError
    ├── EventError           fix the event: as it is, it fails again; nothing was queued
    ├── RetryError           the event is right: try again
    │   ├── BackPressureError        the queue stayed full; this event was not queued
    │   ├── BrokerUnreachableError   no broker answered
    │   ├── DeliveryPendingError     not acknowledged yet; still being delivered
    │   └── DeliveryError            given up, not acknowledged; publish the event again
    ├── ArtifactError        the artifact cannot be digested as it is: do what the message says
    │   └── ArtifactChangedError     it changed meanwhile: again, once nothing writes to it
    ├── ServingBlockedError  this model may not serve: do what its verdict says
    └── SetupError           stop, and have the deployment fixed
        ├── TopicError               a topic is missing or has another number of partitions
        └── ClientClosedError        the client was closed, or belongs to the parent process

Messages name the field or place, what was expected and what was got, never the payload.
"""


class ProducerError(Exception):
    """Base of everything that the producer SDK raises."""


class EventError(ProducerError):
    """The event cannot be published as it is: fix it. Nothing was queued.

    Attributes:
        field: The field at fault, such as ``envelope.occurred_at``.
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field


class RetryError(ProducerError):
    """The event is right and something else was not: try again."""


class BackPressureError(RetryError):
    """The queue stayed full for the whole time allowed; this event was not queued.

    Attributes:
        events: Events waiting to be acknowledged.
        size: Their size, bytes.
    """

    def __init__(self, events: int, size: int, waited_s: float) -> None:
        super().__init__(
            f"the queue stayed full for {waited_s:g} s ({events} events, {size} bytes wait for "
            "the broker); this event was not queued and nothing queued was lost: publish it "
            "again later, or raise max_queue_events, max_queue_bytes or block_s"
        )
        self.events = events
        self.size = size


class BrokerUnreachableError(RetryError):
    """No broker answered in time."""

    def __init__(self, servers: str, detail: str) -> None:
        super().__init__(
            f"no Kafka broker answered at {servers}: {detail}; check that it runs, the address "
            "and the network"
        )


class DeliveryPendingError(RetryError):
    """Events are not acknowledged yet. They stay queued and are still being delivered."""


class DeliveryError(RetryError):
    """An event was not acknowledged and is no longer tried: publish it again.

    It may be in the log all the same; the event's own id tells a repeat from a new event.

    Attributes:
        topic: Topic of the event.
        partition: Partition of the event.
        sequence: The producer's sequence, or None if the event was never signed.
    """

    def __init__(self, topic: str, partition: int, sequence: int | None, detail: str) -> None:
        place = "unsigned" if sequence is None else f"sequence {sequence}"
        super().__init__(f"not delivered to {topic} [{partition}] ({place}): {detail}")
        self.topic = topic
        self.partition = partition
        self.sequence = sequence


class ArtifactError(ProducerError):
    """An artifact cannot be digested as it is: a link, nothing in it, not readable.

    Attributes:
        path: The file or directory at fault.
    """

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"artifact {path}: {detail}")
        self.path = path


class ArtifactChangedError(ArtifactError):
    """An artifact changed while it was digested, so the digest would be of neither state.

    Digest it again once nothing writes to it.
    """


class ServingBlockedError(ProducerError):
    """A model may not serve: answer with the fallback, or not at all.

    Attributes:
        action: ``fallback`` or ``block``.
        state: ``live``, ``fallback``, ``blocked`` or ``unknown``.
        verdict: The guard's whole verdict.
    """

    def __init__(self, action: str, state: str, reason: str, verdict: object) -> None:
        super().__init__(f"the model may not serve ({action}, {state}): {reason}")
        self.action = action
        self.state = state
        self.verdict = verdict


class SetupError(ProducerError):
    """The deployment or the client's settings are wrong: stop, and have it fixed."""


class TopicError(SetupError):
    """A topic is missing or has another number of partitions than the settings say.

    Attributes:
        topic: The topic.
        expected: Partitions that it should have.
        got: Partitions that it has; 0 where it does not exist.
    """

    def __init__(self, topic: str, expected: int, got: int) -> None:
        if got:
            detail = (
                f"expected {expected} partitions, got {got}; a log's partitions are fixed for "
                "its life: set the deployment's number of partitions in Topics"
            )
        else:
            detail = f"does not exist; create it with {expected} partitions: auditspine topics"
        super().__init__(f"topic {topic}: {detail}")
        self.topic = topic
        self.expected = expected
        self.got = got


class ClientClosedError(SetupError):
    """The client was closed, or the handle belongs to the process that was forked."""
