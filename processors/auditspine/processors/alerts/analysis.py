"""What is behind an alert, as far as the log tells: when, what came before, which class. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.causes import as_event_ids
from auditspine.processors.alerts.changes import Preceding
from auditspine.processors.alerts.evidence import Case, change_words, seen_in
from auditspine.processors.alerts.likelihoods import Class, classes
from auditspine.processors.alerts.signs import change_times, features_of, groups_of
from auditspine.processors.projection.fit import as_name, as_sentence, as_token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_LISTED = 10  # changes upstream, in an event
_MOST_NAMES = 200  # features or groups, in an event
_NAMED = 3  # features that a sentence names
_HALF = 2  # an interval that is half as wide is another finding


class Found(NamedTuple):
    """What an analysis found that makes a later one new.

    Attributes:
        investigation: The investigation.
        revision: Number of the analysis.
        likeliest: The likeliest class.
        features: Features that moved.
        groups: Groups that are affected.
        change: The event of the likeliest change upstream; empty for none.
        earliest: When it began at the earliest, microseconds since 1970.
        latest: When at the latest.
    """

    investigation: str
    revision: int
    likeliest: str
    features: tuple[str, ...]
    groups: tuple[str, ...]
    change: str
    earliest: int
    latest: int

    def is_new_after(self, before: "Found") -> bool:
        """Tell whether it says what an earlier one did not."""
        width, former = self.latest - self.earliest, before.latest - before.earliest
        return (
            self.likeliest != before.likeliest
            or self.change != before.change
            or not set(self.features) <= set(before.features)
            or not set(self.groups) <= set(before.groups)
            or self.latest < before.earliest
            or width * _HALF < former
        )

    def encode(self) -> bytes:
        """Give the state's value."""
        return json.dumps(self, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes) -> "Found":
        """Read the state's value."""
        name, revision, likeliest, features, groups, *rest = json.loads(value)
        return cls(name, revision, likeliest, tuple(features), tuple(groups), *rest)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is behind an alert.

    Attributes:
        alert: The alert.
        case: What it rests on.
        times: When it began: at the earliest, most likely, at the latest; microseconds.
        classes: All classes, the likeliest first.
    """

    alert: Alert
    case: Case
    times: tuple[int, int, int]
    classes: tuple[Class, ...]

    @classmethod
    def of(cls, alert: Alert, case: Case, times: tuple[int, int, int]) -> "Analysis":
        """Analyse a case."""
        return cls(alert, case, times, classes(seen_in(case)))

    @property
    def changes(self) -> tuple[Preceding, ...]:
        """Changes upstream that it lists."""
        return tuple(self.case.changes[:_MOST_LISTED])

    def found(self, revision: int) -> Found:
        """Give what makes a later analysis new."""
        return Found(
            self.alert.investigation,
            revision,
            self.classes[0].disposition,
            features_of(self.case.signs)[:_MOST_NAMES],
            groups_of(self.case.signs)[:_MOST_NAMES],
            self.changes[0].change.event_id if self.changes else "",
            self.times[0],
            self.times[2],
        )

    def body(self, revision: int, policy: bytes) -> dict[str, Any]:
        """Give it as ``investigation.analysed`` says it."""
        found = self.found(revision)
        earliest, at, latest = (_moment(each) for each in self.times)
        ids = [each.event_id for each in self.case.signs]
        return {
            "investigation_id": found.investigation,
            "alert_id": self.alert.alert_id,
            "revision": revision,
            "deployment": self.alert.deployment.body(),
            "model": self.alert.model.body(),
            "features": found.features,
            "groups": found.groups,
            "change_earliest": earliest,
            "change_at": at,
            "change_latest": latest,
            "changes": tuple(map(_change_body, self.changes)),
            "likeliest": found.likeliest,
            "classes": tuple(each._asdict() for each in self.classes),
            "signals": as_event_ids(ids or self.alert.signal_ids),
            "policy": policy,
            "detail": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """What was found, in a sentence or two."""
        names = features_of(self.case.signs) or groups_of(self.case.signs)
        more = len(names) - _NAMED
        what = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        what = what or f"What {as_name(self.alert.deployment.name)} does"
        first, last = (_moment(self.times[each]) for each in (0, 2))
        until = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%m-%d %H:%M:%S}"
        likeliest = self.classes[0]
        shortly = [each for each in self.changes if each.is_shortly]
        cause = (
            change_words(shortly[0]) if shortly else "no change upstream is known shortly before"
        )
        return as_sentence(
            f"{what} moved between {first:%m-%d %H:%M:%S} and {until} UTC; {cause}. Likeliest "
            f"{likeliest.disposition} ({likeliest.probability:.0%})"
        )


def times_of(alert: Alert, case_signs: Any) -> tuple[int, int, int]:
    """Give when what an alert is about began; see :func:`~.signs.change_times`.

    The features' signals tell it before those of what follows from them.
    """
    inputs = [each for each in case_signs if each.is_input]
    if inputs or case_signs:
        return change_times(inputs or case_signs)
    return alert.since, alert.since, max(alert.since, alert.raised_at * 1000)


def _change_body(each: Preceding) -> Mapping[str, Any]:
    change = each.change
    return {
        "event_id": change.event_id.lower(),
        "event_type": as_token(change.event_type),
        "appended_at": _moment(change.at),
        "artifact": change.artifact.body(),
        "relation": each.relation,
        "minutes_before": round(each.before / 60_000_000, 3),
    }


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)
