"""Test world: a control log's keys, events as Avro, and a signer that uses the format alone."""

import json
from hashlib import sha256
from io import BytesIO

import fastavro
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastavro.schema import to_parsing_canonical_form

from auditspine.ledger.batch import SigHeader, batch_leaf, leaf_context, sign_batch
from auditspine.ledger.control import ControlState
from auditspine.ledger.event_schema import EventSchema
from auditspine.schemas.source import event_records, inline

NOW_MS = 1_790_000_000_000
EVENT_ID = "0199a0b0-0000-7000-8000-000000000001"
OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
PRODUCER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)


def _load() -> dict[str, tuple[int, str, object]]:
    loaded = {}
    for record in event_records():
        schema = inline(f"{record['namespace']}.{record['name']}")
        parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
        canonical = to_parsing_canonical_form(schema)
        number = int.from_bytes(sha256(canonical.encode()).digest()[:4], "big") & 0x7FFF_FFFF
        loaded[record["event_type"]] = (number, json.dumps(schema), parsed)
    return loaded


SCHEMAS = _load()
CONTROL_TYPES = [r["event_type"] for r in event_records() if r["stream"] == "control"]


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def empty_control() -> ControlState:
    """The state of an empty control log, made without the product's own genesis."""
    return ControlState({SCHEMAS[t][0]: EventSchema(t, SCHEMAS[t][1]) for t in CONTROL_TYPES})


def event(event_type: str, body: dict, /, now_ms: int = NOW_MS, **envelope) -> dict:
    workload = envelope.pop("workload", "scorer")
    return {
        "envelope": {
            "event_id": EVENT_ID,
            "event_type": event_type,
            "occurred_at": now_ms * 1000,
            "tenant": "acme",
            "domain": "credit",
            "environment": "test",
            "actor": {
                "principal": "svc",
                "kind": "workload",
                "roles": [],
                "name": None,
                "origin": {"network": "", "address": None},
            },
            "workload": {"name": workload, "namespace": "", "node": "", "version": ""},
            "intent": {"trigger": "request", "reason": "test", "justification": None},
            "correlation": {"run_id": None, "trace_id": None, "causation_id": None},
            "classification": {
                "sensitivity": "internal",
                "regulatory_domains": [],
                "retention_class": "standard",
            },
            **envelope,
        },
        "body": body,
    }


def encode(content: dict, schema_of: str | None = None) -> bytes:
    number, _, parsed = SCHEMAS[schema_of or content["envelope"]["event_type"]]
    out = BytesIO()
    out.write(b"\0" + number.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, parsed, content)
    return out.getvalue()


def prediction(number: int = 1, features: int = 3, **envelope) -> dict:
    ref = {"kind": "model", "name": "m", "version": "1", "digest": bytes(32)}
    body = {
        "prediction_id": f"p{number}",
        "deployment": {**ref, "kind": "deployment"},
        "model": ref,
        "features": [
            {"name": f"feature_{i}", "number": number + i / 7, "text": None}
            for i in range(features)
        ],
        "score": 0.5,
        "threshold": None,
        "decision": "approve",
        "reason_codes": [],
        "subject": None,
        "latency_ms": 1.5,
    }
    return event("prediction.made", body, **envelope)


def control_event(event_type: str, body: dict, **envelope) -> dict:
    return event(event_type, body, **{"tenant": "-", "workload": "operator", **envelope})


def key_registered(key: Ed25519PrivateKey, **changes) -> dict:
    body = {
        "public_key": public(key),
        "producer": "scorer",
        "tenants": ["acme"],
        "event_types": ["prediction.*"],
        "purpose": "producer",
        **changes,
    }
    return control_event("key.registered", body)


def root_registered(key: Ed25519PrivateKey = OPERATOR) -> dict:
    return key_registered(
        key, producer="operator", tenants=["-"], event_types=["*"], purpose="operator"
    )


def schema_registered(event_type: str, **changes) -> dict:
    number, text, _ = SCHEMAS[event_type]
    body = {"schema_id": number, "event_type": event_type, "text": text, **changes}
    return control_event("schema.registered", body)


def key_revoked(key: Ed25519PrivateKey, since: int | None = None) -> dict:
    body = {"public_key": public(key), "reason": "lost", "compromised_since": since}
    return control_event("key.revoked", body)


def tenant_registered(tenant: str = "acme") -> dict:
    return control_event("tenant.registered", {"tenant": tenant, "display_name": tenant})


def standard_control() -> list[dict]:
    """What a usable deployment's control log says."""
    return [
        root_registered(),
        tenant_registered(),
        key_registered(PRODUCER),
        schema_registered("prediction.made"),
        schema_registered("model.registered"),
        schema_registered("producer.heartbeat"),
    ]


def control_state(events: list[dict] | None = None) -> ControlState:
    state = empty_control()
    for position, content in enumerate(standard_control() if events is None else events):
        state.apply(position, content)
    return state


class Signer:
    """Signs values for one partition in batches, counting its sequence."""

    def __init__(
        self,
        key: Ed25519PrivateKey = PRODUCER,
        topic: str = "auditspine.inference",
        partition: int = 0,
        tenant: str = "acme",
        producer: str = "scorer",
        epoch: int = 7,
    ) -> None:
        self.key, self.tenant, self.producer = key, tenant, producer
        self.epoch, self.sequence = epoch, 0
        self.context = leaf_context(public(key), tenant, producer, topic, partition)

    def sign(self, *values: bytes) -> list[tuple[bytes, bytes]]:
        first = self.sequence + 1
        self.sequence += len(values)
        leaves = [
            batch_leaf(self.context, self.epoch, first + i, 0, 0, v) for i, v in enumerate(values)
        ]
        signature, paths = sign_batch(self.key, leaves)
        who = (self.tenant, self.producer)
        return [
            (
                value,
                SigHeader(
                    signature, public(self.key), self.epoch, first + i, 0, 0, len(values), i, *who,
                    paths[i],
                ).encode(),
            )
            for i, value in enumerate(values)
        ]  # fmt: skip


def operator_signer(topic: str = "auditspine.control", key: Ed25519PrivateKey = OPERATOR) -> Signer:
    return Signer(key, topic, 0, "-", "operator")
