"""Up to when a log is known to hold all that was published."""

from types import SimpleNamespace

from auditspine.auditor.core.rows import CheckpointRow
from auditspine.auditor.verify import _complete_until


def result(first: int, size: int, last_appended_at: int | None = 100):
    row = CheckpointRow(size, first, bytes(32), bytes(32), 1, 900, "")
    return SimpleNamespace(last_appended_at=last_appended_at, last_checkpoint=row)


def test_a_checkpoint_over_an_unchanged_size_speaks_for_its_own_time() -> None:
    assert _complete_until(result(7, 7)) == 900


def test_a_ledger_that_is_behind_speaks_for_its_last_entry_only() -> None:
    assert _complete_until(result(5, 7)) == 100


def test_a_log_without_anything_speaks_for_no_time() -> None:
    empty = SimpleNamespace(last_appended_at=None, last_checkpoint=None)
    assert _complete_until(empty) == 0
