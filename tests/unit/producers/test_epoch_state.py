import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.producers.epoch_state import EpochState, Reached, merge, parse, render

ROW = Reached("ab" * 32, "acme", "svc", "id1", "t", 0, 100, 5)
ROWS = st.builds(
    Reached,
    st.sampled_from(["aa", "bb"]),
    st.sampled_from(["acme", "beta"]),
    st.just("svc"),
    st.sampled_from(["id1", "id2"]),
    st.just("t"),
    st.integers(0, 3),
    st.integers(1, 2**62),
    st.integers(1, 2**62),
)


def row(epoch: int, sequence: int, **other) -> Reached:
    fields = {name: getattr(ROW, name) for name in Reached.__slots__}
    return Reached(**{**fields, "epoch": epoch, "sequence": sequence, **other})


@given(st.lists(ROWS, max_size=10))
def test_rendered_rows_are_read_back(rows: list[Reached]) -> None:
    assert parse(render(rows)) == rows


@given(st.lists(ROWS, max_size=10), st.lists(ROWS, max_size=10))
def test_merging_keeps_the_latest_of_each_log_in_any_order(a, b) -> None:
    both = merge(merge({}, a), b)
    assert both == merge(merge({}, b), a)
    for one in (*a, *b):
        kept = both[one.log]
        assert (kept.epoch, kept.sequence) >= (one.epoch, one.sequence)
        assert kept in (*a, *b)


def test_saved_rows_are_loaded_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "k.pem.state"
    EpochState(path).save([ROW])
    assert EpochState(path).load() == {ROW.log: ROW}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_clients_that_share_a_file_keep_each_others_rows(tmp_path: Path) -> None:
    first, second = EpochState(tmp_path / "s"), EpochState(tmp_path / "s")
    first.save([ROW])
    second.save([row(200, 1, tenant="beta")])
    first.save([row(100, 6)])
    assert {r.tenant: r.sequence for r in first.load().values()} == {"acme": 6, "beta": 1}


def test_an_older_epoch_never_replaces_a_newer_one(tmp_path: Path) -> None:
    state = EpochState(tmp_path / "s")
    state.save([row(200, 1)])
    state.save([row(100, 900)])
    assert [(r.epoch, r.sequence) for r in state.load().values()] == [(200, 1)]


def test_a_topic_that_was_made_anew_is_another_log() -> None:
    assert row(1, 1, topic_id="id2").log != ROW.log


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"null",
        b'{"version": 2, "logs": []}',
        b'{"version": 1}',
        b'{"version": 1, "logs": [{"epoch": 1}]}',
        b'{"version": 1, "logs": 7}',
        json.dumps(
            {"version": 1, "logs": [{n: getattr(row(-1, 1), n) for n in Reached.__slots__}]}
        ).encode(),
        render([ROW])[:40],
    ],
)
def test_a_damaged_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    assert EpochState(path).load() == {}
    EpochState(path).save([ROW])
    assert EpochState(path).load() == {ROW.log: ROW}


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    state = EpochState(tmp_path / "missing" / "s")
    state.save([ROW])
    assert state.load() == {}


def test_without_a_path_nothing_is_kept() -> None:
    EpochState(None).save([ROW])
    assert EpochState(None).load() == {}
