"""Secrets in files that nobody but their owner may read."""

import os
import stat
from pathlib import Path

from auditspine.sinks.notify.port import NotifyError

_SHARED_BITS = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES = 65_536


class SecretFileError(NotifyError):
    """A file with a secret cannot be used as it is; the message never quotes its content."""


def read_secret(path: Path) -> str:
    """Read a one-line secret.

    Args:
        path: A regular file, mode 0600 or stricter; not a symbolic link.

    Returns:
        Its content without surrounding white space.

    Raises:
        SecretFileError: Missing, unreadable, a link, no regular file, open to group or others,
            empty, or not text.
    """
    try:
        # NONBLOCK, so that a FIFO in the file's place cannot hang the open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if path.is_symlink():
            raise SecretFileError(f"{path} is a symbolic link; name the file itself") from exc
        raise SecretFileError(f"{path} cannot be read: {exc.strerror}") from exc
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise SecretFileError(f"{path} is not a regular file")
        if mode & _SHARED_BITS:
            raise SecretFileError(
                f"{path}: expected mode 0600, got {stat.S_IMODE(mode):04o}: others could read the "
                f"secret; run: chmod 600 {path}"
            )
        content = os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:  # its text could quote the content
        raise SecretFileError(f"{path}: expected text in UTF-8, got something else") from None
    if not text:
        raise SecretFileError(f"{path} is empty; write the URL into it")
    return text
