"""Digests a model's bytes on disk, file or directory, in constant memory.

It refuses what a digest would not stand for: links, which point at other bytes on another machine;
devices, pipes and sockets; a directory without files; and an artifact that changes meanwhile.
Names without files in them (empty directories), modes and owners are not part of a digest.
Does not sign: :mod:`auditspine.ledger.intoto` does.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeAlias

from auditspine.ledger.errors import FormatError
from auditspine.ledger.intoto import MAX_FILES, FileDigest, Manifest, of_directory, of_file
from auditspine.producers.errors import ArtifactChangedError, ArtifactError

_BLOCK = 1_048_576  # bytes read at once

Progress: TypeAlias = Callable[[int, int], object]
"""Called after each block with the bytes digested so far, and in all."""


class _Seen(NamedTuple):
    """What tells two states of a file apart; a change of content sets ``ctime_ns`` at least."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Differences:
    """How the files of an artifact differ from those that were signed; names in order.

    Attributes:
        added: There, and not signed.
        removed: Signed, and not there.
        changed: There with another content.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def digest_artifact(
    path: str | os.PathLike[str],
    name: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Manifest:
    """Digest a file or a directory with everything in it.

    Args:
        path: The artifact.
        name: What to call it; the last part of its path when not given.
        progress: Called after each block.

    Returns:
        Its files and its digest.

    Raises:
        ArtifactError: It is missing, unreadable, a link or no regular file, or holds such; it has
            no file, or too many; a name is not UTF-8.
        ArtifactChangedError: It changed meanwhile.
    """
    root = Path(path)
    before = _listing(root)
    meter = _Meter(sum(seen.size for seen in before.values()), progress)
    digests = {each: _digest(root / each, seen, meter) for each, seen in before.items()}
    if _listing(root) != before:
        raise ArtifactChangedError(_shown(root), "changed while it was digested")
    called = root.resolve().name if name is None else name
    try:
        if "." in digests:
            return of_file(called, digests["."])
        return of_directory(called, (FileDigest(*each) for each in digests.items()))
    except FormatError as exc:
        raise ArtifactError(_shown(root), str(exc)) from exc


def differences(signed: Manifest, found: Manifest) -> Differences:
    """Compare what is there with what was signed."""
    then = {each.name: each.digest for each in signed.files}
    now = {each.name: each.digest for each in found.files}
    return Differences(
        tuple(name for name in now if name not in then),
        tuple(name for name in then if name not in now),
        tuple(name for name in then if name in now and then[name] != now[name]),
    )


@dataclass(slots=True)
class _Meter:
    total: int
    progress: Progress
    done: int = 0

    def step(self, size: int) -> None:
        self.done += size
        self.progress(self.done, self.total)


def _listing(root: Path) -> dict[str, _Seen]:
    """Give the artifact's files by their path in it; ``.`` when it is a file itself."""
    found: dict[str, _Seen] = {}
    try:
        if not stat.S_ISDIR((status := root.lstat()).st_mode):
            return {".": _require_file(root, status)}
        for name, status in _walk(root):
            found[name] = _require_file(root / name, status)
            if len(found) > MAX_FILES:
                raise ArtifactError(
                    _shown(root), f"has more than {MAX_FILES} files; sign an archive of them"
                )
    except OSError as exc:
        _refuse(Path(exc.filename or root), exc)
    if not found:
        raise ArtifactError(_shown(root), "is a directory without files; there is nothing to sign")
    return found


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Give everything in a directory that is not a directory; links are not followed."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                else:
                    yield name, entry.stat(follow_symlinks=False)


def _require_file(path: Path, status: os.stat_result) -> _Seen:
    if stat.S_ISLNK(status.st_mode):
        raise ArtifactError(_shown(path), "is a symbolic link; put the file itself in its place")
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(_shown(path), "is neither a regular file nor a directory; remove it")
    return _seen(status)


def _digest(path: Path, expected: _Seen, meter: _Meter) -> bytes:
    """Digest one file, which must be and stay the one that was listed."""
    digest, block, read = sha256(), memoryview(bytearray(_BLOCK)), 0
    try:
        # NONBLOCK, so that a pipe in the file's place cannot hang the open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            _require_same(path, descriptor, expected)
            while size := stream.readinto(block):
                digest.update(block[:size])
                read += size
                if read > expected.size:
                    break  # it grows: there might be no end of it
                meter.step(size)
            _require_same(path, descriptor, expected)
    except FileNotFoundError as exc:
        raise ArtifactChangedError(_shown(path), "was there, and is gone") from exc
    except OSError as exc:
        _refuse(path, exc)
    if read != expected.size:
        raise ArtifactChangedError(_shown(path), f"expected {expected.size} bytes, got {read}")
    return digest.digest()


def _require_same(path: Path, descriptor: int, expected: _Seen) -> None:
    if _seen(os.fstat(descriptor)) != expected:
        raise ArtifactChangedError(
            _shown(path), "changed while it was digested; try again once nothing writes to it"
        )


def _seen(status: os.stat_result) -> _Seen:
    return _Seen(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _refuse(path: Path, exc: OSError) -> NoReturn:
    raise ArtifactError(_shown(path), f"cannot be read: {exc.strerror}") from exc


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")
