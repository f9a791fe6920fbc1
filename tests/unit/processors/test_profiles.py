"""Profiles are found as of a time, whatever is read when; nobody waits long for a log."""

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.topics import Topics
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.drift.port import NotYet
from auditspine.processors.drift.profiles import ProfileIndex, SealedProfiles
from auditspine.processors.projection.errors import ReplayError
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.sealed_index import SealedIndex
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.models import RunCompleted
from auditspine.schemas.parse import parse_json

KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
TOPICS = Topics("a.", 2)
MODEL = b"\7" * 32
DECODER = Decoder(schema_texts())


def run(n: int, *, status: str = "succeeded", other: bool = False, rows: int = 1) -> bytes:
    """An encoded run; ``other``: its profile is of a model that it did not write."""
    event = parse_json(example("run.completed"))
    assert isinstance(event, RunCompleted)
    assert event.body.profile is not None
    model = event.body.profile.model.model_copy(update={"digest": MODEL})
    written = model.model_copy(update={"digest": b"\x08" * 32}) if other else model
    profile = event.body.profile.model_copy(update={"model": model, "rows": rows})
    body = event.body.model_copy(
        update={"status": status, "outputs": (written,), "profile": profile}
    )
    envelope = event.envelope.model_copy(update={"event_id": f"01900000-0000-7000-8000-{n:012x}"})
    return encode(event.model_copy(update={"envelope": envelope, "body": body}))


class World:
    """A lifecycle log in one of two partitions, and what a look-up is given of it."""

    def __init__(self, folder: Path, **how: Any) -> None:
        self.now, self.away = 0.0, False
        self.published, self.measured, self.sealed = 0, 0, 0
        self.head = Head()
        self.waiting: list[SealedMessage] = []
        keys = (KEY.public_key().public_bytes_raw(),)
        parts = Parts(ProfileIndex(), DECODER, None, keys, folder, TOPICS.partitions)
        index = SealedIndex(parts, TOPICS, {}, lambda: self.now, ends=self, tail=self, **how)
        self.profiles = SealedProfiles(index)

    def end(self, partition: int) -> int:
        if self.away:
            raise ReplayError("away")
        self.measured += partition
        return self.published if partition else 0

    def reached(self, partition: int, offset: int, end: int) -> int:
        return offset

    def take(self, timeout_s: float) -> dict[int, list[SealedMessage]]:
        self.now += timeout_s
        taken, self.waiting = self.waiting, []
        return {1: taken} if taken else {}

    def close(self) -> None:
        pass

    def publish(self, *runs: tuple[int, bytes]) -> None:
        """Publish encoded runs at their times, and seal them."""
        self.published += len(runs)
        self.seal(*runs)

    def seal(self, *runs: tuple[int, bytes]) -> None:
        entries = [
            Judged(self.head.size + n, at, value, b"", Verdict.VALID, Flag.NONE)
            for n, (at, value) in enumerate(runs)
        ]
        place = Place("local/c/t/1", TOPICS.source("lifecycle"), 1)
        end = self.head.size + len(runs)
        segment, self.head = seal(place, self.head, entries, SealingContext(0, end, 0), KEY)
        self.waiting.append(SealedMessage(self.sealed, encode_segment(segment)))
        self.sealed += 1

    def find(self, at: int, model: bytes = MODEL) -> Any:
        return self.profiles.find("acme", model, at)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_last_profile_of_the_time_is_found(world: World) -> None:
    world.publish((10, run(1, rows=1)), (20, run(2, rows=2)))
    assert world.find(9) is None
    assert [world.find(at).profile["rows"] for at in (10, 19, 20, 99)] == [1, 1, 2, 2]


def test_a_replay_finds_the_profile_that_was_used_then(world: World) -> None:
    world.publish(*((10 * n, run(n, rows=n)) for n in range(1, 100)))
    assert [world.find(10 * n).profile["rows"] for n in (1, 5, 16)] == [1, 5, 16]


def test_a_problem_never_takes_the_place_of_a_profile(world: World) -> None:
    bad = [(10 + n, run(n, other=True)) for n in range(9)]
    world.publish(*bad, (20, run(20)), (30, run(30, other=True)))
    assert world.find(15).problem
    for at in (20, 30, 99):
        assert not world.find(at).problem


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_only_runs_that_succeeded_have_profiles(world: World, status: str) -> None:
    world.publish((10, run(1, status=status)))
    assert world.find(99) is None


def test_what_is_published_and_not_sealed_is_waited_for_and_shortly(world: World) -> None:
    world.published = 1
    began = world.now
    with pytest.raises(NotYet, match="lifecycle"):
        world.find(50)
    assert world.now - began <= 1.0
    world.published = 2  # what comes later need not be waited for
    world.seal((10, run(1)))
    assert world.find(50) is not None
    assert world.measured == 1


def test_a_log_that_stands_still_delays_no_model_twice(world: World) -> None:
    world.published = 1
    while world.now < 4.3:
        with pytest.raises(NotYet):
            world.find(50)
        world.now += 0.6
    began = world.now = 6.0
    for n in range(60):
        assert world.find(60 + n, bytes([n]) * 32) is None
    assert world.now == began
    assert world.measured == 1


def test_a_log_that_stands_still_is_waited_for_where_the_answer_must_not_change(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, gives_up=False)
    world.published = 1
    for _ in range(20):
        with pytest.raises(NotYet):
            world.find(50)
        world.now += 60
    world.seal((10, run(1)))
    assert world.find(50) is not None


def test_one_measure_is_for_all_of_the_past(world: World) -> None:
    now = int(time.time() * 1000)
    for n in range(60):
        assert world.find(now - 3_600_000 + n * 1000, bytes([n]) * 32) is None
    assert world.measured == 1


def test_a_broker_that_does_not_say_is_waited_for(world: World) -> None:
    world.away = True
    for _ in range(100):
        with pytest.raises(NotYet):
            world.find(50)
        world.now += 1
    world.away = False
    assert world.find(50) is None


def test_one_partition_is_looked_into_without_waiting_for_others(world: World) -> None:
    world.published = 1  # in partition 1, and not sealed
    index = world.profiles._index
    assert index.values(b"key", 50, 0) == []
    with pytest.raises(NotYet):
        index.values(b"key", 50, 1)
    with pytest.raises(NotYet):
        index.values(b"key", 50)
