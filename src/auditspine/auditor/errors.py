"""The errors of the auditor's edge."""


class AuditorError(Exception):
    """Base of everything that the auditor raises."""


class SourceError(AuditorError):
    """Evidence cannot be read: nothing is known about it. Try again or name another source."""


class UnknownTenantError(AuditorError):
    """The tenant is not known here, or none was named and there are several."""
