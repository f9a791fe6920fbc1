"""Tells of a model that branch staff overrule to a group's harm: who found it, and what came of it.

Everything that it prints was read back from the log; what does not come in time is an error.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from auditspine.cli.commands.drift import app as drift_command
from auditspine.cli.commands.sql import table_of
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo import on_call
from auditspine.cli.demo.applications import ATTRIBUTE
from auditspine.cli.demo.artifacts import MODEL
from auditspine.cli.demo.branches import LAST, OVERRULED_AT, applications, at_branches
from auditspine.cli.demo.commanding import run
from auditspine.cli.demo.deployment import Keys
from auditspine.cli.demo.found import Log, Raised, Signal, awaited
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.replay import Place
from auditspine.cli.demo.serving import REJECT
from auditspine.cli.demo.telling import done, remark, step
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings

_FOUND_S = 60.0
_TIER = "review"
_MONITORS = (f"{ATTRIBUTE}.2.selection_rate", f"{ATTRIBUTE}.1-2.selection_rate")
"""Of the protected group alone, which is the second by size, and of its distance to the first."""
_HOW = "by judgement: docs/alerts.md"
_DISPOSITION = (
    *("--as", "policy_drift"),
    *("--rationale", "branches overruled without a reason; those applications are decided anew"),
)


def tell_fairness(settings: Settings, keys: Keys, lender: Lender) -> None:
    """Serve a lender's model at its branches, let staff overrule it, and follow what comes of it.

    Args:
        settings: The settings.
        keys: The demo's keys.
        lender: A lender whose model was approved.

    Raises:
        CliError: Something was not found, or not done, in time.
    """
    client = clickhouse_client(settings, reader=True)
    try:
        with at_branches(settings, keys, lender) as place:
            _serve(place)
            log = Log(client, lender.tenant)
            with stdout.status("waiting for the monitors"):
                found = [_first(log, place, each) for each in _MONITORS]
            _show_found(log, place, found)
            alert = _show_alert(log, place)
            _show_analysis(log, place, lender)
            on_call.say(settings, lender.tenant, "disposition", alert.alert_id, *_DISPOSITION)
            _show_others(log, place)
            _report(settings, lender, place)
    finally:
        client.close()


def _serve(place: Place) -> None:
    """Answer all applications."""
    step("At the branches, staff begin to overrule the model")
    remark(
        f"each prediction carries {ATTRIBUTE!r} as a token, a keyed hash: monitors see two groups, "
        "and not which is which"
    )
    overruled = 0
    with stdout.status("serving"):
        for row, (application, harsh) in enumerate(applications(place.live.rows)):
            if harsh and not place.live.model.denies(place.live.model.score(application)):
                place.predict(row, application, REJECT)
                overruled += 1
            else:
                place.predict(row, application)
        place.delivered()
    done(
        f"{LAST:,} predictions; from {OVERRULED_AT:,} on, {overruled} applicants of the smaller "
        "group were rejected whom the model accepts"
    )


def _first(log: Log, place: Place, monitor: str) -> Signal:
    return awaited(
        lambda: next((each for each in log.signals(place) if each.monitor == monitor), None),
        f"a signal of {monitor} at {place.ref.name}",
        _FOUND_S,
    )


def _show_found(log: Log, place: Place, found: list[Signal]) -> None:
    late = [f"{each.row:,}, after {each.row - OVERRULED_AT + 1} rows" for each in found]
    rows = [[each.monitor, f"{OVERRULED_AT:,}", at] for each, at in zip(found, late, strict=True)]
    stdout.print(table_of(["monitor", "changed at", "found at"], rows))
    for each in found:
        stdout.print(f"  {escape(each.detail)}", soft_wrap=True)
    early = {each.monitor for each in log.signals(place) if each.row < OVERRULED_AT}
    done(f"{len(early)} monitors signalled in the {OVERRULED_AT:,} applications before")


def _show_alert(log: Log, place: Place) -> Raised:
    """Print the alert that asks for a review, and what is done already; give it."""
    alert = awaited(
        lambda: next((each for each in log.alerts(place) if each.tier == _TIER), None),
        f"an alert of tier {_TIER} at {place.ref.name}",
        _FOUND_S,
    )
    done(f"{alert.alert_id}: {alert.tier}, for decisions of risk class {alert.risk_class}")
    return alert


def _show_analysis(log: Log, place: Place, lender: Lender) -> None:
    """Print what the first analysis of the alert says may be behind it."""
    text = awaited(lambda: log.analysis(place), f"an analysis at {place.ref.name}", _FOUND_S)
    came = awaited(lambda: log.came(place, OVERRULED_AT), f"application {OVERRULED_AT:,}", _FOUND_S)
    body: Mapping[str, Any] = json.loads(text)
    earliest, latest = (_time(body[f"change_{each}"]) for each in ("earliest", "latest"))
    likeliest = body["classes"][0]
    stdout.print("\n  [bold]What may be behind it, by the system's first analysis[/]")
    at = f"{datetime.fromtimestamp(came, UTC):%H:%M:%S.%f}"[:-3]
    for name, value in (
        ("began", f"{earliest} to {latest} UTC; application {OVERRULED_AT:,} came at {at}"),
        ("groups", ", ".join(body["groups"])),
        ("likeliest", f"{likeliest['disposition']}, {likeliest['probability']:.0%} {_HOW}"),
        ("because", likeliest["evidence"][0]),
    ):
        stdout.print(f"  [dim]{name:9}[/]  {escape(value)}", soft_wrap=True)
    if any(lender.tokens.token(ATTRIBUTE, value) in text for value in ("black", "other")):
        raise CliError("the analysis holds a token of a group, expected numbers alone")


def _show_others(log: Log, place: Place) -> None:
    """Say which alerts of the same change nobody has to close."""
    others = [f"({each.kind})" for each in log.alerts(place) if not each.investigation_id]
    if others:
        remark(f"cautions beside it, which are over when it is quiet: {', '.join(others)}")


def _report(settings: Settings, lender: Lender, place: Place) -> None:
    """Write the model's report at the branches into the data directory."""
    page = settings.data_dir / f"{place.ref.name}-drift.html"
    model = f"{MODEL}@{place.live.ref.version}"
    words = ("drift", "report", model, "--deployment", place.ref.name, "--out", str(page))
    run(settings, drift_command, words, ("--tenant", lender.tenant))
    done(f"a page on what moved, for whom, and how sure that is: {page}")


def _time(text: str) -> str:
    """Give a time of the log to the millisecond."""
    return f"{datetime.fromisoformat(text):%H:%M:%S.%f}"[:-3]
