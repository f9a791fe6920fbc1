"""When a deployment usually has traffic, and how long it may then be silent. Values. Pure.

Of each of the 168 hours of a week, the last three that were watched are kept: whether there were
reports. An hour is *usual* when there were in most of them. Silence is counted in usual hours
alone, so nights and weekends without traffic count for nothing. The first and the last hour of
three or more usual ones do not count either, since traffic begins and ends a little earlier or
later; an hour or two that stand alone, as of a nightly batch, count once they are over and no
report came.

In the first week no hour is known, and every one counts. Silence is too long once it has lasted as
long as the policy says, and twice as long as the longest silence that is usual: that of the first
week so far, later the median of the last three weeks' longest, so that no single outage makes
itself usual.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditspine.processors.alerts.clock import MINUTE_MS, NEVER

_HOUR_MS = 60 * MINUTE_MS
_WEEK = 168  # hours
_WEEKS = 3  # that are kept
_UNKNOWN = "1" * _WEEK
_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What was learned of a deployment's traffic. Hours are the tenant's clock's, since 1970.

    Attributes:
        began: The hour of the first report; None before it.
        hour: The last hour that is noted.
        hours: A hexadecimal digit for each hour of the week: a 1, and a bit for each of the last
            three, 1 when there were reports.
        longest: The longest counted silence of the last weeks, milliseconds; the current one last.
        is_apart: Whether no traffic was expected for a time since the last report.
    """

    began: int | None = None
    hour: int = 0
    hours: str = _UNKNOWN
    longest: tuple[int, ...] = (0,)
    is_apart: bool = False

    def reported(self, last: int | None, now: int) -> "Rhythm":
        """Give it after a report.

        After three weeks without one, it begins anew.

        Args:
            last: Clock of the report before; None for none.
            now: The clock.
        """
        hour = now // _HOUR_MS
        if self.began is None or last is None or hour - self.hour > _WEEKS * _WEEK:
            return Rhythm(hour, hour, _noted(_UNKNOWN, hour, 1))
        rhythm = self._in_week_of(hour)
        if not self.is_apart and (self._week(hour) == 0 or self._is_known(last)):
            longest = max(rhythm.longest[-1], self._silence(last, now))
            rhythm = replace(rhythm, longest=(*rhythm.longest[:-1], longest))
        hours = self.hours
        if hour > self.hour:
            first = hour if self.is_apart else self.hour + 1
            for each in range(first, hour):
                hours = _noted(hours, each, 0)
            hours = _noted(hours, hour, 1)
        return replace(rhythm, hour=hour, hours=hours, is_apart=False)

    @classmethod
    def decode(cls, fields: Mapping[str, Any]) -> "Rhythm":
        """Read it from JSON."""
        return cls(**{**fields, "longest": tuple(fields.get("longest", (0,)))})

    def apart(self) -> "Rhythm":
        """Give it when no traffic is expected: nothing is learned of the time until a report."""
        return replace(self, is_apart=True)

    def due(self, last: int, least: int) -> int:
        """Give the clock at which silence since the last report is too long.

        Args:
            last: Clock of the last report, or since when traffic is expected.
            least: Milliseconds that it lasts at least.
        """
        left = max(least, _FACTOR * self._usual_silence())
        for start, end, is_whole in self._counted(last):
            if left <= end - start:
                return end if is_whole else start + left
            left -= end - start
        return NEVER

    def _week(self, hour: int) -> int:
        return (hour - (self.began or 0)) // _WEEK

    def _is_known(self, last: int) -> bool:
        return self.began is not None and self._week(last // _HOUR_MS) > 0

    def _in_week_of(self, hour: int) -> "Rhythm":
        """Give it in the week of an hour; what the first week counted is not kept."""
        before, now = self._week(self.hour), self._week(hour)
        if before == now:
            return self
        kept = self.longest if before else ()
        return replace(self, longest=(*kept, 0)[-_WEEKS - 1 :])

    def _usual_silence(self) -> int:
        *whole, current = self.longest
        return sorted(whole)[(len(whole) - 1) // 2] if whole else current

    def _silence(self, last: int, now: int) -> int:
        """Give how long it was silent, in what counts."""
        total = 0
        for start, end, is_whole in self._counted(last):
            if start >= now:
                break
            total += end - start if end <= now else 0 if is_whole else now - start
        return total

    def _counted(self, last: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the times that count since a report, and whether each counts only as a whole."""
        if not self._is_known(last):
            yield last, NEVER, False
            return
        usual = [_is_usual(int(each, 16)) for each in self.hours]
        first = last // _HOUR_MS
        for hour in range(first, first + (_WEEKS + 1) * _WEEK):
            two, one, here, next_one, next_two = (
                usual[(hour + step) % _WEEK] for step in (-2, -1, 0, 1, 2)
            )
            if here and one and next_one:
                yield max(last, hour * _HOUR_MS), (hour + 1) * _HOUR_MS, False
            elif here and hour > first and not (one and two) and not (next_one and next_two):
                yield hour * _HOUR_MS, (hour + 1) * _HOUR_MS, True


def _is_usual(digit: int) -> bool:
    """Tell whether most of the bits behind the leading one are set."""
    seen = digit.bit_length() - 1
    return 2 * (digit.bit_count() - 1) > seen


def _noted(hours: str, hour: int, bit: int) -> str:
    """Give the hours of a week with a bit more for one; only the last three are kept."""
    slot = hour % _WEEK
    digit = int(hours[slot], 16) << 1 | bit
    if digit >> _WEEKS > 1:
        digit = digit & (1 << _WEEKS) - 1 | 1 << _WEEKS
    return f"{hours[:slot]}{digit:x}{hours[slot + 1 :]}"
