"""One tampering at a time, at any position: it is detected, and named where it was done."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.auditor.core import log as log_module
from auditspine.auditor.core.defects import Kind
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.merkle import leaf_hash, link
from auditspine.ledger.note import Checkpoint, open_checkpoint, raw_public_key, sign_checkpoint

COUNT = 90
positions = st.integers(0, COUNT - 1)
blocks = st.sampled_from([1, 8, 32, 2048])
bad = st.sampled_from([0, 5])


@pytest.fixture(scope="module")
def stores(logs):
    class Stores:  # shows itself short where hypothesis prints a failing example
        def __getitem__(self, every):
            return kept[every]

    kept = {every: logs.sealed(logs.messages(COUNT, every_bad=every)) for every in (0, 5)}
    return Stores()


def verify(store, block, **changes):
    before, log_module.BLOCK = log_module.BLOCK, block
    try:
        return store.verify(**changes)
    finally:
        log_module.BLOCK = before


def names(result):
    return {(d.kind, d.first, d.last) for d in result.defects}


def raw_home(store, position):
    valid = store.entries[position].verdict == 0
    table = store.evidence if valid else store.quarantine
    return table, next(i for i, row in enumerate(table) if row.position == position)


def change_raw(store, position):
    table, index = raw_home(store, position)
    row = table[index]
    table[index] = row._replace(value=row.value[:-1] + bytes([row.value[-1] ^ 1]))
    return leaf_hash(encode_entry(table[index].value, row.sig))


def change_entry(store, position, **columns):
    store.entries[position] = store.entries[position]._replace(**columns)


def rechain(store, first, until):
    chain = store.entries[first - 1].chain if first else bytes(32)
    for position in range(first, until):
        chain = link(chain, store.entries[position].leaf)
        change_entry(store, position, chain=chain)


@given(every=bad, block=blocks)
@settings(max_examples=8, deadline=None)
def test_an_untouched_log_has_no_defect(stores, every, block):
    result = verify(stores[every], block)
    assert not result.defects
    assert result.proven == result.size == COUNT
    assert result.checkpoints == len(stores[every].checkpoints)


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_changed_value_is_named(stores, position, every, block):
    store = stores[every].copy()
    change_raw(store, position)
    result = verify(store, block)
    assert names(result) == {(Kind.ALTERED_RAW, position, position)}
    assert result.defects[0].expected == store.entries[position].leaf.hex()


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_changed_leaf_is_named(stores, position, every, block):
    store = stores[every].copy()
    change_entry(store, position, leaf=bytes(32))
    assert names(verify(store, block)) == {(Kind.ALTERED_LEAF, position, position)}


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_changed_chain_value_is_named(stores, position, every, block):
    store = stores[every].copy()
    change_entry(store, position, chain=bytes(32))
    assert names(verify(store, block)) == {(Kind.ALTERED_CHAIN, position, position)}


@given(position=positions, length=st.integers(1, 40), block=blocks)
@settings(max_examples=40, deadline=None)
def test_a_run_of_changed_chain_values_is_one_defect(stores, position, length, block):
    store = stores[0].copy()
    last = min(position + length, COUNT) - 1
    for at in range(position, last + 1):
        change_entry(store, at, chain=bytes(32))
    assert names(verify(store, block)) == {(Kind.ALTERED_CHAIN, position, last)}


@given(position=positions, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_value_changed_with_its_leaf_is_named(stores, position, block):
    store = stores[0].copy()
    change_entry(store, position, leaf=change_raw(store, position))
    assert names(verify(store, block)) == {(Kind.ALTERED_RAW, position, position)}


@given(position=positions, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_value_changed_with_all_hashes_after_it_is_named_by_its_signature(
    stores, position, block
):
    store = stores[0].copy()
    change_entry(store, position, leaf=change_raw(store, position))
    rechain(store, position, COUNT)
    result = verify(store, block)
    assert (Kind.ALTERED_RAW, position, position) in names(result)
    assert {d.kind for d in result.defects} <= {
        Kind.ALTERED_RAW,
        Kind.BAD_CHECKPOINT,
        Kind.BAD_COMMIT,
    }
    assert result.proven <= position


@given(position=positions, block=blocks)
@settings(max_examples=40, deadline=None)
def test_a_rewritten_history_without_signatures_is_named_by_checkpoint_interval(
    stores, position, block
):
    store = stores[5].copy()
    change_entry(store, position, leaf=change_raw(store, position))
    rechain(store, position, COUNT)
    before, log_module.BLOCK = log_module.BLOCK, block
    result = store.verify(signatures=False)
    log_module.BLOCK = before
    named = [d for d in result.defects if d.kind is Kind.REWRITTEN]
    assert len(named) == 1
    assert named[0].first <= position <= named[0].last
    assert named[0].last - named[0].first < 7


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_deleted_entry_row_is_named(stores, position, every, block):
    store = stores[every].copy()
    del store.entries[position]
    kind = Kind.TRUNCATED if position == COUNT - 1 else Kind.MISSING
    result = verify(store, block)
    assert names(result) == {(kind, position, position)}
    assert result.proven == COUNT


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_deleted_raw_row_is_named(stores, position, every, block):
    store = stores[every].copy()
    table, index = raw_home(store, position)
    del table[index]
    result = verify(store, block)
    assert names(result) == {(Kind.MISSING, position, position)}
    assert result.defects[0].table in ("evidence", "quarantine")


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_an_entry_deleted_everywhere_is_named(stores, position, every, block):
    store = stores[every].copy()
    table, index = raw_home(store, position)
    del table[index], store.entries[position]
    kind = Kind.TRUNCATED if position == COUNT - 1 else Kind.MISSING
    assert names(verify(store, block)) == {(kind, position, position)}


@given(position=positions, every=bad, block=blocks, forged=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_second_row_at_a_position_is_named(stores, position, every, block, forged):
    store = stores[every].copy()
    row = store.entries[position]
    store.entries.insert(position, row._replace(leaf=bytes(32)) if forged else row)
    assert names(verify(store, block)) == {(Kind.EXTRA, position, position)}


@given(position=positions, every=bad, block=blocks, forged=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_second_raw_row_is_named(stores, position, every, block, forged):
    store = stores[every].copy()
    table, index = raw_home(store, position)
    table.insert(index, table[index]._replace(value=b"x") if forged else table[index])
    assert names(verify(store, block)) == {(Kind.EXTRA, position, position)}


@given(beyond=st.integers(0, 50), block=blocks)
@settings(max_examples=20, deadline=None)
def test_a_row_beyond_the_committed_size_is_named(stores, beyond, block):
    store = stores[0].copy()
    store.entries.append(store.entries[-1]._replace(position=COUNT + beyond))
    assert names(verify(store, block)) == {(Kind.EXTRA, COUNT + beyond, COUNT + beyond)}


def test_rows_under_an_open_claim_are_uncommitted_and_no_defect(stores):
    store = stores[0].copy()
    store.commits.pop()
    store.claim_end = COUNT
    result = store.verify()
    assert not result.defects
    assert result.uncommitted == COUNT - result.size > 0


@given(first=positions, second=positions, block=blocks)
@settings(max_examples=80, deadline=None)
def test_swapped_rows_are_named(stores, first, second, block):
    if first == second:
        return
    store = stores[0].copy()
    for table in (store.entries, store.evidence):
        table[first], table[second] = (
            table[second]._replace(position=first),
            table[first]._replace(position=second),
        )
    result = verify(store, block)
    assert {(d.kind, d.first) for d in result.defects if d.kind is Kind.REORDERED} == {
        (Kind.REORDERED, first),
        (Kind.REORDERED, second),
    }
    assert result.proven == COUNT


@given(first=positions, second=positions, block=blocks)
@settings(max_examples=80, deadline=None)
def test_swapped_contents_under_an_unchanged_chain_are_named(stores, first, second, block):
    if first == second:
        return
    store = stores[0].copy()
    for table in (store.entries, store.evidence):
        table[first], table[second] = (
            table[second]._replace(position=first),
            table[first]._replace(position=second),
        )
    one, two = store.entries[first], store.entries[second]
    change_entry(store, first, chain=two.chain)
    change_entry(store, second, chain=one.chain)
    result = verify(store, block)
    assert {(Kind.REORDERED, first), (Kind.REORDERED, second)} <= {
        (d.kind, d.first) for d in result.defects
    }
    assert result.proven == COUNT


@given(
    first=positions, second=positions, block=blocks, table=st.sampled_from(["evidence", "entries"])
)
@settings(max_examples=60, deadline=None)
def test_rows_swapped_in_one_table_are_named(stores, first, second, block, table):
    if first == second:
        return
    store = stores[0].copy()
    rows = getattr(store, table)
    rows[first], rows[second] = (
        rows[second]._replace(position=first),
        rows[first]._replace(position=second),
    )
    found = {(d.kind, d.first) for d in verify(store, block).defects}
    assert {(Kind.REORDERED, first), (Kind.REORDERED, second)} <= found
    assert {position for _, position in found} <= {first, second, first + 1, second + 1}


@given(first=positions, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_swap_with_all_hashes_recomputed_is_named_by_checkpoint_interval(stores, first, block):
    if first == COUNT - 1:
        return
    store = stores[0].copy()
    for table in (store.entries, store.evidence):
        table[first], table[first + 1] = (
            table[first + 1]._replace(position=first),
            table[first]._replace(position=first + 1),
        )
    rechain(store, first, COUNT)
    result = verify(store, block)
    named = [d for d in result.defects if d.kind is Kind.REWRITTEN]
    assert len(named) == 1
    assert named[0].first <= first + 1
    assert first <= named[0].last
    assert named[0].last - named[0].first < 7


@given(cut=st.integers(1, COUNT - 1), every=bad, block=blocks)
@settings(max_examples=40, deadline=None)
def test_a_truncated_tail_is_named(stores, cut, every, block):
    store = stores[every].copy()
    del store.entries[cut:]
    store.evidence = [row for row in store.evidence if row.position < cut]
    store.quarantine = [row for row in store.quarantine if row.position < cut]
    assert names(verify(store, block)) == {(Kind.TRUNCATED, cut, COUNT - 1)}


@given(keep=st.integers(0, 6))
@settings(max_examples=7, deadline=None)
def test_a_tail_cut_with_its_commits_and_checkpoints_shows_against_a_kept_checkpoint(
    stores, logs, keep
):
    store = stores[0].copy()
    kept = open_checkpoint(store.checkpoints[-1].note, {logs.origin: raw_public_key(logs.log_key)})
    store.commits = store.commits[:keep]
    size = store.commits[-1].end if store.commits else 0
    for name in ("entries", "evidence", "quarantine"):
        setattr(store, name, [row for row in getattr(store, name) if row.position < size])
    store.checkpoints = [row for row in store.checkpoints if row.size <= size]
    assert not store.verify().defects
    result = store.verify(elsewhere=(kept,))
    expected = set() if size == COUNT else {(Kind.TRUNCATED, size, COUNT - 1)}
    assert names(result) == expected


def test_another_history_shows_against_a_kept_checkpoint(stores, logs):
    other = Checkpoint(logs.origin, 35, bytes(32))
    result = stores[0].copy().verify(elsewhere=(other,))
    assert [d.kind for d in result.defects] == [Kind.FORKED]


@given(
    number=st.integers(0, 12),
    edit=st.sampled_from(["root", "chain", "size", "signature", "note_root", "other_key"]),
    block=blocks,
)
@settings(max_examples=80, deadline=None)
def test_an_edited_checkpoint_is_named(stores, logs, number, edit, block):
    store = stores[0].copy()
    row = store.checkpoints[number]
    if edit in ("root", "chain"):
        row = row._replace(**{edit: bytes(32)})
    elif edit == "size":
        row = row._replace(size=row.size - 1)
    elif edit == "signature":
        row = row._replace(
            note=row.note[:-10] + ("A" if row.note[-10] != "A" else "B") + row.note[-9:]
        )
    elif edit == "note_root":
        body = Checkpoint(logs.origin, row.size, bytes(32)).body()
        row = row._replace(note=body + row.note[row.note.index("\n\n") + 1 :])
    else:
        note = sign_checkpoint(Checkpoint(logs.origin, row.size, row.root), logs.producers[0][2])
        row = row._replace(note=note)
    store.checkpoints[number] = row
    result = verify(store, block)
    assert (Kind.BAD_CHECKPOINT, row.size) in {(d.kind, d.first) for d in result.defects}
    assert {d.table for d in result.defects} == {"checkpoints"}


@given(number=st.integers(0, 12), block=blocks)
@settings(max_examples=13, deadline=None)
def test_a_deleted_checkpoint_is_named(stores, number, block):
    store = stores[0].copy()
    row = store.checkpoints.pop(number)
    assert names(verify(store, block)) == {(Kind.MISSING, row.first, row.size - 1)}


@given(number=st.integers(0, 5))
@settings(max_examples=6, deadline=None)
def test_a_deleted_commit_is_named(stores, number):
    store = stores[0].copy()
    row = store.commits.pop(number)
    result = store.verify()
    assert (Kind.MISSING, row.first, row.end - 1) in names(result)
    assert any(d.table == "commits" for d in result.defects)


def test_an_edited_commit_root_is_named(stores):
    store = stores[0].copy()
    store.commits[2] = store.commits[2]._replace(root=bytes(32))
    assert [d.kind for d in store.verify().defects] == [Kind.BAD_COMMIT]


@given(
    position=positions,
    every=bad,
    block=blocks,
    column=st.sampled_from(["tenant", "producer", "epoch", "sequence", "public_key"]),
)
@settings(max_examples=60, deadline=None)
def test_a_changed_claim_column_is_named(stores, position, every, block, column):
    store = stores[every].copy()
    value = getattr(store.entries[position], column)
    other = value + 1 if isinstance(value, int) else bytes(32) if isinstance(value, bytes) else "x"
    change_entry(store, position, **{column: other})
    result = verify(store, block)
    assert names(result) == {(Kind.ALTERED_COLUMN, position, position)}
    assert result.defects[0].column == column


@given(position=positions, every=bad, block=blocks, flags=st.sampled_from([1, 2]))
@settings(max_examples=40, deadline=None)
def test_changed_flags_are_named(stores, position, every, block, flags):
    store = stores[every].copy()
    change_entry(store, position, flags=store.entries[position].flags ^ flags)
    result = verify(store, block)
    assert names(result) == {(Kind.ALTERED_COLUMN, position, position)}
    assert result.defects[0].column == "flags"


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=60, deadline=None)
def test_a_changed_verdict_is_named(stores, position, every, block):
    store = stores[every].copy()
    change_entry(store, position, verdict=0 if store.entries[position].verdict else 2)
    assert names(verify(store, block)) == {(Kind.ALTERED_VERDICT, position, position)}


@given(position=positions, every=bad, block=blocks)
@settings(max_examples=30, deadline=None)
def test_a_changed_control_size_is_named(stores, position, every, block):
    store = stores[every].copy()
    change_entry(store, position, control_size=9)
    result = verify(store, block)
    assert names(result) == {(Kind.ALTERED_COLUMN, position, position)}
    assert result.defects[0].column == "control_size"


@given(position=st.integers(1, COUNT - 2), block=blocks, jump=st.sampled_from([-1000, 1000]))
@settings(max_examples=40, deadline=None)
def test_a_source_offset_out_of_order_is_named(stores, position, block, jump):
    store = stores[0].copy()
    change_entry(store, position, source_offset=store.entries[position].source_offset + jump)
    result = verify(store, block)
    assert names(result) == {(Kind.ALTERED_COLUMN, position, position)}
    assert result.defects[0].column == "source_offset"


def test_a_log_without_trust_is_still_checked_against_itself(stores):
    store = stores[0].copy()
    assert not store.verify(trust=None).defects
    change_raw(store, 40)
    assert names(store.verify(trust=None)) == {(Kind.ALTERED_RAW, 40, 40)}


def test_defects_never_show_a_payload(stores):
    store = stores[0].copy()
    change_raw(store, 3)
    payload = store.evidence[3].value
    text = repr(store.verify().defects).encode()
    assert payload not in text
    assert payload.hex().encode() not in text


def segment_of(store, position):
    return next(row for row in store.checkpoints if row.first <= position < row.size)


@given(
    position=positions,
    every=bad,
    block=blocks,
    changes=st.sampled_from([{"appended_at": 5}, {"source_offset": None}, {"flags": 4}]),
)
@settings(max_examples=40, deadline=None)
def test_what_the_ledger_said_of_an_entry_is_bound_by_its_checkpoint(
    stores, position, every, block, changes
):
    """Without signatures and verdicts too: nothing else looks at these columns then."""
    store = stores[every].copy()
    if "source_offset" in changes:  # still in order
        changes = {"source_offset": store.entries[position].source_offset + 1}
    change_entry(store, position, **changes)
    (defect,) = verify(store, block, signatures=False).defects
    segment = segment_of(store, position)
    assert (defect.kind, defect.first, defect.last) == (
        Kind.ALTERED_COLUMN,
        segment.first,
        segment.size - 1,
    )
    assert "appended_at" in defect.column


@given(position=positions, block=blocks)
@settings(max_examples=30, deadline=None)
def test_a_control_size_changed_in_both_tables_is_named(stores, position, block):
    store = stores[0].copy()
    segment = segment_of(store, position)
    for at in range(segment.first, segment.size):
        change_entry(store, at, control_size=1)
    index = store.checkpoints.index(segment)
    store.checkpoints[index] = segment._replace(control_size=1)
    assert names(verify(store, block)) == {(Kind.ALTERED_COLUMN, segment.first, segment.size - 1)}


def test_a_time_of_sealing_is_bound_too(stores):
    store = stores[0].copy()
    store.checkpoints[2] = store.checkpoints[2]._replace(sealed_at=9)
    segment = store.checkpoints[2]
    assert names(store.verify()) == {(Kind.ALTERED_COLUMN, segment.first, segment.size - 1)}
