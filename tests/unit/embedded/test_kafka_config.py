from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.embedded import kafka_config
from auditspine.embedded.java import Java, parse_version
from auditspine.embedded.kafka_config import broker_command, format_command, server_properties


def unescape(value: str) -> str:
    """Undo what java.util.Properties.load undoes."""
    raw = value.encode("ascii").decode("unicode_escape")
    return raw.encode("utf-16", "surrogatepass").decode("utf-16")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_escaped_value_is_ascii_on_one_line_and_reads_back(value):
    escaped = kafka_config._escape(value)
    assert escaped.isascii()
    assert "\n" not in escaped
    assert unescape(escaped) == value


def test_node_listens_on_loopback_only_and_creates_no_topic_by_itself():
    lines = server_properties(Path("/data"), 19092, 19093).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093" in lines
    assert "auto.create.topics.enable=false" in lines
    assert "log.dirs=/data" in lines


def test_heap_is_bounded_and_class_path_is_exactly_the_verified_jars():
    command = broker_command(
        Java(Path("/java"), 25), [Path("/a.jar"), Path("/b.jar")], Path("p"), 64
    )
    assert "-Xmx64m" in command
    assert command[command.index("-cp") + 1] == "/a.jar:/b.jar"


@pytest.mark.parametrize(("version", "given"), [(17, False), (21, False), (23, True), (25, True)])
def test_flag_that_older_java_refuses_is_given_to_newer_java_only(version, given):
    command = broker_command(Java(Path("/java"), version), [], Path("p"), 64)
    assert ("--sun-misc-unsafe-memory-access=allow" in command) is given


def test_cluster_id_that_begins_with_a_dash_stays_one_argument():
    assert "--cluster-id=-x" in format_command(Java(Path("/java"), 25), [], Path("p"), "-x")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "25.0.2" 2026-01-20', 25),
        ('openjdk version "17" 2021-09-14', 17),
        ('java version "1.8.0_392"', 8),
        ("not java", None),
    ],
)
def test_java_version_is_read(text, version):
    assert parse_version(text) == version
