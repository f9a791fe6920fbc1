"""Outcomes find their predictions whatever was read first; only a log that stands still is not
waited for."""

import math
from pathlib import Path

import pytest

from auditspine.processors.drift.port import Answer, NotYet, Prediction
from auditspine.processors.drift.predictions import PredictionFiles

INFERENCE, OUTCOMES = "local/c/i/0", "local/c/o/0"
DAY = 24 * 3_600_000
START = 1_790_000_000_000
MODEL = ("m", "1", "00" * 32)
PLACE = b"p" * 16


def key(n: int) -> bytes:
    return n.to_bytes(16, "big")


def made(n: int, at: int, **given) -> Prediction:
    return Prediction(
        key(n),
        at,
        given.pop("model", MODEL),
        "approve",
        at,
        given.pop("score", 0.5),
        PLACE,
        **given,
    )


class World:
    def __init__(self, folder: Path) -> None:
        self.now, self.complete, self.size, self.outcomes_complete = 0.0, True, 0, False
        self.files = PredictionFiles(folder, self, 90, lambda: self.now)

    def is_complete(self, partition: int) -> bool:
        return self.complete

    def position(self, partition: int) -> int:
        return self.size

    def are_outcomes_complete(self, partition: int) -> bool:
        return self.outcomes_complete

    def put(self, n: int, at: int) -> None:
        self.files.put(INFERENCE, [made(n, at)], at)

    def find(self, n: int, at: int) -> Prediction | None:
        return self.files.find(OUTCOMES, key(n), at)

    def kept(self) -> int:
        file = self.files._file(0)
        return int(file.execute("SELECT count(*) FROM predictions").fetchone()[0])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_long_history_of_predictions_is_there_for_outcomes_that_are_read_after_it(
    world: World,
) -> None:
    for day in range(400):
        world.put(day, START + day * DAY)
    for day in range(400):
        assert world.find(day, START + (day + 80) * DAY) is not None


@pytest.mark.parametrize("first", ["predictions", "in turn"])
@pytest.mark.parametrize(("age", "found"), [(89, True), (96, True), (98, False), (300, False)])
def test_what_is_found_depends_on_times_alone(
    world: World, first: str, age: int, found: bool
) -> None:
    if first == "predictions":
        world.put(0, START)
        world.put(1, START + 400 * DAY)
    else:
        world.put(0, START)
        for day in range(age):
            world.put(2 + day, START + day * DAY)
            assert world.find(2 + day, START + day * DAY) is not None
    assert (world.find(0, START + age * DAY) is not None) is found


def test_outcomes_that_are_read_let_old_predictions_go(world: World) -> None:
    for day in range(400):
        world.put(day, START + day * DAY)
        world.files.find(OUTCOMES, key(day), START + day * DAY)
        world.files.answer(OUTCOMES, key(day), Answer(START + day * DAY, day, "yes"))
    assert 97 <= world.kept() <= 99


def test_where_no_outcomes_ever_come_old_predictions_go_as_well(world: World) -> None:
    world.outcomes_complete = True
    for day in range(400):
        world.put(day, START + day * DAY)
    assert 97 <= world.kept() <= 99


def test_a_log_that_stands_still_is_waited_for_once(world: World) -> None:
    """Two outcomes of one step that answer nothing must not wait for ever in turns."""
    world.complete = False
    for _ in range(2):
        with pytest.raises(NotYet):
            world.find(1, START)
        world.now += 9
    world.now += 2
    assert [world.find(n, START) for n in (1, 2, 1, 3)] == [None] * 4
    world.size += 1
    with pytest.raises(NotYet):
        world.find(2, START)


def test_a_log_that_moves_is_waited_for_as_long_as_it_takes(world: World) -> None:
    world.complete = False
    for step in range(100):
        with pytest.raises(NotYet):
            world.find(777, START + 100)
        if step % 2:
            world.put(step, START + step)
        else:
            world.size += 1
        world.now += 9
    world.put(777, START + 99)
    assert world.find(777, START + 100) is not None


def test_a_log_that_is_read_further_is_not_waited_for(world: World) -> None:
    world.complete = False
    world.put(1, START + 10)
    assert world.find(2, START + 5) is None
    assert world.find(1, START + 5) is None  # it was made after the outcome


def test_what_an_outcome_needs_is_found_as_it_was_put(world: World) -> None:
    female, old = ("sex", 1, "token-f"), ("age", 2, "token-o")
    several = [
        made(0, START, score=math.nan, members=(female, old), without=("region",)),
        made(1, START, score=math.inf, members=(female,)),
        made(2, START, score=0.25, members=(("sex", 0, ""), old)),
        made(3, START),
    ]
    world.files.put(INFERENCE, several, START)
    found = [world.find(n, START + 5) for n in range(4)]
    assert math.isnan(found[0].score)
    assert found[0]._replace(score=0.0) == several[0]._replace(score=0.0)
    assert found[1:] == several[1:]


def test_tokens_of_groups_that_are_not_compared_are_not_kept(world: World) -> None:
    world.files.put(INFERENCE, [made(n, START, members=(("sex", 0, f"t{n}"),)) for n in (0, 1)], 0)
    assert {world.find(n, START + 5).members for n in (0, 1)} == {(("sex", 0, ""),)}


def test_what_is_due_is_told_with_whether_it_was_answered_before(world: World) -> None:
    other = ("m", "2", "11" * 32)
    world.files.put(INFERENCE, [made(n, START + n, members=(("s", n, "t"),)) for n in range(8)], 9)
    world.files.put(INFERENCE, [made(9, START + 3, model=other)], 10)
    for n, position in ((2, 50), (3, 51), (4, 52)):
        world.files.answer(OUTCOMES, key(n), Answer(START + 60, position, "yes", 7 * n))
    due = list(world.files.due(OUTCOMES, made(0, START), START, START + 4, (START + 99, 52)))
    assert [(each.at - START, each.answered) for each in due] == [
        (1, False),
        (2, True),
        (3, True),
        (4, False),  # its answer is the one that is being taken, or a later one
    ]
    assert [each.delay for each in due] == [None, 14, 21, None]
    assert due[0].members == (("s", 1, "t"),)
    late = START + 4 + 97 * DAY
    due = world.files.due(OUTCOMES, made(0, START), START, START + 6, (late, 99))
    assert [each.at - START for each in due] == [4, 5, 6]  # as if the others were deleted


def test_what_is_due_waits_for_the_inference_log(world: World) -> None:
    world.complete = False
    world.put(1, START + 10)
    assert list(world.files.due(OUTCOMES, made(0, START), START, START + 9, (START + 99, 1))) == []
    with pytest.raises(NotYet):
        list(world.files.due(OUTCOMES, made(0, START), START, START + 10, (START + 99, 1)))
