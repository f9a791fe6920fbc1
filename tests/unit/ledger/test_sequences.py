"""The producer table shows what a producer sent that the log does not hold."""

import pytest

from auditspine.ledger import sequences
from auditspine.ledger.batch import SigHeader
from auditspine.ledger.sequences import ProducerTable
from auditspine.ledger.verdict import Flag


def header(epoch: int, sequence: int, cites: tuple[int, int] = (0, 0)) -> SigHeader:
    return SigHeader(bytes(64), bytes(32), epoch, sequence, *cites, 1, 0, "acme", "trainer", b"")


def observe(*headers: SigHeader) -> list[Flag]:
    table = ProducerTable()
    return [table.observe(item) for item in headers]


def test_contiguous_sequences_have_no_flag() -> None:
    assert observe(*(header(1, n) for n in range(1, 5))) == [Flag.NONE] * 4


def test_skipped_sequence_is_a_gap_once() -> None:
    assert observe(header(1, 1), header(1, 3), header(1, 4)) == [Flag.NONE, Flag.GAP, Flag.NONE]


def test_repeated_and_late_sequences_are_duplicates() -> None:
    flags = observe(header(1, 1), header(1, 1), header(1, 3), header(1, 2))
    assert flags == [Flag.NONE, Flag.DUPLICATE, Flag.GAP, Flag.DUPLICATE]


def test_epoch_that_starts_late_is_a_gap() -> None:
    assert observe(header(1, 2)) == [Flag.GAP]


@pytest.mark.parametrize(("cited", "flag"), [(2, Flag.NONE), (1, Flag.NONE), (3, Flag.GAP)])
def test_new_epoch_cites_the_end_of_the_one_before(cited: int, flag: Flag) -> None:
    """A stale citation is no gap; a citation of events that are not there is."""
    flags = observe(header(1, 1), header(1, 2), header(9, 1, cites=(1, cited)))
    assert flags[-1] == flag


def test_parallel_epochs_of_one_producer_do_not_disturb_each_other() -> None:
    flags = observe(header(1, 1), header(2, 1), header(1, 2), header(2, 2))
    assert flags == [Flag.NONE] * 4


def test_rows_restore_the_table() -> None:
    table = ProducerTable()
    for item in (header(1, 1), header(2, 1), header(1, 2)):
        table.observe(item)
    restored = ProducerTable(table.rows())
    assert restored.rows() == table.rows()
    assert restored.observe(header(1, 3)) == Flag.NONE


def test_table_drops_the_longest_unused_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "MAX_EPOCHS", 2)
    table = ProducerTable()
    for item in (header(1, 1), header(2, 1), header(1, 2), header(3, 1)):
        table.observe(item)
    assert [row[3] for row in table.rows()] == [1, 3]
