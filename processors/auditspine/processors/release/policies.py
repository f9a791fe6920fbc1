"""The release policies of the control log, parsed once each."""

from auditspine.processors.projection.history import SealedHistory
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import parse_policy
from auditspine.processors.release.port import InForce

NAME = "release"
"""The name under which a release policy is published."""


class SealedPolicies:
    """Finds policies; see :class:`~.port.Policies`. One thread at a time.

    Args:
        history: Reads the sealed control log.
    """

    def __init__(self, history: SealedHistory) -> None:
        self._history = history
        self._parsed: dict[bytes, InForce] = {}

    @property
    def origin(self) -> str:
        """The control log's identity; empty when it was not read yet."""
        return self._history.control_origin

    def at(self, tenant: str, control_size: int) -> InForce | None:
        """Give the policy that held for a tenant; see :class:`~.port.Policies`.

        Raises:
            HistoryError: The control log cannot be read so far.
        """
        published = self._history.control(control_size).policy(NAME, tenant, control_size)
        if published is None:
            return None
        known = self._parsed.get(published.digest)
        if known is None:
            known = self._parsed[published.digest] = _parse(published.digest, published.text)
        return known

    def close(self) -> None:
        """Give up the connection."""
        self._history.close()


def _parse(digest: bytes, text: str) -> InForce:
    try:
        return InForce(parse_policy(text), digest)
    except PolicyError as exc:
        return InForce(None, digest, str(exc))
