"""Where Kafka and ClickHouse are: from the settings, else from the running embedded stack."""

from pathlib import Path

from auditspine.auditor.core.trust import parse_trust
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running


def kafka_properties(settings: Settings) -> dict[str, str]:
    """Give librdkafka properties with ``bootstrap.servers``.

    Raises:
        CliError: No address is set and no embedded stack runs.
    """
    servers = settings.bootstrap_servers or settings.kafka.get("bootstrap.servers")
    if servers is None:
        running = find_running(DataDir(settings.data_dir))
        servers = None if running is None else running.endpoints.get("kafka")
    if servers is None:
        raise CliError(
            f"no Kafka: no stack runs on {settings.data_dir} (start one with `auditspine up`), and "
            "no --bootstrap-servers or AUDITSPINE_BOOTSTRAP_SERVERS is given"
        )
    return {**settings.kafka, "bootstrap.servers": servers}


def trusted_log_keys(path: Path) -> list[bytes]:
    """Give the log keys of a trust file, 32 bytes each.

    Raises:
        CliError: The file is missing.
        FormatError: It is not a trust file.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as exc:
        raise CliError(f"no trust file at {path}: `auditspine init` writes one") from exc
    except OSError as exc:
        raise CliError(f"the trust file {path} cannot be read: {exc.strerror}") from exc
    return [key.public_key for key in parse_trust(text).log_keys]
