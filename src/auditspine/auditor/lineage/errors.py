"""The errors of lineage questions: what a person can correct."""

from collections.abc import Sequence

from auditspine.auditor.errors import AuditorError


class UnknownArtifactError(AuditorError):
    """Nothing of that name is in the graph, or several things are.

    Attributes:
        near: What may have been meant, as ``kind:name@version``.
    """

    def __init__(self, message: str, near: Sequence[str]) -> None:
        super().__init__(message)
        self.near = tuple(near)
