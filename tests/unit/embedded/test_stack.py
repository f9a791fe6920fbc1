import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from auditspine.embedded import identity
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.errors import InUseError
from auditspine.embedded.stack import find_running, own

SLEEP = (sys.executable, "-c", "input()")


@pytest.fixture
def child():
    process = subprocess.Popen(SLEEP, stdin=subprocess.PIPE, start_new_session=True)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def test_keys_and_run_are_closed_to_others(tmp_path):
    data = DataDir(tmp_path / "data")
    data.create()
    for path in (data.keys, data.run):
        assert path.stat().st_mode & 0o777 == 0o700


def test_owned_directory_is_found_with_its_endpoints_until_it_is_left(tmp_path, child):
    data = DataDir(tmp_path)
    assert find_running(data) is None
    with own(data) as owner:
        part = identity.record("kafka", child.pid, SLEEP)
        owner.publish(endpoints={"kafka": "127.0.0.1:1"}, parts=[part])
        owner.publish(ready=True)
        found = find_running(data)
        assert found is not None
        assert found.supervisor.pid == os.getpid()
        assert (found.endpoints, found.parts, found.ready) == (
            {"kafka": "127.0.0.1:1"},
            (part,),
            True,
        )
        assert data.stack_file.stat().st_mode & 0o777 == 0o600
    assert find_running(data) is None
    assert identity.is_running(part)


def test_second_owner_is_refused_with_the_pid_of_the_first(tmp_path):
    data = DataDir(tmp_path)
    with own(data), pytest.raises(InUseError, match=f"in use by process {os.getpid()}"), own(data):
        pass


def test_file_of_a_dead_supervisor_is_not_taken_for_a_running_stack(tmp_path):
    data = DataDir(tmp_path)
    with own(data):
        text = json.loads(data.stack_file.read_text())
    text["supervisor"]["started_ticks"] -= 1
    data.stack_file.write_text(json.dumps(text))
    assert find_running(data) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"supervisor": 1}'])
def test_damaged_file_says_nothing_and_does_not_block(tmp_path, text):
    data = DataDir(tmp_path)
    data.create()
    data.stack_file.write_text(text)
    assert find_running(data) is None
    with own(data):
        assert find_running(data) is not None


def test_orphan_of_a_dead_supervisor_is_ended_by_the_next_owner(tmp_path, child):
    data = DataDir(tmp_path)
    with own(data) as owner:
        owner.publish(parts=[identity.record("kafka", child.pid, SLEEP)])
        left_behind = data.stack_file.read_text()
    data.stack_file.write_text(left_behind)
    with own(data):
        assert child.wait(10) == -9


@pytest.mark.parametrize("change", [{"started_ticks": 1}, {"argv": ("other", "command")}])
def test_process_that_reuses_a_recorded_pid_is_never_killed(tmp_path, child, change):
    known = replace(identity.record("kafka", child.pid, SLEEP), **change)
    assert identity.reclaim([known]) == []
    assert child.poll() is None


def test_zombie_is_not_running(child):
    known = identity.record("kafka", child.pid, SLEEP)
    assert identity.is_running(known)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_running(known)
