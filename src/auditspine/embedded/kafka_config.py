"""Configuration of the embedded broker: server properties and the JVM's command line. Pure."""

from collections.abc import Sequence
from pathlib import Path

from auditspine.embedded.java import Java
from auditspine.embedded.ports import LOOPBACK

MAX_MESSAGE_BYTES = 8 * 1024 * 1024

_UNSAFE_MEMORY_FLAG_SINCE = 23  # JEP 471

_QUIET_LOGGERS = (
    "org.apache.kafka.common.config.AbstractConfig",
    "org.apache.kafka.common.utils.AppInfoParser",
    "state.change.logger",
)


def server_properties(log_dirs: Path, broker_port: int, controller_port: int) -> str:
    """Give ``server.properties`` of one KRaft node that listens on loopback only.

    Args:
        log_dirs: Where topics are kept.
        broker_port: Port for clients.
        controller_port: Port for the controller, which is the same process.
    """
    values: dict[str, str | int | Path] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": (
            f"PLAINTEXT://{LOOPBACK}:{broker_port},CONTROLLER://{LOOPBACK}:{controller_port}"
        ),
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker_port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": log_dirs,
        "auto.create.topics.enable": "false",
        **_ONE_NODE,
        **_QUICK_RESTART,
        **_SMALL,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
    }
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in values.items())


_ONE_NODE: dict[str, str | int | Path] = {
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
}

# After a kill the controller waits for the old session to end before it takes the broker back:
# 12 s by default, 5 s with these.
_QUICK_RESTART: dict[str, str | int | Path] = {
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 400,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
}

_SMALL: dict[str, str | int | Path] = {
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "log.segment.bytes": 64 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
}


def broker_command(
    java: Java, class_path: Sequence[Path], properties: Path, heap_mb: int
) -> list[str]:
    """Give the command line of the broker.

    Args:
        java: Runtime to use.
        class_path: Verified jars, and nothing beside them.
        properties: The file of ``server_properties``.
        heap_mb: Upper bound of the heap, MiB.
    """
    unsafe = ["--sun-misc-unsafe-memory-access=allow"]
    return [
        str(java.path),
        f"-Xmx{heap_mb}m",
        "-Xms64m",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        *_logging(),
        *(unsafe if java.version >= _UNSAFE_MEMORY_FLAG_SINCE else []),
        "-cp",
        ":".join(map(str, class_path)),
        "kafka.Kafka",
        str(properties),
    ]


def format_command(
    java: Java, class_path: Sequence[Path], properties: Path, cluster_id: str
) -> list[str]:
    """Give the command line that formats new storage, and leaves formatted storage as it is."""
    return [
        str(java.path),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        ":".join(map(str, class_path)),
        "kafka.tools.StorageTool",
        "format",
        "--ignore-formatted",
        f"--cluster-id={cluster_id}",  # with =, for an id may begin with a dash
        "-c",
        str(properties),
    ]


def _logging() -> list[str]:
    prefix = "-Dorg.slf4j.simpleLogger."
    return [
        f"{prefix}showDateTime=true",
        f"{prefix}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        f"{prefix}showThreadName=false",
        f"{prefix}showShortLogName=true",
        *(f"{prefix}log.{name}=warn" for name in _QUIET_LOGGERS),
    ]


def _escape(value: str) -> str:
    r"""Escape a value for a Java properties file, which is Latin-1 with \uXXXX for the rest.

    Source: java.util.Properties.load.
    """
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)
