"""Where Kafka and ClickHouse are: from the settings, else from the running embedded stack."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from auditspine.auditor.core.trust import Trust, parse_trust
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.embedded.clickhouse.accounts import ADMIN, READER, read_accounts
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running
from auditspine.schemas.registry import registry_ids
from auditspine.sinks.store import Store, sort_error

_CONNECT_TIMEOUT_S = 10
# What it would log is in the errors that are raised.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
_READ_TIMEOUT_S = 300


def kafka_properties(settings: Settings) -> dict[str, str]:
    """Give librdkafka properties with ``bootstrap.servers``.

    Raises:
        CliError: No address is set and no embedded stack runs.
    """
    servers = settings.bootstrap_servers or settings.kafka.get("bootstrap.servers")
    if servers is None:
        servers = _embedded(settings, "kafka")
    if servers is None:
        raise CliError(
            f"no Kafka: no stack runs on {settings.data_dir} (start one with `auditspine up`), and "
            "no --bootstrap-servers or AUDITSPINE_BOOTSTRAP_SERVERS is given"
        )
    return {**settings.kafka, "bootstrap.servers": servers}


def clickhouse_client(
    settings: Settings, *, reader: bool = False, database: str | None = None
) -> Client:
    """Open a client on the evidence's database.

    Args:
        settings: The settings.
        reader: Use the embedded stack's read-only account. With your own ClickHouse the account
            is what the settings name, always.
        database: Another database to start from.

    Raises:
        CliError: No address is set and no embedded stack runs.
        UnavailableError: ClickHouse is away.
        RefusedError: It refuses the account or has no such database.
    """
    url = settings.clickhouse_url
    user, password = settings.clickhouse_user, settings.clickhouse_password.get_secret_value()
    if url is None:
        url = _embedded(settings, "clickhouse")
        if url is None:
            raise CliError(
                f"no ClickHouse: no stack runs on {settings.data_dir} (start one with "
                "`auditspine up`), and no --clickhouse-url or AUDITSPINE_CLICKHOUSE_URL is given"
            )
        accounts = read_accounts(DataDir(settings.data_dir).clickhouse / "accounts.json")
        chosen = accounts.reader if reader else accounts.admin
        user, password = (READER if reader else ADMIN), chosen.password
    return _open(url, user, password, database or settings.database)


def schema_ids(settings: Settings) -> dict[str, int]:
    """Give a registry's schema id by event type, or nothing where no registry is set.

    Raises:
        RegistryError: Its client is not installed, or the registry is away or refuses.
    """
    url = settings.schema_registry_url
    return {} if url is None else registry_ids(url)


def clickhouse_store(settings: Settings) -> Store:
    """Give ClickHouse as the sinks and processors use it; it connects when it is needed."""
    return Store(lambda: clickhouse_client(settings))


def has_clickhouse(settings: Settings) -> bool:
    """Tell whether a ClickHouse is set or runs in the embedded stack."""
    return settings.clickhouse_url is not None or _embedded(settings, "clickhouse") is not None


def has_kafka(settings: Settings) -> bool:
    """Tell whether a Kafka is set or runs in the embedded stack."""
    return (
        settings.bootstrap_servers is not None
        or "bootstrap.servers" in settings.kafka
        or _embedded(settings, "kafka") is not None
    )


def read_trust(path: Path) -> Trust:
    """Read a trust file.

    Raises:
        CliError: The file is missing.
        FormatError: It is not a trust file.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as exc:
        raise CliError(f"no trust file at {path}: `auditspine init` writes one") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"the trust file {path} cannot be read: {exc}") from exc
    return parse_trust(text)


def trusted_log_keys(path: Path) -> list[bytes]:
    """Give the log keys of a trust file, 32 bytes each; errors as in :func:`read_trust`."""
    return [key.public_key for key in read_trust(path).log_keys]


def _embedded(settings: Settings, part: str) -> str | None:
    running = find_running(DataDir(settings.data_dir))
    return None if running is None else running.endpoints.get(part)


def _open(url: str, user: str, password: str, database: str) -> Client:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CliError(
            "AUDITSPINE_CLICKHOUSE_URL: expected http://HOST:PORT or https://HOST:PORT; the "
            "account goes into AUDITSPINE_CLICKHOUSE_USER and _PASSWORD"
        )
    try:
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=user,
            password=password,
            database=database,
            autogenerate_session_id=False,
            connect_timeout=_CONNECT_TIMEOUT_S,
            send_receive_timeout=_READ_TIMEOUT_S,
        )
    except (ClickHouseError, OSError) as exc:
        raise sort_error(exc) from exc
