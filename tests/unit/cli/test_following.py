"""How far a worker is behind: nobody who has read all is behind, and who is stuck is found out."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from faust.types import TP
from structlog.testing import capture_logs

from auditspine.cli.following import Following
from auditspine.processors.projection.errors import ReplayError

TOPIC = "a.lifecycle"


@dataclass
class Log:
    source_end: int = 0
    size: int = 0


class Ends:
    def __init__(self) -> None:
        self.at, self.markers, self.away = 0, 0, False

    def end(self, partition: int) -> int:
        if self.away:
            raise ReplayError("away")
        return self.at

    def reached(self, partition: int, offset: int, end: int) -> int:
        return end if offset + self.markers >= end else offset

    def close(self) -> None:
        pass


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.ends, self.log = Ends(), Log()
        self.followers = {TP(f"{TOPIC}.sealed", 2): self.log, TP("a.access.sealed", 2): Log()}
        self.following = Following(lambda: self.followers, self.ends, TOPIC, lambda: self.now)

    def behind_ms(self) -> int:
        return self.following.followed()[2].behind_ms


@pytest.fixture
def world() -> World:
    return World()


def test_an_empty_log_is_followed(world: World) -> None:
    assert list(world.following.followed()) == [2]
    assert world.following.is_folded(2)
    assert not world.following.is_folded(3)


def test_offsets_count_and_entries_do_not(world: World) -> None:
    world.ends.at, world.log.source_end, world.log.size = 30, 30, 10
    assert world.following.is_folded(2)
    assert world.following.followed()[2] == (10, 0)


def test_markers_after_the_last_event_are_nothing_to_fold(world: World) -> None:
    world.ends.at, world.log.source_end, world.ends.markers = 31, 30, 1
    assert world.following.is_folded(2)
    assert world.behind_ms() == 0


def test_who_is_stuck_is_behind_ever_longer(world: World) -> None:
    assert world.behind_ms() == 0
    world.ends.at = 1
    behind = []
    for _ in range(3):
        world.now += 1
        behind.append(world.behind_ms())
    assert behind == [1000, 2000, 3000]
    world.log.source_end = 1
    assert world.behind_ms() == 0


def test_a_log_that_always_grows_is_behind_by_what_is_not_folded_yet(world: World) -> None:
    assert world.behind_ms() == 0
    for _ in range(2000):
        world.now += 1
        world.log.source_end = world.ends.at
        world.ends.at += 10
        assert world.behind_ms() <= 1000


@pytest.mark.parametrize("ask", [World.behind_ms, lambda world: world.following.is_folded(2)])
def test_a_broker_that_does_not_say_makes_behind_and_stops_nothing(
    world: World, ask: Callable[[World], int]
) -> None:
    world.behind_ms()
    world.ends.away, world.now = True, 105.0
    with capture_logs() as logs:
        assert not world.following.is_folded(2)
        ask(world)
    assert world.behind_ms() == 5000
    assert len(logs) == 1
    world.ends.away = False
    assert world.behind_ms() == 0


def test_what_has_just_been_assigned_is_long_behind_until_it_is_folded(world: World) -> None:
    world.behind_ms()
    world.ends.at, gone = 5, dict(world.followers)
    world.followers.clear()
    assert world.following.followed() == {}
    world.now += 60
    world.followers.update(gone)
    assert world.behind_ms() > 1_000_000  # whatever was in the log before: a stop, perhaps
    world.log.source_end = 5
    assert world.behind_ms() == 0
