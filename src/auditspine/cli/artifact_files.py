"""Where an artifact's signature is kept: a file beside it, never in it."""

import os
from pathlib import Path

from auditspine.cli.errors import CliError

_MAX_SIGNATURE = 1_048_576  # bytes; an envelope has a quarter of it


def beside(path: Path) -> Path:
    """Give the place of an artifact's signature when nothing else is said: ``PATH.sig``."""
    if path.name in ("", ".."):
        whole = path.resolve()
        return whole.with_name(f"{whole.name}.sig")
    return path.with_name(f"{path.name}.sig")


def target_of(path: Path, output: Path | None) -> Path:
    """Give where a signature goes; look at it before the artifact is digested.

    Raises:
        CliError: It would lie in the artifact, or there is no such directory.
    """
    target = output or beside(path)
    whole, artifact = target.resolve(), path.resolve()
    if whole == artifact or artifact in whole.parents:
        raise CliError(f"--output: {target} is part of the artifact, and would alter it")
    if whole.is_dir() or not whole.parent.is_dir():
        raise CliError(f"--output: expected a file in a directory that exists, got {target}")
    return target


def write_signature(target: Path, envelope: str) -> None:
    """Put a signature there, whole or not at all; one that was there is replaced."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        partial.write_text(envelope + "\n", "utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_signature(file: Path) -> str:
    """Read a signature's file.

    Raises:
        CliError: It is missing, unreadable, or no text.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(_MAX_SIGNATURE).decode()
    except UnicodeDecodeError:
        raise CliError(f"{file}: expected a signature, got something else") from None
    except OSError as exc:
        raise CliError(f"{file}: the signature cannot be read: {exc.strerror}") from exc
