"""Makes texts fit the contract: what an event says may be used in a derived one, whatever it is."""

import re
from hashlib import sha256

_MAX_NAME = 256
_MAX_TOKEN = 128
_MAX_SENTENCE = 1000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_INVISIBLE = re.compile(r"[^\x21-\x7e]")


def as_name(text: str) -> str:
    """Give a text as a name: no control characters, 1 to 256 characters."""
    return _UNPRINTABLE.sub("?", text)[:_MAX_NAME] or "-"


def as_token(text: str) -> str:
    """Give a text as a token: visible ASCII, 1 to 128 characters."""
    return _INVISIBLE.sub("-", text)[:_MAX_TOKEN] or "-"


def as_sentence(text: str) -> str:
    """Give a text as a short statement."""
    return _UNPRINTABLE.sub(" ", text)[:_MAX_SENTENCE] or "-"


def shortened(text: str, most: int) -> str:
    """Give a text, or its beginning and what tells it from others with that beginning."""
    if len(text) <= most:
        return text
    mark = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{text[: most - 10]}…#{mark}"
