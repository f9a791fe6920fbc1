"""Reads ``NAME:VERSION@sha256:HEX``, as commands name one exact model.

A digest is always asked for: a name and a version are labels that anyone may move, and what is
approved or let through is bytes.
"""

import re
from typing import Annotated

import typer
from pydantic import ValidationError

from auditspine.cli.errors import CliError
from auditspine.schemas.models import ArtifactRef

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXAMPLE = "NAME:VERSION@sha256:HEX, such as mortgage-risk:3@sha256:556cb80e…16b7 (64 digits)"

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL@DIGEST", help="The exact model: NAME:VERSION@sha256: and 64 hex digits."
    ),
]


def parse_model(text: str) -> ArtifactRef:
    """Read a model's name, version and digest.

    Args:
        text: ``NAME:VERSION@sha256:HEX``. The version begins after the name's last colon.

    Returns:
        The model, with the kind ``model``.

    Raises:
        CliError: The digest is missing or not whole, or the version is missing.
    """
    named, at, digest = text.rpartition("@")
    if not at:
        raise CliError(
            f"a model is named with its digest, as its name and version may be moved to other "
            f"bytes; expected {_EXAMPLE}"
        )
    if _DIGEST.fullmatch(digest.lower()) is None:
        raise CliError(
            f"the digest must be whole, sha256: and 64 hexadecimal digits; expected {_EXAMPLE}"
        )
    name, colon, version = named.rpartition(":")
    if not (colon and name and version):
        raise CliError(f"a model has a name and a version; expected {_EXAMPLE}")
    raw = bytes.fromhex(digest.lower().removeprefix("sha256:"))
    try:
        return ArtifactRef(kind="model", name=name, version=version, digest=raw)
    except ValidationError:
        raise CliError(
            f"name and version have 1 to 256 printable characters each; expected {_EXAMPLE}"
        ) from None
