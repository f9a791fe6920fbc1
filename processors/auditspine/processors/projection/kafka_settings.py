"""Translates librdkafka's properties to Faust's settings, so that one set serves all clients."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from auditspine.ledger.topics import MAX_MESSAGE_BYTES
from auditspine.processors.projection.errors import SettingsError

_SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SECURITY = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
_TIMES = {  # librdkafka's milliseconds -> Faust's seconds
    "session.timeout.ms": "broker_session_timeout",
    "heartbeat.interval.ms": "broker_heartbeat_interval",
    "max.poll.interval.ms": "broker_max_poll_interval",
    "metadata.max.age.ms": "consumer_metadata_max_age_ms",
}
_NAMES = {"client.id": "broker_client_id", "group.instance.id": "consumer_group_instance_id"}


@dataclass(frozen=True, slots=True)
class FaustSettings:
    """What librdkafka's properties mean to Faust.

    Attributes:
        options: Arguments for ``faust.App``.
        ignored: Properties that have no counterpart and do not bear on security.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def faust_settings(bootstrap_servers: str, properties: Mapping[str, str]) -> FaustSettings:
    """Translate the properties.

    Args:
        bootstrap_servers: Comma-separated ``host:port``.
        properties: librdkafka properties.

    Raises:
        SettingsError: A property of security cannot be honoured, or a value cannot be read.
    """
    options: dict[str, Any] = {
        "broker": [f"kafka://{server.strip()}" for server in bootstrap_servers.split(",")],
        "broker_credentials": credentials(properties),
        "consumer_max_fetch_size": MAX_MESSAGE_BYTES,
    }
    ignored = []
    for name, value in properties.items():
        if name in _NAMES:
            options[_NAMES[name]] = value
        elif name in _TIMES:
            options[_TIMES[name]] = _time(name, value)
        elif name not in _SECURITY:
            if name.startswith(("ssl.", "sasl.", "security.", "enable.ssl.")):
                raise SettingsError(f"{name} cannot be honoured by a Faust worker")
            ignored.append(name)
    return FaustSettings(options, tuple(ignored))


def credentials(properties: Mapping[str, str]) -> Credentials | None:
    """Give Faust's credentials, or ``None`` for a broker without security.

    Raises:
        SettingsError: See :func:`faust_settings`.
    """
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in _PROTOCOLS:
        raise SettingsError(
            f"security.protocol: expected one of {', '.join(_PROTOCOLS)}, got {protocol}"
        )
    if protocol == "PLAINTEXT":
        return None
    context = _context(properties) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return SSLCredentials(context)
    mechanism = properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "PLAIN"))
    if mechanism not in _SASL_MECHANISMS:
        raise SettingsError(
            f"sasl.mechanism: expected one of {', '.join(_SASL_MECHANISMS)}, got {mechanism}"
        )
    for name in ("sasl.username", "sasl.password"):
        if not properties.get(name):
            raise SettingsError(f"{name} is missing; security.protocol is {protocol}")
    return SASLCredentials(
        username=properties["sasl.username"],
        password=properties["sasl.password"],
        ssl_context=context,
        mechanism=mechanism,
    )


def _context(properties: Mapping[str, str]) -> ssl.SSLContext:
    certificate = properties.get("ssl.certificate.location")
    try:
        context = ssl.create_default_context(cafile=properties.get("ssl.ca.location"))
        if certificate:
            context.load_cert_chain(
                certificate,
                properties.get("ssl.key.location"),
                properties.get("ssl.key.password"),
            )
    except OSError as exc:  # a missing file, or ssl.SSLError
        raise SettingsError(
            f"ssl.ca.location, ssl.certificate.location or ssl.key.location: {exc}"
        ) from exc
    if properties.get("ssl.endpoint.identification.algorithm", "https") == "none":
        context.check_hostname = False
    if properties.get("enable.ssl.certificate.verification", "true") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _time(name: str, value: str) -> float:
    try:
        milliseconds = float(value)
    except ValueError:
        raise SettingsError(f"{name}: expected milliseconds, got {value!r}") from None
    return milliseconds if name == "metadata.max.age.ms" else milliseconds / 1000
