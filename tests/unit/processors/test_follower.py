"""Following a partition: where it is in its source, and when it speaks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.projection.errors import NotYet, StateError
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.port import (
    DERIVED,
    Changes,
    Derived,
    SealedEvent,
    State,
    Table,
)
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.processors.projection.state import Position, StateFile
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
TOPIC = "auditspine.lifecycle.sealed"
PLACE = Place("local/c/t/0", "auditspine.lifecycle", 0)
VALUE = encode(parse_json(example("run.started")))
ROWS = Table("rows", ("position", "version"))


class Tiny:
    """Says each event again, and counts them."""

    name = "tiny"
    streams: tuple[str, ...] = ("lifecycle",)
    event_types: frozenset[str] = frozenset(("run.started",))
    emits: frozenset[str] = frozenset(("alert.raised",))
    tables: tuple[Table, ...] = (ROWS,)

    def __init__(self, logic_version: int = 1) -> None:
        self.logic_version = logic_version
        self.ready = True

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        events = list(events)
        if not self.ready:
            raise NotYet("later")
        count = int(state.get(b"count") or 0) + len(events)
        state.put(b"count", str(count).encode())
        return {
            ROWS: [(each.position, each.version) for each in events],
            DERIVED: [(Derived(each, 0, "alert.raised", {}, "so"),) for each in events],
        }


@dataclass
class Out:
    """Takes what a follower writes and says."""

    said: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)

    def say(self, derived: Sequence[Derived]) -> None:
        self.said += [each.cause.position for each in derived]

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.written += [row[0] for row in rows]


class Log:
    """A log that is sealed, with what offsets it leaves out."""

    def __init__(self) -> None:
        self.head, self.offset, self.messages = Head(), 0, list[SealedMessage]()

    def seal(self, count: int, gap: int = 0) -> list[SealedMessage]:
        self.offset += gap
        entries = [
            Judged(self.offset + n, 1_790_000_000_000, VALUE, b"", Verdict.VALID, Flag.NONE)
            for n in range(count)
        ]
        self.offset += count
        segment, self.head = seal(PLACE, self.head, entries, SealingContext(0, self.offset, 0), KEY)
        self.messages.append(SealedMessage(len(self.messages), encode_segment(segment)))
        return self.messages[-1:]


@pytest.fixture
def out() -> Out:
    return Out()


@pytest.fixture
def parts(tmp_path: Path, out: Out) -> Parts:
    keys = (KEY.public_key().public_bytes_raw(),)
    return Parts(Tiny(), Decoder(schema_texts()), out, keys, tmp_path, speaker=out)


def test_where_a_log_is_in_its_source_is_known_after_a_restart(parts: Parts) -> None:
    log, follower = Log(), Follower(parts, TOPIC, 0)
    assert follower.source_end == 0
    follower.step(log.seal(3))
    assert (follower.source_end, follower.size) == (3, 3)
    assert [key for key, _ in follower.state.items()] == [b"count"]
    follower.step([*log.seal(2, gap=1), *log.seal(1, gap=2)])
    for again in (follower, Follower(parts, TOPIC, 0)):
        assert (again.source_end, again.size) == (9, 6)
    again.step(log.messages)
    assert again.source_end == 9
    again.step(log.seal(0))
    assert Follower(parts, TOPIC, 0).source_end == 9


def test_what_waits_for_another_log_changes_nothing(parts: Parts, out: Out) -> None:
    tiny = Tiny()
    log, follower = Log(), Follower(replace(parts, projection=tiny), TOPIC, 0)
    tiny.ready = False
    with pytest.raises(NotYet):
        follower.step(log.seal(2, gap=3))
    assert (follower.source_end, follower.size, out.said) == (0, 0, [])
    tiny.ready = True
    follower.step(log.messages)
    assert (follower.source_end, follower.size, out.said) == (5, 2, [0, 1])


def _version(parts: Parts, version: int, out: Out) -> Parts:
    return replace(parts, projection=Tiny(version), store=out, speaker=out)


def test_a_new_version_says_nothing_of_what_the_old_one_spoke_of(parts: Parts, out: Out) -> None:
    log, old = Log(), Follower(parts, TOPIC, 0)
    old.step([*log.seal(3), *log.seal(2)])
    old.close()
    log.seal(4)
    later = Out()
    for messages in (log.messages[:1], log.messages):  # restarted on its way
        new = Follower(_version(parts, 3, later), TOPIC, 0)
        new.step(messages)
        new.close()
    assert later.written == list(range(9))
    assert later.said == [5, 6, 7, 8]
    assert out.said == [0, 1, 2, 3, 4]


def test_what_is_silent_ends_within_a_segment(parts: Parts) -> None:
    log, other, later = Log(), Log(), Out()
    old = Follower(parts, TOPIC, 0)
    old.step(other.seal(2))
    log.seal(5)  # the same entries, cut elsewhere
    Follower(_version(parts, 2, later), TOPIC, 0).step(log.messages)
    assert later.said == [2, 3, 4]


def test_the_state_of_another_log_silences_nothing(parts: Parts, tmp_path: Path) -> None:
    path = parts.state_path(TOPIC, 0)
    state = StateFile(path)
    state.commit(Position(), Position("local/c/before/0", 100, bytes(32), 9), {})
    state.close()
    later = Out()
    Follower(_version(parts, 2, later), TOPIC, 0).step(Log().seal(3))
    assert later.said == [0, 1, 2]


def test_an_old_state_that_cannot_be_read_is_not_passed_over(parts: Parts) -> None:
    path = parts.state_path(TOPIC, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database, but long enough to be looked at" * 20)
    with pytest.raises(StateError, match="tiny-v1"):
        Follower(_version(parts, 2, Out()), TOPIC, 0)
