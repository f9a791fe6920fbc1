"""What to check in one log, and what was found. Pure."""

from dataclasses import dataclass

from auditspine.auditor.core.defects import Defect
from auditspine.auditor.core.judge import Judge
from auditspine.auditor.core.partial import Tenants
from auditspine.auditor.core.producers import Stream
from auditspine.auditor.core.rows import CheckpointRow
from auditspine.auditor.core.trust import Trust
from auditspine.auditor.core.withheld import HeartbeatCollector
from auditspine.ledger.note import Checkpoint


@dataclass(frozen=True, slots=True)
class Checks:
    """What to check, and with what.

    Attributes:
        trust: Trusted keys; without them nothing is authenticated.
        signatures: Whether to check producers' signatures, sequences and verdicts.
        judge: Recomputes verdicts.
        heartbeats: Collects heartbeats for the comparison across logs.
        elsewhere: Authentic checkpoints of this log that did not come from the store.
        tenants: Tenants whose content must be there; everybody's when ``None``. The control log
            must be whole in any case.
    """

    trust: Trust | None = None
    signatures: bool = True
    judge: Judge | None = None
    heartbeats: HeartbeatCollector | None = None
    elsewhere: tuple[Checkpoint, ...] = ()
    tenants: Tenants = None


@dataclass(frozen=True, slots=True)
class LogResult:
    """What was found in one log.

    Attributes:
        origin: The log.
        topic: Its source topic.
        partition: Its source partition.
        size: Entries committed and read.
        uncommitted: Rows beyond them that an open claim covers.
        proven: Size of the last signed checkpoint that the entries agree with.
        last_checkpoint: Its row.
        checkpoints: Signed checkpoints that agree.
        unchecked_checkpoints: Signed checkpoints that could not be compared.
        verdicts: Entries per stored verdict.
        flags: Entries per stored flags.
        unjudged: Entries whose verdict could not be recomputed.
        set_aside: Valid entries that stand in quarantine, since the store could not load them.
        by_hash: Entries whose content may be absent and is, so that hashes alone were checked.
        last_appended_at: Broker's time of the last entry, milliseconds since 1970.
        highest: Highest sequence per producer's stream.
        defects: Everything that is wrong, in position order.
        defects_beyond: Defects that were counted and not kept.
    """

    origin: str
    topic: str
    partition: int
    size: int
    uncommitted: int
    proven: int
    last_checkpoint: CheckpointRow | None
    checkpoints: int
    unchecked_checkpoints: int
    verdicts: dict[int, int]
    flags: dict[int, int]
    unjudged: int
    set_aside: int
    by_hash: int
    last_appended_at: int | None
    highest: dict[Stream, int]
    defects: tuple[Defect, ...]
    defects_beyond: int
