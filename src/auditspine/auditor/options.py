"""What to verify, and how far a verification is."""

from dataclasses import dataclass

from auditspine.auditor.sealed import SealedTopics


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is.

    Attributes:
        step: What is being done, in a few words.
        log: The log, as topic/partition.
        done: Entries done in this step and log.
        total: Entries there.
    """

    step: str
    log: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Options:
    """What to verify.

    Attributes:
        signatures: Whether to check producers' signatures, sequences and verdicts.
        columns: Whether to compare typed columns with the raw bytes.
        origins: Only these logs (and the control log); all when empty.
        checkpoints: Notes that were kept from elsewhere.
        sealed: The sealed topics to compare with; ``None`` to leave them alone.
        sealed_entries: Whether to compare every sealed entry, not the heads alone.
        lag_ms: How long after sealing an entry may be missing from the store.
        now_ms: The present, milliseconds since 1970.
        tenant: The tenant whose content must be there, beside the control log; that of others may
            be absent and is then checked by its hashes alone. Everybody's when ``None``.
        topic_prefix: First part of the source topics of the space whose database it is; ``None``
            when the store holds the logs of all spaces.
    """

    now_ms: int
    signatures: bool = True
    columns: bool = True
    origins: frozenset[str] = frozenset()
    checkpoints: tuple[str, ...] = ()
    sealed: SealedTopics | None = None
    sealed_entries: bool = True
    lag_ms: int = 60_000
    tenant: str | None = None
    topic_prefix: str | None = None
