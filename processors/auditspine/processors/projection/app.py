"""The Faust app of a projection: an agent over sealed topics, in the patterns that lose nothing.

Faust loses data by default (FACTS.md, "Faust"): hence a crashing supervisor, manual
acknowledgement after the work is durable, no Tables, and no trust in committed offsets.
The worker resumes where its own state ends; what it commits serves lag metrics only.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import faust
from faust.streams import Stream
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, EventT, StreamT
from faust.types.transports import TransportT
from mode import Service
from mode.supervisors import CrashingSupervisor

from auditspine.ledger.topics import Topics
from auditspine.processors.projection.errors import NotYet, StateError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.kafka_settings import faust_settings
from auditspine.processors.projection.sealed_partition import SealedMessage

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_BATCH = 64  # segments in one step: one write and one commit for all that wait
_AGAIN_S = 0.02  # after which a step that waits for another log is tried again
_SESSION_S = 10.0


@dataclass(frozen=True, slots=True)
class ProjectionConfig:
    """Where a projection reads.

    Attributes:
        topics: Topics of the deployment; the sealed ones must exist.
        bootstrap_servers: Comma-separated ``host:port``.
        kafka: librdkafka properties, see
            :func:`~auditspine.processors.projection.kafka_settings.faust_settings`.
    """

    topics: Topics
    bootstrap_servers: str
    kafka: Mapping[str, str] = field(default_factory=dict)


class ResumingConsumer(Consumer):
    """Seeks to where the app's states end, wherever Faust would seek to committed offsets."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek all assigned partitions to their states' own positions.

        Raises:
            StateError: A sealed topic ends before the position that its state has read to.
        """
        app: ProjectionApp = self.app  # type: ignore[assignment]
        offsets = await app.resume(self.assignment())
        ends = await self.highwaters(*offsets)
        for tp, offset in offsets.items():
            if offset > ends[tp]:
                raise StateError(
                    f"{tp.topic}[{tp.partition}] ends at offset {ends[tp]}, but the state has read "
                    f"to {offset}: the sealed topic lost its tail or was made anew"
                )
        await self.seek_wait(offsets)
        return offsets


class ProjectionApp(faust.App):
    """A Faust app that runs one projection; make it with :func:`make_projection_app`.

    Attributes:
        followers: The assigned partitions' followers.
    """

    parts: Parts
    followers: dict[TP, Follower]

    own_topics: Topics

    def use(self, parts: Parts, topics: Topics) -> None:
        """Take the projection, its ports and its topics; once, before the app starts."""
        self.parts = parts
        self.own_topics = topics
        self.followers = {}
        # One thread: it owns the SQLite connections and leaves the event loop free.
        self._pool = ThreadPoolExecutor(1, f"projection-{parts.projection.name}")

    async def resume(self, assigned: set[TP]) -> dict[TP, int]:
        """Open the states of the assigned partitions anew, and only those.

        Returns:
            Offset at which each goes on.

        Raises:
            StateError: A state cannot be used.
        """
        return await self._in_pool(self._resume, assigned)

    async def step(self, tp: TP, messages: list[SealedMessage]) -> None:
        """Take consecutive messages of one partition; see :meth:`Follower.step`."""
        await self._in_pool(self._step, tp, messages)

    async def release(self) -> None:
        """Close all states, after the step in progress."""
        await self._in_pool(self._resume, set())
        self._pool.shutdown()

    def _resume(self, assigned: set[TP]) -> dict[TP, int]:
        for follower in self.followers.values():
            follower.close()
        self.followers.clear()
        return {tp: self._follower(tp).position.next_offset for tp in sorted(assigned)}

    def _step(self, tp: TP, messages: list[SealedMessage]) -> None:
        self._follower(tp).step(messages)

    def _follower(self, tp: TP) -> Follower:
        follower = self.followers.get(tp)
        if follower is None:
            follower = self.followers[tp] = Follower(self.parts, tp.topic, tp.partition)
        return follower

    async def _in_pool(self, call: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    def _create_directories(self) -> None:
        """Make none: Faust's own would hold its Tables."""

    def _new_transport(self) -> TransportT:
        transport = super()._new_transport()
        transport.Consumer = ResumingConsumer  # type: ignore[misc]
        return transport


class Stepper(Service):
    """Takes what waits in one go, so that a worker that is behind writes fewer, larger blocks."""

    def __init__(self, app: ProjectionApp, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._app = app
        self._waiting: asyncio.Queue[tuple[StreamT[bytes], EventT[bytes]]] = asyncio.Queue(_BATCH)
        self._held: list[tuple[StreamT[bytes], EventT[bytes]]] = []

    async def put(self, stream: StreamT[bytes], event: EventT[bytes]) -> None:
        """Queue an event; wait while too many do."""
        await self._waiting.put((stream, event))

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            batch = [*self._held, *await self._next()]
            self._held = []
            messages: dict[TP, list[SealedMessage]] = {}
            later = set()
            for number, (_, event) in enumerate(batch):
                step = messages.setdefault(event.message.tp, [])
                if len(step) == _BATCH:  # what is held may be much: it is read anew each time
                    later.add(number)
                else:
                    step.append(SealedMessage(event.message.offset, event.message.value))
            waiting = set()
            for tp in sorted(messages, key=self._turn):
                if self.should_stop:  # the states may be closed already
                    return
                try:
                    await self._app.step(tp, messages[tp])
                except NotYet:
                    waiting.add(tp)
            for number, (stream, event) in enumerate(batch):
                if number in later or event.message.tp in waiting:
                    self._held.append((stream, event))
                else:
                    await stream.ack(event)

    async def _next(self) -> list[tuple[StreamT[bytes], EventT[bytes]]]:
        """Give what waits; with something held, nothing after a little while."""
        try:
            batch = [await asyncio.wait_for(self._waiting.get(), _AGAIN_S if self._held else None)]
        except TimeoutError:
            return []
        while not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch

    def _turn(self, tp: TP) -> tuple[int, int]:
        """Give a partition's turn in a step: a stream that others look into comes first."""
        stream = self._app.own_topics.stream(tp.topic)
        return self._app.parts.projection.streams.index(stream), tp.partition

    async def on_stop(self) -> None:
        """Let the step in progress end; what waits is read again by the next worker."""
        await self._app.release()


def make_projection_app(config: ProjectionConfig, parts: Parts) -> ProjectionApp:
    """Make the Faust app of a projection, ready for ``faust.Worker``.

    Args:
        config: Where it reads.
        parts: The projection and its ports.

    Raises:
        SettingsError: A Kafka property cannot be honoured.
    """
    projection = parts.projection
    settings = faust_settings(config.bootstrap_servers, config.kafka)
    if settings.ignored:
        _log.info("not used by Faust: %s", ", ".join(settings.ignored))
    name = f"{config.topics.prefix}{projection.name}-v{projection.logic_version}"
    options: dict[str, Any] = {
        "broker_session_timeout": _SESSION_S,
        "broker_heartbeat_interval": _SESSION_S / 4,
        **settings.options,
    }
    options["broker_request_timeout"] = max(90.0, options["broker_session_timeout"])
    app = ProjectionApp(
        name,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=_BATCH,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        **options,
    )
    app.use(parts, config.topics)
    _add_agent(app, config.topics)
    return app


def _add_agent(app: ProjectionApp, topics: Topics) -> None:
    stepper = Stepper(app)
    app._extra_services.append(stepper)  # type: ignore[arg-type]  # noqa: SLF001 - as app.service
    names = [topics.sealed(stream) for stream in app.parts.projection.streams]
    sealed = app.topic(*names, value_type=bytes, value_serializer="raw")

    async def follow(stream: StreamT[Any]) -> None:
        segments = cast("Stream[bytes]", stream).noack()
        events = cast("AsyncIterable[EventT[Any]]", segments.events())  # declared as a coroutine
        async for event in events:
            await stepper.put(segments, event)

    app.agent(sealed, name="follow", supervisor_strategy=CrashingSupervisor)(follow)
