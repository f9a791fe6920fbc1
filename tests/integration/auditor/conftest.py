"""A store with real events of two tenants, sealed and loaded into the real endpoint."""

import base64
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy, deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import clickhouse_connect
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.integration.sinks.database_copy import copy_database

from auditspine.auditor.core.trust import LogKey, Trust
from auditspine.auditor.evidence import EvidenceStore
from auditspine.auditor.options import Options
from auditspine.auditor.verify import verify
from auditspine.embedded.clickhouse.process import ClickHouseProcess
from auditspine.ledger.batch import SigHeader, batch_leaf, leaf_context, sign_batch
from auditspine.ledger.event_schema import EventSchema
from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Verdict
from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import event_types, schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.parse import parse_json
from auditspine.sinks.chunk import Chunk
from auditspine.sinks.claims import Claims
from auditspine.sinks.migrate import migrate
from auditspine.sinks.pool import Pool
from auditspine.sinks.projections import ProjectionWriter
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas, control_schemas
from auditspine.sinks.writer import ChunkWriter

POOL = Pool(2, "auditor-tests")
NOW = 1_790_000_000_000  # milliseconds since 1970
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
OPERATOR = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
PRODUCER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
EVERYTHING = Ed25519PrivateKey.from_private_bytes(b"\x04" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
RELEASE = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)  # of processors
DERIVED = ("decision.made", "finding.raised", "bias.assessed")
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
MODEL = {"kind": "model", "name": "credit", "version": "1", "digest": "sha256:" + "ab" * 32}


def event(event_type: str, body: dict, tenant: str = "acme", workload: str = "scorer") -> bytes:
    envelope = {
        "event_id": "0199a0b0-0000-7000-8000-" + sha256(repr(body).encode()).hexdigest()[:12],
        "event_type": event_type,
        "occurred_at": "2026-09-21T13:33:20.000123Z",
        "tenant": tenant,
        "domain": "credit",
        "environment": "test",
        "actor": {
            "principal": "svc",
            "kind": "workload",
            "roles": ["scoring", "batch"],
            "name": None,
            "origin": {"network": "10.0.0.0/8", "address": None},
        },
        "workload": {"name": workload, "namespace": "ml", "node": "n1", "version": "1"},
        "intent": {"trigger": "request", "reason": "test", "justification": None},
        "correlation": {"run_id": "r-1", "trace_id": None, "causation_id": None},
        "classification": {
            "sensitivity": "internal",
            "regulatory_domains": ["ecoa"],
            "retention_class": "standard",
        },
    }
    parsed = parse_json({"envelope": envelope, "body": body})
    return encode(parsed)


def prediction(number: int, tenant: str = "acme") -> bytes:
    return event(
        "prediction.made",
        {
            "prediction_id": f"p{number}",
            "deployment": {**MODEL, "kind": "deployment"},
            "model": MODEL,
            "features": [
                {"name": "income", "number": number / 7, "text": None},
                {"name": "purpose", "number": None, "text": 'a "quoted" \\ text/é'},
            ],
            "score": 1 / (number + 1),
            "threshold": 0.5 if number % 2 else None,
            "decision": "approve",
            "reason_codes": ["high income"],
            "subject": None,
            "latency_ms": 1.0,
        },
        tenant,
    )


def lifecycle_values() -> list[bytes]:
    snapshot = {"kind": "snapshot", "name": "hmda", "version": "1", "digest": "sha256:" + "cd" * 32}
    report = {"kind": "evaluation", "name": "e", "version": "1", "digest": "sha256:" + "ee" * 32}
    other = {"kind": "other", "name": "o", "version": "1", "digest": "sha256:" + "11" * 32}
    approval = event(
        "approval.decided",
        {
            "subject": MODEL,
            "decision": "approved",
            "meaning": "fit for use",
            "role": "risk",
            "conditions": [],
            "expires_at": None,
            "validations": [report],
        },
    )
    approval_id = event_id_of("approval.decided", approval)
    return [
        event(
            "dataset.snapshotted",
            {
                "snapshot": snapshot,
                "dataset": {**other, "kind": "dataset", "name": "hmda"},
                "rows": 2381,
                "columns": [],
                "split": "train",
            },
        ),
        event(
            "model.registered",
            {
                "model": MODEL,
                "run_id": "r-1",
                "algorithm": "logistic regression",
                "training_snapshots": [snapshot],
                "labels": [],
                "features": [],
                "code": {"repository": "r", "commit": "c" * 40, "digest": other["digest"]},
                "environment": {**other, "kind": "environment"},
                "intended_use": "tests",
                "limitations": "tests",
                "owner": "team",
                "previous": None,
            },
        ),
        approval,
        event(
            "deployment.changed",
            {
                "deployment": {**other, "kind": "deployment"},
                "model": MODEL,
                "environment": "production",
                "action": "deployed",
                "traffic_share": 1.0,
                "approval_event_id": approval_id,
                "replaces": None,
            },
        ),
    ]


def event_id_of(event_type: str, value: bytes) -> str:
    schema = EventSchema(event_type, event_types()[event_type].text)
    return schema.decode(value)["envelope"]["event_id"]


def access() -> bytes:
    body = {"artifact": MODEL, "operation": "read", "purpose": "serving", "permitted": True}
    return event("artifact.accessed", body)


def heartbeat(epoch: int, topic: str, last_sequence: int) -> bytes:
    streams = [{"topic": topic, "partition": 0, "last_sequence": last_sequence}]
    return event("producer.heartbeat", {"epoch": epoch, "streams": streams})


def sign(key, tenant, producer, topic, values, first=1, batch=8) -> list[tuple[bytes, bytes]]:
    public, pairs = raw_public_key(key), []
    context = leaf_context(public, tenant, producer, topic, 0)
    for at in range(0, len(values), batch):
        part = values[at : at + batch]
        leaves = [batch_leaf(context, 1, first + at + i, 0, 0, v) for i, v in enumerate(part)]
        signature, paths = sign_batch(key, leaves)
        pairs += [
            (
                value,
                SigHeader(
                    signature,
                    public,
                    1,
                    first + at + i,
                    0,
                    0,
                    len(part),
                    i,
                    tenant,
                    producer,
                    paths[i],
                ).encode(),
            )
            for i, value in enumerate(part)
        ]
    return pairs


def control_values() -> list[bytes]:
    def key(public, producer, tenants, types, purpose):
        body = {
            "public_key": base64.b64encode(raw_public_key(public)).decode(),
            "producer": producer,
            "tenants": tenants,
            "event_types": types,
            "purpose": purpose,
        }
        return event("key.registered", body, "-", "operator")

    return [
        key(OPERATOR, "operator", ["-"], ["*"], "operator"),
        event("tenant.registered", {"tenant": "acme", "display_name": "Acme"}, "-", "operator"),
        *(
            event(
                "schema.registered",
                {"schema_id": known.schema_id, "event_type": known.name, "text": known.text},
                "-",
                "operator",
            )
            for known in event_types().values()
            if known.stream != "control"
        ),
        key(PRODUCER, "scorer", ["acme"], ["prediction.*"], "producer"),
        key(EVERYTHING, "scorer", ["acme"], ["*"], "producer"),
        event("tenant.registered", {"tenant": "globex", "display_name": "Globex"}, "-", "operator"),
        key(OTHER, "scorer", ["globex"], ["*"], "producer"),
        key(RELEASE, "release", ["*"], [*DERIVED], "producer"),
    ]


class DiedError(Exception):
    """The sink's process ended."""


class Dying:
    """Claims of a sink that is killed before it commits."""

    def __init__(self, claims: Claims) -> None:
        self.claim, self.hold = claims.claim, claims.hold

    def commit(self, chunk: Chunk) -> None:
        raise DiedError


@dataclass
class Loaded:
    """One log in the store."""

    origin: str
    topic: str
    size: int = 0
    head: Head = field(default_factory=Head)
    notes: list[str] = field(default_factory=list)
    segments: list[bytes] = field(default_factory=list)


class World:
    """Seals events and loads them as the sink does, into a database of its own."""

    def __init__(self, process: ClickHouseProcess) -> None:
        self._process = process
        self._open()
        migrate(self.client, self.database)
        self._readers: dict[str, SegmentReader] = {}
        self.control = Loaded("local/c/control/0", "auditspine.control")
        self.control_state = initial_control_state()
        self.trust = Trust(
            self.control.origin,
            (raw_public_key(OPERATOR),),
            (LogKey(raw_public_key(LOG_KEY)),),
        )
        control = sign(OPERATOR, "-", "operator", self.control.topic, control_values())
        self.load(self.control, control, is_control=True)

    def _open(self) -> None:
        """Connect, and have a database of its own to make."""
        self.database = "t" + uuid.uuid4().hex[:12]
        self.client = clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self._process.port,
            username="admin",
            password=self._process.admin_password,
            autogenerate_session_id=False,
        )
        store = Store(lambda: self.client)
        schemas = StoredSchemas(store, control_schemas())
        self._writer = ChunkWriter(store, schemas, Claims(store), POOL)

    @contextmanager
    def copied(self, *, views: bool = False) -> Iterator["World"]:
        """Give a world with the same tables and rows, to change at will."""
        made = copy(self)
        made._open()
        copy_database(made.client, self.database, made.database, views=views)
        made.control, made._readers = deepcopy(self.control), deepcopy(self._readers)
        try:
            yield made
        finally:
            made.close()

    def close(self) -> None:
        self.client.command(f"DROP DATABASE {self.database}")
        self.client.close()

    def load(
        self, log: Loaded, pairs, *, segment=16, is_control=False, commit=True, now=NOW
    ) -> None:
        stream = log.topic.rpartition(".")[2]
        judge = Judge(stream, log.topic, 0)
        for at in range(0, len(pairs), segment):
            judged = []
            control_size = self.control_state.size
            for i, (value, sig) in enumerate(pairs[at : at + segment]):
                n = log.size + i
                entry = judge.rule(
                    judge.admit(Message(n * 2, now + n, value, sig)), self.control_state
                )
                judged.append(entry)
                if is_control:
                    valid = entry.verdict is Verdict.VALID
                    decoded = self.control_state.decode(value) if valid else None
                    self.control_state.apply(n, decoded)
            context = SealingContext(control_size, 0, now + log.size + 1000)
            sealed, log.head = seal(
                Place(log.origin, log.topic, 0), log.head, judged, context, LOG_KEY
            )
            log.size = log.head.size
            log.notes.append(sealed.note)
            log.segments.append(encode_segment(sealed))
            self._insert(log, sealed, len(log.notes) - 1, commit=commit)

    def _insert(self, log, segment, offset, *, commit) -> None:
        """Land one segment as a chunk of its own, with the sink's own writer."""
        reader = self._readers.setdefault(log.origin, SegmentReader([raw_public_key(LOG_KEY)]))
        accepted = reader.accept(encode_segment(segment))
        chunk = Chunk(log.topic + ".sealed", 0, offset, offset + 1, ((offset, accepted),))
        claims = self._writer.claims
        self._writer.claims = claims if commit else Dying(claims)
        with suppress(DiedError):
            self._writer.write(chunk)
        self._writer.claims = claims

    def project(self, log: Loaded, state: Path) -> None:
        """Fold a log's segments into the lineage graph, as the lineage worker does."""
        writer = ProjectionWriter(Store(lambda: self.client))
        public = (raw_public_key(LOG_KEY),)
        parts = Parts(LineageProjection(), Decoder(schema_texts()), writer, public, state)
        follower = Follower(parts, log.topic + ".sealed", 0)
        follower.step([SealedMessage(n, raw) for n, raw in enumerate(log.segments)])
        follower.close()

    def alter(self, sql: str) -> None:
        """Change rows behind the product's back."""
        self.client.command(sql, settings={"mutations_sync": 2})

    def verify(self, **changes):
        options = {"now_ms": NOW + 10_000_000, **changes}
        trust = options.pop("trust", self.trust)
        return verify(EvidenceStore(self.client), trust, Options(**options))


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory) -> Iterator[ClickHouseProcess]:
    with ClickHouseProcess(tmp_path_factory.mktemp("auditor") / "ch") as process:
        yield process


@pytest.fixture(scope="session")
def original(clickhouse) -> Iterator[World]:
    """A world with the control log alone, for others to be copied from."""
    made = World(clickhouse)
    yield made
    made.close()


@pytest.fixture
def world(original) -> Iterator[World]:
    """Give a world of the test's own, without views."""
    with original.copied() as made:
        yield made


class Tools:
    """What tests build further logs with."""

    Log = Loaded
    producer = PRODUCER
    now = NOW
    everything = EVERYTHING
    other = OTHER
    release = RELEASE
    stranger = STRANGER
    lifecycle_values = staticmethod(lifecycle_values)
    access = staticmethod(access)
    heartbeat = staticmethod(heartbeat)
    prediction = staticmethod(prediction)
    sign = staticmethod(sign)
    event = staticmethod(event)
    event_id_of = staticmethod(event_id_of)
    digest = staticmethod(lambda raw: sha256(raw).hexdigest())


@pytest.fixture(scope="session")
def tools():
    """Give them to test modules, which cannot import a conftest."""
    return Tools
