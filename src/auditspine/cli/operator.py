"""Opens the operator's client for commands that say something in the control log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.control import Operator
from auditspine.cli.sealed_watch import Sealed, SealedWatch
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import read_key
from auditspine.producers.delivery import Delivery


@contextmanager
def speaking(settings: Settings) -> Iterator[Operator]:
    """Give the operator for the length of a block.

    Raises:
        KeyFileError: The operator's key cannot be used.
        ProducerError: What was said is not delivered.
    """
    path = settings.operator_key_path
    operator = Operator(
        kafka_properties(settings),
        settings.topics,
        read_key(path),
        path.with_name(path.name + ".state"),
    )
    try:
        yield operator
    finally:
        operator.close()


def watch_control(settings: Settings) -> SealedWatch:
    """Watch what of the control log gets sealed; make it before anything is said."""
    topics = {settings.topics.sealed("control"): 1}
    return SealedWatch(kafka_properties(settings), topics, trusted_log_keys(settings.trust_path))


def await_sealed(watch: SealedWatch, said: Sequence[Delivery], timeout_s: float) -> list[Sealed]:
    """Wait until what was said is sealed, so that it counts for what is published next.

    Raises:
        NotSealedError: It is not, in time.
    """
    places = [delivery.result(timeout_s) for delivery in said]
    return watch.wait([(at.topic, at.partition, at.offset) for at in places], timeout_s)
