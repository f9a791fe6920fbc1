"""Print the pinned list anew: ``python -m auditspine.embedded.pin_artifacts > FILE``.

FILE is ``kafka_artifacts.txt`` in this folder.
Run by a maintainer when Kafka's version moves; needs a network.
Read the difference before you commit it: from then on these digests are what is trusted.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from auditspine.embedded.artifacts import KAFKA_VERSION, Artifact, format_artifacts, sha256_of

# slf4j-simple may be resolved jointly. log4j-slf4j-impl may not: its managed versions would
# silently turn kafka-clients back to an older release.
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")

HEADER = """\
# The jars of Apache Kafka and its logging: SHA-256, file name, Maven coordinate.
# Regenerate: python -m auditspine.embedded.pin_artifacts > this file
"""


def resolve(repo_cache: Path) -> list[Artifact]:
    """Resolve the roots with all their dependencies and hash what was downloaded.

    Args:
        repo_cache: Where jgo keeps what it downloads.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=repo_cache)
    roots, others = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
    return [_pin(dependency.artifact) for dependency in (*roots, *others)]


def _pin(found: Any) -> Artifact:
    return Artifact(
        group=found.groupId,
        name=found.artifactId,
        version=found.version,
        file=found.filename,
        sha256=sha256_of(Path(found.resolve())),
    )


def main() -> None:
    """Print the list."""
    with tempfile.TemporaryDirectory() as cache:
        sys.stdout.write(HEADER + format_artifacts(resolve(Path(cache))))


if __name__ == "__main__":
    main()
