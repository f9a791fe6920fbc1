"""An independent check of the evidence: folds the source topics itself, imports no product code.

Standard library, cryptography and confluent-kafka only. Formats: docs/adr/0001, RFC 6962 section
2.1, c2sp.org/tlog-checkpoint and c2sp.org/signed-note.
"""

import base64
import json
import urllib.parse
import urllib.request
from collections import Counter
from hashlib import sha256

from confluent_kafka import Consumer, KafkaError, TopicPartition
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STREAMS = {"control": 1, "lifecycle": 4, "access": 4, "inference": 4, "outcomes": 4}


class ClickHouse:
    """One query at a time over HTTP."""

    def __init__(self, url: str, user: str, password: str, database: str) -> None:
        query = urllib.parse.urlencode({"database": database})
        self._url = f"{url}/?{query}"
        self._headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    def rows(self, sql: str) -> list[list]:
        body = f"{sql} FORMAT JSONCompactEachRow".encode()
        request = urllib.request.Request(self._url, body, self._headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]


class Tree:
    """RFC 6962 tree hashes of every prefix, by its frontier."""

    def __init__(self) -> None:
        self.frontier: list[bytes | None] = []
        self.roots = [sha256(b"").digest()]

    def add(self, leaf: bytes) -> None:
        node = leaf
        for level, left in enumerate(self.frontier):
            if left is None:
                self.frontier[level] = node
                break
            node = sha256(b"\1" + left + node).digest()
            self.frontier[level] = None
        else:
            self.frontier.append(node)
        root = None
        for left in self.frontier:
            if left is not None:
                root = left if root is None else sha256(b"\1" + left + root).digest()
        self.roots.append(root or b"")


Message = tuple[int, bytes, bytes]


def source_messages(kafka: str, prefix: str = "auditspine.") -> "Sources":
    """Give offset, value and sig header of every message, by topic and partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "independent",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    found: dict[tuple[str, int], list[Message]] = {
        (prefix + stream, partition): []
        for stream, partitions in STREAMS.items()
        for partition in range(partitions)
    }
    ended = set()
    try:
        consumer.assign([TopicPartition(*place, 0) for place in found])
        while len(ended) < len(found):
            batch = consumer.consume(1000, 0.2)
            for message in batch:
                place = message.topic(), message.partition()
                if message.error() is None:
                    headers = dict(message.headers() or [])
                    sig = headers.get("sig") or b""
                    found[place].append((message.offset(), message.value() or b"", sig))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(place)
        return found
    finally:
        consumer.close()


Sources = dict[tuple[str, int], list[Message]]


def has_landed(store: ClickHouse, sources: Sources, accesses: Counter) -> bool:
    """Tell whether all of it is committed, and every access counted."""
    committed = {
        (topic, partition): end
        for topic, partition, end in store.rows(
            "SELECT topic, toUInt32(partition), toUInt32(max(last) + 1) FROM commits "
            "GROUP BY topic, partition"
        )
    }
    ends = {(f"{t}.sealed", p): len(messages) for (t, p), messages in sources.items()}
    landed = all(committed.get(place, 0) >= end for place, end in ends.items())
    return landed and _counted(store).total() >= accesses.total()


def check(store: ClickHouse, log_key: bytes, sources: Sources, accesses: Counter) -> list[str]:
    """Compare ClickHouse with the source topics as they were read; a difference a line.

    What producers published since (heartbeats) is left for the next check.
    """
    problems: list[str] = []
    for (topic, partition), source in sources.items():
        problems += check_log(store, log_key, topic, partition, source)
    if _counted(store) != accesses:
        problems.append(f"access_edges: expected {dict(accesses)}, got {dict(_counted(store))}")
    return problems


def _counted(store: ClickHouse) -> Counter:
    found = store.rows(
        "SELECT tenant, artifact_name, toUInt32(sum(count)) FROM access_edges FINAL GROUP BY ALL"
    )
    return Counter({(tenant, name): count for tenant, name, count in found})


def check_log(
    store: ClickHouse, log_key: bytes, topic: str, partition: int, source: list[Message]
) -> list[str]:
    """Compare one log with its source partition."""
    where = f"{topic}/{partition}"
    chain, tree, expected = bytes(32), Tree(), []
    for position, (offset, value, sig) in enumerate(source):
        entry = len(value).to_bytes(4, "big") + value + len(sig).to_bytes(4, "big") + sig
        leaf = sha256(b"\0" + entry).digest()
        chain = sha256(chain + leaf).digest()
        tree.add(leaf)
        expected.append([position, offset, leaf.hex(), chain.hex()])
    rows = store.rows(
        "SELECT toUInt32(position), toUInt32(source_offset), lower(hex(leaf)), lower(hex(chain)), "
        f"verdict, origin FROM entries WHERE topic = '{topic}' AND partition = {partition} "
        f"AND position < {len(source)} ORDER BY position"
    )
    problems = []
    if len(rows) != len(source):
        problems.append(f"{where}: {len(source)} messages, {len(rows)} entries")
    for got, want in zip(rows, expected, strict=False):
        if got[:4] != want:
            problems.append(f"{where}: expected entry {want[:2]}, got {got[:2]} or another hash")
            break
    origins = {row[5] for row in rows}
    if len(origins) > 1:
        problems.append(f"{where}: more than one log: {sorted(origins)}")
    for origin in origins:
        verdicts = {row[0]: row[4] for row in rows}
        problems += _check_content(store, origin, source, verdicts, where)
        problems += _check_notes(store, origin, tree.roots, log_key, where)
    return problems


def _check_content(
    store: ClickHouse, origin: str, source: list, verdicts: dict[int, str], where: str
) -> list[str]:
    problems = []
    seen: Counter = Counter()
    for table, valid in (("evidence", True), ("quarantine", False)):
        for position, value, sig in store.rows(
            f"SELECT toUInt32(position), hex(value), hex(sig) FROM {table} "
            f"WHERE origin = '{origin}' AND position < {len(source)}"
        ):
            seen[position] += 1
            if (verdicts.get(position) == "valid") is not valid:
                problems.append(f"{where}: {position} stands in {table}")
            if (bytes.fromhex(value), bytes.fromhex(sig)) != source[position][1:]:
                problems.append(f"{where}: {position} in {table} has other bytes than the source")
    if seen != Counter(range(len(source))):
        problems.append(f"{where}: content of {len(seen)} of {len(source)} entries, or repeated")
    return problems


def _check_notes(
    store: ClickHouse, origin: str, roots: list[bytes], log_key: bytes, where: str
) -> list[str]:
    problems = []
    for size, note in store.rows(
        f"SELECT toUInt32(size), note FROM checkpoints WHERE origin = '{origin}' "
        f"AND size < {len(roots)}"
    ):
        root = base64.b64encode(roots[size]).decode()
        text, _, signatures = note.partition("\n\n")
        if text.split("\n")[:3] != [origin, str(size), root]:
            problems.append(f"{where}: the checkpoint of size {size} has another root")
            continue
        # The signed text ends in its newline; a signature is 4 bytes of key hash and 64 more.
        signature = base64.b64decode(signatures.strip().split("\n")[0].rsplit(" ", 1)[1])
        try:
            Ed25519PublicKey.from_public_bytes(log_key).verify(
                signature[-64:], (text + "\n").encode()
            )
        except InvalidSignature:
            problems.append(f"{where}: the checkpoint of size {size} is not signed by the log key")
    return problems
