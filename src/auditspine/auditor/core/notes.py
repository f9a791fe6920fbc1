"""Opens checkpoints with the trusted log keys. Pure."""

from auditspine.auditor.core.trust import Trust
from auditspine.ledger.errors import IntegrityError
from auditspine.ledger.note import Checkpoint, open_checkpoint, parse_checkpoint


def open_note(note: str, sealed_at: int, trust: Trust | None) -> Checkpoint:
    """Read a note and check it against the trusted log keys; without trust only read it.

    Raises:
        FormatError: Not a checkpoint.
        IntegrityError: No trusted key signed it.
    """
    checkpoint = parse_checkpoint(note)
    if trust is None:
        return checkpoint
    error: IntegrityError | None = None
    for key in trust.keys_at(sealed_at):
        try:
            return open_checkpoint(note, {checkpoint.origin: key})
        except IntegrityError as exc:
            error = exc
    raise error or IntegrityError("no log key is trusted for the time of sealing")
