"""A tenant's clock: the broker's time, made so that it never goes back. Pure.

Durations are measured on it. When the broker's clock steps back, it stands for that one event and
then goes on from there: timers are neither set back, nor stopped until the old time returns.
Windows that people give by the calendar are held against the broker's time itself.
"""

from typing import NamedTuple

NEVER = 2**62
MINUTE_MS = 60_000


class Clock(NamedTuple):
    """A tenant's clock.

    Attributes:
        at: The broker's time of the last event, milliseconds since 1970.
        skew: Added to the broker's time, milliseconds: how far it ever stepped back.
        due: No timer fires before this time of the clock.
    """

    at: int = 0
    skew: int = 0
    due: int = NEVER

    @property
    def now(self) -> int:
        """The clock's time, milliseconds."""
        return self.at + self.skew

    def advanced(self, at: int) -> "Clock":
        """Give it at an event that the broker took at a time."""
        return Clock(at, self.skew + max(0, self.at - at), self.due)

    def encode(self) -> bytes:
        """Give the state's value."""
        return b"%d %d %d" % self

    @classmethod
    def decode(cls, value: bytes) -> "Clock":
        """Read the state's value."""
        return cls(*map(int, value.split()))
