"""Release decisions on their way to guards: a tee behind the release projection."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.releases import ReleaseRecord
from auditspine.ledger.topics import Topics
from auditspine.sinks.record_tee import RecordTee
from auditspine.sinks.signed_topic import SignedTopic


def release_topic(
    kafka: Mapping[str, str],
    topics: Topics,
    key: Ed25519PrivateKey,
    former_keys: Collection[bytes] = (),
) -> SignedTopic[ReleaseRecord]:
    """Give the release processor's end of the releases topic; see :class:`SignedTopic`.

    Raises:
        FormatError: A former key is no Ed25519 public key.
    """
    return SignedTopic(kafka, topics.releases, topics.partitions, ReleaseRecord, key, former_keys)


_UNTOLD: Mapping[str, Any] = {
    "decision_id": "untold",
    "reason": "its decision cannot be told as it is: see the release processor's log",
    "since": 0,
}


class ReleaseStates(RecordTee[ReleaseRecord]):
    """Passes rows on, and rows of ``release_states`` to the releases topic before.

    A state that no record can hold becomes a denial: to leave it out would let an earlier
    allowance stand.
    """

    TABLE = "release_states"
    COLUMNS = (
        "tenant",
        "environment",
        "model_digest",
        "allowed",
        "decision_id",
        "reason",
        "since",
        "until",
        "version",
    )

    def _candidates(self, row: Mapping[str, Any]) -> tuple[ReleaseRecord, ...]:
        record = ReleaseRecord(
            tenant=row["tenant"],
            environment=row["environment"],
            model_digest=row["model_digest"],
            allowed=bool(row["allowed"]),
            decision_id=row["decision_id"],
            reason=row["reason"],
            since=row["since"],
            until=row["until"],
            position=row["version"],
        )
        return record, replace(record, allowed=False, until=None, **_UNTOLD)
