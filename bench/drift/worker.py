"""The drift processor over sealed segments, stage by stage, beside a bare loop of river's ADWIN.

Both take the same events, encoded and sealed as the ledger does; Kafka and Faust are measured with
the other projections (``bench/workers.py``). Times are CPU seconds of this process.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from river.drift import ADWIN

from auditspine.ledger.merkle import Head
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.reader import SegmentReader
from auditspine.ledger.segment import Judged, Place, SealingContext, encode_segment, seal
from auditspine.ledger.verdict import Flag, Verdict
from auditspine.processors.drift.fold import DriftProjection
from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.drift.predictions import PredictionFiles, ReadLogs
from auditspine.processors.projection.follower import Follower, Parts
from auditspine.processors.projection.sealed_partition import SealedMessage
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.models import PredictionMade

NUMERIC, CATEGORICAL = 14, 6
SEGMENT = 500  # events
TOGETHER = 16  # segments of one step, as a worker that is behind takes them
KEY = Ed25519PrivateKey.generate()
START = 1_764_000_000_000
_PLACES = np.linspace(0.01, 0.99, 99)
_SHARES = {"a": 0.4, "b": 0.25, "c": 0.2, "d": 0.1, "e": 0.05}


@dataclass(frozen=True, slots=True)
class Shape:
    """How the events look.

    Attributes:
        numeric: Features that are numbers.
        categorical: Features that are categories.
        models: Models that serve side by side.
        groups: Groups of people by each protected attribute.
    """

    numeric: int = NUMERIC
    categorical: int = CATEGORICAL
    models: int = 1
    groups: tuple[int, ...] = ()


def _digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


def _ref(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "version": "1", "digest": _digest(kind + name)}


def events(shape: Shape, count: int, seed: int = 1) -> list[bytes]:
    """Give encoded predictions, each feature missing in 2% of them."""
    random = np.random.default_rng(seed)
    numbers = random.normal(50, 10, (count, shape.numeric))
    texts = random.choice(list(_SHARES), p=list(_SHARES.values()), size=(count, shape.categorical))
    missing = random.random((count, shape.numeric + shape.categorical)) < 0.02
    scores, which = random.beta(2, 8, count), random.integers(shape.models, size=count)
    people = [random.integers(groups, size=count).tolist() for groups in shape.groups]
    envelope = {
        "event_id": "01900000-0000-7000-8000-000000000000",
        "occurred_at": "2025-11-24T16:00:00Z",
        "tenant": "acme",
        "domain": "credit",
        "environment": "production",
        "actor": {"principal": "scorer", "kind": "workload"},
        "workload": {"name": "scorer"},
        "intent": {"trigger": "request", "reason": "an application"},
    }
    made = []
    for n in range(count):
        features = [
            {"name": f"n{j}", "number": None if missing[n, j] else float(numbers[n, j])}
            for j in range(shape.numeric)
        ] + [
            {"name": f"c{j}", "text": None if missing[n, shape.numeric + j] else str(texts[n, j])}
            for j in range(shape.categorical)
        ]
        model = f"risk-{which[n]}"
        body = {
            "prediction_id": f"application-{n}",
            "deployment": _ref("deployment", model),
            "model": _ref("model", model),
            "features": tuple(features),
            "score": float(scores[n]),
            "threshold": 0.5,
            "decision": "refer" if scores[n] > 0.4 else "approve",
            "latency_ms": 2.0,
            "protected": tuple(
                {"attribute": f"a{at}", "token": f"{own[n]:032x}"} for at, own in enumerate(people)
            ),
        }
        made.append(encode(PredictionMade.model_validate({"envelope": envelope, "body": body})))
    return made


def sealed(values: list[bytes]) -> list[SealedMessage]:
    """Seal events into segments, a prediction every 50 ms by the broker's clock."""
    place, head, messages = Place("local/c/inference/0", "auditspine.inference", 0), Head(), []
    for first in range(0, len(values), SEGMENT):
        entries = [
            Judged(first + n, START + (first + n) * 50, value, b"", Verdict.VALID, Flag.NONE)
            for n, value in enumerate(values[first : first + SEGMENT])
        ]
        segment, head = seal(place, head, entries, SealingContext(0, first + len(entries), 0), KEY)
        messages.append(SealedMessage(len(messages), encode_segment(segment)))
    return messages


class _Profiles:
    """The training profile of every model: what its features are drawn from."""

    def __init__(self, shape: Shape) -> None:
        random = np.random.default_rng(99)
        self._profile = {
            "rows": 5000,
            "numeric": [
                {
                    "name": f"n{j}",
                    "probabilities": _PLACES.tolist(),
                    "quantiles": np.quantile(random.normal(50, 10, 5000), _PLACES).tolist(),
                    "missing": 0.02,
                }
                for j in range(shape.numeric)
            ],
            "categorical": [
                {
                    "name": f"c{j}",
                    "shares": [{"category": k, "share": v} for k, v in _SHARES.items()],
                    "missing": 0.02,
                }
                for j in range(shape.categorical)
            ],
            "score": None,
            "decision": None,
            "error_rate": None,
        }

    def find(self, *_: object) -> FoundProfile:
        return FoundProfile("01900000-0000-7000-8000-0000000000ff", self._profile)


def _processor(shape: Shape, folder: Path) -> tuple[DriftProjection, Follower]:
    files = PredictionFiles(folder, ReadLogs(), 90)
    projection = DriftProjection(_Profiles(shape), files)
    keys = (raw_public_key(KEY),)
    parts = Parts(projection, Decoder(schema_texts()), None, keys, folder)
    return projection, Follower(parts, "auditspine.inference.sealed", 0)


def rate(shape: Shape, messages: list[SealedMessage], count: int) -> dict[str, float]:
    """Give events/s, monitors, the size of the state, and how long going on from it takes."""
    with tempfile.TemporaryDirectory() as folder:
        projection, follower = _processor(shape, Path(folder))
        warm = 2 * TOGETHER
        for batch in _batches(messages[:warm]):
            follower.step(batch)
        last = messages[-1:]
        took = _cpu(lambda: [follower.step(batch) for batch in _batches(messages[warm:-1])])
        states = sum(len(value) for _, value in follower.state.items())
        monitors = sum(len(watch.monitors) for watch in projection.watches())
        follower.close()
        _, again = _processor(shape, Path(folder))
        restored = _cpu(lambda: again.step(last))
        again.close()
        return {
            "events/s": (count - (warm + 1) * SEGMENT) / took,
            "monitors": float(monitors),
            "state, KB": states / 1000,
            "restored and first segment, ms": restored * 1000,
        }


def stages(shape: Shape, messages: list[SealedMessage]) -> dict[str, float]:
    """Give µs per event of each stage, and of the loop beside it."""
    reader, decoder = SegmentReader([raw_public_key(KEY)]), Decoder(schema_texts())
    accepted: list[Any] = []
    found: dict[str, float] = {}
    count = len(messages) * SEGMENT
    found["verify the segment"] = _cpu(
        lambda: accepted.extend(reader.accept(each.value or b"") for each in messages)
    )
    entries: list[Any] = []
    found["its entries"] = _cpu(lambda: [entries.extend(each.entries()) for each in accepted])
    decoded: list[Any] = []
    found["decode"] = _cpu(lambda: decoded.extend(decoder.decode(entry.value) for entry in entries))
    found["ADWIN loop over the decoded"] = _cpu(lambda: _adwin(shape, decoded))
    return {name: 1e6 * took / count for name, took in found.items()}


def _adwin(shape: Shape, decoded: list[Any]) -> int:
    """Do what a plain loop does: a detector per number, and one per feature for missing values."""
    values = [ADWIN() for _ in range(shape.numeric)]
    missing = [ADWIN() for _ in range(shape.numeric + shape.categorical)]
    counts: list[dict[str, int]] = [{} for _ in range(shape.categorical)]
    alarms = 0
    for event in decoded:
        for index, each in enumerate(event.body["features"]):
            number, text = each["number"], each["text"]
            if index < shape.numeric:
                if number is not None:
                    values[index].update(number)
                    alarms += values[index].drift_detected
            elif text is not None:
                known = counts[index - shape.numeric]
                known[text] = known.get(text, 0) + 1
            missing[index].update(number is None and text is None)
            alarms += missing[index].drift_detected
    return alarms


def measure(count: int = 40_000) -> dict[str, dict[str, float]]:
    """Measure the processor, its stages, and its growth."""
    gc.freeze()
    gc.set_threshold(50_000)  # as a worker does
    shape = Shape()
    messages = sealed(events(shape, count))
    ours = rate(shape, messages, count)
    each = stages(shape, messages)
    loop = 1e6 / (each["decode"] + each["ADWIN loop over the decoded"])
    each["monitors, state and all else"] = 1e6 / ours["events/s"] - sum(
        each[name] for name in ("verify the segment", "its entries", "decode")
    )
    found = {
        "processor": ours
        | {"decode and ADWIN loop, events/s": loop, "ratio": ours["events/s"] / loop},
        "stages, µs per event": each,
    }
    for name, other in (
        ("20 features, groups by two attributes", Shape(groups=(2, 3))),
        ("5 features", Shape(4, 1)),
        ("100 features", Shape(70, 30)),
        ("20 features, 10 models", Shape(models=10)),
        ("20 features, 50 models", Shape(models=50)),
    ):
        other_count = count // 2
        found[name] = rate(other, sealed(events(other, other_count)), other_count)
    return found


def _batches(messages: list[SealedMessage]) -> Iterator[list[SealedMessage]]:
    for start in range(0, len(messages), TOGETHER):
        yield messages[start : start + TOGETHER]


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
