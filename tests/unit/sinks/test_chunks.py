"""Chunks: what is cut where, and that no order of events loses or doubles a message."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from sealed import ORIGIN, PUBLIC, sealed_log

from auditspine.sinks.chunk import Follower, Limits, Resume
from auditspine.sinks.errors import SealedLogError

NOW = 100.0


def follower(resume=None, **limits) -> Follower:
    limits = {"linger_s": 1.0, "quiet_linger_s": 9.0, **limits}
    return Follower("t.sealed", 3, resume or Resume(), [PUBLIC], Limits(**limits))


def fill(each: Follower, raws, first: int = 0) -> None:
    for offset, raw in enumerate(raws, first):
        each.add(offset, raw, NOW)


def test_a_chunk_waits_for_its_linger_and_covers_what_came_meanwhile() -> None:
    each = follower()
    fill(each, sealed_log([2, 3]))
    assert each.take(NOW + 0.9) is None
    chunk = each.take(NOW + 1.0)
    assert (chunk.sealed_first, chunk.sealed_next, chunk.first) == (0, 2, 0)
    assert [entry.position for entry, _ in chunk.entries()] == [0, 1, 2, 3, 4]
    assert chunk.last.head.size == 5
    assert chunk.name == "t.sealed/3:0-2"


def test_checkpoints_alone_wait_longer() -> None:
    each = follower()
    fill(each, sealed_log([0]))
    assert each.take(NOW + 8) is None
    chunk = each.take(NOW + 9)
    assert (chunk.first, list(chunk.entries())) == (0, [])


def test_a_full_chunk_is_due_at_once_and_cut_between_segments() -> None:
    each = follower(max_entries=4)
    fill(each, sealed_log([2, 2, 2, 9]))
    boundaries = []
    while (chunk := each.take(NOW)) is not None:
        boundaries.append(chunk.sealed_next)
        each.settle(chunk)
    assert boundaries == [2, 3, 4]  # the rest of less than four was due with the segment of nine
    assert each.waiting_bytes == 0


def test_one_chunk_is_in_flight_at_a_time() -> None:
    each = follower(max_entries=1)
    fill(each, sealed_log([1, 1]))
    first = each.take(NOW)
    assert each.take(NOW) is None
    each.settle(first)
    assert each.take(NOW).sealed_first == 1


def test_a_repeat_is_covered_by_the_next_chunk() -> None:
    raws = sealed_log([2, 2])
    each = follower()
    fill(each, [raws[0], raws[0], raws[1]])
    chunk = each.take(NOW + 1)
    assert (chunk.sealed_next, [offset for offset, _ in chunk.segments]) == (3, [0, 2])


def test_a_claim_that_was_found_sets_the_boundary() -> None:
    each = follower(Resume(claimed_until=2))
    raws = sealed_log([1, 1, 1])
    fill(each, raws[:1])
    assert each.take(NOW + 50) is None
    assert each.needs_more
    fill(each, raws[1:], 1)
    assert each.take(NOW).sealed_next == 2


def test_a_claim_that_another_sink_won_recuts_the_chunk() -> None:
    each = follower()
    fill(each, sealed_log([1, 1, 1]))
    taken = each.take(NOW + 1)
    assert taken.sealed_next == 3
    each.recut(1)
    chunk = each.take(NOW)
    assert (chunk.sealed_first, chunk.sealed_next) == (0, 1)
    each.settle(chunk)
    assert each.take(NOW + 1).sealed_first == 1


def test_a_claimed_chunk_without_anything_new_stops_the_sink() -> None:
    raws = sealed_log([1])
    each = follower(Resume(1, 1, chain_of(raws), ORIGIN, claimed_until=2))
    each.add(1, raws[0], NOW)
    with pytest.raises(SealedLogError, match="hold nothing new"):
        each.take(NOW)


def chain_of(raws):
    from auditspine.ledger.segment import decode_segment

    return decode_segment(raws[-1]).chain


@pytest.mark.parametrize(
    ("raws", "expected"),
    [
        (sealed_log([2, 2])[1:], "gap"),
        ([b"not a segment"], "not a segment"),
        (sealed_log([2], key=b"\x02"), "signature|trusted|key"),
        (sealed_log([2], origin="another/log"), "another log"),
    ],
    ids=["gap", "junk", "stranger's key", "another log"],
)
def test_what_does_not_continue_the_log_is_refused_by_offset(raws, expected) -> None:
    each = follower(Resume(0, 0, bytes(32), ORIGIN))
    with pytest.raises(SealedLogError, match=r"t\.sealed/3 at offset 7 .*(" + expected + ")"):
        each.add(7, raws[0], NOW)


def test_reading_pauses_when_full_and_goes_on_with_room() -> None:
    raws = sealed_log([5] * 6)
    each = follower(max_entries=5, max_waiting_bytes=3 * len(raws[0]))
    fill(each, raws)
    assert each.should_pause(everything=False)
    assert not each.may_resume(everything=True)
    while (chunk := each.take(NOW)) is not None:
        each.settle(chunk)
    assert not each.should_pause(everything=False)
    assert each.should_pause(everything=True)
    assert each.may_resume(everything=True)


def test_a_claimed_chunk_larger_than_the_memory_bound_is_still_read_to_its_end() -> None:
    raws = sealed_log([5] * 4)
    each = follower(Resume(claimed_until=4), max_waiting_bytes=len(raws[0]))
    fill(each, raws[:3])
    assert not each.should_pause(everything=True)
    assert each.may_resume(everything=False)
    fill(each, raws[3:], 3)
    assert each.should_pause(everything=False)
    assert each.take(NOW).sealed_next == 4


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=12),
    st.lists(st.integers(0, 3), max_size=12),
    st.lists(st.tuples(st.sampled_from(["take", "settle", "recut"]), st.integers(1, 3))),
    st.integers(1, 9),
)
def test_chunks_cover_every_offset_and_entry_once_in_order(sizes, repeats, steps, most) -> None:
    fresh = sealed_log(sizes)
    raws = [*fresh, *(fresh[min(at, len(fresh) - 1)] for at in repeats)]
    each = follower(max_entries=most, linger_s=0, quiet_linger_s=0)
    added, chunk, covered, positions = 0, None, [], []
    for step, number in [*steps, *[("take", 1), ("settle", 1)] * (len(raws) + 1)]:
        for raw in raws[added : added + number]:
            each.add(added, raw, NOW)
            added += 1
        if step == "take" and chunk is None:
            chunk = each.take(NOW)
        elif step == "recut" and chunk is not None and len(chunk.segments) > 1:
            each.recut(chunk.segments[0][0] + 1)
            chunk = None
        elif step == "settle" and chunk is not None:
            each.settle(chunk)
            covered.append((chunk.sealed_first, chunk.sealed_next))
            positions += [entry.position for entry, _ in chunk.entries()]
            chunk = None
    assert positions == list(range(sum(sizes)))
    assert [first for first, _ in covered] == [0, *[until for _, until in covered[:-1]]]
    assert each.waiting_bytes == 0
