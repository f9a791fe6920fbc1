"""One endpoint for the sinks' tests; each test has a database of its own."""

import sys
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
