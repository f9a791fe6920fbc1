"""The notification settings: who is reached how, and which alerts go to whom.

A TOML file. What it does not know is an error that names the field; no message shows a URL,
since most carry a secret. How a receiver is told is in the senders.
"""

import os
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from auditspine.schemas.models import AlertTier
from auditspine.sinks.notify.port import Notice, NotifyError
from auditspine.sinks.notify.secret import read_secret

Patterns = Annotated[tuple[str, ...], Field(min_length=1)]
Receivers = Annotated[tuple[str, ...], Field(min_length=1)]
ReceiverName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=8_760, allow_inf_nan=False)]
_WHERE = ("url", "url_env", "url_file")


class NotifySettingsError(NotifyError):
    """The notification settings cannot be used; the message names the field, never a URL."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ReceiverSettings(_Part):
    """How one receiver is reached.

    Attributes:
        kind: ``apprise`` for any URL that apprise knows; ``alertmanager`` for the v2 API.
        url: The URL; an Alertmanager's base, with or without ``/api/v2``.
        url_env: Name of the environment variable that holds the URL.
        url_file: File that holds the URL, mode 0600.
        timeout_s: Of one attempt, seconds.
        tell_resolved: Whether the end of an alert is told; an Alertmanager must be told.
        ends_after_days: An Alertmanager alert that is never resolved ends by itself after that.
    """

    kind: Literal["apprise", "alertmanager"]
    url: SecretStr | None = None
    url_env: Annotated[str, Field(min_length=1)] | None = None
    url_file: Path | None = None
    timeout_s: Annotated[Seconds, Field(le=300)] = 10.0
    tell_resolved: bool = True
    ends_after_days: Annotated[float, Field(gt=0, le=3650)] = 30.0

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        given = [name for name in _WHERE if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"expected exactly one of {', '.join(_WHERE)}, got {got}")
        return self


class RouteSettings(_Part):
    """Which alerts go to which receivers; patterns as in a shell, case matters.

    Attributes:
        owners: Names of owners, as the drift policy gives them.
        tiers: Tiers.
        tenants: Tenants.
        receivers: Who is told.
    """

    owners: Patterns = ("*",)
    tiers: Annotated[tuple[AlertTier, ...], Field(min_length=1)] = get_args(AlertTier)
    tenants: Patterns = ("*",)
    receivers: Receivers

    def matches(self, notice: Notice) -> bool:
        """Tell whether a notice takes this route."""
        return (
            notice.tier in self.tiers
            and _matches(self.owners, notice.owner)
            and _matches(self.tenants, notice.tenant)
        )


class DeliverySettings(_Part):
    """How patiently receivers are told.

    Attributes:
        first_wait_s: After the first failed attempt; doubles with each further one.
        longest_wait_s: It does not grow beyond that.
        deadline_hours: After the first attempt; then the notification has failed.
        most_age_hours: An event that is older when first seen is not told any more.
    """

    first_wait_s: Seconds = 2.0
    longest_wait_s: Seconds = 300.0
    deadline_hours: Hours = 24.0
    most_age_hours: Hours = 24.0


class NotifySettings(_Part):
    """All of it; made by :func:`load_settings`.

    Attributes:
        default: Receivers of what no route matches, so that nothing is told to nobody.
        receivers: By name.
        routes: All that match count; a receiver is told once.
        delivery: Patience.
    """

    default: Receivers
    receivers: Annotated[dict[ReceiverName, ReceiverSettings], Field(min_length=1)]
    routes: tuple[RouteSettings, ...] = ()
    delivery: DeliverySettings = DeliverySettings()

    @model_validator(mode="after")
    def _known_receivers(self) -> Self:
        named = {"default": self.default}
        named |= {f"routes.{i}.receivers": each.receivers for i, each in enumerate(self.routes)}
        for where, names in named.items():
            unknown = [name for name in names if name not in self.receivers]
            if unknown:
                expected = ", ".join(sorted(self.receivers))
                raise ValueError(f"{where}: unknown receiver {unknown[0]}: expected {expected}")
        return self

    def receivers_of(self, notice: Notice) -> tuple[str, ...]:
        """Give the names of those who are told of a notice; at least one, each once."""
        routed = [
            name for route in self.routes if route.matches(notice) for name in route.receivers
        ]
        return tuple(dict.fromkeys(routed or self.default))


def load_settings(path: Path, environ: Mapping[str, str] = os.environ) -> NotifySettings:
    """Read and check a settings file, and resolve ``url_env`` and ``url_file``.

    Args:
        path: TOML file. A relative ``url_file`` is relative to its folder.
        environ: Environment variables.

    Returns:
        Settings in which each receiver has its ``url``.

    Raises:
        NotifySettingsError: It cannot be read, an unknown or missing field, an unknown receiver,
            an environment variable or a file with a URL that is missing, empty or readable by
            others. The message names the field and shows no value of it.
    """
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise NotifySettingsError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise NotifySettingsError(f"{path}: expected text in UTF-8") from None
    except tomllib.TOMLDecodeError as exc:
        raise NotifySettingsError(f"{path}: {exc}") from None
    try:
        settings = NotifySettings.model_validate(given)
    except ValidationError as exc:
        raise NotifySettingsError(f"{path}: {_first_error(exc)}") from None  # quotes no input
    resolved = {
        name: each.model_copy(update={"url": _url(path, name, each, environ)})
        for name, each in settings.receivers.items()
    }
    return settings.model_copy(update={"receivers": resolved})


def _url(
    path: Path, name: str, receiver: ReceiverSettings, environ: Mapping[str, str]
) -> SecretStr:
    where = f"{path}: receivers.{name}"
    if receiver.url is not None:
        url = receiver.url.get_secret_value()
        source = "url"
    elif receiver.url_env is not None:
        source = "url_env"
        url = environ.get(receiver.url_env, "").strip()
        if not url:
            raise NotifySettingsError(
                f"{where}.url_env: the environment variable {receiver.url_env} is not set"
            )
    else:
        source = "url_file"
        try:
            url = read_secret(path.parent / (receiver.url_file or ""))
        except NotifyError as exc:
            raise NotifySettingsError(f"{where}.url_file: {exc}") from exc
    if not url.isprintable() or "://" not in url:
        raise NotifySettingsError(f"{where}.{source}: expected one URL, got something else")
    if receiver.kind == "alertmanager" and not url.startswith(("http://", "https://")):
        raise NotifySettingsError(f"{where}.{source}: expected http:// or https://")
    return SecretStr(url)


def _first_error(exc: ValidationError) -> str:
    first: Any = exc.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "no such field"
    return f"{field}: {message}" if field else message


def _matches(patterns: tuple[str, ...], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
