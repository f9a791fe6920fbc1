"""Shows how far the digest of an artifact is, and how it differs from what was signed."""

from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.ledger.intoto import Manifest
from auditspine.producers.artifact import Differences, digest_artifact

_SHOWN = 20  # files named on a screen


def digest_shown(path: Path, name: str | None = None) -> Manifest:
    """Digest an artifact; a bar on a terminal shows how far it is.

    Raises:
        ArtifactError: As :func:`~auditspine.producers.artifact.digest_artifact`.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    ) as bars:
        task = bars.add_task("digest", total=None)
        return digest_artifact(
            path, name, lambda done, total: bars.update(task, completed=done, total=total)
        )


def described(manifest: Manifest) -> dict[str, Any]:
    """Give a manifest for machines."""
    return {
        "name": manifest.name,
        "digest": digest_text(manifest),
        "files": {each.name: each.digest.hex() for each in manifest.files},
    }


def digest_text(manifest: Manifest) -> str:
    """Give an artifact's digest as commands take it."""
    return f"sha256:{manifest.digest.hex()}"


def counted(manifest: Manifest) -> str:
    """Say how many files an artifact has."""
    return "1 file" if len(manifest.files) == 1 else f"{len(manifest.files)} files"


def tell_signed(target: Path, manifest: Manifest, event: str | None, *, as_json: bool) -> None:
    """Say what was signed, and that it was published where it was."""
    if as_json:
        print_json({"signature": str(target), "event": event, **described(manifest)})
        return
    stdout.print(
        Text.assemble(
            ("✓ ", "good"),
            printable(f"{target}: {manifest.name}, {counted(manifest)}, "),
            (digest_text(manifest), "hash"),
        ),
        soft_wrap=True,
    )
    if event is not None:
        stdout.print(f"[good]✓[/] artifact.signed is sealed: event {event}", soft_wrap=True)


def tell_verified(path: Path, found: Manifest, key: bytes, *, as_json: bool) -> None:
    """Say that an artifact is as it was signed."""
    if as_json:
        print_json({"verified": True, **described(found), "public_key": key.hex()})
        return
    stdout.print(
        Text.assemble(
            ("✓ ", "good"),
            printable(f"{path}: as it was signed, {counted(found)}, "),
            (digest_text(found), "hash"),
        ),
        soft_wrap=True,
    )
    stdout.print(f"signed with [hash]{key.hex()}[/]", soft_wrap=True)


def tell_altered(path: Path, signed: Manifest, changes: Differences, *, as_json: bool) -> None:
    """Say which files of an artifact are not as they were signed."""
    kinds = {"added": changes.added, "removed": changes.removed, "changed": changes.changed}
    if as_json:
        altered = {kind: list(names) for kind, names in kinds.items()}
        print_json({"verified": False, "reason": "altered", "signed": described(signed)} | altered)
        return
    stdout.print(
        Text.assemble(("✗ ", "bad"), printable(f"{path}: altered since it was signed")),
        soft_wrap=True,
    )
    for kind, names in kinds.items():
        for name in names[:_SHOWN]:
            called = path.name if name == "." else name
            stdout.print(Text(f"  {kind:<8}{printable(called)}"), soft_wrap=True)
        if len(names) > _SHOWN:
            stdout.print(f"  {kind:<8}{len(names) - _SHOWN} more", soft_wrap=True)


def tell_unsigned(path: Path, reason: str, *, as_json: bool) -> None:
    """Say that a signature does not hold."""
    if as_json:
        print_json({"verified": False, "reason": reason})
        return
    stdout.print(Text.assemble(("✗ ", "bad"), printable(f"{path}: {reason}")), soft_wrap=True)
