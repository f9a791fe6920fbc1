"""How a model treated groups of people in a period: the body of ``bias.assessed``. Pure.

Sums are collected as rows come; their order within the period changes nothing. What a gap means,
and whether it is too large, is not judged here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from auditspine.processors.drift.intervals import CONFIDENCE, Interval, Mean, Rate
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.policy_parts import Excluded
from auditspine.processors.drift.signals import fitting, moment
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent

_MINUTE_MS = 60_000
_MOST_GROUPS, _MOST_GAPS = 500, 2000  # in one event; more would not fit into it


@dataclass(slots=True)
class Group:
    """What was seen of one group.

    Attributes:
        token: Token of its value.
        rows: Rows of the group.
        rates: Hits and rows of each rate.
        means: Rows, sum and sum of squares of each mean.
    """

    token: str
    rows: int = 0
    rates: dict[str, list[int]] = field(default_factory=dict)
    means: dict[str, list[float]] = field(default_factory=dict)

    def figures(self) -> dict[str, Rate | Mean]:
        """Give its figures by measure, but those that nothing is known of."""
        found: dict[str, Rate | Mean] = {}
        for name, (hits, rows) in self.rates.items():
            if rows > 0:
                found[name] = Rate(hits, rows)
        for name, (count, total, squares) in self.means.items():
            if count > 1 and math.isfinite(squares):
                found[name] = Mean(int(count), total, squares)
        return dict(sorted(found.items()))


@dataclass(slots=True)
class Assessment:
    """How a model treated groups at a deployment in a period; make it with :meth:`begin`.

    Attributes:
        started: When the period began, milliseconds.
        minutes: How long it is.
        position: Position of its first row in the log.
        predictions: Predictions in it.
        seen: Rows in which an attribute is known and rows in which it is missing, by attribute.
        left_out: Rows that carried an attribute that may not be processed, by attribute.
        groups: Groups by attribute and number.
    """

    started: int
    minutes: int
    position: int
    predictions: int = 0
    seen: dict[str, list[int]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    groups: dict[str, dict[int, Group]] = field(default_factory=dict)

    @classmethod
    def begin(cls, at_ms: int, position: int, minutes: int) -> "Assessment":
        """Begin with the first row of a period.

        Args:
            at_ms: When the broker took it.
            position: Its position in the log.
            minutes: How long the period is; it begins at a multiple of that.
        """
        return cls(at_ms - at_ms % (minutes * _MINUTE_MS), minutes, position)

    @property
    def ended(self) -> int:
        """When the period ends, milliseconds."""
        return self.started + self.minutes * _MINUTE_MS

    def encode(self) -> dict[str, Any]:
        """Give it as JSON takes it, the same whatever came first."""
        kept = asdict(self)
        for numbered in kept["groups"].values():
            for own in numbered.values():
                own |= {name: dict(sorted(own[name].items())) for name in ("rates", "means")}
        groups = {name: dict(sorted(each.items())) for name, each in sorted(kept["groups"].items())}
        return {**kept, "seen": dict(sorted(kept["seen"].items())), "groups": groups}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> "Assessment":
        """Read what :meth:`encode` gave, before or after JSON."""
        groups = {
            attribute: {int(number): Group(**group) for number, group in numbered.items()}
            for attribute, numbered in value["groups"].items()
        }
        return cls(**{**value, "groups": groups})

    def is_over(self, at_ms: int) -> bool:
        """Tell whether a row is of another period; a clock that was far ahead begins anew."""
        return not self.started - self.minutes * _MINUTE_MS <= at_ms < self.ended

    def known(self, attribute: str, rows: int) -> None:
        """Count rows in which an attribute is known."""
        self.seen.setdefault(attribute, [0, 0])[0] += rows

    def missing(self, attribute: str, rows: int) -> None:
        """Count rows in which an attribute is missing."""
        self.seen.setdefault(attribute, [0, 0])[1] += rows

    def excluded(self, attribute: str, rows: int) -> None:
        """Count rows that carried an attribute that may not be processed."""
        self.left_out[attribute] = self.left_out.get(attribute, 0) + rows

    def forget(self, attribute: str) -> None:
        """Forget an attribute that may not be processed any more."""
        self.seen.pop(attribute, None)
        self.groups.pop(attribute, None)

    def group(self, attribute: str, number: int, token: str, rows: int) -> None:
        """Count rows of a group; number 0 is every group that is not compared."""
        numbered = self.groups.setdefault(attribute, {})
        own = numbered.get(number)
        if own is None:
            own = numbered[number] = Group(token)
        own.rows += rows

    def rate(self, attribute: str, number: int, measure: str, hits: int, rows: int) -> None:
        """Add rows of a group to a rate; :meth:`group` has told of it."""
        own = self.groups[attribute][number].rates.setdefault(measure, [0, 0])
        own[0] += hits
        own[1] += rows

    def mean(
        self, attribute: str, number: int, measure: str, rows: int, total: float, squares: float
    ) -> None:
        """Add rows of a group, the sum of their values and of their squares to a mean."""
        own = self.groups[attribute][number].means.setdefault(measure, [0, 0.0, 0.0])
        own[:] = own[0] + rows, own[1] + total, own[2] + squares

    def values(self, attribute: str, number: int, measure: str, values: Sequence[float]) -> None:
        """Add values of rows of a group to a mean, one by one: however rows are cut, in order."""
        own = self.groups[attribute][number].means.setdefault(measure, [0, 0.0, 0.0])
        rows, total, squares = own
        for value in values:
            total += value
            squares += value * value
        own[:] = rows + len(values), total, squares

    def body(
        self,
        deployment: Mapping[str, Any],
        model: Mapping[str, Any],
        basis: str,
        cause: SealedEvent,
        policy: DriftPolicy,
        *,
        errors: tuple[int, int] | None = None,
        overdue: int = 0,
    ) -> dict[str, Any] | None:
        """Give the body of ``bias.assessed``; None when there is nothing to say of decisions.

        Of outcomes there always is: how many came, how many are overdue, and how many were wrong.

        Args:
            deployment: The deployment, as an event has it.
            model: The model, likewise.
            basis: ``decisions`` or ``outcomes``. Exclusions are told of decisions alone: an outcome
                carries no attribute.
            cause: The first event after the period.
            policy: The policy.
            errors: Of the predictions, how many were wrong, and of how many; None for decisions.
            overdue: Predictions whose outcome became overdue.
        """
        exclusions = [] if basis == "outcomes" else list(self._exclusions(cause, policy))
        if basis == "decisions" and not (self.seen or self.groups or exclusions):
            return None
        least = policy.fairness.least_group_rows
        groups = list(self._groups(least))[:_MOST_GROUPS]
        started = moment(self.started)
        last = max(self.position, cause.position - 1)
        return {
            "deployment": fitting(deployment),
            "model": fitting(model),
            "basis": basis,
            "started_at": started,
            "ended_at": moment(self.ended),
            "predictions": self.predictions,
            "attributes": tuple(self._attributes(least)),
            "groups": tuple(self._listed(*each) for each in groups),
            "gaps": tuple(gap for gap, _ in zip(_gaps(groups), range(_MOST_GAPS), strict=False)),
            "exclusions": tuple(exclusions),
            "overdue": overdue,
            **_error_rates(errors, overdue),
            "confidence": CONFIDENCE,
            "least_rows": least,
            "evidence": {"origin": cause.origin, "first": self.position, "last": last},
            "policy": policy.digest,
        }

    def _attributes(self, least: int) -> Iterator[dict[str, Any]]:
        for attribute in sorted(self.seen.keys() | self.groups.keys()):
            known, missing = self.seen.get(attribute, (0, 0))
            groups = self.groups.get(attribute, {})
            small = sum(not _is_large(number, own, least) for number, own in groups.items())
            yield {
                "attribute": as_name(attribute),
                "rows": known,
                "missing": missing,
                "small_groups": small,
            }

    def _groups(self, least: int) -> Iterator[tuple[str, int, Group]]:
        for attribute, numbered in sorted(self.groups.items()):
            for number, group in sorted(numbered.items()):
                if _is_large(number, group, least):
                    yield attribute, number, group

    def _listed(self, attribute: str, number: int, group: Group) -> dict[str, Any]:
        known = max(self.seen.get(attribute, (0, 0))[0], group.rows)
        figures = group.figures().items()
        return {
            "attribute": as_name(attribute),
            "number": number,
            "token": as_name(group.token),
            "rows": group.rows,
            "share": group.rows / known,
            "measures": tuple(_measure(name, figure) for name, figure in figures),
        }

    def _exclusions(self, cause: SealedEvent, policy: DriftPolicy) -> Iterator[dict[str, Any]]:
        domain, deployment = cause.envelope["domain"], cause.body["deployment"]["name"]
        for rule in policy.exclusions:
            if not (_matches(rule.domains, domain) and _matches(rule.deployments, deployment)):
                continue
            for pattern in rule.attributes:
                carried = {
                    attribute: rows
                    for attribute, rows in sorted(self.left_out.items())
                    if fnmatchcase(attribute, pattern)
                    and policy.excluded(domain, deployment, attribute) is rule
                }
                for attribute, rows in (carried or {pattern: 0}).items():
                    yield _exclusion(attribute, rule, rows)


def _is_large(number: int, group: Group, least: int) -> bool:
    return number > 0 and group.rows >= least


def _measure(name: str, figure: Rate | Mean) -> dict[str, Any]:
    return {"measure": name, "rows": figure.rows, **figure.interval()._asdict()}


def _gaps(groups: Sequence[tuple[str, int, Group]]) -> Iterator[dict[str, Any]]:
    figures = [each.figures() for _, _, each in groups]
    for (mine, own), (theirs, other) in combinations(zip(groups, figures, strict=True), 2):
        if mine[0] != theirs[0]:
            continue
        for name in (each for each in own if each in other):
            yield _gap((mine[0], mine[1], theirs[1]), name, own[name], other[name])


def _gap(pair: tuple[str, int, int], name: str, mine: Any, theirs: Any) -> dict[str, Any]:
    """Give how far a figure of two groups lies apart; both are rates, or both are means."""
    gap: Interval = mine.less(theirs)
    ratio: Interval | None = mine.against(theirs)
    return {
        "attribute": as_name(pair[0]),
        "first": pair[1],
        "second": pair[2],
        "measure": name,
        "gap": gap.value,
        "low": gap.low,
        "high": gap.high,
        "ratio": None if ratio is None else ratio.value,
        "ratio_low": None if ratio is None else ratio.low,
        "ratio_high": None if ratio is None else ratio.high,
    }


def _error_rates(errors: tuple[int, int] | None, overdue: int) -> dict[str, float | None]:
    """Give the error rate, and what it would be if all that is overdue were right, or wrong."""
    wrong, answered = errors or (0, 0)
    due = answered + overdue
    return {
        "error_rate": wrong / answered if answered else None,
        "error_rate_low": wrong / due if answered else None,
        "error_rate_high": (wrong + overdue) / due if answered else None,
    }


def _exclusion(attribute: str, rule: Excluded, rows: int) -> dict[str, Any]:
    return {
        "attribute": as_name(attribute),
        "jurisdiction": as_name(rule.jurisdiction),
        "reason": rule.reason,
        "predictions": rows,
    }


def _matches(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
