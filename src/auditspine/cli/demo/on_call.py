"""What whoever is on call does in the demo, with the commands that anybody has."""

import time

from auditspine.cli.commands.alerts import app as alerts_command
from auditspine.cli.demo.commanding import run
from auditspine.cli.demo.deployment import key_path
from auditspine.cli.demo.found import Raised
from auditspine.cli.demo.replay import NEW_FEATURE, Place
from auditspine.cli.demo.stage import Stage, check
from auditspine.cli.demo.telling import done, step
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings

_PERSON = "anna.berg"
_RESUMED_S = 60.0
_LOOK_S = 0.01
_DISPOSITION = (
    *("--as", "data_quality", "--resume"),
    *("--rationale", "the unit of the feed is put right; those applications are decided anew"),
)


def resume(stage: Stage, alert: Raised) -> None:
    """Let a person take the alert on and end its investigations, until the model serves again."""
    step("What a person does: takes it on, and lets the model serve again")
    decide, guard = stage.places[0], stage.guards[0]
    say(
        stage.settings,
        stage.tenant,
        "acknowledge",
        alert.alert_id,
        "--comment",
        "the feed sends per cent since today",
    )
    ended: set[str] = set()
    began = time.monotonic()
    deadline = began + _RESUMED_S
    while check(guard, decide).action != "serve" or not ended:
        for each in _to_end(stage, decide, alert):
            if each not in ended:
                say(stage.settings, stage.tenant, "disposition", each, *_DISPOSITION)
                ended.add(each)
                began = time.monotonic()
        if time.monotonic() > deadline:
            raise CliError(
                f"the guard says {check(guard, decide).action} {_RESUMED_S:.0f} s after a person "
                "began to let the model serve again"
            )
        time.sleep(_LOOK_S)
    waited = time.monotonic() - began
    done(f"the guard says serve again, {waited:.2f} s after the last command")


def _to_end(stage: Stage, place: Place, first: Raised) -> list[str]:
    """Give the alerts of the wrong unit that are under investigation, a given one first."""
    open_ = [each for each in stage.log.alerts(place) if each.investigating]
    own = [each.alert_id for each in open_ if NEW_FEATURE not in each.features]
    return sorted(own, key=lambda each: each != first.alert_id)


def say(settings: Settings, tenant: str, command: str, alert_id: str, *words: str) -> None:
    """Run a command on an alert as the person on call would.

    Raises:
        CliError: It ends with another code than 0.
    """
    shown = ("alerts", command, alert_id, "--by", f"{_PERSON}@{tenant}.example", *words)
    signer = f"{tenant}-on-call"
    key = str(key_path(settings, signer))
    more = ("--tenant", tenant, "--workload", signer, "--key", key)
    run(settings, alerts_command, shown, more)
