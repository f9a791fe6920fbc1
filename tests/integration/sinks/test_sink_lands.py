"""The evidence sink on a real broker and the real endpoint: everything once, in order."""

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).parent))
from sink_world import Signer, encode, prediction, running

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x23" * 32)


def test_every_entry_lands_once_in_order_valid_or_not(world) -> None:
    world.begin()
    with running(world.sink()):
        for partition in (0, 1):
            world.predict(120, partition)
            one = encode(prediction(now_ms=world.now_ms))
            world.seal(
                "inference",
                partition,
                [
                    (b"not ours", b""),
                    (b"", b""),
                    (one, b""),
                    *Signer(STRANGER, world.topics.source("inference"), partition).sign(one),
                ],
            )
            world.predict(30, partition)
        world.await_landed()
    world.check()
    assert world.counts()["quarantine"] == 8
