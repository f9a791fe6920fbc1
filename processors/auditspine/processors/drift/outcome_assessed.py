"""What the outcomes of a period say of groups: sums become the assessment's figures. Pure."""

from collections.abc import Mapping
from typing import Any

from auditspine.processors.drift.bias import Assessment
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.outcome_rows import EVERYONE, Answered, IsDue, People
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.signals import Where
from auditspine.processors.projection.port import SealedEvent

_RATES = {
    "true_positive_rate": (Answered.GOOD_FAVOURED, Answered.GOOD),
    "false_positive_rate": (Answered.BAD_FAVOURED, Answered.BAD),
    "error_rate": (Answered.WRONG, Answered.ROWS),
}
_MEANS = {
    "calibration": (Answered.SAID, Answered.OFF, Answered.OFF_SQUARES),
    "delay_days": (Answered.WAITED, Answered.DAYS, Answered.DAYS_SQUARES),
}


def assessed(
    period: Assessment,
    people: People,
    sums: tuple[Floats, Floats],
    where: Where,
    cause: SealedEvent,
    policy: DriftPolicy,
) -> Mapping[str, Any] | None:
    """Give the body of ``bias.assessed`` for a period; None when there is nothing to say.

    Args:
        period: The period.
        people: The groups.
        sums: Of answered predictions and of those that became due, per group and column.
        where: Deployment and model.
        cause: The first event after the period.
        policy: The policy.
    """
    answered, due = sums
    for at, (attribute, number, token) in enumerate(people.entries):
        rows = int(answered[at, Answered.ROWS])
        became_due = int(due[at, IsDue.ROWS])
        if at == EVERYONE or not rows + became_due:
            continue
        if number < 0:
            period.missing(attribute, rows)
            continue
        period.known(attribute, rows)
        period.group(attribute, number, token, rows)
        if number > 0:
            _figures(period, (attribute, number), answered[at])
            hits = int(due[at, IsDue.ANSWERED])
            period.rate(attribute, number, "coverage", hits, became_due)
    everyone, due_of_all = answered[EVERYONE], due[EVERYONE]
    period.predictions = int(everyone[Answered.ROWS])
    return period.body(
        where.deployment,
        where.model,
        "outcomes",
        cause,
        policy,
        errors=(int(everyone[Answered.WRONG]), int(everyone[Answered.ROWS])),
        overdue=int(due_of_all[IsDue.ROWS] - due_of_all[IsDue.ANSWERED]),
    )


def _figures(period: Assessment, group: tuple[str, int], sums: Floats) -> None:
    for measure, (hits, rows) in _RATES.items():
        period.rate(*group, measure, int(sums[hits]), int(sums[rows]))
    for measure, (rows, total, squares) in _MEANS.items():
        period.mean(*group, measure, int(sums[rows]), float(sums[total]), float(sums[squares]))
