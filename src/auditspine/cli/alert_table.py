"""What many alerts look like in a terminal. Pure."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from auditspine.auditor.alert_rows import Alert, short_ids
from auditspine.auditor.drift_words import effect, what_moved
from auditspine.cli.console import printable
from auditspine.cli.status_screen import short

TIER_STYLES = {
    "informational": "dim",
    "caution": "warn",
    "review": "bold yellow",
    "stop_the_line": "bad",
}
_WIDE = 110  # columns of a terminal in which every value has a column of its own
_NAME = 24  # characters of a name that are not broken


def alerts_table(alerts: Sequence[Alert], width: int, now: datetime) -> Table:
    """Give alerts as a table; in a narrow terminal two values share a column.

    Args:
        alerts: The alerts.
        width: Columns of the terminal.
        now: What ``since`` is told from.
    """
    ids = short_ids(alerts)
    wide = width >= _WIDE
    table = Table(box=None, header_style="title", pad_edge=False)
    table.add_column("id", no_wrap=True)
    longest = max((len(each.deployment) for each in alerts), default=0)
    for name in ("tier", "state", "deployment", "model", "what"):
        if wide or name not in ("state", "model"):
            named = min(longest, _NAME) if name == "deployment" else None
            table.add_column(name, overflow="fold", min_width=named)
    for name in ("since", "effect", "signals"):
        if wide or name != "signals":
            table.add_column(name, justify="right", no_wrap=True)
    for each in alerts:
        many = str(each.signals) if wide else f"{each.signals} signal{'s' * (each.signals != 1)}"
        cells = [
            Text(each.tier, TIER_STYLES.get(each.tier, "")),
            Text(state_words(each, now), "dim"),
            Text(printable(each.deployment)),
            Text(printable(f"{each.model} {each.model_version}"), "dim"),
            Text(printable(what_moved(each.kind, each.features))),
            Text(short(now - each.since)),
            Text(effect(each.kind, each.effect_size)),
            Text(many, "" if wide else "dim"),
        ]
        table.add_row(ids[each.alert_id], *(cells if wide else _paired(cells)))
    return table


def _paired(cells: Sequence[Text]) -> list[Text]:
    """Put the second, fourth and last of an alert's cells below the ones before."""
    tier, state, deployment, model, what, since, size, signals = cells
    below = Text("\n")
    last = below.join((size, signals)) if size else signals
    return [below.join((tier, state)), below.join((deployment, model)), what, since, last]


def state_words(alert: Alert, now: datetime) -> str:
    """Give an alert's state, and whether nobody is told of it."""
    return f"{alert.state}, silenced" if alert.is_open and alert.silenced(now) else alert.state
