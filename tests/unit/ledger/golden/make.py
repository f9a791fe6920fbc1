"""Wrote the golden log, once: ``python tests/unit/ledger/golden/make.py``.

The files hold the formats still: they are evidence as somebody may have it on disk. A change
that makes the tests fail breaks every log there is, so it needs a new format and new files beside
these; running this again over them is never the cure.

``entries.jsonl`` has one entry a line, ``checkpoints.jsonl`` one checkpoint, and ``segments.bin``
the sealed segments, each after its length (u32, big-endian). Keys are made of one repeated byte.
"""

import json
import sys
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.judge import Judge, Message
from auditspine.ledger.merkle import Head
from auditspine.ledger.segment import Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Verdict

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from control_world import (  # noqa: E402 - found by the line above
    NOW_MS,
    PRODUCER,
    Signer,
    empty_control,
    encode,
    key_registered,
    key_revoked,
    operator_signer,
    prediction,
    schema_registered,
    standard_control,
    tenant_registered,
)

LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
REVOKED = Ed25519PrivateKey.from_private_bytes(b"\x04" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
CONTROL = Place("golden/cluster/control-id/0", "auditspine.control", 0)
INFERENCE = Place("golden/cluster/inference-id/3", "auditspine.inference", 3)


def control_messages() -> list[tuple[bytes, bytes]]:
    said = [
        *standard_control(),
        tenant_registered("globex"),
        key_registered(OTHER, producer="other", tenants=["globex"]),
        key_registered(REVOKED, producer="lost"),
        schema_registered("outcome.observed"),
        key_revoked(REVOKED),
    ]
    return operator_signer().sign(*map(encode, said))


def inference_messages() -> list[tuple[int, bytes, bytes]]:
    """Give offset, value and signature of every message, good and bad."""

    def signer(key=PRODUCER, **who) -> Signer:
        return Signer(key, INFERENCE.topic, INFERENCE.partition, **who)

    one, two = signer(), signer(OTHER, tenant="globex", producer="other", epoch=9)

    def said(by: Signer, first: int, count: int, **envelope) -> list[tuple[bytes, bytes]]:
        who = {"tenant": by.tenant, "workload": by.producer, **envelope}
        return by.sign(*(encode(prediction(first + i, 1, **who)) for i in range(count)))

    pairs = said(one, 0, 64) + said(two, 100, 7) + said(one, 200, 1) + said(two, 300, 33)
    good = said(one, 400, 2)
    pairs += [good[0], good[0]]  # a duplicate
    one.sequence += 5  # a gap
    pairs += said(one, 500, 3)
    pairs += said(one, 510, 1, now_ms=NOW_MS + 3_600_000)  # its clock runs ahead
    pairs += [(b"", b""), (b"not ours", b""), (good[1][0], b"")]  # foreign, foreign, not signed
    pairs += [(good[1][0] + b"\0", good[1][1]), (good[1][0], b"\1short")]  # bad signatures
    pairs += said(signer(STRANGER), 600, 2) + said(signer(REVOKED, producer="lost"), 610, 2)
    pairs += said(signer(tenant="globex"), 620, 1) + said(signer(tenant="nobody"), 630, 1)
    pairs += one.sign(encode(prediction(640))[:-3], b"\0\0\0\0\7" + bytes(9), b"\7")  # undecodable
    pairs += one.sign(encode(prediction(650, tenant="globex")))  # says another tenant
    pairs += said(one, 660, 1, workload="someone")  # not permitted
    pairs += said(two, 700, 64) + said(one, 800, 64) + said(two, 900, 1)
    return [(2 * i if i > 90 else i, *pair) for i, pair in enumerate(pairs)]  # offsets may jump


def main() -> None:
    state = empty_control()
    logs = []
    control = [(i, *pair) for i, pair in enumerate(control_messages())]
    logs.append((CONTROL, control, [6, 0, 5], state))
    messages = inference_messages()
    logs.append((INFERENCE, messages, [1, 63, 20, 0, 57, len(messages) - 141], state))
    entries, checkpoints, segments = [], [], []
    for place, given, sizes, control_state in logs:
        own = place is CONTROL
        judge, head, at = Judge(place.topic.rpartition(".")[2], *place[1:]), Head(), 0
        for number, size in enumerate(sizes):
            judged, control_size = [], control_state.size
            for index, (offset, value, sig) in enumerate(given[at : at + size], at):
                message = Message(offset, NOW_MS + index, value, sig)
                judged.append(judge.rule(judge.admit(message), control_state))
                if own:
                    valid = judged[-1].verdict is Verdict.VALID
                    event = control_state.decode(value) if valid else None
                    control_state.apply(control_state.size, event)
            at += size
            table = judge.table if number % 2 == 0 else None
            context = SealingContext(control_size, given[at - 1][0] + 1, NOW_MS + at, table)
            segment, head = seal(place, head, judged, context, LOG_KEY)
            segments.append(encode_segment(segment))
            entries += [
                {
                    "origin": place.origin,
                    "position": e.position,
                    "offset": e.offset,
                    "timestamp": e.timestamp,
                    "value": b64encode(e.value).decode(),
                    "sig": b64encode(e.sig).decode(),
                    "leaf": e.leaf.hex(),
                    "chain": e.chain.hex(),
                    "verdict": e.verdict.name.lower(),
                    "flags": int(e.flags),
                    "reason": e.reason,
                }
                for e in segment.sealed_entries()
            ]
            checkpoints.append(
                {
                    "origin": place.origin,
                    "size": head.size,
                    "root": head.root().hex(),
                    "chain": head.chain.hex(),
                    "control_size": control_size,
                    "note": segment.note,
                }
            )
        assert at == len(given)
    for name, rows in (("entries", entries), ("checkpoints", checkpoints)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (HERE / f"{name}.jsonl").write_text(text)
    framed = b"".join(len(raw).to_bytes(4, "big") + raw for raw in segments)
    (HERE / "segments.bin").write_bytes(framed)


if __name__ == "__main__":
    main()
