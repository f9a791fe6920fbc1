"""What to do next about an alert, as commands that can be run as they are. Pure."""

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from auditspine.auditor.alert_rows import Alert, Serving

_RUN = "auditspine"
_EVIDENCE = (
    "SELECT appended_at, body FROM evidence WHERE origin = {origin:String} "
    "AND position BETWEEN {first:UInt64} AND {last:UInt64}"
)


class NextStep(NamedTuple):
    """One thing that can be done.

    Attributes:
        why: What it is for.
        command: The command.
    """

    why: str
    command: str


def next_steps(alert: Alert, serving: Serving | None, tenant: str) -> list[NextStep]:
    """Give what can be done about an alert, in the order in which it should be.

    Args:
        alert: The alert.
        serving: The state of its model at its deployment.
        tenant: The tenant.
    """
    return [NextStep(why, f"{_RUN} {words}") for why, words in _steps(alert, serving, tenant)]


def is_held_by(alert: Alert, serving: Serving | None) -> bool:
    """Tell whether a person's decision on an alert is what a model waits for to serve again."""
    return serving is not None and serving.is_held and serving.alert_id == alert.alert_id


def _steps(alert: Alert, serving: Serving | None, tenant: str) -> Iterator[tuple[str, str]]:
    name, of = alert.alert_id, f"--tenant {shlex.quote(tenant)}"
    deployment = shlex.quote(alert.deployment)
    if alert.state == "open":
        doing = '--comment "WHAT YOU DO"'
        yield "take it on", f"alerts acknowledge {name} --by YOU {doing} {of}"
    if alert.is_open:
        yield "see all monitors", f"drift show {deployment} {of}"
        yield "what was changed", f"history {deployment} {of}"
        if alert.evidence_origin:
            yield "the predictions", _evidence(alert)
        if not alert.investigating:
            worse = "stop_the_line" if alert.tier == "review" else "review"
            if alert.tier != "stop_the_line":
                yield (
                    "it is worse",
                    f'alerts escalate {name} --to {worse} --by YOU --reason "WHY" {of}',
                )
        elif alert.tier != "stop_the_line":
            yield (
                "stop the model",
                f'alerts escalate {name} --to stop_the_line --by YOU --reason "WHY" {of}',
            )
        yield "quiet for a while", f'alerts silence {name} --for 2h --by YOU --reason "WHY" {of}'
    closing = f'alerts disposition {name} --as KIND --rationale "WHAT IT WAS" --by YOU'
    held = is_held_by(alert, serving)
    if alert.is_open and alert.investigating:
        yield "close it", f"{closing} {of}"
    if held and serving is not None and serving.state != "live":
        yield "and serve again", f"{closing} --resume {of}"
    elif held and not alert.is_open:
        yield "lift what it holds", f"{closing} --resume {of}"


def _evidence(alert: Alert) -> str:
    bounds = f"{alert.evidence_first} -p last={alert.evidence_last}"
    return (
        f"sql {shlex.quote(_EVIDENCE)} -p origin={shlex.quote(alert.evidence_origin)} "
        f"-p first={bounds}"
    )
