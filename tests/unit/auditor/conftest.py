"""Generated logs for the verifier's tests: sealed rows as the store would hold them."""

from dataclasses import dataclass, field
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.auditor.core.log import Checks, LogResult, verify_log
from auditspine.auditor.core.rows import CheckpointRow, CommitRow, EntryRow, LogRows, RawRow
from auditspine.auditor.core.trust import LogKey, Trust
from auditspine.ledger.batch import (
    BatchVerifier,
    SigHeader,
    batch_leaf,
    leaf_context,
    parse_sig,
    sign_batch,
)
from auditspine.ledger.errors import FormatError
from auditspine.ledger.merkle import Head
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.sequences import ProducerTable
from auditspine.ledger.verdict import Flag, Verdict

ORIGIN = "local/cluster/topic/0"
TOPIC = "auditspine.lifecycle"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PRODUCERS = [
    ("acme", "trainer", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))),
    ("globex", "scorer", Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))),
]
TRUST = Trust("local/cluster/control/0", (bytes(32),), (LogKey(raw_public_key(LOG_KEY)),))


def signed(tenant, producer, key, values, *, first=1, epoch=1, topic=TOPIC, partition=0):
    """Sign values as one batch and give their sig headers."""
    public = raw_public_key(key)
    context = leaf_context(public, tenant, producer, topic, partition)
    leaves = [batch_leaf(context, epoch, first + i, 0, 0, value) for i, value in enumerate(values)]
    signature, paths = sign_batch(key, leaves)
    return [
        SigHeader(
            signature, public, epoch, first + i, 0, 0, len(values), i, tenant, producer, paths[i]
        ).encode()
        for i in range(len(values))
    ]


@dataclass(repr=False)
class Store:
    """The rows of one log, as lists that a test can tamper with."""

    entries: list = field(default_factory=list)
    evidence: list = field(default_factory=list)
    quarantine: list = field(default_factory=list)
    checkpoints: list = field(default_factory=list)
    commits: list = field(default_factory=list)
    claim_end: int | None = None
    segments: list = field(default_factory=list)

    def copy(self):
        return Store(
            list(self.entries),
            list(self.evidence),
            list(self.quarantine),
            list(self.checkpoints),
            list(self.commits),
            self.claim_end,
            self.segments,
        )

    def rows(self):
        return LogRows(
            ORIGIN,
            TOPIC,
            0,
            iter(sorted(self.entries, key=lambda row: row.position)),
            iter(sorted(self.evidence, key=lambda row: row.position)),
            iter(sorted(self.quarantine, key=lambda row: row.position)),
            lambda: iter(sorted(self.checkpoints, key=lambda row: (row.size, row.first))),
            tuple(sorted(self.commits)),
            claim_end=self.claim_end,
        )

    def verify(self, **changes) -> LogResult:
        return verify_log(self.rows(), Checks(**{"trust": TRUST, **changes}))


def messages(count, batch=4, every_bad=0):
    """Give (value, sig) pairs of two producers, interleaved; some with a broken signature."""
    streams = []
    for number, (tenant, producer, key) in enumerate(PRODUCERS):
        share = [
            b"\x00" + sha256(b"%d-%d" % (number, i)).digest() * (1 + i % 3)
            for i in range(number, count, 2)
        ]
        sigs = []
        for at in range(0, len(share), batch):
            sigs += signed(tenant, producer, key, share[at : at + batch], first=at + 1)
        streams.append(list(zip(share, sigs, strict=True)))
    mixed = [streams[i % 2][i // 2] for i in range(count)]
    if every_bad:
        for at in range(every_bad - 1, count, every_bad):
            mixed[at] = (mixed[at][0] + b"!", mixed[at][1])
    return mixed


def judged(pairs):
    """Judge as the ledger would with both keys registered."""
    verifier, table = BatchVerifier(), ProducerTable()
    for index, (value, sig) in enumerate(pairs):
        verdict, flags = Verdict.VALID, Flag.NONE
        try:
            header = parse_sig(sig)
            if verifier.verify(header, TOPIC, 0, value):
                flags = table.observe(header)
            else:
                verdict = Verdict.BAD_SIGNATURE
        except FormatError:
            verdict = Verdict.BAD_SIGNATURE
        yield Judged(2 * index, 1_000_000 + index, value, sig, verdict, flags)


def sealed(pairs, segment=7, chunk=2):
    """Seal messages into a store: a checkpoint per segment, a commit per chunk of segments."""
    store, head = Store(), Head()
    rows = list(judged(pairs))
    place = Place(ORIGIN, TOPIC, 0)
    starts = list(range(0, len(rows), segment))
    chunk_first = 0
    for number, at in enumerate(starts):
        part = rows[at : at + segment]
        sealed_segment, head = seal(
            place, head, part, SealingContext(3, 0, 2_000_000 + at), LOG_KEY
        )
        store.segments.append(encode_segment(sealed_segment))
        for entry in sealed_segment.sealed_entries():
            try:
                h = parse_sig(entry.sig)
                claim = (h.public_key, h.tenant, h.producer, h.epoch, h.sequence)
            except FormatError:
                claim = (b"", "", "", 0, 0)
            store.entries.append(
                EntryRow(
                    entry.position,
                    entry.offset,
                    entry.timestamp,
                    entry.leaf,
                    entry.chain,
                    int(entry.verdict),
                    int(entry.flags),
                    3,
                    *claim,
                )
            )
            home = store.evidence if entry.verdict == 0 else store.quarantine
            home.append(RawRow(entry.position, entry.value, entry.sig))
        store.checkpoints.append(
            CheckpointRow(
                head.size, at, head.root(), head.chain, 3, 2_000_000 + at, sealed_segment.note
            )
        )
        if number % chunk == chunk - 1 or at == starts[-1]:
            store.commits.append(CommitRow(chunk_first, head.size, head.root()))
            chunk_first = head.size
    return store


@dataclass(frozen=True)
class Logs:
    """What tests build logs with."""

    sealed = staticmethod(sealed)
    messages = staticmethod(messages)
    signed = staticmethod(signed)
    origin: str = ORIGIN
    topic: str = TOPIC
    trust: Trust = TRUST
    log_key: Ed25519PrivateKey = LOG_KEY
    producers: tuple = tuple(PRODUCERS)


@pytest.fixture(scope="session")
def logs():
    return Logs()
