"""Ed25519 private keys in files: PKCS8 PEM that only its owner may read; other secrets likewise.

Does not decide which key is trusted: the control log does.
"""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from auditspine.ledger.errors import LedgerError

_SHARED_BITS = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES = 65_536  # a PKCS8 Ed25519 key has about 120


class KeyFileError(LedgerError):
    """A key file cannot be used as it is: do what the message says.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"key file {path}: {detail}")
        self.path = path


def read_key(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """Read a private key that nobody but its owner can read.

    Args:
        path: PKCS8 PEM file, mode 0600 or stricter; not a symbolic link.

    Returns:
        The key.

    Raises:
        KeyFileError: The file is missing, unreadable, a link, no regular file, open to group or
            others, empty, or not an unencrypted Ed25519 key in PKCS8 PEM.
    """
    file = Path(path)
    pem = read_private(file)
    if not pem.strip():
        raise KeyFileError(file, "is empty; restore it, or delete it and create a new key")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # their text could quote the content
        raise KeyFileError(
            file, "expected an unencrypted Ed25519 private key in PKCS8 PEM, got something else"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(
            file, f"expected an Ed25519 private key, got {type(key).__name__.lstrip('_')}"
        )
    return key


def create_key(path: str | os.PathLike[str]) -> Ed25519PrivateKey:
    """Generate a private key and write it, mode 0600; never overwrites.

    The file appears whole or not at all. Missing parent directories are made with mode 0700.

    Args:
        path: Where the new file goes.

    Returns:
        The new key.

    Raises:
        KeyFileError: The path exists already, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Give a private key's public key, 32 bytes."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def read_private(path: str | os.PathLike[str]) -> bytes:
    """Read a secret that nobody but its owner can read: at most 64 KiB of it.

    Args:
        path: Regular file, mode 0600 or stricter; not a symbolic link.

    Raises:
        KeyFileError: The file is missing, unreadable, a link, no regular file, or open to group
            or others.
    """
    file = Path(path)
    try:
        # NONBLOCK, so that a FIFO in the file's place cannot hang the open.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise KeyFileError(file, _why_not_opened(file, exc)) from exc
    try:
        _require_private(file, os.fstat(descriptor).st_mode)
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def create_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a secret that nobody but its owner can read, mode 0600; never overwrites.

    The file appears whole or not at all. Missing parent directories are made with mode 0700.

    Args:
        path: Where the new file goes.
        content: The secret.

    Raises:
        KeyFileError: The path exists already, or cannot be written.
    """
    file = Path(path)
    partial = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_private(partial, content)
            os.link(partial, file)  # fails where a rename would overwrite
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError as exc:
        raise KeyFileError(file, "exists already and is never overwritten; choose another") from exc
    except OSError as exc:
        raise KeyFileError(file, f"cannot be written: {exc.strerror}") from exc


def _require_private(file: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise KeyFileError(file, "is a directory; name the file in it")
    if not stat.S_ISREG(mode):
        raise KeyFileError(file, "is not a regular file; name the key file itself")
    if mode & _SHARED_BITS:
        raise KeyFileError(
            file,
            f"expected mode 0600, got {stat.S_IMODE(mode):04o}: others could read or change "
            f"the key; run: chmod 600 {file}",
        )


def _why_not_opened(file: Path, exc: OSError) -> str:
    if file.is_symlink():
        return f"is a symbolic link; name the file itself: {file.resolve()}"
    if isinstance(exc, FileNotFoundError):
        return "does not exist; create it with: auditspine keys create"
    if isinstance(exc, PermissionError):
        return "cannot be read by this user; run as its owner, or chown it, then: chmod 600"
    return f"cannot be read: {exc.strerror}"


def _write_private(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
