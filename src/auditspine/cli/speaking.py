"""Puts together the processors that publish what they derive: drift, alerts, release, notify.

Beside its app each has what it needs from elsewhere: a speaker with its key, look-ups into other
logs, the serving topic, the queue of notifications.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import faust
from mode import Service
from mode.types.services import ServiceT

from auditspine.cli.composing import history, make_app, make_parts
from auditspine.cli.connections import clickhouse_store, kafka_properties, trusted_log_keys
from auditspine.cli.control import ControlTopic, Said, read_control
from auditspine.cli.errors import CliError
from auditspine.cli.following import Following, JoinedLogs
from auditspine.cli.policies import DRIFT, drift_policy, published_otherwise
from auditspine.cli.settings import Settings
from auditspine.cli.speaker import ClockLoop, ProcessorSpeaker
from auditspine.ledger.control import EVERY_TENANT
from auditspine.ledger.keyfile import read_key
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.drift.fold import DriftProjection
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.predictions import PredictionFiles, ReadLogs
from auditspine.processors.drift.profiles import ProfileIndex, SealedProfiles
from auditspine.processors.hosting import BlockingLoop, LoopService
from auditspine.processors.notify.fold import NotifyProjection
from auditspine.processors.projection.app import ProjectionApp
from auditspine.processors.projection.findings import Source
from auditspine.processors.projection.port import Projection
from auditspine.processors.projection.sealed_index import SealedIndex
from auditspine.processors.projection.source_ends import SourceEnds
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.processors.release.grants import GrantIndex, SealedGrants
from auditspine.processors.release.policies import SealedPolicies
from auditspine.producers.errors import EventError
from auditspine.sinks.alive import AliveLoop
from auditspine.sinks.notify.port import UnrecordableError
from auditspine.sinks.notify.queue import NotificationQueue
from auditspine.sinks.notify.sender import SenderLoop
from auditspine.sinks.notify.settings import load_settings
from auditspine.sinks.projections import ProjectionWriter
from auditspine.sinks.releases import ReleaseStates, release_topic
from auditspine.sinks.serving import ServingStates, serving_topic

_DELIVERY_S = 120.0
_LOG = logging.getLogger(__name__)
Made = tuple[faust.App, list[ServiceT]]


def make_speaking(
    name: str, settings: Settings, kafka: dict[str, str], instance: str | None
) -> Made:
    """Make a processor of :data:`~auditspine.cli.control.SPEAKERS`, and what runs beside it.

    Raises:
        CliError: Something that it needs is not named or not there.
        KeyFileError: Its key cannot be used.
    """
    makers: Mapping[str, Callable[[Settings, dict[str, str], str | None], Made]] = {
        "drift": _drift,
        "alerts": _alerts,
        "notify": _notify,
        "release": _release,
    }
    return makers[name](settings, kafka, instance)


def _drift_policy(settings: Settings, kafka: dict[str, str]) -> DriftPolicy:
    """Give the drift policy in use; warn when another was published."""
    policy = drift_policy(settings)
    try:
        known = read_control({"log_level": "0", **kafka}, settings.topics)
    except CliError:  # the worker waits for the broker; this does not
        return policy
    if warning := published_otherwise(policy, known.policies.get((DRIFT, EVERY_TENANT))):
        _LOG.warning(warning)
    return policy


@contextmanager
def drift_to_check(settings: Settings) -> Iterator[DriftProjection]:
    """Give the drift projection with files of its own, to fold the logs anew.

    Raises:
        CliError: There is no Kafka, or no trust file.
    """
    kafka = {"log_level": "0", **kafka_properties(settings)}
    with tempfile.TemporaryDirectory(prefix="auditspine-drift-") as folder:
        again = settings.model_copy(update={"state_dir": Path(folder)})
        index = make_parts(ProfileIndex(), again, kafka)
        profiles = SealedProfiles(SealedIndex(index, settings.topics, kafka))
        policy = drift_policy(settings)
        predictions = PredictionFiles(Path(folder), ReadLogs(), policy.monitors.outcome_days)
        try:
            yield DriftProjection(profiles, predictions, policy)
        finally:
            profiles.close()
            predictions.close()


def _drift(settings: Settings, kafka: dict[str, str], instance: str | None) -> Made:
    policy = _drift_policy(settings, kafka)
    quiet = {"log_level": "0", **kafka}
    index = make_parts(ProfileIndex(), settings, kafka)
    profiles = SealedProfiles(SealedIndex(index, settings.topics, quiet))
    logs = JoinedLogs(
        *(_following(lambda: app, settings, kafka, each) for each in ("inference", "outcomes"))
    )
    predictions = PredictionFiles(
        settings.state_path / settings.named_for_space(f"drift-v{DriftProjection.logic_version}"),
        logs,
        policy.monitors.outcome_days,
    )
    projection = DriftProjection(profiles, predictions, policy)
    speaker = _speaker(projection, settings, kafka, instance)
    app = make_app(projection, settings, kafka, instance, speaker=speaker)

    def close() -> None:
        speaker.close()
        profiles.close()
        predictions.close()
        logs.close()

    return app, [Closing(close)]


def _alerts(settings: Settings, kafka: dict[str, str], instance: str | None) -> Made:
    projection = AlertsProjection(_drift_policy(settings, kafka))
    speaker = _speaker(projection, settings, kafka, instance)
    key = read_key(settings.processor_key_path(projection.name))
    topic = serving_topic({"log_level": "0", **kafka}, settings.topics, key)
    store = ServingStates(ProjectionWriter(clickhouse_store(settings)), topic)
    app = make_app(projection, settings, kafka, instance, store=store, speaker=speaker)
    lifecycle = _following(lambda: app, settings, kafka, "lifecycle")
    alive = AliveLoop(topic, lifecycle.followed)
    control = ControlTopic(kafka, settings.topics)

    def tenants() -> list[str]:
        own = {tp.partition for tp in list(app.followers)}
        here = tenants_in_space(settings, control.read())
        return [each for each in here if crc32(each.encode()) % settings.partitions in own]

    def close() -> None:
        speaker.close()
        topic.close()
        lifecycle.close()
        control.close()

    return app, [
        _loop(lambda: alive, "alive"),
        _loop(lambda: ClockLoop(speaker, tenants), "clock"),
        Closing(close),
    ]


def _release(settings: Settings, kafka: dict[str, str], instance: str | None) -> Made:
    with_looks = release_looks(settings, kafka)
    projection = with_looks.projection
    speaker = _speaker(projection, settings, kafka, instance)
    key = read_key(settings.processor_key_path(projection.name))
    topic = release_topic({"log_level": "0", **kafka}, settings.topics, key)
    store = ReleaseStates(ProjectionWriter(clickhouse_store(settings)), topic)
    app = make_app(projection, settings, kafka, instance, store=store, speaker=speaker)
    lifecycle = _following(lambda: app, settings, kafka, "lifecycle")
    alive = AliveLoop(topic, lifecycle.followed)

    def close() -> None:
        speaker.close()
        topic.close()
        lifecycle.close()
        with_looks.close()

    return app, [_loop(lambda: alive, "alive"), Closing(close)]


@dataclass(frozen=True, slots=True)
class ReleaseLooks:
    """The release projection with its looks into other logs.

    Attributes:
        projection: The fold.
        close: Gives up the connections.
    """

    projection: ReleaseProjection
    close: Callable[[], None]


def release_looks(settings: Settings, kafka: dict[str, str]) -> ReleaseLooks:
    """Give the release projection with its looks into the access log and the control log.

    Raises:
        CliError: There is no trust file.
    """
    quiet = {"log_level": "0", **kafka}
    index = make_parts(GrantIndex(), settings, kafka)
    access = SealedIndex(index, settings.topics, quiet, gives_up=False)
    grants = SealedGrants(access, settings.partitions)
    keys = trusted_log_keys(settings.trust_path)
    policies = SealedPolicies(history(settings, quiet, keys))

    def close() -> None:
        grants.close()
        policies.close()

    return ReleaseLooks(ReleaseProjection(policies, grants), close)


@contextmanager
def release_to_check(settings: Settings) -> Iterator[ReleaseProjection]:
    """Give the release projection with states of its own, to fold the logs anew.

    Raises:
        CliError: There is no Kafka, or no trust file.
    """
    kafka = {"log_level": "0", **kafka_properties(settings)}
    with tempfile.TemporaryDirectory(prefix="auditspine-release-") as folder:
        again = settings.model_copy(update={"state_dir": Path(folder)})
        looks = release_looks(again, kafka)
        try:
            yield looks.projection
        finally:
            looks.close()


def tenants_in_space(settings: Settings, said: Said) -> list[str]:
    """Give the tenants whose events, of the space's own domain, count in the space now."""
    shared = settings.routing.shared.topic_prefix
    here, domain = settings.topics.prefix, settings.own_domain
    return [each for each in said.tenants if said.place_of(each, domain, shared) == here]


def _notify(settings: Settings, kafka: dict[str, str], instance: str | None) -> Made:
    projection = NotifyProjection()
    path = settings.notifications
    if path is None:
        raise CliError(
            "nobody can be told: name a file of receivers in AUDITSPINE_NOTIFICATIONS "
            "(docs/alerts.md)"
        )
    told = load_settings(path)
    queue = NotificationQueue(
        settings.state_path / f"{settings.named_for_space('notify-queue')}.sqlite3", told
    )
    speaker = _speaker(projection, settings, kafka, instance)
    app = make_app(projection, settings, kafka, instance, store=queue)
    sender = SenderLoop(queue, told, Recorder(speaker))

    def close() -> None:
        speaker.close()
        queue.close()

    return app, [_loop(lambda: sender, "sender"), Closing(close)]


class Recorder:
    """Publishes ``notification.delivered``; see :class:`~auditspine.sinks.notify.port.Recorder`.

    Args:
        speaker: The notify processor's.
    """

    def __init__(self, speaker: ProcessorSpeaker) -> None:
        self._speaker = speaker

    def record(self, tenant: str, body: Mapping[str, Any]) -> None:
        """Publish what became of a notification; return when the broker has it.

        A repeat has the same event id: a UUID version 7 of the time of what was told.

        Raises:
            UnrecordableError: The contract refuses it.
            ProducerError: It may not have been published.
        """
        told, key = UUID(body["event_id"]).int >> 80, str(body["notification_id"])
        rest = int.from_bytes(sha256(key.encode()).digest()[:10], "big")
        bits = told << 80 | rest & ~(0xF << 76) | 0x7 << 76
        event_id = str(UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))
        try:
            said = self._speaker.publish(tenant, ("notification.delivered", event_id), body)
        except EventError as exc:
            raise UnrecordableError(str(exc)) from exc
        said.result(_DELIVERY_S)


class Closing(Service):
    """Gives up, at the worker's end, what was made beside an app.

    Args:
        close: Does it.
    """

    def __init__(self, close: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._close = close

    async def on_shutdown(self) -> None:
        """Give it up after everything has stopped."""
        self._close()


def _speaker(
    projection: Projection, settings: Settings, kafka: dict[str, str], instance: str | None
) -> ProcessorSpeaker:
    return ProcessorSpeaker(
        kafka,
        settings.topics,
        settings.own_domain,
        Source(projection.name, projection.logic_version),
        read_key(settings.processor_key_path(projection.name)),
        settings.state_path / "speakers",
        instance,
    )


def _following(
    app: Callable[[], ProjectionApp], settings: Settings, kafka: dict[str, str], stream: str
) -> Following:
    topic = settings.topics.source(stream)
    return Following(lambda: dict(app().followers), SourceEnds(kafka, topic), topic)


def _loop(make: Callable[[], BlockingLoop], name: str) -> LoopService:
    return LoopService(make, name)
