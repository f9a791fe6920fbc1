import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.embedded.artifacts import (
    KAFKA_VERSION,
    Artifact,
    format_artifacts,
    kafka_artifacts,
    parse_artifacts,
    verify,
)
from auditspine.embedded.errors import ArtifactError

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,20}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
artifacts = st.builds(Artifact, names, names, names, names, digests)


@given(st.lists(artifacts, max_size=5, unique_by=lambda one: one.file))
def test_what_is_formatted_parses_to_the_same(pinned):
    assert list(parse_artifacts(format_artifacts(pinned))) == pinned


@given(st.text(max_size=200))
def test_any_text_parses_or_gives_the_error_of_artifacts(text):
    with suppress(ArtifactError):
        parse_artifacts(text)


def test_comments_and_empty_lines_are_skipped():
    assert parse_artifacts("# a comment\n\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "0" * 63 + "  a.jar  g:a:1",
        "0" * 64 + "  a.jar  g:a",
        "0" * 64 + "  a.jar",
        "0" * 64 + "  ../a.jar  g:a:1",
        "0" * 64 + "  a.jar  g/x:a:1",
    ],
)
def test_malformed_line_is_refused_with_its_number(line):
    with pytest.raises(ArtifactError, match="line 2"):
        parse_artifacts("# first\n" + line + "\n")


def test_file_listed_twice_is_refused():
    line = "0" * 64 + "  a.jar  g:a:1\n"
    with pytest.raises(ArtifactError, match=r"a\.jar is listed twice"):
        parse_artifacts(line * 2)


def test_committed_list_pins_one_version_of_kafka_and_a_logger():
    pinned = kafka_artifacts()
    kafka = {one.version for one in pinned if one.group == "org.apache.kafka"}
    assert kafka == {KAFKA_VERSION}
    assert "slf4j-simple" in {one.name for one in pinned}
    assert all(one.file == f"{one.name}-{one.version}.jar" for one in pinned)


def test_content_that_differs_from_the_pin_is_refused(tmp_path):
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"content")
    pinned = Artifact("g", "a", "1", "a.jar", hashlib.sha256(b"content").hexdigest())
    verify(pinned, jar)
    jar.write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"expected SHA-256 .* as pinned for g:a:1, got"):
        verify(pinned, jar)


def test_missing_jar_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read"):
        verify(Artifact("g", "a", "1", "a.jar", "0" * 64), tmp_path / "a.jar")
