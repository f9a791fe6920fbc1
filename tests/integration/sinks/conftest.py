"""One endpoint for the sinks' tests; each test has a database of its own."""

import sys
import uuid
from pathlib import Path

import pytest

from auditspine.embedded.clickhouse.process import ClickHouseProcess

sys.path.insert(0, str(Path(__file__).parent))
from sink_world import SinkWorld


@pytest.fixture(scope="session")
def sink_clickhouse(tmp_path_factory):
    with ClickHouseProcess(tmp_path_factory.mktemp("sinks") / "ch") as process:
        yield process


@pytest.fixture
def world(kafka, topic_prefix, sink_clickhouse):
    made = SinkWorld(kafka.bootstrap_servers, topic_prefix, sink_clickhouse)
    made.create_topics()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_world(kafka, sink_clickhouse):
    """A world that the tests of a module share, without topics, for others to be copied from."""
    prefix = f"m{uuid.uuid4().hex[:8]}."
    made = SinkWorld(kafka.bootstrap_servers, prefix, sink_clickhouse)
    yield made
    made.close()
