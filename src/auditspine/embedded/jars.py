"""Obtain the pinned jars from the cache, a folder, or by jgo, and verify each before use."""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from auditspine.embedded.artifacts import KAFKA_VERSION, Artifact, kafka_artifacts, verify
from auditspine.embedded.errors import ArtifactError

WAYS_ON = """Ways on:
  - name an artifact mirror that is reachable (a Maven repository's URL);
  - name a folder that holds the jars listed in auditspine/embedded/kafka_artifacts.txt;
  - start Kafka in a container: docker compose up;
  - use a Kafka that runs already: --bootstrap-servers HOST:PORT"""

_PARALLEL_DOWNLOADS = 4
_TIMEOUT_S = 20

Progress = Callable[[str], None]
"""Told in a few words what is being done now."""


def silent(_: str) -> None:
    """Tell nobody about progress."""


@dataclass(frozen=True, slots=True)
class JarSource:
    """Where the jars come from.

    Attributes:
        mirror: URL of a Maven repository to ask instead of jgo's default.
        folder: Folder that holds all jars: used in place, and nothing is downloaded.
        cache: Where downloaded jars are kept; None for the user's cache directory.
    """

    mirror: str | None = None
    folder: Path | None = None
    cache: Path | None = None


def user_cache() -> Path:
    """Give the user's cache directory, ``$XDG_CACHE_HOME/auditspine`` or ``~/.cache/auditspine``.

    Source: XDG Base Directory Specification (a relative value is ignored).
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return base / "auditspine"


def kafka_class_path(source: JarSource, progress: Progress = silent) -> tuple[Path, ...]:
    """Give the verified jars that Apache Kafka needs, downloading those that are not there.

    Once all are cached this touches no network.

    Raises:
        ArtifactError: A jar cannot be had, or its content is not what was pinned.
    """
    artifacts = kafka_artifacts()
    if source.folder is not None:
        return _from_folder(source.folder, artifacts)
    kept = (source.cache or user_cache()) / f"kafka-{KAFKA_VERSION}"
    missing = [one for one in artifacts if not (kept / one.file).exists()]
    if missing:
        _download(missing, kept, source.mirror, progress)
    for one in artifacts:
        verify(one, kept / one.file)
    return tuple(kept / one.file for one in artifacts)


def _from_folder(folder: Path, artifacts: tuple[Artifact, ...]) -> tuple[Path, ...]:
    missing = [one.file for one in artifacts if not (folder / one.file).is_file()]
    if missing:
        raise ArtifactError(
            f"folder of jars {folder}: expected {len(artifacts)} jars, {len(missing)} are not "
            f"there: {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}\n{WAYS_ON}"
        )
    for one in artifacts:
        verify(one, folder / one.file)
    return tuple((folder / one.file).absolute() for one in artifacts)


def _download(missing: list[Artifact], kept: Path, mirror: str | None, progress: Progress) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="incoming-", dir=kept) as incoming,
        ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool,
    ):
        jobs = [pool.submit(_fetch, one, Path(incoming), kept, mirror) for one in missing]
        try:
            for done, job in enumerate(jobs, start=1):
                progress(f"downloading Apache Kafka {KAFKA_VERSION}: {done} of {len(jobs)} jars")
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(artifact: Artifact, incoming: Path, kept: Path, mirror: str | None) -> None:
    """Download one jar beside the cache, verify it, and only then move it in (atomic)."""
    # jgo is imported here, so that a warm start does not pay for it.
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(
        repo_cache=incoming,
        remote_repos=None if mirror is None else {"mirror": mirror.rstrip("/")},
        timeout=_TIMEOUT_S,
    )
    project = context.project(artifact.group, artifact.name)
    try:
        path = Path(project.at_version(artifact.version).artifact().resolve())
    except Exception as exc:  # jgo and requests raise many kinds, RuntimeError among them
        raise ArtifactError(
            f"{artifact.coordinate} could not be downloaded from {_describe(mirror)} "
            f"({type(exc).__name__})\n{WAYS_ON}"
        ) from exc
    verify(artifact, path)
    path.replace(kept / artifact.file)


def _describe(mirror: str | None) -> str:
    """Name where jars come from, without credentials that its URL may hold."""
    if mirror is None:
        return "the default repository"
    parts = urlsplit(mirror)
    return f"the mirror {parts.scheme}://{parts.hostname or ''}{parts.path}"
