"""What the supervisor runs, and what it tells about it: plain values. Starts nothing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


def at_once() -> bool:
    """Say that a part is ready as soon as it runs."""
    return True


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack.

    Attributes:
        name: Short and unique; also the name of its log file.
        argv: Command line.
        env: Variables to add to the supervisor's environment.
        depends_on: Names of parts that must be ready before this one is started.
        ready: Asked a few times a second until true; must answer within about a second, and
            false where it cannot tell.
        ready_timeout_s: A part that is not ready by then is killed and started again.
        stop_timeout_s: How long it may take to stop on SIGTERM before it is killed.
        lock_file: File that the process holds locked while it lives.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    ready: Callable[[], bool] = at_once
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 15.0
    lock_file: Path | None = None


class PartState(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    """Not started yet: a part that it depends on is not ready."""
    STARTING = "starting"
    """It runs and is not ready yet."""
    READY = "ready"
    BACKING_OFF = "backing off"
    """It died and is started again at ``PartStatus.retry_at``."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended.

    Attributes:
        code: Exit code, negative for a signal; None when it could not be started.
        at: When it was seen.
        reason: In words, such as "killed by SIGKILL".
    """

    code: int | None
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PartStatus:
    """What a status screen shows of a part.

    Attributes:
        name: The part's name.
        state: Where it stands.
        pid: Its process, or None.
        since: When it came to this state.
        restarts: How often it was started again after a death.
        last_exit: How it last ended, or None.
        retry_at: When it is started again, or None.
        log: Its log file.
        last_lines: The last lines of its log.
    """

    name: str
    state: PartState
    pid: int | None
    since: datetime
    restarts: int
    last_exit: Exit | None
    retry_at: datetime | None
    log: Path
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole stack at one moment.

    Attributes:
        at: The moment.
        parts: In the order in which they were given.
        stopping: Whether the stack is being stopped.
    """

    at: datetime
    parts: tuple[PartStatus, ...]
    stopping: bool

    @property
    def ready(self) -> bool:
        """Tell whether every part is ready."""
        return all(part.state is PartState.READY for part in self.parts)


def check_parts(parts: Iterable[Part]) -> None:
    """Check that names are unique and that dependencies exist and come first.

    Raises:
        ValueError: They do not, which also rules out circles.
    """
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            raise ValueError(f"parts: {part.name} is given twice")
        unknown = [name for name in part.depends_on if name not in seen]
        if unknown:
            raise ValueError(
                f"part {part.name}: expected the parts that it depends on to be given before it, "
                f"got {', '.join(unknown)}"
            )
        seen.add(part.name)
