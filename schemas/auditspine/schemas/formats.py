"""The formats of fields: what a string or number must look like beyond its Avro type.

An ``.avsc`` field names its format (``"format": "token"``); this module says what that means
and gives the annotated type that the generated models use. It holds no event.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AllowInfNan,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    Strict,
)

MAX_TOKEN = 128  # characters; also the limit of a name in the sig header, with room
MAX_NAME = 256  # characters
MAX_TEXT = 16_384  # characters
MAX_DOCUMENT = 262_144  # characters
FIRST_YEAR = 1970  # times lie between these years: what the ledger and ClickHouse take
LAST_YEAR = 2299
_INT_MAX = 2**31 - 1
_LONG_MAX = 2**63 - 1
_VISIBLE = r"^[\x21-\x7e]*$"
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


def parse_digest(value: object) -> bytes:
    """Read a SHA-256 digest given as 32 bytes or as ``sha256:`` and 64 hex digits.

    Raises:
        ValueError: It is neither; the text says what was got, never the value.
    """
    expected = "expected 32 bytes as sha256:<64 hex>"
    if isinstance(value, bytes):
        raw = value
    elif isinstance(value, str):
        algorithm, colon, digits = value.partition(":")
        if not colon or algorithm != "sha256":
            raise ValueError(f"{expected}, got a string that does not start with sha256:")
        if len(digits) % 2:
            raise ValueError(f"{expected}, got {len(digits)} digits")
        try:
            raw = binascii.unhexlify(digits)
        except ValueError:
            raise ValueError(f"{expected}, got other characters than hex digits") from None
    else:
        raise ValueError(f"{expected}, got {type(value).__name__}")  # noqa: TRY004 - pydantic's protocol
    if len(raw) != 32:
        raise ValueError(f"{expected}, got {len(raw)}")
    return raw


def format_digest(digest: bytes) -> str:
    """Give a digest's JSON form, ``sha256:`` and 64 hex digits."""
    return "sha256:" + digest.hex()


def parse_base64(value: object) -> bytes:
    """Read bytes given as such or as standard base64.

    Raises:
        ValueError: It is neither; the text never holds the value.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError("expected bytes as base64, got a string that is not") from None
    raise ValueError(f"expected bytes as base64, got {type(value).__name__}")


def format_base64(raw: bytes) -> str:
    """Give the JSON form of bytes, standard base64."""
    return base64.b64encode(raw).decode("ascii")


def _sized(size: int) -> Callable[[bytes], bytes]:
    def check(raw: bytes) -> bytes:
        if len(raw) != size:
            raise ValueError(f"expected {size} bytes as base64, got {len(raw)}")
        return raw

    return check


def _iso(value: object) -> object:
    """Refuse what pydantic would read as seconds since 1970."""
    expected = "expected a time as ISO 8601 with a time zone"
    if isinstance(value, str):
        if value[10:11] not in ("T", "t", " "):
            raise ValueError(f"{expected}, got another string")
    elif not isinstance(value, datetime):
        raise ValueError(f"{expected}, got {type(value).__name__}")  # noqa: TRY004 - pydantic's protocol
    return value


def _in_utc(moment: datetime) -> datetime:
    if not FIRST_YEAR < moment.year < LAST_YEAR:  # so that no time zone leads out of the range
        raise ValueError(f"expected a time after {FIRST_YEAR} and before {LAST_YEAR}, got another")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


Token = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_TOKEN, pattern=_VISIBLE)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_NAME, pattern=_PRINTABLE)]
Text = Annotated[str, Field(strict=True, max_length=MAX_TEXT)]
Statement = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_TEXT)]
Document = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_DOCUMENT)]
EventId = Annotated[str, Field(strict=True, pattern=_UUID7)]
Boolean = Annotated[bool, Strict()]
Int = Annotated[int, Field(strict=True, ge=-_INT_MAX - 1, le=_INT_MAX)]
Long = Annotated[int, Field(strict=True, ge=-_LONG_MAX - 1, le=_LONG_MAX)]
IntCount = Annotated[int, Field(strict=True, ge=0, le=_INT_MAX)]
Count = Annotated[int, Field(strict=True, ge=0, le=_LONG_MAX)]
Double = Annotated[float, Strict(), AllowInfNan(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(strict=True, ge=0), AllowInfNan(allow_inf_nan=False)]
Ratio = Annotated[float, Field(strict=True, ge=0, le=1), AllowInfNan(allow_inf_nan=False)]
Timestamp = Annotated[AwareDatetime, BeforeValidator(_iso), AfterValidator(_in_utc)]
Bytes = Annotated[
    bytes, BeforeValidator(parse_base64), PlainSerializer(format_base64, str, when_used="json")
]
PublicKey = Annotated[Bytes, AfterValidator(_sized(32))]
Digest = Annotated[
    bytes, BeforeValidator(parse_digest), PlainSerializer(format_digest, str, when_used="json")
]


PATTERNS = {
    _VISIBLE: "printable ASCII characters without spaces",
    _PRINTABLE: "text without control characters",
    _UUID7: "a UUID version 7 in lower case",
}
"""What each pattern means, for messages."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a field's format means.

    Attributes:
        annotation: Name of the annotated type in this module.
        meaning: What a value must look like, for people.
    """

    annotation: str
    meaning: str


FORMATS: dict[tuple[str, str], Format] = {
    ("string", "token"): Format(
        "Token", f"1 to {MAX_TOKEN} printable ASCII characters without spaces"
    ),
    ("string", "name"): Format("Name", f"1 to {MAX_NAME} characters without control characters"),
    ("string", ""): Format("Text", f"at most {MAX_TEXT} characters"),
    ("string", "statement"): Format("Statement", f"1 to {MAX_TEXT} characters"),
    ("string", "document"): Format("Document", f"1 to {MAX_DOCUMENT} characters"),
    ("string", "event_id"): Format("EventId", "UUID version 7 in lower case"),
    ("boolean", ""): Format("Boolean", "true or false"),
    ("int", ""): Format("Int", "32-bit integer"),
    ("int", "count"): Format("IntCount", "32-bit integer, not negative"),
    ("long", ""): Format("Long", "64-bit integer"),
    ("long", "count"): Format("Count", "64-bit integer, not negative"),
    ("long", "timestamp-micros"): Format(
        "Timestamp",
        f"ISO 8601 with a time zone, microseconds, after {FIRST_YEAR} and before {LAST_YEAR}",
    ),
    ("double", ""): Format("Double", "finite number"),
    ("double", "non_negative"): Format("NonNegative", "finite number, not negative"),
    ("double", "ratio"): Format("Ratio", "number from 0 to 1"),
    ("bytes", ""): Format("Bytes", "base64"),
    ("auditspine.PublicKey", ""): Format("PublicKey", "32 bytes as base64"),
    ("auditspine.Sha256", ""): Format("Digest", "sha256: and 64 hex digits"),
}
"""Formats by (Avro type, format); a logical type stands for the format of its field."""
