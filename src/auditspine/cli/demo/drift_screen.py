"""Shows what the drift story found: monitors, alerts and their tiers, and what was received."""

from auditspine.cli.commands.sql import table_of
from auditspine.cli.console import stdout
from auditspine.cli.demo.found import Raised, Signal, awaited
from auditspine.cli.demo.receiver import Receiver
from auditspine.cli.demo.replay import NEW_CATEGORY_AT, NEW_FEATURE, UNIT_CHANGE_AT, UNIT_FEATURE
from auditspine.cli.demo.stage import Stage
from auditspine.cli.demo.telling import done, step
from auditspine.cli.demo.told import show_told
from auditspine.cli.errors import CliError

_FOUND_S = 60.0
_STOP, _CAUTION = "stop_the_line", "caution"


def show_found(stage: Stage) -> None:
    """Print which monitors found what, and at which application of each deployment."""
    found: dict[str, dict[str, Signal]] = {}
    for place in stage.places:
        for signal in stage.log.signals(place):
            found.setdefault(signal.monitor, {}).setdefault(place.domain, signal)
    early = sum(min(each.row for each in at.values()) < NEW_CATEGORY_AT for at in found.values())
    rows = []
    for monitor, at in found.items():
        change = _changed_at(next(iter(at.values())))
        cells = [_cell(at.get(place.domain), change) for place in stage.places]
        rows.append([monitor, f"{change:,}", *cells])
    heads = [f"{place.use} found it at" for place in stage.places]
    stdout.print(table_of(["monitor", "changed at", *heads], rows))
    done(f"{early} monitors signalled in the {NEW_CATEGORY_AT:,} applications before all that")


def _changed_at(signal: Signal) -> int:
    """Give the row of the change that a signal is of."""
    if signal.feature == NEW_FEATURE or signal.row < UNIT_CHANGE_AT:
        return NEW_CATEGORY_AT
    return UNIT_CHANGE_AT


def _cell(signal: Signal | None, change: int) -> str:
    """Say at which row a signal came, and how many changed ones there were by then."""
    if signal is None:
        return "not yet"
    late = signal.row - change + 1
    return f"{signal.row:,}" + (f", after {late} rows" if late > 0 else ", before it")


def show_tiers(stage: Stage) -> Raised:
    """Print the alerts; give the one that stopped the line."""
    rows, tiers = [], {}
    for place in stage.places:
        for feature in (NEW_FEATURE, UNIT_FEATURE):
            tiers[place.domain, feature] = awaited(
                lambda at=place, of=feature: stage.log.alert(at, of),  # type: ignore[misc]
                f"an alert of {feature!r} at {place.ref.name}",
                _FOUND_S,
            ).tier
        for alert in stage.log.alerts(place):
            what = ", ".join(alert.features) or f"({alert.kind})"
            rows.append([place.use, alert.risk_class, what, alert.tier, alert.alert_id])
    stdout.print(table_of(["decisions", "risk", "moved", "tier", "alert"], rows))
    found = tiers["credit", UNIT_FEATURE], tiers["marketing", UNIT_FEATURE]
    if found != (_STOP, _CAUTION):
        raise CliError(f"expected {_STOP} and {_CAUTION} for the unit, got {found[0]}, {found[1]}")
    done(f"one change, two tiers by the risk of the decisions: {found[0]} and {found[1]}")
    stopped = stage.log.alert(stage.places[0], UNIT_FEATURE)
    assert stopped is not None
    return stopped


def show_message(stage: Stage, receiver: Receiver | None, alert: Raised, found: Signal) -> None:
    """Print what whoever is on call received."""
    step("What whoever is on call received, over HTTP")
    message = show_told(stage.settings, receiver, alert.alert_id)
    if message is not None:
        done(f"received {message.at - found.at:.2f} s after that application")
