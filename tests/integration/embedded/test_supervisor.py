"""The supervisor on small real processes; test_supervisor_kafka.py has it on a broker."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditspine.embedded.backoff import Backoff
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.errors import StartError
from auditspine.embedded.parts import Part, PartState
from auditspine.embedded.stack import find_running, own
from auditspine.embedded.supervisor import Supervisor

QUICK = Backoff(first_s=0.05, longest_s=0.2)

# Each writes its name when it stops on SIGTERM, so that the order can be read.
POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
try:
    signal.pause()
finally:
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
"""
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
while True:
    signal.pause()
"""


def part(tmp_path, name, *depends_on, program=POLITE, **others):
    log = tmp_path / "logs" / f"{name}.log"
    return Part(
        name,
        (sys.executable, "-c", program, str(tmp_path / "stopped"), name),
        depends_on=depends_on,
        **{"ready": lambda: log.exists() and log.stat().st_size > 0, **others},
    )


def await_that(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)
    return found


def await_end(pidfd):
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    assert poller.poll(20_000), "the process did not end"
    os.close(pidfd)


def status(supervisor, name):
    return next(one for one in supervisor.snapshot().parts if one.name == name)


def test_parts_start_in_order_and_stop_in_reverse_order(tmp_path):
    parts = [
        part(tmp_path, "broker"),
        part(tmp_path, "ledger", "broker"),
        part(tmp_path, "sink", "ledger"),
    ]
    supervisor = Supervisor(parts, tmp_path / "logs")
    with supervisor.running():
        assert supervisor.snapshot().ready
        since = [one.since for one in supervisor.snapshot().parts]
        assert since == sorted(since)
    assert (tmp_path / "stopped").read_text().split() == ["sink", "ledger", "broker"]
    for one in supervisor.snapshot().parts:
        assert (one.state, one.pid) == (PartState.STOPPED, None)
        assert one.last_exit is not None
        assert one.last_exit.reason == "exited with 0"


def test_killed_part_is_started_again_and_its_death_is_recorded(tmp_path):
    with Supervisor([part(tmp_path, "sink")], tmp_path / "logs", backoff=QUICK).running() as stack:
        first = status(stack, "sink").pid
        os.kill(first, signal.SIGKILL)
        await_that(lambda: status(stack, "sink").restarts == 1 and stack.snapshot().ready)
        again = status(stack, "sink")
        assert again.pid != first
        assert again.last_exit is not None
        assert (again.last_exit.code, again.last_exit.reason) == (-9, "killed by SIGKILL")
        await_that(lambda: status(stack, "sink").last_lines == ("up", "up"))


def test_part_waits_for_a_dependency_that_died(tmp_path):
    parts = [part(tmp_path, "broker"), part(tmp_path, "sink", "broker")]
    slow = Backoff(first_s=0.6)
    with Supervisor(parts, tmp_path / "logs", backoff=slow).running() as stack:
        os.kill(status(stack, "sink").pid, signal.SIGKILL)
        await_that(lambda: status(stack, "sink").state is PartState.BACKING_OFF)
        os.kill(status(stack, "broker").pid, signal.SIGKILL)
        await_that(lambda: stack.snapshot().ready)
        assert status(stack, "sink").since >= status(stack, "broker").since


def test_part_that_ignores_sigterm_is_killed_with_its_group(tmp_path):
    stubborn = part(tmp_path, "stubborn", program=STUBBORN, stop_timeout_s=0.3)
    supervisor = Supervisor([stubborn], tmp_path / "logs")
    with supervisor.running():
        grandchild = os.pidfd_open(int(status(supervisor, "stubborn").last_lines[0]))
    await_end(grandchild)
    last_exit = status(supervisor, "stubborn").last_exit
    assert last_exit is not None
    assert last_exit.reason == "killed by SIGKILL"


def test_part_that_dies_at_start_again_and_again_ends_the_start_with_its_log(tmp_path):
    program = "raise SystemExit('no such topic')"
    broken = part(tmp_path, "broken", program=program, ready=lambda: False)
    parts = [part(tmp_path, "broker"), broken]
    supervisor = Supervisor(parts, tmp_path / "logs", backoff=QUICK)
    with (
        pytest.raises(StartError, match=r"broken: exited with 1, 3 times\n(?s:.*)no such topic"),
        supervisor.running(),
    ):
        pytest.fail("it must not become ready")
    assert status(supervisor, "broker").state is PartState.STOPPED


def test_part_that_never_becomes_ready_is_killed_and_said_so(tmp_path):
    pauses = (sys.executable, "-c", "import signal; signal.pause()")
    mute = Part("mute", pauses, ready=lambda: False, ready_timeout_s=0.1)
    supervisor = Supervisor([mute], tmp_path / "logs", backoff=QUICK)
    with pytest.raises(StartError, match=r"mute: not ready in 0.1 s"), supervisor.running():
        pytest.fail("it must not become ready")


def test_command_that_does_not_exist_is_said_so(tmp_path):
    missing = Part("missing", ("/no/such/command",), ready=lambda: False)
    supervisor = Supervisor([missing], tmp_path / "logs", backoff=QUICK)
    with (
        pytest.raises(StartError, match="/no/such/command: cannot be executed"),
        supervisor.running(),
    ):
        pytest.fail("it must not become ready")


PROGRAM = """
import sys
from pathlib import Path
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.parts import Part
from auditspine.embedded.stack import own
from auditspine.embedded.supervisor import Supervisor
data = DataDir(Path(sys.argv[1]))
ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
parts = [
    Part("stubborn", (sys.executable, "-c", ignores), stop_timeout_s=0.5),
    Part("polite", (sys.executable, "-c", "import signal; signal.pause()")),
]
with own(data) as owner:
    Supervisor(
        parts,
        data.logs,
        on_processes=lambda running: owner.publish(parts=running),
        on_ready=lambda: owner.publish(ready=True),
    ).run()
print("stopped cleanly", flush=True)
"""


@pytest.fixture
def start_stack(tmp_path):
    started = []

    def start():
        stack = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        started.append(stack)

        def ready():
            found = find_running(DataDir(tmp_path))
            return found if found is not None and found.ready else None

        return stack, await_that(ready)

    yield start
    for stack in started:
        stack.kill()
        stack.communicate()


def test_killed_supervisor_leaves_no_orphan_and_the_next_start_works(tmp_path, start_stack):
    stack, found = start_stack()
    assert {one.name for one in found.parts} == {"stubborn", "polite"}
    ends = [os.pidfd_open(one.pid) for one in found.parts]
    stack.kill()
    stack.wait()
    for end in ends:
        await_end(end)
    assert find_running(DataDir(tmp_path)) is None

    _, again = start_stack()
    assert again.supervisor != found.supervisor


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything_and_frees_the_directory(tmp_path, start_stack, number):
    stack, found = start_stack()
    ends = [os.pidfd_open(one.pid) for one in found.parts]
    stack.send_signal(number)
    output, _ = stack.communicate(timeout=20)
    assert (stack.returncode, output) == (0, "stopped cleanly\n")
    for end in ends:
        await_end(end)
    with own(DataDir(tmp_path)):
        assert not [one for one in found.parts if Path(f"/proc/{one.pid}").exists()]
