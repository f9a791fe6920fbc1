"""What machine this is, and what it can do at best at the operations that everything rests on."""

import os
import platform
import time
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIBRARIES = ("confluent-kafka", "fastavro", "faust-streaming", "chdb", "clickhouse-connect")


def describe() -> str:
    """Name the machine and the versions in a line or two."""
    cpus = Path("/proc/cpuinfo").read_text()
    model = next((row for row in cpus.splitlines() if row.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{model.partition(':')[2].strip()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}; {libraries}"
    )


def limits(event_bytes: int) -> dict[str, float]:
    """Measure operations per second on one core."""
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key(), key.sign(bytes(64))
    event, node = bytes(event_bytes), bytes(65)
    return {
        f"SHA-256 of {event_bytes} bytes": rate(lambda: sha256(event).digest()),
        "SHA-256 of a tree node": rate(lambda: sha256(node).digest()),
        "Ed25519 signatures": rate(lambda: key.sign(node)),
        "Ed25519 checks": rate(lambda: public.verify(signature, bytes(64))),
    }


def rate(work: Callable[[], object], seconds: float = 0.3) -> float:
    """Give how often a call is done in a second."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        for _ in range(200):
            work()
        done += 200
    return done / took
