"""Reads events from JSON and writes them as JSON: the form for people and other languages."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from auditspine.schemas.catalogue import event_type
from auditspine.schemas.errors import EventTooLargeError, InvalidEventError
from auditspine.schemas.explain import explain
from auditspine.schemas.models import Event

MAX_JSON_BYTES = 2 * 1024 * 1024  # an event of 512 KiB of Avro is shorter than this as JSON


def parse_json(source: str | bytes | Mapping[str, Any]) -> Event:
    """Read one event.

    Args:
        source: JSON text, its UTF-8 bytes, or the object that it stands for.

    Returns:
        The event, with ``event_id`` and ``occurred_at`` supplied where absent.

    Raises:
        InvalidEventError: It is not one event of the contract. The text names each field and
            what was expected, and holds no value.
    """
    raw = _text(source)
    if len(raw) > MAX_JSON_BYTES:
        raise EventTooLargeError(len(raw), MAX_JSON_BYTES)
    envelope = _load(raw).get("envelope")
    if not isinstance(envelope, dict):
        raise InvalidEventError("envelope: expected an object, got none")
    name = envelope.get("event_type")
    if not isinstance(name, str):
        raise InvalidEventError("envelope.event_type: expected a known event type, got none")
    model = event_type(name).model
    try:
        return model.model_validate_json(raw)
    except ValidationError as exc:
        problems = explain(exc)
    raise InvalidEventError(*problems)


def to_json(event: Event, *, indent: int | None = None) -> str:
    """Write one event as JSON that :func:`parse_json` reads."""
    return event.model_dump_json(indent=indent)


def _text(source: str | bytes | Mapping[str, Any]) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, str):
            return source.encode()
        return json.dumps(source, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        problem = "expected UTF-8, got a lone surrogate"
    except RecursionError:
        problem = "nested too deeply"
    except (TypeError, ValueError):
        problem = "expected values that JSON has, got another type, NaN or infinity"
    raise InvalidEventError(f"event: {problem}")


def _load(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as exc:
        problem = f"not JSON at line {exc.lineno} column {exc.colno}: {exc.msg}"
    except UnicodeDecodeError as exc:
        problem = f"expected UTF-8, got other bytes at {exc.start}"
    except RecursionError:
        problem = "nested too deeply"
    except ValueError:
        problem = "a number has too many digits"
    else:
        if isinstance(value, dict):
            return value
        problem = f"expected one JSON object, got {type(value).__name__}"
    raise InvalidEventError(f"event: {problem}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated name: which of the two counts would depend on the reader."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidEventError("event: an object has the same name twice")
    return found


def _refuse_constant(constant: str) -> Any:
    raise InvalidEventError(
        f"event: expected finite numbers, got {constant}; use null where a value is missing"
    )
