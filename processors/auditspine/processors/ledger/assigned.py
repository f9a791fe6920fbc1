"""One assigned log: what waits to be sealed, and how it becomes a segment. No I/O."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.control import ControlState
from auditspine.ledger.judge import Judge, Message, growth_can_change
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Verdict
from auditspine.processors.ledger.config import SealingLimits

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while suspended
_STALE_S = 2.0  # the loop looks every second, unless it was stopped


class Control(Protocol):
    """Port: the sealed control log, as other logs see it."""

    @property
    def state(self) -> ControlState:
        """What it says as far as it was read."""
        ...

    def poll(self) -> None:
        """Take what has arrived, without waiting."""
        ...

    def catch_up(self) -> bool:
        """Read to its current end; tell whether the state grew."""
        ...


@dataclass(slots=True)
class AssignedLog:
    """A log that this worker seals.

    Attributes:
        place: The log.
        judge: Judges its messages.
        head: State after the last sealed entry.
        next_offset: Source offset after the last sealed entry.
        touched_at: When it was assigned, sealed or began to wait; the caller's clock, seconds.
        own_control: For the control log itself: its fold at ``head``; else ``None``.
        pending: Messages that wait to be sealed.
        pending_bytes: Size of their values and signatures.
        in_flight: Whether a segment is not acknowledged yet.
        acknowledged: Source offset after the last acknowledged entry, ``None`` before the first.
        committed: The last committed one of those.
        until_table: Segments before the next one that carries the producer table.
        control_size: Size of the control log that the last segment sealed here rests on.
    """

    place: Place
    judge: Judge
    head: Head
    next_offset: int
    touched_at: float
    own_control: ControlState | None = None
    pending: list[Message] = field(default_factory=list)
    pending_bytes: int = 0
    in_flight: bool = False
    acknowledged: int | None = None
    committed: int | None = None
    until_table: int = 0
    control_size: int = 0

    def add(self, message: Message, now: float) -> None:
        """Let a message wait."""
        if not self.pending:
            self.touched_at = now
        self.pending.append(message)
        self.pending_bytes += len(message.value) + len(message.sig)

    def has_room(self, message: Message, limits: SealingLimits) -> bool:
        """Tell whether a message fits beside those that wait."""
        size = self.pending_bytes + len(message.value) + len(message.sig)
        return not self.pending or (
            len(self.pending) < limits.max_entries and size <= limits.max_bytes
        )

    def is_due(self, now: float, limits: SealingLimits) -> bool:
        """Tell whether a segment must be sealed now, a checkpoint in a quiet interval included."""
        waited = now - self.touched_at
        if not self.pending:
            is_new = self.head.size == 0 and self.until_table == 0
            return is_new or waited >= limits.quiet_s  # the first checkpoint says: it is empty
        return waited >= limits.linger_s or len(self.pending) >= limits.max_entries


@dataclass(slots=True)
class Sealer:
    """Turns what waits in a log into a segment.

    Attributes:
        key: The log's private key.
        control: The control log as other logs see it.
        limits: When segments carry the producer table.
        now_ms: The worker's clock, milliseconds since 1970.
        clock: A monotonic clock, seconds.
        asked_at: When the control log was last looked at, by that clock.
    """

    key: Ed25519PrivateKey
    control: Control
    limits: SealingLimits
    now_ms: Callable[[], int]
    clock: Callable[[], float] = lambda: time.clock_gettime(_CLOCK)
    asked_at: float = float("-inf")

    def seal(self, log: AssignedLog) -> bytes:
        """Judge and seal what waits; none waiting gives a checkpoint over an unchanged size.

        The log is then at its new head: whoever does not deliver the segment must not seal on.

        Returns:
            The segment's bytes.
        """
        judged, control_size = self._judge(log)
        next_offset = judged[-1].offset + 1 if judged else log.next_offset
        table = log.judge.table if log.until_table == 0 else None
        context = SealingContext(control_size, next_offset, self.now_ms(), table)
        segment, log.head = seal(log.place, log.head, judged, context, self.key)
        log.next_offset = next_offset
        log.control_size = control_size
        log.until_table = (log.until_table or self.limits.table_every) - 1
        log.pending, log.pending_bytes = [], 0
        return encode_segment(segment)

    def refresh(self) -> None:
        """Take what the control log says by now.

        Whoever was stopped for a while must not go on by what it said before: then it is read to
        its present end, else only what has arrived.
        """
        now = self.clock()
        if now - self.asked_at > _STALE_S:
            self.control.catch_up()
        else:
            self.control.poll()
        self.asked_at = now

    def owes_checkpoint(self, log: AssignedLog) -> bool:
        """Tell whether a tenant moved since the last segment.

        Whoever moves it waits until every log has sealed by the decision; a checkpoint says so.
        """
        moved = self.control.state.tenancy.position
        return log.own_control is None and not log.in_flight and log.control_size < moved

    def _judge(self, log: AssignedLog) -> tuple[list[Judged], int]:
        if log.own_control is not None:
            first = log.own_control.size
            return [_judge_control(log.judge, m, log.own_control) for m in log.pending], first
        judge, control = log.judge, self.control
        self.refresh()
        admitted = [judge.admit(message) for message in log.pending]
        judged = [judge.rule(each, control.state) for each in admitted]
        # A key sealed before an event was published must be known. One size holds for the whole
        # segment, so growth means that every verdict of it is found again.
        if any(map(growth_can_change, judged)) and control.catch_up():
            judged = [judge.rule(each, control.state) for each in admitted]
        return judged, control.state.size


def _judge_control(judge: Judge, message: Message, state: ControlState) -> Judged:
    """Judge an entry of the control log on those before it, then fold it."""
    judged = judge.rule(judge.admit(message), state)
    valid = judged.verdict is Verdict.VALID
    state.apply(state.size, state.decode(judged.value) if valid else None)
    return judged
