"""Schema ids from a Confluent-compatible registry, where one is configured. Optional.

Needs ``confluent-kafka[schemaregistry]``. The control log stays the only place where verifiers
resolve ids: register what this gives there as well.
"""

from collections.abc import Callable, Mapping
from typing import Any

from auditspine.schemas.catalogue import event_types
from auditspine.schemas.codec import encode
from auditspine.schemas.errors import RegistryError
from auditspine.schemas.models import Event


def registry_ids(url: str, properties: Mapping[str, Any] | None = None) -> dict[str, int]:
    """Register every schema, or look it up where it is registered, and give the ids.

    The subject is the record's full name, as several types share a topic
    (Confluent's RecordNameStrategy), with compatibility ``BACKWARD_TRANSITIVE``.

    Args:
        url: Base URL of the registry.
        properties: Further properties of Confluent's client, such as credentials.

    Returns:
        The id by event type.

    Raises:
        RegistryError: The client is not installed, or the registry is away or refuses.
    """
    try:
        from confluent_kafka.schema_registry import (  # noqa: PLC0415 - an optional extra
            ConfigCompatibilityLevel,
            Schema,
            SchemaRegistryClient,
            ServerConfig,
        )
    except ImportError:
        raise RegistryError(
            "a schema registry needs: pip install 'confluent-kafka[schemaregistry]'"
        ) from None
    ids: dict[str, int] = {}
    subject = ""
    try:
        config = ServerConfig(compatibility=ConfigCompatibilityLevel.BACKWARD_TRANSITIVE)
        client = SchemaRegistryClient({"url": url, **(properties or {})})
        for known in event_types().values():
            subject = known.model.schema_name
            client.set_config(subject, config)
            ids[known.name] = client.register_schema(subject, Schema(known.text, "AVRO"))
    except Exception as exc:  # its HTTP client's errors are of many kinds
        name = type(exc).__name__
        raise RegistryError(f"the schema registry did not take {subject}: {name}") from exc
    return ids


def encoder(ids: Mapping[str, int]) -> Callable[[Event], bytes]:
    """Give an encoder that writes a registry's ids.

    Args:
        ids: The id by event type, from :func:`registry_ids`.
    """

    def encode_with_registry_id(event: Event) -> bytes:
        return encode(event, ids[event.event_type])

    return encode_with_registry_id
