"""What a verification found, as data: frozen, comparable, and ready for JSON."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from auditspine.auditor.core.defects import Defect


class Outcome(IntEnum):
    """The verdict of a run; the number is the command's exit code."""

    VERIFIED = 0
    """Everything agrees, and trusted keys signed it."""
    DEFECTS = 1
    """Something is altered, missing, extra, reordered, cut off or withheld."""
    NOT_CHECKED = 2
    """No defect was found, and something that should have been checked could not be."""
    NOT_AUTHENTICATED = 3
    """The evidence agrees with itself; no trust file says whose it is."""


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log.

    Attributes:
        origin: ``region/cluster/topic-id/partition``.
        topic: Source topic.
        partition: Source partition.
        size: Entries read and checked.
        uncommitted: Further rows that a sink is writing; not checked.
        proven_size: Size of the last signed checkpoint that the entries agree with.
        root: Its Merkle root, hex; empty when there is none.
        sealed_at: Its time by the ledger's clock, milliseconds since 1970.
        last_appended_at: The broker's time of the last entry, milliseconds since 1970.
        checkpoints: Signed checkpoints that agree.
        unchecked_checkpoints: Signed checkpoints that could not be compared.
        verdicts: Entries by verdict.
        flags: Entries with each flag.
        unjudged: Entries whose verdict could not be recomputed.
        set_aside: Valid entries in quarantine, since ClickHouse could not load them.
        by_hash: Entries of other tenants whose content is absent: checked by their hashes alone.
        pending: Entries sealed and not yet in the store, within the allowed lag.
    """

    origin: str
    topic: str
    partition: int
    size: int
    uncommitted: int
    proven_size: int
    root: str
    sealed_at: int | None
    last_appended_at: int | None
    checkpoints: int
    unchecked_checkpoints: int
    verdicts: dict[str, int]
    flags: dict[str, int]
    unjudged: int
    set_aside: int
    by_hash: int
    pending: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What the result rests on.

    Attributes:
        log_keys: Log keys that were trusted, hex; none without a trust file.
        operator_keys: Operator keys that were trusted, hex.
        control_origin: The control log that was used; empty when there was none.
        control_size: Its size.
        signatures: Whether producers' signatures, sequences and flags were checked.
        verdicts: Whether verdicts were recomputed from the control log.
        columns: Whether typed columns were compared with the raw bytes.
        sealed: How the sealed topics were consulted: ``no``, ``heads`` or ``entries``.
        kept_checkpoints: Checkpoints that the caller gave.
        heartbeats: Producers' streams that heartbeats were compared for.
        heartbeats_pending: Streams for which it is too early to say.
        started_at: Milliseconds since 1970.
        tenant: The tenant whose content had to be there; everybody's had to when ``None``.
        by_hash: Entries of others that were checked by their hashes alone.
        moved: Tenants whose history in other spaces is here, complete by what their moves name.
    """

    log_keys: tuple[str, ...]
    operator_keys: tuple[str, ...]
    control_origin: str
    control_size: int
    signatures: bool
    verdicts: bool
    columns: bool
    sealed: str
    kept_checkpoints: int
    heartbeats: int
    heartbeats_pending: int
    started_at: int
    tenant: str | None
    by_hash: int
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A verification.

    Attributes:
        outcome: Its verdict.
        logs: Every log.
        defects: Everything that is wrong, by log and position.
        defects_beyond: Defects that were counted and not listed.
        not_checked: What could not be checked and why, a sentence each.
        basis: What the result rests on.
    """

    outcome: Outcome
    logs: tuple[LogReport, ...]
    defects: tuple[Defect, ...]
    defects_beyond: int
    not_checked: tuple[str, ...]
    basis: Basis

    @property
    def entries(self) -> int:
        """Entries checked, over all logs."""
        return sum(log.size for log in self.logs)


def report_to_json(report: Report) -> dict[str, Any]:
    """Give a report as JSON-able data."""
    return {**asdict(report), "outcome": report.outcome.name.lower(), "entries": report.entries}
