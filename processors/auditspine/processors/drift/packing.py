"""States of monitors as bytes: a header as JSON and arrays of floats, never a pickle. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.projection.errors import StateError

_FORMAT = 2
_MAGIC = b"drift"


def pack(head: Mapping[str, object], arrays: Mapping[str, Floats]) -> bytes:
    """Write arrays as bytes: a header as JSON that names their shapes, then their floats."""
    shapes = {key: list(array.shape) for key, array in arrays.items()}
    text = json.dumps({**head, "format": _FORMAT, "shapes": shapes}).encode()
    floats = b"".join(
        np.ascontiguousarray(array, dtype="<f8").tobytes() for array in arrays.values()
    )
    return _MAGIC + len(text).to_bytes(4, "big") + text + floats


def unpack(value: bytes) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Read what :func:`pack` gave.

    Raises:
        StateError: It is not that, or of another format.
    """
    start = len(_MAGIC) + 4
    if value[: len(_MAGIC)] != _MAGIC:
        raise StateError("a monitor's state cannot be used: it is not one")
    end = start + int.from_bytes(value[len(_MAGIC) : start], "big")
    head = json.loads(value[start:end])
    if head["format"] != _FORMAT:
        raise StateError(
            f"a monitor's state cannot be used: expected format {_FORMAT}, got {head['format']}; "
            "move the state away, and it is computed anew from the sealed log"
        )
    arrays: dict[str, Floats] = {}
    for key, shape in head["shapes"].items():
        size = int(np.prod(shape)) * 8
        arrays[key] = np.frombuffer(value[end : end + size], "<f8").reshape(shape).copy()
        end += size
    return head, arrays


def under(arrays: Mapping[str, Floats], prefix: str) -> dict[str, Floats]:
    """Give the arrays of one part of a state, by their names within it."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
