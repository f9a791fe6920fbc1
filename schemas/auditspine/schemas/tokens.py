"""What a token of a protected attribute looks like, and what stands for one that does not. Pure.

A service that sends a value in clear by mistake must not make others keep it: whoever reads
predictions keeps what :func:`kept_token` gives.
"""

import re
from hashlib import sha256

KEYED = "[0-9a-f]{32,128}"
"""Lower-case hexadecimal digits of 16 bytes or more, as a regular expression."""

_PATTERN = re.compile(KEYED)
KEPT_DIGITS = 32
"""Hexadecimal digits of the SHA-256 that stands for what is no token."""


def is_token(text: str) -> bool:
    """Tell whether a text looks like a token."""
    return _PATTERN.fullmatch(text) is not None


def kept_token(text: str) -> str:
    """Give a token; of what does not look like one, and may be a value in clear, a hash."""
    if is_token(text):
        return text
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:KEPT_DIGITS]
