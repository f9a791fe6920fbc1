"""Segments prove that they extend a log; the reader accepts only that."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.ledger.errors import ForkError, FormatError, GapError, IntegrityError
from auditspine.ledger.merkle import Head
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import (
    Judged,
    Place,
    SealingContext,
    Segment,
    checkpoint_of,
    decode_segment,
    encode_segment,
    seal,
)
from auditspine.ledger.sequences import ProducerTable
from auditspine.ledger.verdict import Flag, Verdict

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
TRUSTED = [KEY.public_key().public_bytes_raw()]
PLACE = Place("local/cluster/topic/0", "auditspine.lifecycle", 0)
SIG = b"\x01" + bytes(range(64)) + b"rest of the header"


def entry(number: int, sig: bytes = SIG) -> Judged:
    return Judged(10 + number, 1_000 + number, b"%d" % number, sig, Verdict.VALID, Flag.NONE)


def segments(bounds: list[int], start: Head | None = None, shift: int = 0) -> list[Segment]:
    """Seal entries 0…bounds[-1] in segments that end at the bounds."""
    head, first, result = start or Head(), (start or Head()).size, []
    for end in bounds:
        batch = [entry(n + shift) for n in range(first, end)]
        segment, head = seal(PLACE, head, batch, SealingContext(3, 10 + end, 5), KEY)
        result.append(segment)
        first = end
    return result


@given(
    st.lists(
        st.builds(
            Judged,
            st.integers(0, 2**62),
            st.integers(0, 2**62),
            st.binary(max_size=40),
            st.binary(max_size=90) | st.just(SIG),
            st.sampled_from(Verdict),
            st.integers(0, 7).map(Flag),
            st.text(max_size=10),
        ),
        max_size=20,
    )
)
def test_segment_round_trips(entries: list[Judged]) -> None:
    table = ProducerTable([(bytes(32), "acme", "trainer", 5, 9)])
    segment, head = seal(PLACE, Head(), entries, SealingContext(1, 2, 3, table), KEY)
    again = decode_segment(encode_segment(segment))
    assert again == segment
    assert again.check(TRUSTED) == head
    assert checkpoint_of(again).size == len(entries)
    assert [item.position for item in again.sealed_entries(1)] == list(range(1, len(entries)))


def test_batch_signatures_are_stored_once() -> None:
    one, two = (
        encode_segment(
            seal(PLACE, Head(), [entry(n) for n in range(count)], SealingContext(0, 0, 0), KEY)[0]
        )
        for count in (1, 2)
    )
    assert len(two) - len(one) < 64 + 32


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        decode_segment(raw)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.data())
def test_readers_accept_any_overlap_of_the_same_log(bounds: list[int], data: st.DataObject) -> None:
    """Two ledgers that cut one log differently, interleaved as zombies would."""
    a = segments(sorted(bounds))
    b = segments(sorted({*range(1, 13, data.draw(st.integers(1, 4))), 12}))
    reader, seen = SegmentReader(TRUSTED), []
    queue = [*a, *b]
    while queue:
        fits = [i for i, item in enumerate(queue) if item.first <= reader.size]
        accepted = reader.accept(encode_segment(queue.pop(data.draw(st.sampled_from(fits)))))
        seen += [] if accepted is None else [item.position for item in accepted.entries()]
    assert (
        seen
        == list(range(12))
        == [item.position for item in b[0].sealed_entries()] + seen[b[0].end :]
    )


def test_quiet_checkpoints_are_accepted_each_time() -> None:
    (first,) = segments([3])
    head = first.check(TRUSTED)
    quiet, _ = seal(PLACE, head, [], SealingContext(3, 13, 99), KEY)
    reader = SegmentReader(TRUSTED)
    for raw in map(encode_segment, (first, quiet, quiet)):
        accepted = reader.accept(raw)
        assert accepted is not None
    assert (reader.size, list(accepted.entries())) == (3, [])


def test_gap_stops_the_reader() -> None:
    reader = SegmentReader(TRUSTED)
    with pytest.raises(GapError, match="expected position 0, got 2"):
        reader.accept(encode_segment(segments([2, 4])[1]))


def test_fork_stops_the_reader() -> None:
    reader = SegmentReader(TRUSTED)
    reader.accept(encode_segment(segments([4])[0]))
    fork = segments([2, 6], shift=100)
    for segment in fork:
        with pytest.raises(ForkError):
            reader.accept(encode_segment(segment))


def test_segment_of_another_log_stops_the_reader() -> None:
    reader = SegmentReader(TRUSTED, origin="local/cluster/other/0")
    with pytest.raises(ForkError, match="another log"):
        reader.accept(encode_segment(segments([1])[0]))


def test_reader_resumes_inside_a_segment() -> None:
    first, second = segments([2, 6])
    chains = [item.chain for item in second.sealed_entries()]
    reader = SegmentReader(TRUSTED, 4, chains[1])
    assert reader.accept(encode_segment(first)) is None
    accepted = reader.accept(encode_segment(second))
    assert accepted is not None
    assert [item.position for item in accepted.entries()] == [4, 5]
    assert (reader.repeats, reader.unproven_repeats) == (1, 1)


def test_untrusted_or_unsigned_segments_are_refused() -> None:
    raw = encode_segment(segments([2])[0])
    other = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key().public_bytes_raw()
    for keys in ([], [other]):
        with pytest.raises(IntegrityError):
            SegmentReader(keys).accept(raw)
    assert SegmentReader([other, *TRUSTED]).accept(raw) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, entries=(s.entries[0]._replace(value=b"x"), *s.entries[1:])),
        lambda s: replace(s, entries=(s.entries[0]._replace(sig=b""), *s.entries[1:])),
        lambda s: replace(s, leaves=(s.leaves[1], s.leaves[0])),
        lambda s: replace(s, chain=bytes(32)),
        lambda s: replace(s, note=s.note.replace("\n2\n", "\n3\n")),
        lambda s: replace(s, start=replace(s.start, chain=bytes([1]) * 32)),
    ],
)
def test_altered_segments_are_refused(change) -> None:
    (segment,) = segments([2])
    with pytest.raises(IntegrityError):
        SegmentReader(TRUSTED).accept(encode_segment(change(segment)))


@pytest.mark.parametrize(
    "changes",
    [
        {"next_offset": 99},
        {"sealed_at": 4},
        {"control_size": 0},
        {"producers": None},
        {"producers": ((bytes(32), "acme", "trainer", 5, 8),)},
    ],
)
def test_nothing_that_a_segment_says_can_be_changed_under_its_signature(changes) -> None:
    table = ProducerTable([(bytes(32), "acme", "trainer", 5, 9)])
    segment, _ = seal(PLACE, Head(), [entry(0), entry(1)], SealingContext(1, 2, 3, table), KEY)
    with pytest.raises(IntegrityError, match="checkpoint at size 2"):
        replace(segment, **changes).check(TRUSTED)


@pytest.mark.parametrize(
    "changes", [{"offset": 7}, {"timestamp": 7}, {"verdict": Verdict.FOREIGN}, {"flags": Flag.GAP}]
)
def test_nothing_that_is_said_of_an_entry_can_be_changed_under_the_signature(changes) -> None:
    segment, _ = seal(PLACE, Head(), [entry(0), entry(1)], SealingContext(1, 2, 3), KEY)
    changed = (segment.entries[0], segment.entries[1]._replace(**changes))
    with pytest.raises(IntegrityError, match="checkpoint at size 2"):
        replace(segment, entries=changed).check(TRUSTED)
