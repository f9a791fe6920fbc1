"""The client that services publish audit events with.

::

    with AuditClient("kafka:9092", tenant="acme", producer="trainer", key="trainer.pem",
                     domain="credit", environment="production") as client:
        event = ModelRegistered(envelope=client.envelope("schedule", "nightly retraining"), ...)
        client.publish(event).result()

It signs, orders and delivers; it does not decide what the ledger will think of an event.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.keyfile import read_key
from auditspine.ledger.topics import STREAMS, Topics
from auditspine.producers import lifetime
from auditspine.producers.delivery import Delivery
from auditspine.producers.envelopes import defaults
from auditspine.producers.errors import ClientClosedError, ProducerError
from auditspine.producers.heartbeat import REASON, TRIGGER, heartbeat
from auditspine.producers.housekeeper import Housekeeper
from auditspine.producers.prepare import encode_event, partition_key, require_publishable
from auditspine.producers.session import Session, SessionPlan
from auditspine.producers.settings import ProducerSettings, connection
from auditspine.producers.signing import Identity
from auditspine.producers.topic_check import TopicCheck
from auditspine.schemas.codec import encode as encode_offline
from auditspine.schemas.models import Envelope, Event

_log = logging.getLogger(__name__)
PLATFORM_TENANT = "-"


class AuditClient:
    """Publishes signed events of one workload for one tenant.

    Thread-safe. After a fork the child gets a session of its own at its first event; what the
    parent queued stays the parent's. Close it, or use it as a context manager; a normal exit of
    the interpreter closes it too (:mod:`auditspine.producers.lifetime` says which exits do not).

    Args:
        kafka: Bootstrap servers, or any librdkafka properties with ``bootstrap.servers``.
        tenant: Tenant of every event; ``-`` for the platform's control events.
        producer: The workload's name, under which its key is registered.
        key: Its Ed25519 key file (PKCS8 PEM, mode 0600), or the key itself.
        domain: Business domain of every envelope that :meth:`envelope` makes.
        environment: Its environment.
        topics: Names and partitions of the deployment's topics.
        settings: Batches, bounds and times.
        shared: ``actor``, ``workload`` and ``classification`` of those envelopes.
        state: Where to remember how far an epoch got; beside the key file when not given.
        encode: Gives an event's Kafka value; pass one whose schema ids a registry gave.

    Raises:
        KeyFileError: The key file cannot be used; the message says what to do.
        SetupError: A setting is wrong.
    """

    def __init__(  # noqa: PLR0913 - the one place where a service configures everything
        self,
        kafka: str | Mapping[str, Any],
        *,
        tenant: str,
        producer: str,
        key: str | os.PathLike[str] | Ed25519PrivateKey,
        domain: str,
        environment: str,
        topics: Topics | None = None,
        settings: ProducerSettings | None = None,
        shared: Mapping[str, Any] | None = None,
        state: str | os.PathLike[str] | None = None,
        encode: Callable[[Event], bytes] = encode_offline,
    ) -> None:
        self.tenant = tenant
        self.producer = producer
        self._defaults = defaults(producer, tenant, domain, environment, shared or {})
        if not isinstance(key, Ed25519PrivateKey):
            path, key = Path(key), read_key(key)
            state = state or path.with_name(path.name + ".state")
        self._plan = SessionPlan(
            identity=Identity(key, tenant, producer),
            topics=topics or Topics(),
            connection=connection(kafka),
            settings=settings or ProducerSettings(),
            state=None if state is None else Path(state),
        )
        self._encode = encode
        self._starting = threading.Lock()
        self._session: Session | None = None
        self._housekeeper: Housekeeper | None = None
        self._closed = False
        lifetime.track(self)

    def envelope(self, trigger: str, reason: str, **fields: Any) -> Envelope:
        """Make an envelope with this client's defaults.

        Args:
            trigger: What set the action off, such as ``schedule``, ``request`` or ``incident``.
            reason: Why, in words that a reviewer understands.
            **fields: Any other field of the envelope, such as ``actor``, ``correlation`` or
                ``occurred_at``; and ``justification``, the authority that it rests on.

        Raises:
            EventError: A field is not what the schema says.
        """
        return self._defaults.envelope(trigger, reason, fields)

    def publish(
        self,
        event: Event,
        *,
        key: str | None = None,
        on_delivery: Callable[[Delivery], object] | None = None,
    ) -> Delivery:
        """Queue one event and give its handle at once.

        Args:
            event: The event. Its tenant and workload must be this client's.
            key: What places it among the partitions, if not what its stream prescribes.
            on_delivery: Called with the handle once it is acknowledged or given up, on
                whichever thread serves the client; it must be quick and must not wait.

        Returns:
            The handle.

        Raises:
            EventError: The event cannot be published as it is; nothing was queued.
            BackPressureError: The queue stayed full for ``block_s`` seconds; not queued.
            SetupError: Its topic is wrong, or the client is closed.
        """
        return self._publish(event, key, on_delivery, self._plan.settings.block_s)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything published so far is acknowledged or given up.

        Args:
            timeout: Seconds; None waits as long as delivery is tried.

        Raises:
            DeliveryPendingError: Not all of it within ``timeout``; nothing is lost.
        """
        if self._session is not None:
            self._session.flush(timeout)

    def check(self, *streams: str, timeout: float = 5.0) -> None:
        """Ask the broker, now, whether topics are there as expected.

        Args:
            *streams: Streams; all that this client's tenant may use when none is given.
            timeout: Seconds to wait for an answer.

        Raises:
            BrokerUnreachableError: No broker answered in time.
            SetupError: A topic is missing or has another number of partitions, or the broker
                refuses to tell.
        """
        topics = self._plan.topics
        usual = [s for s in STREAMS if (s == "control") == (self.tenant == PLATFORM_TENANT)]
        asked = {topics.source(s): topics.partition_count(s) for s in streams or usual}
        TopicCheck(self._plan.connection).require(asked, timeout)

    def close(self, timeout: float = 30.0) -> None:
        """Deliver what is queued, publish a last heartbeat, and stop. Repeating it is harmless.

        Args:
            timeout: Seconds for delivery.

        Raises:
            DeliveryPendingError: Events were not acknowledged in time and are lost with this
                client, unless they are in the log already.
        """
        with self._starting:
            session, housekeeper = self._session, self._housekeeper
            self._closed = True
            self._session = self._housekeeper = None
        lifetime.untrack(self)
        if session is None or housekeeper is None:
            return
        try:
            session.flush(timeout)
            self._beat(session)
            session.shut()
            session.flush(timeout)
        finally:
            session.shut()
            session.save()
            housekeeper.stop()
            session.abandon()
            session.outbound.close()

    def forget(self) -> None:
        """Drop the session, in a forked child; the SDK calls it."""
        self._session = self._housekeeper = None
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _publish(
        self,
        event: Event,
        key: str | None,
        callback: Callable[[Delivery], object] | None,
        block_s: float,
    ) -> Delivery:
        require_publishable(event, self.tenant, self.producer)
        value = encode_event(event, self._encode)
        placed = partition_key(event) if key is None else key.encode()
        session = self._session or self._start()
        if session.outbound.fatal:
            session = self._renew(session)
        return session.take(event.stream, value, placed, callback, block_s)

    def _start(self) -> Session:
        with self._starting:
            if self._closed:
                raise ClientClosedError("the client is closed; make a new one")
            if self._session is None:
                session = Session(self._plan)
                self._housekeeper = Housekeeper(session, lambda: self._beat(session))
                self._housekeeper.start()
                self._session = session
            return self._session

    def _renew(self, failed: Session) -> Session:
        """Begin a new epoch: librdkafka said that the old producer delivers nothing more."""
        with self._starting:
            if self._session is failed:
                failed.shut()  # its housekeeper settles what is left, and ends
                failed.save()
                self._session = self._housekeeper = None
        return self._start()

    def _beat(self, session: Session) -> None:
        """Publish how far the session got; never waits, and its failure stops nothing."""
        if not self._plan.settings.heartbeat_s or self.tenant == PLATFORM_TENANT:
            return
        try:
            event = heartbeat(session, self.envelope(TRIGGER, REASON))
            if event is not None:
                value = encode_event(event, self._encode)
                session.take(event.stream, value, partition_key(event), None, 0.0)
        except ProducerError as exc:
            _log.warning("no heartbeat: %s", exc)
