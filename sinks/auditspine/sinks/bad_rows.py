"""Finds the events that ClickHouse cannot read, by halving the block that it refused."""

from collections.abc import Sequence

from auditspine.ledger.segment import Entry
from auditspine.sinks.errors import BadDataError, RefusedError
from auditspine.sinks.reframe import reframe
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import Prepared


def find_bad(
    store: Store, prepared: Prepared, entries: Sequence[Entry], refusal: BadDataError
) -> dict[int, str]:
    """Find the entries that ClickHouse cannot read; nothing is written.

    Args:
        store: ClickHouse.
        prepared: How events of their schema are read.
        entries: Entries of one schema, at least one.
        refusal: What it said to all of them.

    Returns:
        Reason by position; it names ClickHouse's error and none of the content.

    Raises:
        RefusedError: No entry is at fault.
        UnavailableError: ClickHouse is away.
    """
    if _refused(store, prepared, []) is not None:
        raise RefusedError(f"ClickHouse cannot read any event of this schema: {refusal}")
    bad: dict[int, str] = {}
    blocks = [entries]
    while blocks:
        block = blocks.pop()
        reason = _refused(store, prepared, block)
        if reason is None:
            continue
        if len(block) == 1:
            bad[block[0].position] = reason
        else:
            half = len(block) // 2
            blocks += [block[half:], block[:half]]
    if not bad:
        raise RefusedError(f"ClickHouse refuses a block, though it reads each event: {refusal}")
    return bad


def _refused(store: Store, prepared: Prepared, entries: Sequence[Entry]) -> str | None:
    """Let ClickHouse read entries into nowhere; give its error's name, ``None`` without one."""
    block = reframe(prepared.header, entries) if entries else prepared.header
    try:
        store.insert_data(prepared.probe(), block, "Avro", "")
    except BadDataError as exc:
        return str(exc)
    return None
