"""The tail of a sealed topic gives the log's true end, whatever zombies and restarts left there."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.processors.ledger.errors import RefusedError
from auditspine.processors.ledger.start_check import StartFacts, check_start
from auditspine.processors.ledger.tail import Tail, recover_tail

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from control_world import NOW_MS, Signer, control_state, public

KEY = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
PLACE = Place("local/c/t/0", "auditspine.inference", 0)
MESSAGES = [
    Message(3 * i, NOW_MS, *pair)
    for i, pair in enumerate(Signer().sign(*(b"\0\0\0\0\1%d" % n for n in range(60))))
]


def states() -> tuple[list[Head], list[Judge], list[Judged]]:
    """Head and judge after each number of messages, and the messages judged."""
    heads, judges, judged = [Head()], [Judge("inference", *PLACE[1:])], []
    for message in MESSAGES:
        judge = Judge("inference", *PLACE[1:], judges[-1].table.copy())
        judged.append(judge.rule(judge.admit(message), control_state()))
        context = SealingContext(0, message.offset + 1, 0)
        heads.append(seal(PLACE, heads[-1], judged[-1:], context, KEY)[1])
        judges.append(judge)
    return heads, judges, judged


HEADS, JUDGES, JUDGED = states()


def segment(first: int, end: int, *, table: bool = False, key=KEY, place=PLACE) -> bytes:
    next_offset = JUDGED[end - 1].offset + 1 if end else 0
    context = SealingContext(6, next_offset, NOW_MS, JUDGES[end].table if table else None)
    return encode_segment(seal(place, HEADS[first], JUDGED[first:end], context, key)[0])


class Sealed:
    topic = "auditspine.inference.sealed"

    def __init__(self, raws: list[bytes], low: int = 0) -> None:
        self.raws, self.low = raws, low

    def watermarks(self) -> tuple[int, int]:
        return self.low, self.low + len(self.raws)

    def read(self, start: int, end: int) -> list[bytes]:
        return self.raws[start - self.low : end - self.low]


def recover(raws: list[bytes], low: int = 0) -> Tail | None:
    return recover_tail(Sealed(raws, low), PLACE, "inference", [public(KEY)])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_tail_is_the_end_of_what_a_reader_accepts(data: st.DataObject) -> None:
    size, raws = 0, [segment(0, 0, table=True)]
    for number in range(data.draw(st.integers(0, 50))):
        zombie = data.draw(st.booleans()) and number % 10 > 0  # at most nine in a row
        first = data.draw(st.integers(0, size)) if zombie else size
        end = data.draw(st.integers(first, min(first + 6, len(MESSAGES))))
        size = max(size, end)
        raws.append(segment(first, end, table=data.draw(st.booleans())))
    tail = recover(raws, data.draw(st.sampled_from([0, 1000])))
    assert tail is not None
    assert tail.head == HEADS[size]
    assert tail.judge.table.rows() == JUDGES[size].table.rows()
    assert tail.next_offset == (JUDGED[size - 1].offset + 1 if size else 0)
    assert tail.roots[size] == HEADS[size].root()


def test_a_topic_that_never_held_anything_has_no_tail() -> None:
    assert recover([]) is None


@pytest.mark.parametrize(
    ("raws", "low", "says"),
    [
        ([], 7, "all 7 messages are gone"),
        ([segment(0, 5)], 0, "carries a producer table"),
        ([segment(0, 5, table=True), segment(6, 9)], 0, "gap in log local/c/t/0"),
        ([segment(0, 5, table=True), b"junk"], 0, "are not a segment"),
        (
            [segment(0, 5, table=True, place=PLACE._replace(origin="local/c/new/0"))],
            0,
            "holds the log local/c/new/0, but the source topic is local/c/t/0",
        ),
        (
            [segment(0, 5, table=True, key=Ed25519PrivateKey.from_private_bytes(b"\x12" * 32))],
            0,
            "no trusted key signed",
        ),
    ],
)
def test_a_tail_that_cannot_be_sealed_on_is_refused(raws, low, says) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        recover(raws, low)
    assert (caught.value.topic, caught.value.partition) == PLACE[1:]


TAIL = recover([segment(0, 10, table=True)])
NEXT = JUDGED[9].offset + 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source_low": NEXT + 1}, f"source offsets {NEXT} to {NEXT} were deleted"),
        ({"source_high": NEXT - 1}, "the source topic lost its tail"),
        ({"committed": NEXT + 1}, "it lost its tail"),
        ({"known": (11, bytes(32))}, "committed up to size 11"),
        ({"known": (10, bytes(32))}, "another root at size 10"),
        ({"known": (0, bytes(32))}, "another root at size 0"),
        ({"tail": None, "source_low": 1}, "source offsets 0 to 0 were deleted"),
        ({"tail": None, "committed": 1}, "it lost its tail"),
        ({"tail": None, "known": (1, bytes(32))}, "the sealed topic ends at 0"),
    ],
)
def test_what_went_backwards_is_refused(changes, says) -> None:
    facts = {"place": PLACE, "tail": TAIL, "source_low": 0, "source_high": NEXT, **changes}
    with pytest.raises(RefusedError, match=says):
        check_start(StartFacts(**facts))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source_low": NEXT},
        {"committed": NEXT},
        {"committed": 3},
        {"known": (10, HEADS[10].root())},
        {"known": (4, bytes(32))},  # a size whose root the tail does not hold
    ],
)
def test_a_log_that_lost_nothing_goes_on_where_it_ended(changes) -> None:
    facts = {"place": PLACE, "tail": TAIL, "source_low": 0, "source_high": NEXT + 5, **changes}
    assert check_start(StartFacts(**facts)) == NEXT
