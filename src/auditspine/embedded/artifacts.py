"""The pinned list of Java artifacts: parse it and check jars against it. Fetches nothing."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from auditspine.embedded.errors import ArtifactError

LIST_NAME = "kafka_artifacts.txt"
KAFKA_VERSION = "4.2.0"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One pinned jar.

    Attributes:
        group: Maven group.
        name: Maven artifact.
        version: Exact version.
        file: File name of the jar.
        sha256: Lower-case hex digest of its content.
    """

    group: str
    name: str
    version: str
    file: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """Give ``group:artifact:version``."""
        return f"{self.group}:{self.name}:{self.version}"


def kafka_artifacts() -> tuple[Artifact, ...]:
    """Give the committed list for Apache Kafka, in class path order."""
    return parse_artifacts(files("auditspine.embedded").joinpath(LIST_NAME).read_text("utf-8"))


def parse_artifacts(text: str) -> tuple[Artifact, ...]:
    """Parse a list: one ``sha256  file  group:artifact:version`` per line, # for comments.

    Raises:
        ArtifactError: A line has another form, or a file is listed twice.
    """
    found: dict[str, Artifact] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        artifact = _parse_line(line, number)
        if artifact.file in found:
            raise ArtifactError(f"artifact list line {number}: {artifact.file} is listed twice")
        found[artifact.file] = artifact
    return tuple(found.values())


def format_artifacts(artifacts: Iterable[Artifact]) -> str:
    """Write a list in the form that ``parse_artifacts`` reads."""
    return "".join(f"{one.sha256}  {one.file}  {one.coordinate}\n" for one in artifacts)


def verify(artifact: Artifact, path: Path) -> None:
    """Check that a jar's content is what was pinned.

    Raises:
        ArtifactError: It is missing, unreadable or different.
    """
    try:
        got = sha256_of(path)
    except OSError as exc:
        raise ArtifactError(f"{path}: cannot be read: {exc.strerror}") from exc
    if got != artifact.sha256:
        raise ArtifactError(
            f"{path}: expected SHA-256 {artifact.sha256} as pinned for {artifact.coordinate}, "
            f"got {got}: the file is damaged or was replaced, and is not used; delete it and try "
            "again"
        )


def sha256_of(path: Path) -> str:
    """Give the lower-case hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parse_line(line: str, number: int) -> Artifact:
    fields = line.split()
    parts = fields[2].split(":") if len(fields) == 3 else []
    if len(parts) != 3 or not _SHA256.fullmatch(fields[0]):
        raise ArtifactError(
            f"artifact list line {number}: expected 'sha256  file  group:artifact:version'"
        )
    if not all(_NAME.fullmatch(text) for text in (fields[1], *parts)):
        raise ArtifactError(
            f"artifact list line {number}: expected plain names, without path separators"
        )
    group, name, version = parts
    return Artifact(group, name, version, file=fields[1], sha256=fields[0])
