"""Reviews as an API server sends them, and a check that knows a few digests."""

import copy
import json
from pathlib import Path
from typing import NamedTuple

REVIEWS = Path(__file__).parent / "reviews"
MODEL, OTHER, IMAGE = b"m" * 32, b"n" * 32, b"i" * 32
SECRET = "hunter2-of-the-object"  # stands in every object's environment


class Known(NamedTuple):
    allowed: bool
    decision_id: str | None
    reason: str


ALLOWED = {MODEL: "decision-1", OTHER: "decision-2", IMAGE: "decision-3"}


def check_of(*allowed: bytes):
    """Give a check that allows these digests, and has revoked the others."""

    def check(digest: bytes) -> Known:
        if digest in allowed:
            return Known(True, ALLOWED[digest], "allowed")
        return Known(False, "decision-9", "revoked: not_quarantined")

    return check


def document(name: str) -> dict:
    return json.loads((REVIEWS / f"{name}.json").read_text())


def changed(name: str, **parts) -> dict:
    """Give a review whose object has other parts; a path has ``__`` for each step."""
    made = copy.deepcopy(document(name))
    for path, value in parts.items():
        *steps, last = path.split("__")
        at = made["request"]["object"]
        for step in steps:
            at = at[int(step) if step.isdigit() else step]
        at[last] = value
    return made


def named(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"
