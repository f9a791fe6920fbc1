"""The files that workers go by: roles, drift policy, receivers. Read the same way everywhere."""

from pathlib import Path

from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.processors.access.policy import AccessPolicy
from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy import DriftPolicy, parse_policy, shipped_policy
from auditspine.processors.projection.errors import SettingsError
from auditspine.sinks.notify.settings import load_settings

DRIFT = "drift"
"""The name under which a drift policy is published."""


def access_policy(settings: Settings) -> AccessPolicy:
    """Give the access policy that the settings name, or the shipped one.

    Raises:
        CliError: It cannot be read or used.
    """
    path = settings.access_policy
    if path is None:
        return AccessPolicy()
    try:
        return AccessPolicy(_read(path, "access policy"))
    except SettingsError as exc:
        raise CliError(f"{path}: {exc}") from None


def drift_policy(settings: Settings) -> DriftPolicy:
    """Give the drift policy that the settings name, or the shipped one.

    Raises:
        CliError: It cannot be read or used.
    """
    path = settings.drift_policy
    return shipped_policy() if path is None else read_drift_policy(path)[0]


def read_drift_policy(path: Path) -> tuple[DriftPolicy, str]:
    """Give the drift policy of a file, and its text.

    Raises:
        CliError: It cannot be read or used.
    """
    text = _read(path, "drift policy")
    try:
        return parse_policy(text), text
    except PolicyError as exc:
        raise CliError(f"{path}: {exc}") from None


def published_otherwise(policy: DriftPolicy, published: bytes | None) -> str:
    """Say that another drift policy was published than the one in use; empty when it was not.

    Args:
        policy: The policy in use.
        published: Digest of the last that was published; None for none.
    """
    if published is None or published == policy.digest:
        return ""
    return (
        f"the drift policy in use has digest {policy.digest.hex()}, the one published last "
        f"{published.hex()}: publish it (auditspine drift publish), or name the published one in "
        "AUDITSPINE_DRIFT_POLICY"
    )


def check_files(settings: Settings) -> None:
    """Read all of them, so that a stack does not start to find its workers dying of one.

    Raises:
        CliError, NotifySettingsError: One cannot be read or used; it says where.
    """
    access_policy(settings)
    drift_policy(settings)
    if settings.notifications is not None:
        load_settings(settings.notifications)


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"the {what} {path} cannot be read: {exc}") from exc
