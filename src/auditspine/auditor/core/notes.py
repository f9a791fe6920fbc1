"""Opens checkpoints with the trusted log keys. Pure."""

from collections.abc import Sequence

from auditspine.auditor.core.trust import Trust
from auditspine.ledger.errors import IntegrityError
from auditspine.ledger.note import Checkpoint, open_checkpoint, parse_checkpoint


def open_note(note: str, sealed_at: int, trust: Trust | None) -> Checkpoint:
    """Read a note and check it against the trusted log keys; without trust only read it.

    Raises:
        FormatError: Not a checkpoint.
        IntegrityError: No trusted key signed it.
    """
    return _open(note, None if trust is None else trust.keys_at(sealed_at))


def open_kept(note: str, trust: Trust | None) -> Checkpoint:
    """Read a note that the caller kept, whenever it was signed; raises as :func:`open_note`."""
    return _open(note, None if trust is None else [key.public_key for key in trust.log_keys])


def _open(note: str, keys: Sequence[bytes] | None) -> Checkpoint:
    checkpoint = parse_checkpoint(note)
    if keys is None:
        return checkpoint
    error: IntegrityError | None = None
    for key in keys:
        try:
            return open_checkpoint(note, {checkpoint.origin: key})
        except IntegrityError as exc:
            error = exc
    raise error or IntegrityError("no log key is trusted for the time of sealing")
