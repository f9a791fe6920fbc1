"""Reads events for ``auditspine publish``: one JSON document, or one event per line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from auditspine.schemas.errors import SchemaError
from auditspine.schemas.models import Event
from auditspine.schemas.parse import parse_json


@dataclass(frozen=True, slots=True)
class Read:
    """One event of the input, or why it is none.

    Attributes:
        line: Its first line, from 1.
        event: The event; ``None`` when it is refused.
        problem: Why; names fields and never holds a value.
    """

    line: int
    event: Event | None
    problem: str = ""


def read_events(source: IO[bytes]) -> Iterator[Read]:
    """Yield what a stream of bytes holds, each as soon as it is complete.

    When the first line is a complete JSON value, each line is one event. Otherwise the whole
    input is one event, written over several lines.
    """
    number = 0
    for line in source:
        number += 1
        if not line.strip():
            continue
        if _is_json(line):
            yield _parse(number, line)
            break
        yield _parse(number, line + source.read())
        return
    for line in source:
        number += 1
        if line.strip():
            yield _parse(number, line)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _parse(number: int, raw: bytes) -> Read:
    try:
        return Read(number, parse_json(raw))
    except SchemaError as exc:
        return Read(number, None, str(exc))
