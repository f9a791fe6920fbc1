"""The running stack as other processes see it: who owns a data directory, and how to reach it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from auditspine.embedded import identity, lock
from auditspine.embedded.datadir import DataDir, write_json
from auditspine.embedded.identity import ProcessRecord


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What ``run/up.json`` says.

    Attributes:
        supervisor: The process that owns the data directory.
        started_at: When it took the directory.
        ready: Whether every part has been ready.
        endpoints: Where the parts answer, such as ``kafka`` and ``clickhouse``.
        parts: The processes that run under the supervisor.
    """

    supervisor: ProcessRecord
    started_at: datetime
    ready: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[ProcessRecord, ...] = ()


class StackOwner:
    """The right to run a stack on a data directory; ``own`` gives it."""

    def __init__(self, data_dir: DataDir) -> None:
        self.data_dir = data_dir
        self._stack = RunningStack(identity.current("supervisor"), datetime.now(UTC))

    def publish(
        self,
        *,
        endpoints: Mapping[str, str] | None = None,
        parts: Iterable[ProcessRecord] | None = None,
        ready: bool | None = None,
    ) -> None:
        """Tell other processes; what is left out stays as it was.

        Args:
            endpoints: Where the parts answer.
            parts: The processes that run now.
            ready: Whether every part has been ready.
        """
        known = self._stack
        self._stack = replace(
            known,
            endpoints=known.endpoints if endpoints is None else dict(endpoints),
            parts=known.parts if parts is None else tuple(parts),
            ready=known.ready if ready is None else ready,
        )
        write_json(self.data_dir.stack_file, _to_json(self._stack))


@contextmanager
def own(data_dir: DataDir) -> Iterator[StackOwner]:
    """Take a data directory, and end what a killed supervisor may have left running on it.

    Raises:
        InUseError: Another supervisor runs on it.
    """
    data_dir.create()
    held = lock.acquire(data_dir.lock_file)
    try:
        left = _read(data_dir)
        if left is not None:
            identity.reclaim(left.parts)
        owner = StackOwner(data_dir)
        owner.publish()
        try:
            yield owner
        finally:
            data_dir.stack_file.unlink(missing_ok=True)
    finally:
        lock.release(held)


def find_running(data_dir: DataDir) -> RunningStack | None:
    """Give the stack that runs on a data directory now, or None.

    What a killed supervisor left behind is not taken for a running stack.
    """
    found = _read(data_dir)
    return found if found is not None and identity.is_running(found.supervisor) else None


def _read(data_dir: DataDir) -> RunningStack | None:
    """Read the file; one that is missing or not ours says nothing."""
    try:
        return _from_json(json.loads(data_dir.stack_file.read_text("utf-8")))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _to_json(stack: RunningStack) -> dict[str, Any]:
    return {**asdict(stack), "started_at": stack.started_at.isoformat()}


def _from_json(value: Any) -> RunningStack:
    return RunningStack(
        supervisor=_process(value["supervisor"]),
        started_at=datetime.fromisoformat(value["started_at"]),
        ready=bool(value["ready"]),
        endpoints={str(name): str(where) for name, where in value["endpoints"].items()},
        parts=tuple(_process(item) for item in value["parts"]),
    )


def _process(value: Any) -> ProcessRecord:
    return ProcessRecord(
        name=str(value["name"]),
        pid=int(value["pid"]),
        started_ticks=int(value["started_ticks"]),
        argv=tuple(str(item) for item in value["argv"]),
    )
