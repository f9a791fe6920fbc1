"""Checkpoints from outside the store: those that were kept, and the heads of sealed topics."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from auditspine.auditor.core.defects import Defect, Kind
from auditspine.auditor.core.notes import open_kept, open_note
from auditspine.auditor.core.trust import Trust
from auditspine.auditor.errors import SourceError
from auditspine.auditor.evidence import StoredLog
from auditspine.auditor.findings import Findings
from auditspine.auditor.options import Options
from auditspine.auditor.sealed import SealedHead
from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.note import Checkpoint

Elsewhere = Mapping[str, Sequence[Checkpoint]]
"""Authentic checkpoints by log."""


def kept_checkpoints(options: Options, trust: Trust | None) -> list[Checkpoint]:
    """Open the notes that the caller kept.

    Raises:
        LedgerError: One is not a checkpoint, or no trusted key signed it.
    """
    return [open_kept(note, trust) for note in options.checkpoints]


def sealed_heads(options: Options, findings: Findings) -> tuple[list[SealedHead], list[SealedHead]]:
    """Give the heads that the store must have reached by now, and the newest ones."""
    sealed = options.sealed
    if sealed is None:
        return [], []
    try:
        newest = sealed.heads()
        if not newest:
            findings.not_checked.append("the sealed topics hold no checkpoint: nothing to compare")
        if options.lag_ms <= 0:
            return newest, newest
        return sealed.heads(options.now_ms - options.lag_ms), newest
    except SourceError as exc:
        findings.not_checked.append(str(exc))
        return [], []


def gather(
    logs: Sequence[StoredLog],
    kept: Sequence[Checkpoint],
    heads: tuple[Sequence[SealedHead], Sequence[SealedHead]],
    trust: Trust | None,
    findings: Findings,
) -> dict[str, list[Checkpoint]]:
    """Gather authentic checkpoints by log; heads that the store may still lack are pending."""
    sizes = {log.origin: log.size for log in logs}
    found: dict[str, list[Checkpoint]] = {}
    for checkpoint in kept:
        found.setdefault(checkpoint.origin, []).append(checkpoint)
    with_head = {head.origin for head in heads[1]}
    if heads[1]:
        findings.not_checked += [
            f"{log.topic}/{log.partition}: its sealed topic holds no checkpoint of this log"
            for log in logs
            if log.origin not in with_head
        ]
    due = {(head.origin, head.size) for head in heads[0]}
    for head in {(h.origin, h.size): h for h in chain(*heads)}.values():
        size = sizes.get(head.origin, 0)
        if head.size > size and (head.origin, head.size) not in due:
            findings.pending[head.origin] = head.size - size
            continue
        try:
            checkpoint = open_note(head.note, head.sealed_at, trust)
        except (FormatError, IntegrityError) as exc:
            findings.not_checked.append(f"sealed topic {head.topic}/{head.partition}: {exc}")
            continue
        found.setdefault(checkpoint.origin, []).append(checkpoint)
    return found


def absent_logs(
    logs: Sequence[StoredLog],
    elsewhere: Elsewhere,
    control: ControlState | None,
    expects: Callable[[OpenedLog], bool],
    findings: Findings,
) -> None:
    """Report logs that are known from elsewhere and of which the store holds nothing.

    Args:
        logs: What the store holds.
        elsewhere: Authentic checkpoints of logs that it should hold.
        control: What the control log says.
        expects: Tells whether the store should hold a log that the control log opened.
        findings: Where they go.
    """
    stored = {log.origin for log in logs}
    for origin, checkpoints in elsewhere.items():
        size = max(checkpoint.size for checkpoint in checkpoints)
        if origin not in stored and size:
            findings.defects.append(
                Defect(
                    Kind.TRUNCATED,
                    origin,
                    0,
                    size - 1,
                    "entries",
                    expected=str(size),
                    got="0",
                    detail="a signed checkpoint proves the log, and nothing of it is stored",
                )
            )
    for origin, opened in ({} if control is None else control.logs).items():
        if origin not in stored and origin not in elsewhere and expects(opened):
            findings.not_checked.append(
                f"{opened.topic}/{opened.partition}: the control log opened log {origin}, "
                "and nothing of it is stored"
            )
