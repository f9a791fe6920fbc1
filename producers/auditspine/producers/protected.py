"""Protected attributes as keyed tokens: groups can be compared, and nobody reads who is in them.

::

    tokens = Tokens.load("protected.key")
    PredictionMadeBody(..., protected=tokens.all({"sex": "f", "age_band": None}))
    training_profile(..., protected={"sex": [tokens.token("sex", each) for each in column]})

Standard library only. Does not decide what may be processed: the drift policy does.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Self, TypeAlias

from auditspine.ledger.keyfile import KeyFileError, create_private, read_private
from auditspine.producers.errors import EventError, SetupError
from auditspine.schemas.formats import MAX_NAME
from auditspine.schemas.models import ProtectedValue

Clear: TypeAlias = str | bool | int
"""A value in clear: as the same type everywhere, since ``1``, ``True`` and ``"1"`` are three
groups."""

KEY_BYTES = 32

_DOMAIN = b"auditspine protected attribute v1"
_TOKEN_BYTES = 16  # of HMAC-SHA-256, as many as RFC 2104 §5 takes for the least
_BETWEEN = " & "  # between the attributes of an intersection, so in no name


class Tokens:
    """Turns the values of protected attributes into tokens.

    One key gives every person of a group the same token, in predictions and in training profiles.
    Without the key a token says nothing. With it anybody can try the few values that an attribute
    has: keep it with the services that know the values, away from processors and whoever reads
    their results. Another key makes other groups, which are compared with no earlier ones, so
    keep the key for as long as the models that it was used for.

    Args:
        key: The key, 32 random bytes.

    Raises:
        SetupError: It has another length.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SetupError(f"key of tokens: expected {KEY_BYTES} bytes, got {len(key)}")
        self._key = bytes(key)

    def __repr__(self) -> str:
        return "Tokens(…)"

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Make a random key and write it, mode 0600; never overwrites.

        Args:
            path: Where the new file goes.

        Raises:
            KeyFileError: The path exists already, or cannot be written.
        """
        key = secrets.token_bytes(KEY_BYTES)
        create_private(path, key.hex().encode() + b"\n")
        return cls(key)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a key that nobody but its owner can read.

        Args:
            path: File of 64 hexadecimal digits, mode 0600 or stricter; not a symbolic link.

        Raises:
            KeyFileError: The file is missing, unreadable, a link, no regular file, open to group
                or others, or holds something else.
        """
        file = Path(path)
        if not os.path.lexists(file):
            raise KeyFileError(file, "does not exist; create it with Tokens.create")
        try:
            key = bytes.fromhex(read_private(file).decode("ascii"))
        except ValueError:  # its text could quote the content
            key = b""
        if len(key) != KEY_BYTES:
            raise KeyFileError(
                file, f"expected {2 * KEY_BYTES} hexadecimal digits, got something else"
            )
        return cls(key)

    def token(self, attribute: str, value: Clear) -> str:
        """Give the token of a value: 32 hexadecimal digits.

        It is the first half of HMAC-SHA-256 over the lengths and bytes of a fixed text, the
        attribute, the value's type and the value.

        Args:
            attribute: Name of the protected attribute.
            value: Its value: text that is not empty, a truth value or a whole number.

        Raises:
            EventError: The name cannot be one, or the value is of another type; the message names
                the attribute, never the value.

        Source: RFC 2104; truncated by its §5.
        """
        _require_name(attribute)
        kind, text = _encoded(attribute, value)
        parts = (_DOMAIN, attribute.encode(), kind, text)
        message = b"".join(len(each).to_bytes(8, "big") + each for each in parts)
        return hmac.digest(self._key, message, sha256)[:_TOKEN_BYTES].hex()

    def of(self, attribute: str, value: Clear | None) -> ProtectedValue:
        """Give what a prediction says of an attribute; a value that is None is missing.

        Raises:
            EventError: As :meth:`token` has it.
        """
        _require_name(attribute)
        token = None if value is None else self.token(attribute, value)
        return ProtectedValue(attribute=attribute, token=token)

    def all(self, values: Mapping[str, Clear | None]) -> tuple[ProtectedValue, ...]:
        """Give what a prediction says of all attributes: ``prediction.made.protected``.

        Args:
            values: Per attribute its value; None where it is missing.

        Raises:
            EventError: As :meth:`token` has it.
        """
        return tuple(self.of(attribute, value) for attribute, value in values.items())


def _encoded(attribute: str, value: object) -> tuple[bytes, bytes]:
    """Give a value's type and its bytes."""
    if isinstance(value, bool):
        return b"truth", b"1" if value else b"0"
    if isinstance(value, Integral):  # numpy's whole numbers among them
        return b"number", format(int(value), "x").encode()
    if not isinstance(value, str):
        raise EventError(
            _place(attribute),
            "expected text, a truth value or a whole number, got a value of type "
            f"{type(value).__name__}",
        )
    if not value:
        raise EventError(
            _place(attribute), "expected text, got an empty one; give None for a missing value"
        )
    try:
        return b"text", value.encode()
    except UnicodeEncodeError:
        raise EventError(
            _place(attribute), "expected text, got one that UTF-8 cannot hold"
        ) from None


def _require_name(attribute: object) -> None:
    if (
        not isinstance(attribute, str)
        or not 1 <= len(attribute) <= MAX_NAME
        or not attribute.isprintable()
        or _BETWEEN in attribute
    ):
        raise EventError(
            "protected",
            f"expected names of 1 to {MAX_NAME} characters without {_BETWEEN!r}, got another",
        )


def _place(attribute: str) -> str:
    return f"protected[{attribute!r}]"
