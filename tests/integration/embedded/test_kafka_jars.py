import http.server
import shutil
import threading
from functools import partial

import pytest

from auditspine.embedded.artifacts import kafka_artifacts
from auditspine.embedded.errors import ArtifactError
from auditspine.embedded.jars import JarSource, kafka_class_path
from auditspine.embedded.kafka import KafkaNode, KafkaSettings

NOWHERE = "http://127.0.0.1:1/repository"


@pytest.fixture(scope="module")
def jars():
    """Give the verified jars of the user's cache, filled when this is the first run."""
    return kafka_class_path(JarSource())


@pytest.fixture
def folder(tmp_path, jars):
    """Give a folder with links to all jars."""
    folder = tmp_path / "jars"
    folder.mkdir()
    for jar in jars:
        (folder / jar.name).symlink_to(jar)
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Send every request to a port where nobody listens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirror(tmp_path, jars):
    """Serve the jars on loopback in the layout of a Maven repository."""
    root = tmp_path / "repository"
    for pinned, jar in zip(kafka_artifacts(), jars, strict=True):
        home = root.joinpath(*pinned.group.split("."), pinned.name, pinned.version)
        home.mkdir(parents=True)
        (home / pinned.file).symlink_to(jar)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_broker_starts_without_a_network_once_the_jars_are_cached(
    tmp_path, jars, no_network, monkeypatch
):
    cache = tmp_path / "cache" / "auditspine"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    with pytest.raises(ArtifactError, match="could not be downloaded from the default repository"):
        kafka_class_path(JarSource())
    for jar in jars:
        shutil.copy(jar, cache / jar.parent.name)
    settings = KafkaSettings(heap_mb=256)
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", settings).running() as node:
        assert node.is_ready()


def test_broker_starts_from_a_folder_of_jars(tmp_path, folder, no_network):
    source = JarSource(folder=folder, cache=tmp_path / "cache")
    settings = KafkaSettings(heap_mb=256, jars=source)
    with KafkaNode(tmp_path / "kafka", tmp_path / "kafka.log", settings).running() as node:
        assert node.is_ready()
    assert not (tmp_path / "cache").exists()


def test_folder_with_a_replaced_jar_is_refused(folder):
    replaced = folder / kafka_artifacts()[3].file
    replaced.unlink()
    replaced.write_bytes(b"not a jar")
    with pytest.raises(ArtifactError, match=f"{replaced.name}: expected SHA-256"):
        kafka_class_path(JarSource(folder=folder))


def test_folder_that_lacks_a_jar_is_refused_with_its_name(folder):
    missing = kafka_artifacts()[3].file
    (folder / missing).unlink()
    with pytest.raises(ArtifactError, match=f"1 are not there: {missing}"):
        kafka_class_path(JarSource(folder=folder))


def test_unreachable_mirror_names_the_ways_on_and_hides_its_credentials(tmp_path):
    with_secret = NOWHERE.replace("http://", "http://user:hidden@")
    with pytest.raises(ArtifactError) as caught:
        kafka_class_path(JarSource(mirror=with_secret, cache=tmp_path))
    message = str(caught.value)
    for way in ("mirror", "folder", "docker compose up", "--bootstrap-servers"):
        assert way in message
    assert "http://127.0.0.1:1/repository" in message.replace("127.0.0.1/", "127.0.0.1:1/")
    assert "hidden" not in message


def test_mirror_fills_the_cache_once(tmp_path, mirror):
    root, url = mirror
    cache = tmp_path / "cache"
    told: list[str] = []
    first = kafka_class_path(JarSource(mirror=url, cache=cache), told.append)
    assert len(told) == len(first) == len(kafka_artifacts())
    shutil.rmtree(root)
    assert kafka_class_path(JarSource(mirror=url, cache=cache)) == first
    assert {path.name for path in first[0].parent.iterdir()} == {path.name for path in first}


def test_mirror_that_serves_another_content_is_refused_and_nothing_of_it_is_kept(tmp_path, mirror):
    root, url = mirror
    pinned = kafka_artifacts()[0]
    served = next(root.rglob(pinned.file))
    served.unlink()
    served.write_bytes(b"not a jar")
    with pytest.raises(ArtifactError, match=f"as pinned for {pinned.coordinate}"):
        kafka_class_path(JarSource(mirror=url, cache=tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob(pinned.file))
