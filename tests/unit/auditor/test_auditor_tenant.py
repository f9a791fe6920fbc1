"""Only one tenant's content is there: it verifies, and nothing of that tenant can be hidden."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.auditor.core import log as log_module
from auditspine.auditor.core.defects import Kind
from auditspine.auditor.core.sealed import compare_sealed
from auditspine.auditor.core.withheld import Held, Sent, Stated, find_withheld
from auditspine.auditor.sealed import sealed_rows
from auditspine.auditor.tenant import expected_tenants, tenant_doubts
from auditspine.ledger.control import ControlState
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.merkle import leaf_hash, link
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.reader import SegmentReader

COUNT = 90
TENANTS = expected_tenants("acme")
blocks = st.sampled_from([1, 8, 32, 2048])
bad = st.sampled_from([0, 5])
some = st.sets(st.integers(0, COUNT - 1))


@pytest.fixture(scope="module")
def stores(logs):
    class Stores:  # shows itself short where hypothesis prints a failing example
        def __getitem__(self, every):
            return kept[every]

    def build(every):
        pairs = logs.messages(COUNT, every_bad=every)
        if every:
            pairs[8:10] = [(value, b"") for value, _ in pairs[8:10]]  # whose they are nobody knows
        return logs.sealed(pairs)

    kept = {every: build(every) for every in (0, 5)}
    return Stores()


def verify(store, block=2048, tenants=TENANTS, **changes):
    before, log_module.BLOCK = log_module.BLOCK, block
    try:
        return store.verify(tenants=tenants, **changes)
    finally:
        log_module.BLOCK = before


def named(result):
    return {(d.kind, d.first, d.last, d.table, d.column) for d in result.defects}


def of(store, tenant="acme"):
    return [row.position for row in store.entries if row.tenant == tenant]


def without(store, positions):
    """Remove the content of these entries."""
    store.evidence = [row for row in store.evidence if row.position not in positions]
    store.quarantine = [row for row in store.quarantine if row.position not in positions]
    return store


def strangers(store):
    return set(range(COUNT)) - set(of(store))


def change_entry(store, position, **columns):
    index = next(i for i, row in enumerate(store.entries) if row.position == position)
    store.entries[index] = store.entries[index]._replace(**columns)


def relabel(store, position, sequence=1):
    """Pass an entry off as one of another tenant's producer, and remove its content."""
    foreign = {"tenant": "globex", "producer": "new", "public_key": bytes([7] * 32)}
    change_entry(store, position, sequence=sequence, **foreign)
    without(store, {position})


@given(removed=some, every=bad, block=blocks, signatures=st.booleans())
@settings(max_examples=120, deadline=None)
def test_any_content_of_others_may_be_absent(stores, removed, every, block, signatures):
    store = stores[every].copy()
    gone = removed & strangers(store)
    result = verify(without(store, gone), block, signatures=signatures)
    assert not result.defects
    assert result.by_hash == len(gone)
    assert result.proven == result.size == COUNT
    assert result.checkpoints == len(store.checkpoints)
    assert not result.unchecked_checkpoints


@given(every=bad, block=blocks)
@settings(max_examples=8, deadline=None)
def test_what_is_said_of_a_tenants_entries_is_the_same_without_those_of_others(
    stores, every, block
):
    whole = stores[every].copy()
    part = verify(without(whole.copy(), strangers(whole)), block)
    whole = verify(whole, block, tenants=None)
    assert (part.verdicts, part.flags, part.highest) == (whole.verdicts, whole.flags, whole.highest)


def test_without_a_tenant_all_content_must_be_there(stores):
    store = stores[0].copy()
    result = verify(without(store, strangers(store)), tenants=None)
    assert len(result.defects) == len(strangers(store))
    assert {d.kind for d in result.defects} == {Kind.MISSING}


def raw_of(store, position):
    for table in (store.evidence, store.quarantine):
        for index, row in enumerate(table):
            if row.position == position:
                return table, index
    raise AssertionError(position)


def change_raw(store, position):
    table, index = raw_of(store, position)
    row = table[index]
    table[index] = row._replace(value=row.value[:-1] + bytes([row.value[-1] ^ 1]))
    return leaf_hash(encode_entry(table[index].value, row.sig))


def change_everything_after(store, position):
    change_entry(store, position, leaf=change_raw(store, position))
    chain = store.entries[position - 1].chain if position else bytes(32)
    for at in range(position, COUNT):
        chain = link(chain, store.entries[at].leaf)
        change_entry(store, at, chain=chain)


def delete_entry(store, position):
    store.entries = [row for row in store.entries if row.position != position]


def repeat_raw(store, position):
    table, index = raw_of(store, position)
    table.insert(index, table[index]._replace(value=b"x"))


def swap(store, position):
    """Exchange an entry with the tenant's next one, columns and content."""
    mine = of(store)
    other = mine[(mine.index(position) + 1) % len(mine)]
    places = {position: other, other: position}
    for name in ("entries", "evidence", "quarantine"):
        rows = [row._replace(position=places.get(row[0], row[0])) for row in getattr(store, name)]
        setattr(store, name, sorted(rows))


CHANGES = {
    "raw": change_raw,
    "leaf": lambda store, at: change_entry(store, at, leaf=bytes(32)),
    "chain": lambda store, at: change_entry(store, at, chain=bytes(32)),
    "raw and leaf": lambda store, at: change_entry(store, at, leaf=change_raw(store, at)),
    "raw and all hashes": change_everything_after,
    "raw deleted": lambda store, at: without(store, {at}),
    "entry deleted": delete_entry,
    "both deleted": lambda store, at: (without(store, {at}), delete_entry(store, at)),
    "second entry": lambda store, at: store.entries.append(store.entries[at]),
    "second raw": repeat_raw,
    "swapped": swap,
    "tenant": lambda store, at: change_entry(store, at, tenant="globex"),
    "producer": lambda store, at: change_entry(store, at, producer="x"),
    "sequence": lambda store, at: change_entry(store, at, sequence=77),
    "flags": lambda store, at: change_entry(store, at, flags=store.entries[at].flags ^ 1),
    "verdict": lambda store, at: change_entry(
        store, at, verdict=0 if store.entries[at].verdict else 2
    ),
    "time": lambda store, at: change_entry(store, at, appended_at=5),
    "control size": lambda store, at: change_entry(store, at, control_size=9),
}


@pytest.mark.parametrize("change", CHANGES)
@given(data=st.data(), removed=some, every=bad, block=blocks)
@settings(max_examples=25, deadline=None)
def test_a_change_to_the_tenants_rows_shows_as_it_does_with_everything_there(
    stores, change, data, removed, every, block
):
    whole = stores[every].copy()
    gone = removed & strangers(whole)
    CHANGES[change](whole, data.draw(st.sampled_from(of(whole))))
    expected = named(verify(whole.copy(), block, tenants=None))
    assert expected
    assert named(verify(without(whole, gone), block)) == expected


@given(position=st.integers(0, COUNT - 1), removed=some, block=blocks)
@settings(max_examples=40, deadline=None)
def test_a_changed_leaf_without_content_is_still_no_secret(stores, position, removed, block):
    store = stores[0].copy()
    change_entry(store, position, leaf=bytes(32))
    result = verify(without(store, (removed | {position}) & strangers(store)), block)
    assert any(d.first <= position <= d.last for d in result.defects)


@given(data=st.data(), length=st.integers(1, 6), block=blocks, sequence=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_an_entry_passed_off_as_anothers_leaves_a_hole_in_its_sequence(
    stores, data, length, block, sequence
):
    store = stores[0].copy()
    mine = of(store)
    at = data.draw(st.integers(0, len(mine) - 2))
    until = min(at + length, len(mine) - 1)
    without(store, strangers(store))
    for offset, position in enumerate(mine[at:until]):
        relabel(store, position, sequence + offset)
    (defect,) = verify(store, block).defects
    assert (defect.kind, defect.column) == (Kind.ALTERED_COLUMN, "flags")
    assert (defect.first, defect.expected, defect.got) == (mine[until], "1", "0")
    assert "another tenant" in defect.detail


def test_an_entry_passed_off_into_a_real_sequence_of_another_shows_as_well(stores):
    store = stores[0].copy()
    mine, theirs = of(store), store.entries[of(store, "globex")[3]]
    without(store, strangers(store) | {mine[3]})
    change_entry(store, mine[3], **dict(zip(theirs._fields[8:13], theirs[8:13], strict=True)))
    assert [(d.first, d.column) for d in verify(store).defects] == [(mine[4], "flags")]


def stated(stream, sequence):
    return {Sent(*stream, "topic", 0): Stated(sequence, 5, "local/c/lifecycle/0", 3)}


@pytest.mark.parametrize("count", [1, 3, 45])
def test_the_newest_entries_passed_off_as_anothers_are_those_that_a_heartbeat_lists(stores, count):
    store = stores[0].copy()
    mine = of(store)
    stream, sequence = store.entries[mine[-1]][8:12], store.entries[mine[-1]].sequence
    for offset, position in enumerate(mine[-count:]):
        relabel(store, position, 1 + offset)
    result = verify(store)
    assert not result.defects  # the sequence ends before them
    held = {("topic", 0): Held(result.origin, 9, result.highest)}
    (defect,) = find_withheld(stated(stream, sequence), held).defects
    assert defect.kind is Kind.WITHHELD
    assert (defect.expected, defect.got) == (str(sequence), str(sequence - count))


@given(data=st.data(), every=bad, block=blocks)
@settings(max_examples=30, deadline=None)
def test_an_entry_passed_off_as_the_tenants_has_no_content(stores, data, every, block):
    store = stores[every].copy()
    position = data.draw(st.sampled_from(sorted(strangers(store))))
    change_entry(store, position, tenant="acme")
    home = "quarantine" if store.entries[position].verdict else "evidence"
    found = named(verify(without(store, strangers(store) | {position}), block))
    assert found == {(Kind.MISSING, position, position, home, "")}


def test_an_entry_passed_off_as_the_tenants_with_content_is_not_what_it_claims(stores):
    store = stores[0].copy()
    position = of(store, "globex")[4]
    change_entry(store, position, tenant="acme")
    assert named(verify(without(store, strangers(store) - {position}))) == {
        (Kind.ALTERED_COLUMN, position, position, "entries", "tenant")
    }


def truth(store, logs):
    reader = SegmentReader([raw_public_key(logs.log_key)])
    for segment in store.segments:
        yield from sealed_rows(reader.accept(segment))


@pytest.mark.parametrize("every", [0, 5])
def test_the_sealed_topic_names_every_entry_that_was_passed_off(stores, logs, every):
    store = stores[every].copy()
    assert compare_sealed(logs.origin, COUNT, store.entries, truth(store, logs)) == []
    tail, unsigned = of(store)[-1], 9
    relabel(store, tail)
    change_entry(store, unsigned, tenant="acme")
    found = compare_sealed(logs.origin, COUNT, store.entries, truth(store, logs))
    assert [(d.kind, d.first, d.column, d.got) for d in found] == [
        (Kind.ALTERED_COLUMN, unsigned, "tenant", "acme"),
        (Kind.ALTERED_COLUMN, tail, "tenant", "globex"),
    ]


def test_a_producer_whose_every_event_was_passed_off_shows_in_the_sealed_topic_alone(stores, logs):
    store = stores[0].copy()
    mine = of(store)
    for sequence, position in enumerate(mine, 1):
        relabel(store, position, sequence)
    result = verify(store)
    assert not result.defects
    assert tenant_doubts("acme", ControlState({}, tenants={"acme": 1}), [result])
    found = compare_sealed(logs.origin, COUNT, store.entries, truth(store, logs))
    assert [(d.first, d.column) for d in found] == [(position, "tenant") for position in mine]


def test_the_control_log_must_be_whole(stores):
    store = stores[0].copy()
    rows = without(store, {1}).rows()
    checks = log_module.Checks(tenants=TENANTS)
    object.__setattr__(rows, "is_control", True)
    assert [d.kind for d in log_module.verify_log(rows, checks).defects] == [Kind.MISSING]


def test_a_tenant_that_nobody_registered_is_no_verdict():
    control = ControlState({}, tenants={"acme": 1, "globex": 2})
    assert tenant_doubts(None, None, []) == []
    assert "nothing shows whose" in tenant_doubts("acme", None, [])[0]
    assert tenant_doubts("acm", control, [])[0].endswith("did you mean acme?")
    assert tenant_doubts("zzz", control, [])[0].endswith("which knows acme, globex")
    assert "no signed event" in tenant_doubts("acme", control, [])[0]


def test_a_tenant_with_events_is_no_doubt(stores):
    control = ControlState({}, tenants={"acme": 1})
    assert tenant_doubts("acme", control, [verify(stores[0].copy())]) == []
