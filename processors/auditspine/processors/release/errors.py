"""The errors of release decisions.

Drawn as a tree::

    ReleaseError
    └── PolicyError   deny, and tell the operator: the release policy cannot be used
"""


class ReleaseError(Exception):
    """Base of everything that release decisions raise."""


class PolicyError(ReleaseError):
    """A release policy cannot be used; the message names the file and the field, never more."""
