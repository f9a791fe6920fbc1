"""Digests of files and directories, and what is refused; real files throughout."""

import os
import socket
import threading
import time
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from auditspine.ledger.intoto import MAX_FILES, FileDigest, of_directory, of_file
from auditspine.producers.artifact import Differences, differences, digest_artifact
from auditspine.producers.errors import ArtifactChangedError, ArtifactError, ProducerError

MIB = 1_048_576


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    for name in ("config.json", "weights/a.bin", "weights/deep/b.bin", ".hidden", "empty"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"" if name == "empty" else name.encode() * 10)
    (root / "nothing").mkdir()
    return root


def expected(root: Path) -> list[FileDigest]:
    return [
        FileDigest(str(path.relative_to(root)), sha256(path.read_bytes()).digest())
        for path in root.rglob("*")
        if path.is_file()
    ]


def test_a_file_is_digested_as_sha256sum_does(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(os.urandom(3 * MIB + 17))
    assert digest_artifact(path) == of_file("w.bin", sha256(path.read_bytes()).digest())


def test_a_directory_is_digested_with_everything_in_it(model: Path) -> None:
    found = digest_artifact(model)
    assert found == of_directory("model", expected(model))
    assert len(found.files) == 5


def test_name_and_place_do_not_change_the_digest(model: Path) -> None:
    before = digest_artifact(model)
    moved = model.rename(model.with_name("elsewhere"))
    after = digest_artifact(moved, "other")
    assert (after.digest, after.files) == (before.digest, before.files)
    assert (before.name, after.name) == ("model", "other")


def test_a_path_that_ends_in_dots_is_called_what_it_is(model: Path) -> None:
    assert digest_artifact(model / "weights" / "..").name == "model"


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    for name, size in (("a", 2 * MIB + 1), ("b", 5), ("c", 0)):
        (tmp_path / name).write_bytes(bytes(size))
    seen: list[tuple[int, int]] = []
    digest_artifact(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert seen[-1] == (2 * MIB + 6, 2 * MIB + 6)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(64 * MIB)
    tracemalloc.start()
    try:
        digest_artifact(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("target", ["config.json", "weights", "/etc/passwd", "missing"])
def test_links_are_refused_wherever_they_point(model: Path, target: str) -> None:
    link = model / "weights" / "link"
    link.symlink_to(model / target)
    with pytest.raises(ArtifactError, match="is a symbolic link") as caught:
        digest_artifact(model)
    assert caught.value.path == str(link)


def test_an_artifact_that_is_a_link_is_refused(model: Path) -> None:
    link = model.with_name("latest")
    link.symlink_to(model)
    with pytest.raises(ArtifactError, match="latest: is a symbolic link"):
        digest_artifact(link)


def test_pipes_sockets_and_devices_are_refused(model: Path) -> None:
    os.mkfifo(model / "pipe")
    with pytest.raises(ArtifactError, match="pipe: is neither a regular file"):
        digest_artifact(model)
    (model / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(model / "sock"))
        with pytest.raises(ArtifactError, match="sock: is neither a regular file"):
            digest_artifact(model)
    with pytest.raises(ArtifactError, match="/dev/null: is neither a regular file"):
        digest_artifact("/dev/null")


def test_a_directory_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="without files"):
        digest_artifact(tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no: cannot be read: No such file"):
        digest_artifact(tmp_path / "no")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", ["config.json", "weights/deep"])
def test_what_cannot_be_read_is_refused(model: Path, name: str) -> None:
    (model / name).chmod(0)
    try:
        with pytest.raises(ArtifactError, match="cannot be read: Permission denied"):
            digest_artifact(model)
    finally:
        (model / name).chmod(0o700)


def test_a_name_that_is_not_utf8_is_refused(model: Path) -> None:
    Path(os.fsdecode(os.fsencode(model) + b"/\xff")).write_bytes(b"x")
    with pytest.raises(ArtifactError, match="names of files") as caught:
        digest_artifact(model)
    str(caught.value).encode()


def test_too_many_files_are_refused_before_any_is_read(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / str(number)).touch()
    seen: list[int] = []
    with pytest.raises(ArtifactError, match="more than 2000 files"):
        digest_artifact(tmp_path, progress=lambda done, _total: seen.append(done))
    assert seen == []


def overwrite(path: Path) -> None:
    """Change one byte and put the time of the last change back."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(5)
        stream.write(b"\xff")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


def truncate(path: Path) -> None:
    os.truncate(path, 10)


CHANGES = [overwrite, append, replace, truncate, Path.unlink]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", ["first", "last"])
def test_an_artifact_that_changes_between_two_reads_is_refused(
    tmp_path: Path, change, which: str
) -> None:
    """The file that is being read, or one that was read long before."""
    root = tmp_path / "model"
    root.mkdir()
    for name in ("a", "b"):
        (root / name).write_bytes(bytes(3 * MIB))
    time.sleep(0.02)  # more than a tick of the file system's clock since they were made
    done_at = {"first": MIB, "last": 6 * MIB}[which]

    def meddle(done: int, _total: int) -> None:
        if done == done_at:
            change(root / "a")

    with pytest.raises(ArtifactError) as caught:
        digest_artifact(root, progress=meddle)
    assert isinstance(caught.value, ArtifactChangedError)
    assert isinstance(caught.value, ProducerError)


def test_a_file_that_appears_meanwhile_is_noticed(model: Path) -> None:
    with pytest.raises(ArtifactChangedError):
        digest_artifact(model, progress=lambda _d, _t: (model / "late").touch())


def test_a_file_that_changes_is_refused_when_it_is_the_artifact(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(bytes(2 * MIB))
    time.sleep(0.02)
    with pytest.raises(ArtifactChangedError):
        digest_artifact(path, progress=lambda done, _t: done == MIB and overwrite(path))


def test_a_file_that_another_thread_writes_to_is_refused(tmp_path: Path) -> None:
    """The writer never stops, so digesting must not follow it to an end that never comes."""
    path = tmp_path / "log.bin"
    path.write_bytes(bytes(8 * MIB))
    stop, writing = threading.Event(), threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as stream:
            while not stop.is_set() and stream.tell() < 512 * MIB:
                stream.write(bytes(MIB))
                writing.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert writing.wait(10)
        with pytest.raises(ArtifactChangedError):
            digest_artifact(path)
    finally:
        stop.set()
        thread.join()


def test_what_changed_is_told_by_file(model: Path) -> None:
    signed = digest_artifact(model)
    assert not differences(signed, digest_artifact(model, "other"))
    (model / "config.json").write_text("{}")
    (model / "empty").unlink()
    (model / "weights" / "new.bin").touch()
    found = differences(signed, digest_artifact(model))
    assert found == Differences(("weights/new.bin",), ("empty",), ("config.json",))
    assert found


def test_files_that_swap_names_are_told_although_the_digest_may_stay(tmp_path: Path) -> None:
    """A directory's digest is of contents in order; the signature also covers the names."""
    (tmp_path / "a").write_bytes(b"x")
    signed = digest_artifact(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = digest_artifact(tmp_path)
    assert renamed.digest == signed.digest
    assert differences(signed, renamed) == Differences(("b",), ("a",), ())
