from datetime import UTC, datetime

from auditspine.cli.commands.status import _parts
from auditspine.cli.stack import PARTS
from auditspine.embedded import identity
from auditspine.embedded.stack import RunningStack


def test_a_part_that_is_down_is_shown_as_not_running() -> None:
    here = identity.current("kafka")
    shown = _parts(RunningStack(here, datetime.now(UTC), ready=True, parts=(here,)))
    assert {part["name"]: part["running"] for part in shown} == {
        name: name == "kafka" for name in PARTS
    }


def test_a_stack_that_is_not_ready_is_shown_so() -> None:
    here = identity.current("kafka")
    shown = _parts(RunningStack(here, datetime.now(UTC), ready=False))
    assert shown[-1] == {"name": "stack", "pid": None, "running": False}
