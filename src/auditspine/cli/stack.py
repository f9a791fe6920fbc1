"""The embedded stack: its parts, their order, and what must be done before the workers start."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from auditspine.cli.errors import BrokerUnreachableError, CliError
from auditspine.cli.genesis import prepare, prepare_clickhouse
from auditspine.cli.policies import check_files
from auditspine.cli.settings import Settings
from auditspine.embedded.clickhouse.process import ClickHouseProcess, is_ready
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.errors import PortTakenError, StartError
from auditspine.embedded.jars import JarSource
from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.embedded.parts import Part
from auditspine.embedded.ports import is_free
from auditspine.embedded.stack import own
from auditspine.embedded.supervisor import Supervisor
from auditspine.ledger.spaces import SHARED, Space
from auditspine.producers.errors import RetryError
from auditspine.sinks.errors import UnavailableError
from auditspine.sinks.migrate import TABLES, VIEWS

_ATTEMPTS = 5
_PAUSE_S = 1.0
_PASSING = (KafkaException, BrokerUnreachableError, RetryError, UnavailableError)
WORKERS = (
    *("ledger-1", "ledger-2", "access-1", "lineage-1", "drift-1", "alerts-1", "release-1"),
    "sink-1",
)
NOTIFIER = "notify-1"
"""Runs where the settings say who is told."""
PARTS = ("kafka", "clickhouse", *WORKERS)


class Preparation:
    """Does what ``auditspine init`` does, once, as soon as Kafka and ClickHouse answer.

    Args:
        work: What to do; runs in a thread of its own.
        on_failure: Called there when it failed for good.
    """

    def __init__(self, work: Callable[[], None], on_failure: Callable[[], None]) -> None:
        self._work = work
        self._on_failure = on_failure
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self.failure: Exception | None = None

    def is_done(self) -> bool:
        """Begin when it has not begun; tell whether it is done. Never waits."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)
            self._thread.start()
        return self._done.is_set()

    def _run(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._work()
            except Exception as exc:  # noqa: BLE001 - raised again by who runs the stack
                if isinstance(exc, _PASSING) and attempt < _ATTEMPTS:
                    time.sleep(_PAUSE_S)  # a broker that has just started settles its leaders
                    continue
                self.failure = exc
                self._on_failure()
            else:
                self._done.set()
            return


@dataclass(frozen=True, slots=True)
class Stack:
    """The embedded stack, described.

    Attributes:
        parts: What the supervisor runs.
        endpoints: Where Kafka and ClickHouse answer.
    """

    parts: list[Part]
    endpoints: dict[str, str]


def describe_stack(
    settings: Settings,
    data: DataDir,
    prepared: Callable[[], bool],
    progress: Callable[[str], None],
) -> Stack:
    """Describe the parts; fetches Kafka's jars and prepares its directory.

    Args:
        settings: Ports, jars, Java.
        data: The data directory, owned by the caller.
        prepared: Whether topics, keys and tables are there; asked until it says so.
        progress: Told what takes time.

    Raises:
        EmbeddedError: Kafka's jars, a Java or a port cannot be had.
    """
    jars = JarSource(mirror=settings.artifact_mirror, folder=settings.jars_dir)
    node = KafkaNode(
        data.kafka,
        data.log_file("kafka"),
        KafkaSettings(port=settings.kafka_port, java=settings.java, jars=jars),
        progress,
    )
    kafka = node.part()
    port = settings.clickhouse_port
    if port is not None and not is_free(port):
        raise PortTakenError("clickhouse port", port)
    clickhouse = ClickHouseProcess(
        data.clickhouse,
        port or 0,
        [f"{space.database}.{name}" for space in settings.routing for name in (*TABLES, *VIEWS)],
    )
    endpoints = {"kafka": node.bootstrap_servers, "clickhouse": clickhouse.url}
    door = Part(
        name="clickhouse",
        argv=clickhouse.argv,
        depends_on=("kafka",),
        ready=lambda: is_ready(clickhouse.url) and prepared(),
        ready_timeout_s=180.0,
    )
    names = WORKERS if settings.notifications is None else (*WORKERS, NOTIFIER)
    workers = [_worker(name, data.root) for name in names]
    for space in settings.routing:
        workers += _space_workers(space, data.root, told=settings.notifications is not None)
    return Stack([kafka, door, *workers], endpoints)


def prepare_all(settings: Settings, endpoints: dict[str, str]) -> None:
    """Make topics, keys, the control log's beginning, tables and views.

    Raises:
        CliError: Topics or the trust file are not what they should be.
        SinkError: ClickHouse refuses.
    """
    prepare(settings, {**settings.kafka, "bootstrap.servers": endpoints["kafka"]})
    prepare_clickhouse(settings)


def _space_workers(space: Space, root: Path, *, told: bool) -> list[Part]:
    """Give what works in a space of its own: one worker for all processors, and one sink."""
    if space.is_shared:
        return []
    notify = ("notify",) if told else ()
    processors = ("worker", "ledger", "access", "lineage", "drift", "alerts", "release", *notify)
    return [
        _part(f"worker-{space.name}", ("--space", space.name, *processors), root),
        _part(f"sink-{space.name}", ("--space", space.name, "sink"), root),
    ]


def _worker(name: str, root: Path) -> Part:
    kind = name.partition("-")[0]
    return _part(name, ("sink",) if kind == "sink" else ("worker", kind), root)


def _part(name: str, command: tuple[str, ...], root: Path) -> Part:
    return Part(
        name=name,
        argv=(
            *(sys.executable, "-P", "-m", "auditspine.cli", *command),
            *("--instance", name, "--data-dir", str(root)),
        ),
        depends_on=("kafka", "clickhouse"),
    )


@contextmanager
def supervised(
    settings: Settings, progress: Callable[[str], None] = lambda _what: None
) -> Iterator[Supervisor]:
    """Own the data directory and give a supervisor over the whole stack, not yet started.

    Args:
        settings: The settings; none may name another Kafka or ClickHouse.
        progress: Told what takes time.

    Raises:
        CliError: The settings name another Kafka or ClickHouse, or a policy that cannot be used.
        EmbeddedError: The directory is in use, or something needed cannot be had.
        Exception: What the preparation failed of, at the end of the block.
    """
    if settings.bootstrap_servers is not None or settings.clickhouse_url is not None:
        raise CliError(
            "the embedded stack brings its own Kafka and ClickHouse: unset "
            "AUDITSPINE_BOOTSTRAP_SERVERS and AUDITSPINE_CLICKHOUSE_URL, or run "
            "`auditspine worker` and `auditspine sink` on yours"
        )
    if settings.space not in (None, SHARED):
        raise CliError("the stack runs every space: unset AUDITSPINE_SPACE, without --space")
    check_files(settings)
    data = DataDir(settings.data_dir.absolute())
    with own(data) as owner:
        preparation = Preparation(
            lambda: prepare_all(settings, stack.endpoints),
            lambda: supervisor.stop(),  # noqa: PLW0108 - it does not exist yet
        )
        stack = describe_stack(settings, data, preparation.is_done, progress)
        owner.publish(endpoints=stack.endpoints)
        supervisor = Supervisor(
            stack.parts,
            data.logs,
            on_processes=lambda processes: owner.publish(parts=processes),
            on_ready=lambda: owner.publish(ready=True),
        )
        try:
            yield supervisor
        except StartError:
            if preparation.failure is None:
                raise
        if preparation.failure is not None:
            raise preparation.failure
