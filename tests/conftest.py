"""Fixtures for every test: one real broker for the session, started when first asked for."""

import itertools
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditspine.embedded.kafka import KafkaNode, KafkaSettings

# Brokers of tests live for seconds: compiling them well costs more than it gives.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

_COUNT = itertools.count(1)
_SESSION = secrets.token_hex(3)


@dataclass(frozen=True)
class Broker:
    """The session's broker.

    Attributes:
        bootstrap_servers: Its address.
        node: The node itself; a test that kills or stops it starts one of its own instead.
    """

    bootstrap_servers: str
    node: KafkaNode


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Give a running Kafka, shared by all tests: keep to topics under ``topic_prefix``."""
    home: Path = tmp_path_factory.mktemp("broker")
    settings = KafkaSettings(heap_mb=512)
    with KafkaNode(home / "kafka", home / "kafka.log", settings).running() as node:
        yield Broker(node.bootstrap_servers, node)


@pytest.fixture
def topic_prefix() -> str:
    """Give a prefix for topics, groups and clients that no other test has."""
    return f"t{_SESSION}{next(_COUNT)}."
