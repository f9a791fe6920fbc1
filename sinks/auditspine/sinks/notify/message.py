"""What people read: a title and a text for a notice. Pure; knows no receiver.

Written for somebody who was asleep: what moved, since when, by how much, how bad, what the system
did already, and which command shows more.
"""

from datetime import UTC, datetime
from types import MappingProxyType

from auditspine.sinks.notify.port import Notice

_MOST_TITLE = 240  # characters; chat tools and mail clients cut longer ones
_MOST_FEATURES = 8
_TIERS = MappingProxyType(
    {
        "informational": "nothing has to be done",
        "caution": "look at it in working hours",
        "review": "it must be investigated; until then the model is not promoted",
        "stop_the_line": "act now",
    }
)
_RELEASE = "release"  # the cause of what the release processor tells
_RELEASE_TIERS = MappingProxyType(
    {
        "caution": "look at it in working hours",
        "review": "somebody must decide what is to be done",
        "stop_the_line": "act now",
    }
)
_CAUSES = MappingProxyType(
    {
        "signal": "monitors signalled it",
        "effect": "it moved further, or more of it moved",
        "persistence": "it goes on",
        "unacknowledged": "nobody has acknowledged it",
        "person": "a person escalated it",
        "served": "something serves that may not",
        "silent": "nothing serves any more",
        "quiet": "nothing signals it any more",
        "dispositioned": "its investigation ended",
    }
)
_ACTIONS = MappingProxyType(
    {
        "investigate": "opened an investigation",
        "freeze_releases": "froze releases of the model",
        "fallback": "told the service to fall back",
        "block": "told the service to stop serving the model",
        "quarantine": "quarantined the model",
    }
)


def title(notice: Notice) -> str:
    """Give one line: the tier, or that it is over, and the alert's sentence."""
    label = "RESOLVED" if notice.over else notice.tier.upper().replace("_", " ")
    line = f"[{label}] {_line(notice.title)}"
    return line if len(line) <= _MOST_TITLE else line[: _MOST_TITLE - 1] + "…"


def text(notice: Notice, key: str) -> str:
    """Give the text for people, a few lines.

    Args:
        notice: What is told.
        key: Its notification id, the last line: the same in every repeat.
    """
    if notice.cause == _RELEASE:
        return _release_text(notice, key)
    cause = _CAUSES.get(notice.cause, _line(notice.cause))
    moved = f"What moved: {_what(notice)}, effect {notice.effect_size:.3g}"
    where = (
        f"Where: {_line(notice.deployment_name)} {_line(notice.deployment_version)}, model "
        f"{_line(notice.model_name)} {_line(notice.model_version)}, "
        f"tenant {_line(notice.tenant)}, {_line(notice.environment)}"
    )
    tier = notice.tier.replace("_", " ")
    asks = _TIERS.get(notice.tier, "")
    lines = [moved, f"Since: {when(notice.since)}", where]
    if notice.over:
        lines = [f"Over: {_line(notice.reason)}", *lines, f"Ended: {when(notice.appended_at)}"]
        lines += [f"It asked for: {tier}"]
    else:
        again = f" (raised again {notice.level} times)" if notice.level else ""
        lines += [
            f"Raised: {when(notice.appended_at)}, because {cause}{again}",
            f"How sure: {notice.signals} signal{'' if notice.signals == 1 else 's'}",
            f"Risk class of the decisions: {_line(notice.risk_class)}",
            f"Tier: {tier}: {asks}" if asks else f"Tier: {tier}",
            f"The system: {_done(notice)}",
        ]
    lines += [
        f"Owner: {_line(notice.owner)}",
        f"More: {command(notice)}",
        f"Notification {key} (a repeat has the same number)",
    ]
    return "\n".join(lines)


def _release_text(notice: Notice, key: str) -> str:
    """Give the text of what the release processor found, or asks people to decide on."""
    tier = notice.tier.replace("_", " ")
    asks = _RELEASE_TIERS.get(notice.tier, "")
    lines = [
        _line(notice.title),
        f"Model: {_line(notice.model_name)} {_line(notice.model_version)} {notice.model_digest}",
        f"Where: {_line(notice.environment)}, tenant {_line(notice.tenant)}",
        f"Found: {when(notice.appended_at)}",
        f"Tier: {tier}: {asks}" if asks else f"Tier: {tier}",
        f"Owner: {_line(notice.owner)}",
        f"More: {command(notice)}",
        f"Notification {key} (a repeat has the same number)",
    ]
    return "\n".join(lines)


def command(notice: Notice) -> str:
    """Give the command that shows more."""
    if notice.cause == _RELEASE:
        return f"auditspine decisions list --tenant {_line(notice.tenant)}"
    return f"auditspine alerts show {_line(notice.alert_id)}"


def when(at_ms: int) -> str:
    """Give a time in milliseconds since 1970 for people, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _what(notice: Notice) -> str:
    names = [_line(name) for name in notice.features[:_MOST_FEATURES]]
    more = len(notice.features) - len(names)
    of = f" of {', '.join(names)}" if names else ""
    return f"{_line(notice.kind)}{of}" + (f" and {more} more" if more > 0 else "")


def _done(notice: Notice) -> str:
    done = [_ACTIONS.get(each, _line(each)) for each in notice.actions if each != "notify"]
    return ", ".join(done) if done else "told you, and did nothing else"


def _line(given: str) -> str:
    """Give a text from an event in one line: it must not look like a line of ours."""
    return " ".join("".join(c if c.isprintable() else " " for c in given).split())
