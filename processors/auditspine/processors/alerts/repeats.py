"""Tells a repeat from what is new: which events of one monitor were taken. Values. Pure.

A worker that was killed publishes its last step again, and one that lost its state all that it ever
derived, under the same event ids. Ids of the latest events are kept, so that such an event is known
by its id. Of events whose ids are forgotten, the latest time and the last position of evidence are
kept, each for itself, and a repeat of one lies behind neither.

No event can make later ones repeats, whatever it claims. A position in its evidence is no proof of
anything; the time in its id counts no later than when the broker took it, which only goes on; and
both must speak against an event that is not known.
"""

import json
from typing import NamedTuple
from uuid import UUID

_MOST_RECENT = 64
_TIME_SHIFT = 80  # a UUID's first 48 bits are milliseconds since 1970 (RFC 9562 §5.7)


class Mark(NamedTuple):
    """One event.

    Attributes:
        at: When it was caused, by its id, but no later than taken by the broker; milliseconds.
        last: Position of the last entry of its evidence.
        event_id: Its id.
    """

    at: int
    last: int
    event_id: str

    @classmethod
    def of(cls, event_id: str, last: int, appended_at: int) -> "Mark":
        """Give an event's mark.

        Args:
            event_id: Its id.
            last: Position of the last entry of its evidence.
            appended_at: When the broker took it, milliseconds since 1970.
        """
        return cls(min(UUID(event_id).int >> _TIME_SHIFT, appended_at), last, event_id)


class Taken(NamedTuple):
    """The events of one monitor that were taken.

    Attributes:
        recent: The latest, by time.
        at: Latest time of those that are forgotten; -1 for none.
        last: Last position of their evidence.
    """

    recent: tuple[Mark, ...] = ()
    at: int = -1
    last: int = -1

    def has(self, mark: Mark) -> bool:
        """Tell whether an event was taken before."""
        if any(each.event_id == mark.event_id for each in self.recent):
            return True
        return mark.at <= self.at and mark.last <= self.last

    def taking(self, mark: Mark) -> "Taken":
        """Give it after one more event."""
        recent = sorted((*self.recent, mark))
        forgotten, recent = recent[:-_MOST_RECENT], recent[-_MOST_RECENT:]
        at = max([self.at, *(each.at for each in forgotten)])
        last = max([self.last, *(each.last for each in forgotten)])
        return Taken(tuple(recent), at, last)

    def encode(self) -> bytes:
        """Give the state's value."""
        return json.dumps(self, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes) -> "Taken":
        """Read the state's value."""
        recent, at, last = json.loads(value)
        return cls(tuple(Mark(*each) for each in recent), at, last)
