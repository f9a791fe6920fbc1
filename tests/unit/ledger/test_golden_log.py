"""The golden log: the formats, held still by bytes that were written once (golden/make.py)."""

import json
import re
import struct
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import (
    Place,
    SealingContext,
    decode_segment,
    encode_segment,
    seal,
)
from auditspine.ledger.verdict import Verdict

GOLDEN = Path(__file__).parent / "golden"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
LOG_PUBLIC = LOG_KEY.public_key().public_bytes_raw()
ORIGINS = ("golden/cluster/control-id/0", "golden/cluster/inference-id/3")


def lines(name: str, origin: str) -> list[dict]:
    rows = map(json.loads, (GOLDEN / name).read_text().splitlines())
    return [row for row in rows if row["origin"] == origin]


def raw_segments() -> list[bytes]:
    framed, found = (GOLDEN / "segments.bin").read_bytes(), []
    while framed:
        size = int.from_bytes(framed[:4], "big")
        found.append(framed[4 : 4 + size])
        framed = framed[4 + size :]
    return found


def segments(origin: str) -> list:
    return [s for s in map(decode_segment, raw_segments()) if s.origin == origin]


def test_it_has_every_verdict_and_flag() -> None:
    rows = [row for origin in ORIGINS for row in lines("entries.jsonl", origin)]
    assert len(rows) == 267
    assert {row["verdict"] for row in rows} == {v.name.lower() for v in Verdict}
    assert {row["flags"] for row in rows} == {0, 1, 2, 4}


# -- with the standard library and cryptography alone ---------------------------------------------


def tree_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:])).digest()


@pytest.mark.parametrize("origin", ORIGINS)
def test_leaves_chain_and_roots_follow_from_the_raw_bytes(origin: str) -> None:
    chain, leaves, chains = bytes(32), [], [bytes(32)]
    for position, row in enumerate(lines("entries.jsonl", origin)):
        value, sig = b64decode(row["value"]), b64decode(row["sig"])
        entry = len(value).to_bytes(4, "big") + value + len(sig).to_bytes(4, "big") + sig
        leaves.append(sha256(b"\0" + entry).digest())
        chain = sha256(chain + leaves[-1]).digest()
        chains.append(chain)
        assert (row["position"], row["leaf"], row["chain"]) == (
            position,
            leaves[-1].hex(),
            chain.hex(),
        )
    for row in lines("checkpoints.jsonl", origin):
        assert row["root"] == tree_root(leaves[: row["size"]]).hex()
        assert row["chain"] == chains[row["size"]].hex()
    assert row["size"] == len(leaves)


@pytest.mark.parametrize("origin", ORIGINS)
def test_checkpoints_are_signed_notes(origin: str) -> None:
    """c2sp.org/signed-note: the key hash is of the name, a newline, the type and the key."""
    key_hash = sha256(origin.encode() + b"\n\x01" + LOG_PUBLIC).digest()[:4]
    for row in lines("checkpoints.jsonl", origin):
        text, _, signatures = row["note"].partition("\n\n")
        root = b64encode(bytes.fromhex(row["root"])).decode()
        assert text.split("\n")[:3] == [origin, str(row["size"]), root]
        found = re.fullmatch(r"— (\S+) (\S+)\n", signatures)
        assert found is not None
        assert found[1] == origin
        signature = b64decode(found[2])
        assert signature[:4] == key_hash
        Ed25519PublicKey.from_public_bytes(LOG_PUBLIC).verify(signature[4:], text.encode() + b"\n")


@pytest.mark.parametrize("origin", ORIGINS)
def test_checkpoints_bind_what_the_ledger_says_of_the_entries(origin: str) -> None:
    """The line ``rows``: SHA-256 over the segment's first position, control size and time, and
    each entry's offset, timestamp, verdict and flags."""
    entries = lines("entries.jsonl", origin)
    verdicts = {verdict.name.lower(): int(verdict) for verdict in Verdict}
    first = 0
    for row, segment in zip(lines("checkpoints.jsonl", origin), segments(origin), strict=True):
        hashed = sha256(b"auditspine rows v1\n")
        hashed.update(struct.pack(">QQq", first, row["control_size"], segment.sealed_at))
        for e in entries[first : row["size"]]:
            numbers = e["offset"], e["timestamp"], verdicts[e["verdict"]], e["flags"]
            hashed.update(struct.pack(">qqBB", *numbers))
        line = "rows " + b64encode(hashed.digest()).decode()
        assert row["note"].split("\n")[3] == line
        assert row["note"].split("\n")[4].startswith("resume ")
        first = row["size"]


def test_producers_signatures_cover_every_valid_event_at_its_place() -> None:
    checked = 0
    for row in lines("entries.jsonl", ORIGINS[1]):
        if row["verdict"] != "valid":
            continue
        value, sig = b64decode(row["value"]), b64decode(row["sig"])
        signature, public, counters = sig[1:65], sig[65:97], sig[97:129]
        size, index = int.from_bytes(sig[129:131], "big"), int.from_bytes(sig[131:133], "big")
        tenant_end = 134 + sig[133]
        names_end = tenant_end + 1 + sig[tenant_end]
        topic = b"auditspine.inference"
        placed = len(topic).to_bytes(2, "big") + topic + (3).to_bytes(4, "big")
        names = sig[133:names_end]
        node = sha256(b"\0\1" + public + names + placed + counters + value).digest()
        path, last = sig[names_end:], size - 1
        while path or last:
            if index == last and not index & 1:  # promoted
                index, last = index >> 1, last >> 1
                continue
            sibling, path = path[:32], path[32:]
            pair = sibling + node if index & 1 else node + sibling
            node = sha256(b"\1" + pair).digest()
            index, last = index >> 1, last >> 1
        message = b"auditspine batch v1\n" + size.to_bytes(2, "big") + node
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        checked += 1
    assert checked == 240


# -- with the product -----------------------------------------------------------------------------


def test_segments_are_read_and_written_byte_for_byte() -> None:
    for raw in raw_segments():
        segment = decode_segment(raw)
        segment.check([LOG_PUBLIC])
        assert encode_segment(segment) == raw


@pytest.mark.parametrize("origin", ORIGINS)
def test_readers_accept_the_log(origin: str) -> None:
    reader, found = SegmentReader([LOG_PUBLIC]), []
    for raw in raw_segments():
        if decode_segment(raw).origin == origin:
            accepted = reader.accept(raw)
            found += [] if accepted is None else accepted.entries()
    golden = [
        (r["position"], r["offset"], r["timestamp"], r["leaf"], r["chain"], r["verdict"])
        for r in lines("entries.jsonl", origin)
    ]
    assert [
        (e.position, e.offset, e.timestamp, e.leaf.hex(), e.chain.hex(), e.verdict.name.lower())
        for e in found
    ] == golden


def test_judging_and_sealing_again_give_the_same_bytes() -> None:
    """Verdicts, flags, reasons, leaves, chain, tree, notes and the producer table at once."""
    state = initial_control_state()
    for row in lines("entries.jsonl", ORIGINS[0]):
        valid = row["verdict"] == "valid"
        state.apply(state.size, state.decode(b64decode(row["value"])) if valid else None)
    for origin in ORIGINS:
        head, own = Head(), initial_control_state()
        first = segments(origin)[0]
        place = Place(origin, first.topic, first.partition)
        judge = Judge(place.topic.rpartition(".")[2], place.topic, place.partition)
        for segment in segments(origin):
            judged = []
            for each in segment.entries:
                admitted = judge.admit(Message(*each[:4]))
                if origin == ORIGINS[0]:
                    ruling = judge.rule(admitted, own)
                    valid = ruling.verdict is Verdict.VALID
                    own.apply(own.size, own.decode(each.value) if valid else None)
                else:
                    assert segment.control_size == state.size
                    ruling = judge.rule(admitted, state)
                judged.append(ruling)
            assert tuple(judged) == segment.entries
            context = SealingContext(
                segment.control_size,
                segment.next_offset,
                segment.sealed_at,
                None if segment.producers is None else judge.table,
            )
            again, head = seal(place, head, judged, context, LOG_KEY)
            assert encode_segment(again) == encode_segment(segment)
