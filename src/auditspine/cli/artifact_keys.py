"""Finds the public keys that an artifact's signature is checked with."""

import string
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.ledger.control import ControlState
from auditspine.processors.projection.history import SealedHistory

_SIGNED = "artifact.signed"
_MAX_PEM = 65_536  # bytes; an Ed25519 key has about 120


def public_key(text: str) -> bytes:
    """Read the public key that an option names.

    Args:
        text: 64 hexadecimal digits, or the path of a PEM file.

    Returns:
        Ed25519 public key, 32 bytes.

    Raises:
        CliError: It is neither.
    """
    if len(text) == 64 and set(text) <= set(string.hexdigits):
        return bytes.fromhex(text)
    try:
        with Path(text).open("rb") as stream:
            key = load_pem_public_key(stream.read(_MAX_PEM))
    except OSError as exc:
        raise CliError(
            f"--key: expected 64 hexadecimal digits or a PEM file, got {text}: {exc.strerror}"
        ) from exc
    except (ValueError, UnsupportedAlgorithm):  # their text could quote the content
        raise CliError(
            f"--key: {text}: expected a PEM file with an Ed25519 public key, got something else; "
            "of a private key: openssl pkey -pubout"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise CliError(f"--key: {text}: expected an Ed25519 public key, got another kind")
    return key.public_bytes_raw()


def workload_keys(settings: Settings, workload: str, tenant: str | None) -> list[bytes]:
    """Give the keys with which a workload may sign artifacts now, by the sealed control log.

    Args:
        settings: Where Kafka and the trust file are.
        workload: The workload.
        tenant: The tenant for which it must be allowed to; None for any.

    Raises:
        CliError: It has none.
        SealingError: The control log cannot be read, or does not hold together.
    """
    topic = settings.topics.sealed("control")
    kafka = {"log_level": "0", **kafka_properties(settings)}
    history = SealedHistory(kafka, topic, trusted_log_keys(settings.trust_path))
    try:
        found = signing_keys(history.control(0), workload, tenant)
    finally:
        history.close()
    if not found:
        whose = "" if tenant is None else f" for {tenant}"
        raise CliError(f"--trusted-by: {workload} has no key that may sign artifacts{whose}")
    return found


def signing_keys(state: ControlState, workload: str, tenant: str | None) -> list[bytes]:
    """Give the keys with which a workload may sign artifacts, by a state of the control log."""
    return [
        key.public_key
        for key in state.keys.values()
        if key.producer == workload
        and key.purpose == "producer"
        and key.revoked is None
        and key.permits(_SIGNED)
        and (tenant is None or key.speaks_for(tenant))
    ]
