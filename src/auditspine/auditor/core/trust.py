"""The trust file: which keys an auditor trusts, obtained apart from the evidence. Pure.

``trust.json``::

    {"version": 1, "control_origin": "...", "operator_keys": ["<hex>"],
     "log_keys": [{"public_key": "<hex>", "valid_from": ms|null, "valid_to": ms|null}],
     "witnesses": []}
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auditspine.ledger.errors import FormatError

VERSION = 1


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs checkpoints.

    Attributes:
        public_key: Ed25519 public key, 32 bytes.
        valid_from: First time of sealing at which it counts, milliseconds since 1970.
        valid_to: Last such time.
    """

    public_key: bytes
    valid_from: int | None = None
    valid_to: int | None = None

    def covers(self, sealed_at: int) -> bool:
        """Tell whether the key counts at a time of sealing."""
        return (self.valid_from is None or self.valid_from <= sealed_at) and (
            self.valid_to is None or sealed_at <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """What an auditor trusts without the evidence saying so.

    Attributes:
        control_origin: The control log.
        operator_keys: Keys of which one must have signed the control log's first entry.
        log_keys: Keys that may sign checkpoints.
    """

    control_origin: str
    operator_keys: tuple[bytes, ...]
    log_keys: tuple[LogKey, ...]

    def keys_at(self, sealed_at: int) -> list[bytes]:
        """Give the log keys that count at a time of sealing."""
        return [key.public_key for key in self.log_keys if key.covers(sealed_at)]


def parse_trust(text: str) -> Trust:
    """Read a trust file.

    Raises:
        FormatError: Names the field that is wrong, what was expected and what was found.
    """
    try:
        record = json.loads(text)
    except ValueError as exc:
        raise FormatError("the trust file is not JSON") from exc
    if not isinstance(record, dict):
        raise FormatError("the trust file is not a JSON object")
    if record.get("version") != VERSION:
        raise FormatError(f"trust file: expected version {VERSION}, got {record.get('version')!r}")
    if record.get("witnesses"):
        raise FormatError("trust file: witnesses are named, and this version cannot check them")
    _only(record, "", ("version", "control_origin", "operator_keys", "log_keys", "witnesses"))
    origin = record.get("control_origin")
    if not isinstance(origin, str) or not origin:
        raise FormatError("trust file: control_origin must be a text")
    operators = tuple(
        _key(value, f"operator_keys[{index}]")
        for index, value in enumerate(_list(record, "operator_keys"))
    )
    logs = tuple(_log_key(value, index) for index, value in enumerate(_list(record, "log_keys")))
    return Trust(origin, operators, logs)


def _log_key(value: object, index: int) -> LogKey:
    field = f"log_keys[{index}]"
    if not isinstance(value, dict):
        raise FormatError(f"trust file: {field} must be an object")
    _only(value, field + ".", ("public_key", "valid_from", "valid_to"))
    return LogKey(
        _key(value.get("public_key"), f"{field}.public_key"),
        _time(value.get("valid_from"), f"{field}.valid_from"),
        _time(value.get("valid_to"), f"{field}.valid_to"),
    )


def _key(value: object, field: str) -> bytes:
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise FormatError(f"trust file: {field} must be 64 hexadecimal digits")
    return key


def _time(value: object, field: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise FormatError(f"trust file: {field} must be milliseconds since 1970 or null")


def _list(record: dict[str, Any], field: str) -> list[Any]:
    value = record.get(field)
    if not isinstance(value, list) or not value:
        raise FormatError(f"trust file: {field} must be a list with at least one key")
    return value


def _only(record: dict[str, Any], prefix: str, known: Sequence[str]) -> None:
    surplus = sorted(set(record) - set(known))
    if surplus:
        raise FormatError(f"trust file: unknown field {prefix}{surplus[0]}")
