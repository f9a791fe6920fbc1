"""Tells of two changes in live data: who found them, what was stopped, and what people do then.

Everything that it prints was read back from the log, the guard or the receiver; what does not
come in time is an error.
"""

import time
from collections.abc import Iterator

from auditspine.cli.console import stdout
from auditspine.cli.demo.applications import Application
from auditspine.cli.demo.deployment import Keys
from auditspine.cli.demo.drift_screen import show_found, show_message, show_tiers
from auditspine.cli.demo.found import Raised, Signal, awaited
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.on_call import resume
from auditspine.cli.demo.receiver import Receiver
from auditspine.cli.demo.replay import (
    LAST,
    NEW_CATEGORY,
    NEW_CATEGORY_AT,
    NEW_FEATURE,
    SCREEN_FROM,
    UNIT_CHANGE_AT,
    UNIT_FEATURE,
    stream,
)
from auditspine.cli.demo.stage import GUARD_S, Stage, check, staged
from auditspine.cli.demo.telling import done, remark, step
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.producers.guard import Verdict

_FOUND_S = 60.0
_LOOK_S = 0.001
_PAUSE_S = 0.01  # between applications from the second change on: a hundred a second


def tell_drift(settings: Settings, keys: Keys, lender: Lender, receiver: Receiver | None) -> Raised:
    """Serve the lender's model at two places, change its data, and follow what comes of it.

    Args:
        settings: The settings.
        keys: The demo's keys.
        lender: A lender whose model was approved.
        receiver: Who is told; ``None`` when the stack that runs tells nobody.

    Returns:
        The alert that stopped the line.

    Raises:
        CliError: Something was not found, or not done, in time.
    """
    assert lender.live is not None
    with staged(settings, keys, lender) as stage:
        rows = stream(lender.live.rows)
        _serve(stage, rows)
        _await_category(stage)
        stopped = _serve_until_stopped(stage, rows)
        found = _await_unit(stage)
        show_found(stage)
        _show_stop(stage, stopped, found)
        alert = show_tiers(stage)
        show_message(stage, receiver, alert, found)
        resume(stage, alert)
        return alert


def _serve(stage: Stage, rows: Iterator[Application]) -> None:
    """Answer applications up to shortly before the second change."""
    decide, screen = stage.places
    pool = len(decide.live.rows)
    step("The model serves live: credit decisions, and pre-screening for marketing")
    remark(
        f"{pool} applications that it was not trained on, drawn with replacement, in fixed order"
    )
    for guard, place in zip(stage.guards, stage.places, strict=True):
        verdict = check(guard, place)
        if verdict.action != "serve" or verdict.decision_id != place.live.decision_id:
            raise CliError(
                f"the guard of {place.ref.name} says {verdict.action} by {verdict.decision_id} at "
                f"the beginning, expected serve by {place.live.decision_id}"
            )
        done(f"{place.ref.name} ({place.domain}): its guard says {verdict.action}")
    remark(f"by {decide.live.decision_id}: these guards obey release decisions as well as alerts")
    with stdout.status("serving"):
        for row in range(UNIT_CHANGE_AT):
            application = next(rows)
            decide.predict(row, application)
            if row >= SCREEN_FROM:
                screen.predict(row, application)
        for place in stage.places:
            place.delivered()
    done(f"{UNIT_CHANGE_AT:,} predictions; pre-screening answers the same from {SCREEN_FROM:,} on")


def _await_category(stage: Stage) -> None:
    """Wait until both deployments' monitors found the category."""
    step(f"From application {NEW_CATEGORY_AT:,} a new form offers {NEW_CATEGORY!r}")
    remark(f"training knew {NEW_FEATURE!r} as yes or no; the model takes the new word for a no")
    with stdout.status("waiting for the monitors"):
        for place in stage.places:
            awaited(
                lambda at=place: stage.log.first(at, NEW_FEATURE, NEW_CATEGORY_AT),  # type: ignore[misc]
                f"a signal of {NEW_FEATURE!r} at {place.ref.name}",
                _FOUND_S,
            )
    for guard, place in zip(stage.guards, stage.places, strict=True):
        if check(guard, place).action != "serve":
            raise CliError(f"{NEW_CATEGORY!r} stopped {place.ref.name}: expected a caution")
    done("found at both; both go on serving, and their owner is told")


def _serve_until_stopped(stage: Stage, rows: Iterator[Application]) -> tuple[int, float, Verdict]:
    """Answer applications in the wrong unit until the guard says no.

    Returns:
        The row that was not served, when that was, and the verdict.
    """
    decide, screen = stage.places
    guard = stage.guards[0]
    step(f"From application {UNIT_CHANGE_AT:,} {UNIT_FEATURE!r} comes in per cent")
    remark("debt payments to income; a hundred applications a second, the guard asked at each")
    row = UNIT_CHANGE_AT
    with stdout.status("serving"):
        while (verdict := check(guard, decide)).action == "serve" and row < LAST:
            application = next(rows)
            decide.predict(row, application)
            screen.predict(row, application)
            row += 1
            time.sleep(_PAUSE_S)
        deadline = time.monotonic() + GUARD_S
        while verdict.action == "serve":
            if time.monotonic() > deadline:
                raise CliError(
                    f"the guard of {decide.ref.name} still says serve {GUARD_S:.0f} s after the "
                    f"last of {row - UNIT_CHANGE_AT} applications in the wrong unit"
                )
            time.sleep(_LOOK_S)
            verdict = check(guard, decide)
        at = time.time()
        for place in stage.places:
            place.delivered()
    return row, at, verdict


def _await_unit(stage: Stage) -> Signal:
    """Wait until both deployments' monitors found the unit; give the first signal in credit."""
    first, _ = (
        awaited(
            lambda at=place: stage.log.first(at, UNIT_FEATURE, UNIT_CHANGE_AT),  # type: ignore[misc]
            f"a signal of {UNIT_FEATURE!r} at {place.ref.name}",
            _FOUND_S,
        )
        for place in stage.places
    )
    return first


def _show_stop(stage: Stage, stopped: tuple[int, float, Verdict], found: Signal) -> None:
    row, at, verdict = stopped
    if (verdict.action, verdict.state) != ("fallback", "fallback"):
        raise CliError(f"the guard said {verdict.action} ({verdict.state}): expected fallback")
    done(
        f"the guard said serve, and says {verdict.action} {at - found.at:.2f} s after the "
        f"application that made it detectable; {row:,} was not decided by the model"
    )
    other = check(stage.guards[1], stage.places[1])
    if other.action != "serve":
        raise CliError(f"pre-screening was stopped as well: {other.reason}")
    done(f"pre-screening, the same model with the same data: its guard says {other.action}")
