"""The errors of drift monitoring.

Drawn as a tree::

    DriftError
    ├── PolicyError   stop before anything is read: the policy cannot be used
    └── ProfileError  report it as a finding: the training profile cannot be used
"""


class DriftError(Exception):
    """Base of everything that drift monitoring raises."""


class PolicyError(DriftError):
    """A drift policy cannot be used; the message names the field."""


class ProfileError(DriftError):
    """A training profile cannot be used; the message names the field."""
