"""When a part may be started again, and where it stands: pure, on a monotonic clock in seconds."""

from dataclasses import dataclass, replace

from auditspine.embedded.parts import Exit, PartState


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a dead part is started again.

    Attributes:
        first_s: Wait after the first death.
        factor: Each further death in a row multiplies the wait by this.
        longest_s: The wait grows no further than this.
        stable_after_s: A part that was ready for so long begins anew with ``first_s``.
    """

    first_s: float = 0.25
    factor: float = 2.0
    longest_s: float = 15.0
    stable_after_s: float = 20.0

    def wait_s(self, failures: int) -> float:
        """Give the wait after so many deaths in a row, at least one."""
        wait = self.first_s
        for _ in range(failures - 1):
            if wait >= self.longest_s:
                break
            wait *= self.factor
        return min(wait, self.longest_s)


@dataclass(frozen=True, slots=True)
class PartProgress:
    """Where a part stands. Each method gives what comes next.

    Attributes:
        state: Where it stands.
        since: When it came to this state.
        starts: How often it was started.
        failures: Deaths in a row, without a stable time between them.
        retry_at: When it may be started again, while it backs off.
        last_exit: How it last ended.
    """

    state: PartState = PartState.WAITING
    since: float = 0.0
    starts: int = 0
    failures: int = 0
    retry_at: float | None = None
    last_exit: Exit | None = None

    @property
    def restarts(self) -> int:
        """Give how often it was started again after a death."""
        return max(0, self.starts - 1)

    def is_due(self, now: float) -> bool:
        """Tell whether it may be started, as far as its own past goes."""
        if self.state is PartState.BACKING_OFF:
            return self.retry_at is None or now >= self.retry_at
        return self.state is PartState.WAITING

    def held_up(self, now: float) -> "PartProgress":
        """It is due, but a part that it depends on is not ready."""
        return replace(self, state=PartState.WAITING, since=now, retry_at=None)

    def started(self, now: float) -> "PartProgress":
        """It was started."""
        return replace(
            self, state=PartState.STARTING, since=now, starts=self.starts + 1, retry_at=None
        )

    def became_ready(self, now: float) -> "PartProgress":
        """It answers."""
        return replace(self, state=PartState.READY, since=now)

    def died(self, now: float, how: Exit, backoff: Backoff) -> "PartProgress":
        """It ended without being asked to."""
        stable = self.state is PartState.READY and now - self.since >= backoff.stable_after_s
        failures = 1 if stable else self.failures + 1
        return replace(
            self,
            state=PartState.BACKING_OFF,
            since=now,
            failures=failures,
            retry_at=now + backoff.wait_s(failures),
            last_exit=how,
        )

    def stopping(self, now: float) -> "PartProgress":
        """It was asked to stop."""
        return replace(self, state=PartState.STOPPING, since=now, retry_at=None)

    def stopped(self, now: float, how: Exit | None) -> "PartProgress":
        """It ended as asked; ``how`` is None when it did not run."""
        return replace(
            self,
            state=PartState.STOPPED,
            since=now,
            retry_at=None,
            last_exit=how or self.last_exit,
        )
