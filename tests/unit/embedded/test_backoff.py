from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from auditspine.embedded.backoff import Backoff, PartProgress
from auditspine.embedded.parts import Exit, PartState

KILLED = Exit(-9, datetime(2026, 1, 1, tzinfo=UTC), "killed by SIGKILL")
BACKOFF = Backoff(first_s=1.0, factor=2.0, longest_s=10.0, stable_after_s=20.0)


def died_often(times: int, ready_for_s: float = 0.0) -> PartProgress:
    progress, now = PartProgress(), 0.0
    for _ in range(times):
        progress = progress.started(now).became_ready(now)
        now += ready_for_s
        progress = progress.died(now, KILLED, BACKOFF)
        now = progress.retry_at or 0.0
    return progress


def test_wait_doubles_up_to_its_bound():
    assert [BACKOFF.wait_s(deaths) for deaths in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(st.integers(1, 10_000))
def test_wait_never_shrinks_and_never_exceeds_its_bound(deaths):
    assert BACKOFF.wait_s(deaths) <= BACKOFF.wait_s(deaths + 1) <= BACKOFF.longest_s


def test_deaths_in_a_row_are_counted():
    progress = died_often(4)
    assert (progress.failures, progress.starts, progress.restarts) == (4, 4, 3)


def test_stable_time_resets_the_wait_but_not_the_count_of_restarts():
    progress = died_often(4, ready_for_s=20.0)
    assert progress.failures == 1
    assert progress.retry_at == progress.since + 1.0
    assert progress.restarts == 3


def test_long_start_that_never_became_ready_is_not_stable():
    progress = PartProgress(failures=2).started(0.0).died(1000.0, KILLED, BACKOFF)
    assert progress.failures == 3


def test_dead_part_is_due_only_after_its_wait():
    progress = died_often(1)
    assert progress.state is PartState.BACKING_OFF
    assert progress.last_exit == KILLED
    assert not progress.is_due(0.99)
    assert progress.is_due(1.0)


def test_part_held_up_by_a_dependency_stays_due():
    assert died_often(1).held_up(1.0).is_due(1.0)


def test_running_and_stopped_parts_are_not_due():
    started = PartProgress().started(0.0)
    for progress in (started, started.became_ready(1.0), started.stopping(1.0)):
        assert not progress.is_due(100.0)
    assert not started.stopped(2.0, KILLED).is_due(100.0)


def test_stop_of_a_part_that_did_not_run_keeps_its_last_exit():
    assert died_often(1).stopped(5.0, None).last_exit == KILLED
