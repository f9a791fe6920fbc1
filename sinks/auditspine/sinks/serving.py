"""Serving states on their way to services: a tee behind the alerts projection."""

from collections.abc import Collection, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.serving import ServingRecord
from auditspine.ledger.topics import Topics
from auditspine.sinks.record_tee import RecordTee
from auditspine.sinks.signed_topic import SignedTopic


def serving_topic(
    kafka: Mapping[str, str],
    topics: Topics,
    key: Ed25519PrivateKey,
    former_keys: Collection[bytes] = (),
) -> SignedTopic[ServingRecord]:
    """Give the alerts processor's end of the serving topic; see :class:`SignedTopic`.

    Raises:
        FormatError: A former key is no Ed25519 public key.
    """
    return SignedTopic(kafka, topics.serving, topics.partitions, ServingRecord, key, former_keys)


class ServingStates(RecordTee[ServingRecord]):
    """Passes rows on, and rows of ``serving_states`` to the serving topic before."""

    TABLE = "serving_states"
    COLUMNS = (
        "tenant",
        "deployment",
        "model_digest",
        "state",
        "releases_frozen",
        "quarantined",
        "alert_id",
        "reason",
        "since",
        "version",
    )

    def _candidates(self, row: Mapping[str, Any]) -> tuple[ServingRecord, ...]:
        record = ServingRecord(
            tenant=row["tenant"],
            deployment=row["deployment"],
            model_digest=row["model_digest"],
            state=row["state"],
            releases_frozen=bool(row["releases_frozen"]),
            quarantined=bool(row["quarantined"]),
            alert_id=row["alert_id"] or None,
            reason=row["reason"],
            since=row["since"],
            position=row["version"],
        )
        return (record,)
