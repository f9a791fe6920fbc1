"""Segments: consecutive entries of one log, with the proof that they extend it. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.batch import SIGNATURE_END, SUITE_ED25519_SHA256
from auditspine.ledger.entry import encode_entry
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.merkle import Head, chain_values, extend
from auditspine.ledger.note import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from auditspine.ledger.sequences import ProducerTable, Row
from auditspine.ledger.signed_rows import pack_row, resume_line, rows_line, rows_start
from auditspine.ledger.verdict import Flag, Verdict

FORMAT = 1
_SCHEMA = fastavro.parse_schema(
    json.loads(
        (files("auditspine.schemas") / "avro" / "ledger" / "segment.avsc").read_text("utf-8")
    )
)


class Judged(NamedTuple):
    """A source message with what the ledger says of it.

    Attributes:
        offset: Kafka offset in the source partition.
        timestamp: LogAppendTime, milliseconds since 1970.
        value: Kafka value; empty for null.
        sig: The ``sig`` header; empty when missing.
        verdict: Whether it counts.
        flags: Remarks.
        reason: Why it is not valid; empty when it is.
    """

    offset: int
    timestamp: int
    value: bytes
    sig: bytes
    verdict: Verdict
    flags: Flag
    reason: str = ""


class Entry(NamedTuple):
    """One sealed entry with its place and hashes; the rest as in :class:`Judged`."""

    position: int
    offset: int
    timestamp: int
    value: bytes
    sig: bytes
    leaf: bytes
    chain: bytes
    verdict: Verdict
    flags: Flag
    reason: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment; fields as documented in ``avro/ledger/segment.avsc``.

    ``start`` holds the head before the first entry; ``leaves`` holds one 32-byte hash each.
    """

    origin: str
    topic: str
    partition: int
    start: Head
    entries: tuple[Judged, ...]
    leaves: tuple[bytes, ...]
    chain: bytes
    note: str
    control_size: int
    next_offset: int
    sealed_at: int
    producers: tuple[Row, ...] | None = None

    @property
    def first(self) -> int:
        """Position of the first entry."""
        return self.start.size

    @property
    def end(self) -> int:
        """Position after the last entry: the log's size."""
        return self.start.size + len(self.entries)

    def sealed_entries(self, skip: int = 0) -> Iterator[Entry]:
        """Yield the entries with position, leaf and chain, without the first ``skip``."""
        chains = chain_values(self.start.chain, self.leaves)
        rows = zip(self.entries, self.leaves, chains, strict=True)
        for index, (judged, leaf, chain) in enumerate(rows):
            if index >= skip:
                yield Entry(self.first + index, *judged[:4], leaf, chain, *judged[4:])

    def check(self, public_keys: Sequence[bytes]) -> Head:
        """Recompute everything that the segment claims about itself.

        Args:
            public_keys: Ed25519 keys that may have signed this log, 32 bytes each.

        Returns:
            The head after the last entry.

        Raises:
            IntegrityError: A leaf, the chain, the root or the signature does not hold.
        """
        for index, (entry, leaf) in enumerate(zip(self.entries, self.leaves, strict=True)):
            if sha256(b"\x00" + encode_entry(entry.value, entry.sig)).digest() != leaf:
                raise IntegrityError(
                    f"{self.origin}: leaf of position {self.first + index} does not match its entry"
                )
        head = extend(self.start, self.leaves)
        checkpoint = self._open(public_keys)
        if head.chain != self.chain:
            raise IntegrityError(f"{self.origin}: chain at size {self.end} does not match")
        if checkpoint != Checkpoint(self.origin, self.end, head.root(), self.extensions()):
            raise IntegrityError(f"{self.origin}: checkpoint at size {self.end} does not match")
        return head

    def extensions(self) -> tuple[str, str]:
        """Give the lines by which the checkpoint binds the rest of the segment."""
        rows = b"".join([pack_row(e.offset, e.timestamp, e.verdict, e.flags) for e in self.entries])
        start = rows_start(self.first, self.control_size, self.sealed_at)
        digest = sha256(start + rows).digest()
        return rows_line(digest), resume_line(self.next_offset, self.producers)

    def _open(self, public_keys: Sequence[bytes]) -> Checkpoint:
        error: IntegrityError | None = None
        for key in public_keys:
            try:
                return open_checkpoint(self.note, {self.origin: key})
            except IntegrityError as exc:
                error = exc
        raise error or IntegrityError(f"{self.origin}: no log key is trusted")


class Place(NamedTuple):
    """Where a log lives.

    Attributes:
        origin: ``region/cluster/topic-id/partition``.
        topic: Source topic.
        partition: Source partition.
    """

    origin: str
    topic: str
    partition: int


class SealingContext(NamedTuple):
    """What a segment records beside its entries; see ``segment.avsc``."""

    control_size: int
    next_offset: int
    sealed_at: int
    producers: ProducerTable | None = None


def seal(
    place: Place,
    head: Head,
    entries: Sequence[Judged],
    context: SealingContext,
    key: Ed25519PrivateKey,
) -> tuple[Segment, Head]:
    """Seal entries onto a log.

    Args:
        place: The log.
        head: Its head before the entries.
        entries: Judged messages in offset order; none for a checkpoint in a quiet interval.
        context: What the segment records beside them.
        key: The log's private key.

    Returns:
        The segment and the head after it.
    """
    leaves = tuple(
        sha256(b"\x00" + encode_entry(entry.value, entry.sig)).digest() for entry in entries
    )
    after = extend(head, leaves)
    table = context.producers
    unsigned = Segment(
        *place,
        head,
        tuple(entries),
        leaves,
        after.chain,
        "",
        context.control_size,
        context.next_offset,
        context.sealed_at,
        None if table is None else tuple(table.rows()),
    )
    checkpoint = Checkpoint(place.origin, after.size, after.root(), unsigned.extensions())
    return replace(unsigned, note=sign_checkpoint(checkpoint, key)), after


def encode_segment(segment: Segment) -> bytes:
    """Give a segment's Avro bytes."""
    signatures: dict[bytes, int] = {}
    refs, rests = [], []
    for entry in segment.entries:
        sig = entry.sig
        if len(sig) >= SIGNATURE_END and sig[0] == SUITE_ED25519_SHA256:
            refs.append(signatures.setdefault(sig[1:SIGNATURE_END], len(signatures)))
            rests.append(sig[SIGNATURE_END:])
        else:
            refs.append(-1)
            rests.append(sig)
    record = {
        "format": FORMAT,
        "origin": segment.origin,
        "topic": segment.topic,
        "partition": segment.partition,
        "first": segment.first,
        "start_chain": segment.start.chain,
        "start_frontier": segment.start.frontier,
        "offsets": [entry.offset for entry in segment.entries],
        "timestamps": [entry.timestamp for entry in segment.entries],
        "values": [entry.value for entry in segment.entries],
        "signatures": list(signatures),
        "sig_refs": refs,
        "sig_rests": rests,
        "leaves": b"".join(segment.leaves),
        "verdicts": bytes(entry.verdict for entry in segment.entries),
        "flags": bytes(entry.flags for entry in segment.entries),
        "reasons": [
            {"index": index, "reason": entry.reason}
            for index, entry in enumerate(segment.entries)
            if entry.reason
        ],
        "chain": segment.chain,
        "note": segment.note,
        "control_size": segment.control_size,
        "next_offset": segment.next_offset,
        "sealed_at": segment.sealed_at,
        "producers": None
        if segment.producers is None
        else [dict(zip(_PRODUCER_FIELDS, row, strict=True)) for row in segment.producers],
    }
    out = BytesIO()
    fastavro.schemaless_writer(out, _SCHEMA, record)
    return out.getvalue()


_PRODUCER_FIELDS = ("public_key", "tenant", "producer", "epoch", "last_sequence")
_VERDICTS = {int(verdict): verdict for verdict in Verdict}
_FLAGS = {bits: Flag(bits) for bits in range(8)}


def decode_segment(raw: bytes) -> Segment:
    """Read a segment's bytes. Nothing is verified: see :meth:`Segment.check`.

    Raises:
        FormatError: The bytes are not a segment of this format.
    """
    try:
        record: dict[str, Any] = fastavro.schemaless_reader(BytesIO(raw), _SCHEMA, None)  # type: ignore[assignment]
        return _from_record(record)
    except FormatError:
        raise
    except Exception as exc:  # fastavro raises many kinds for corrupt bytes
        raise FormatError(f"{len(raw)} bytes are not a segment: {type(exc).__name__}") from exc


def _from_record(record: dict[str, Any]) -> Segment:
    if record["format"] != FORMAT:
        raise FormatError(f"expected segment format {FORMAT}, got {record['format']}")
    reasons = {item["index"]: item["reason"] for item in record["reasons"]}
    heads = [bytes((SUITE_ED25519_SHA256,)) + signature for signature in record["signatures"]]
    sigs = [
        rest if ref < 0 else heads[ref] + rest
        for ref, rest in zip(record["sig_refs"], record["sig_rests"], strict=True)
    ]
    indices = range(len(record["offsets"]))
    columns = zip(
        record["offsets"],
        record["timestamps"],
        record["values"],
        sigs,
        [_VERDICTS[number] for number in record["verdicts"]],
        [_FLAGS[bits] for bits in record["flags"]],
        [reasons.get(index, "") for index in indices],
        strict=True,
    )
    entries = tuple(map(Judged._make, columns))
    leaves = record["leaves"]
    if len(leaves) != 32 * len(entries):
        raise FormatError(f"expected {32 * len(entries)} bytes of leaves, got {len(leaves)}")
    rows = record["producers"]
    return Segment(
        record["origin"],
        record["topic"],
        record["partition"],
        Head(record["first"], record["start_chain"], tuple(record["start_frontier"])),
        entries,
        tuple(leaves[at : at + 32] for at in range(0, len(leaves), 32)),
        record["chain"],
        record["note"],
        record["control_size"],
        record["next_offset"],
        record["sealed_at"],
        None if rows is None else tuple(tuple(row[f] for f in _PRODUCER_FIELDS) for row in rows),
    )


def checkpoint_of(segment: Segment) -> Checkpoint:
    """Read a segment's checkpoint without checking its signature."""
    return parse_checkpoint(segment.note)
