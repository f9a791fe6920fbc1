"""Verdicts and flags: what the ledger says of an entry. Pure; numbers are part of the format."""

from enum import IntEnum, IntFlag


class Verdict(IntEnum):
    """Whether an entry counts, in the order in which the checks are made.

    Anything but ``VALID`` is quarantined and drives no projection.
    """

    VALID = 0
    FOREIGN = 1
    """Not one of our messages: no value, or not in the wire format and without signature."""
    BAD_SIGNATURE = 2
    """No signature, one that cannot be parsed, or one that does not cover the value here."""
    UNKNOWN_KEY = 3
    """The key is not in the control log."""
    REVOKED_KEY = 4
    """The control log revoked the key before this entry was judged."""
    WRONG_TENANT = 5
    """The key may not speak for this tenant, or the tenant is not registered."""
    UNDECODABLE = 6
    """The schema id is not in the control log, or the bytes are not that schema's."""
    NOT_PERMITTED = 7
    """The key may not publish this event type, or the type does not belong on this topic."""


class Flag(IntFlag):
    """Remarks beside the verdict; a flag never blocks an event."""

    NONE = 0
    GAP = 1
    """The producer's sequence skipped: events are missing before this one."""
    DUPLICATE = 2
    """The producer's sequence was seen before: the event is repeated or late."""
    CLOCK_SKEW = 4
    """The event's own time is far from the time at which the broker appended it."""
