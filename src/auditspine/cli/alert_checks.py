"""Whether what a person wants to say about an alert can be said. Pure."""

from datetime import UTC, datetime

from auditspine.auditor.alert_rows import Alert, Serving
from auditspine.cli.alert_steps import is_held_by
from auditspine.cli.errors import CliError
from auditspine.cli.options import parse_span, parse_time
from auditspine.processors.drift.policy_parts import Tier


def check_higher(alert: Alert, to: Tier) -> None:
    """Check that an alert can be escalated to a tier.

    Raises:
        CliError: It asks for as much already.
    """
    higher = [each.value for each in Tier if each.rank > Tier(alert.tier).rank]
    if to.value not in higher:
        wanted = f"expected {' or '.join(higher)}, got {to}" if higher else "the highest there is"
        raise CliError(f"{alert.alert_id} is of tier {alert.tier}: {wanted}")


def investigation_of(alert: Alert, serving: Serving | None) -> str:
    """Give the investigation that a disposition of an alert ends.

    Raises:
        CliError: There is nothing to end: no investigation, and nothing is held back.
    """
    place_held = serving is not None and serving.is_held
    if not alert.is_open and not place_held:
        raise CliError(f"{alert.alert_id} is over{over_since(alert)}, and holds nothing back")
    if alert.investigation_id:
        return alert.investigation_id
    if is_held_by(alert, serving):
        return f"inv-{alert.alert_id.removeprefix('alert-')}"
    raise CliError(
        f"{alert.alert_id} is of tier {alert.tier} and has no investigation: it is over by itself "
        "once nothing signals it; `auditspine alerts escalate … --to review` opens one"
    )


def silence_span(
    span: str | None, until: str | None, since: str | None, now: datetime
) -> tuple[datetime, datetime]:
    """Read from when until when a silence is.

    Args:
        span: How long.
        until: Until when, instead.
        since: From when; now when not given.
        now: The time.

    Raises:
        CliError: Not one of both is given, one is not what it must be, or it ends too early.
    """
    if (span is None) == (until is None):
        raise CliError("give --for or --until")
    starts = parse_time("--from", since) or now.replace(microsecond=0)
    ends = parse_time("--until", until) or starts + parse_span("--for", span or "")
    if since is not None and ends <= starts:
        first, last = minute(starts), minute(ends)
        raise CliError(f"the silence ends before it begins: from {first} until {last}")
    if ends <= now:
        raise CliError(f"the silence is over already: until {minute(ends)}, it is {minute(now)}")
    return starts, ends


def minute(at: datetime) -> str:
    """Give a time to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def over_since(alert: Alert) -> str:
    """Say since when an alert is over; empty when that is not known."""
    return f" since {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC" if alert.resolved_at else ""
