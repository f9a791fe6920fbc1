"""Judges digests for one environment, by a check that somebody else answers. Pure.

The check is :meth:`auditspine.producers.release_guard.ReleaseGuard.check`, or anything like it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from auditspine.producers.admission.errors import RefusedError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Verdict(Protocol):
    """What is known of a digest, as the release guard says it."""

    @property
    def allowed(self) -> bool:
        """Whether it may go there."""
        ...

    @property
    def decision_id(self) -> str | None:
        """The decision that it rests on."""
        ...

    @property
    def reason(self) -> str:
        """Why, for people."""
        ...


Check: TypeAlias = Callable[[bytes], Verdict]
"""Tells of a digest, 32 bytes, whether it may go to the environment that is served."""


class Ruling(NamedTuple):
    """What came of one digest.

    Attributes:
        digest: ``sha256:`` and 64 hexadecimal digits.
        decision_id: The decision that allows or refuses it, if there is one.
        problem: Why it is refused; empty when it is allowed.
    """

    digest: str
    decision_id: str | None
    problem: str


def parse_digest(text: str) -> bytes:
    """Read a digest as it is written in manifests.

    Args:
        text: ``sha256:`` and 64 lower-case hexadecimal digits.

    Returns:
        32 bytes.

    Raises:
        RefusedError: It is none.

    Source: OCI image specification, descriptor digests.
    """
    if not _DIGEST.fullmatch(text):
        raise RefusedError("expected sha256: and 64 lower-case hexadecimal digits, got other text")
    return bytes.fromhex(text.removeprefix("sha256:"))


def judge(digest: bytes, check: Check, environment: str) -> Ruling:
    """Judge a digest; without a decision that allows it, it is refused.

    Args:
        digest: 32 bytes.
        check: Tells what is known of it.
        environment: The environment that the check answers for.
    """
    verdict = check(digest)
    name = f"sha256:{digest.hex()}"
    if verdict.allowed and verdict.decision_id:
        return Ruling(name, verdict.decision_id, "")
    reason = "no decision is named that allows it" if verdict.allowed else verdict.reason
    decided = f" (decision {verdict.decision_id})" if verdict.decision_id else ""
    problem = f"{name} may not go to {environment}: {reason}{decided}"
    return Ruling(name, verdict.decision_id, problem)
