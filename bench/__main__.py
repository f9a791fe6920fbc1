"""Measures Auditspine against the plain way of doing the same, in one run: ``make bench``.

Every number goes through the real path: a real broker, the real ClickHouse engine, the product's
own processes. Ratios within a run say more than rates, which are the machine's.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table

from auditspine.cli.processors import PROJECTIONS
from auditspine.schemas.codec import encode
from bench import (
    deciding,
    gate,
    guard,
    ledger,
    machine,
    publish,
    questions,
    sink,
    verification,
    workers,
)
from bench import latency as latency_
from bench.backbone import Backbone, backbone, predictions

console = Console(width=100)


def main() -> int:
    """Run what is asked for; exit 0 when it ran, whatever the numbers are."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events per round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of publishing and of workers")
    parser.add_argument("--seconds", type=int, default=20, help="length of each latency run")
    parser.add_argument("--no-latency", action="store_true", help="leave latency out")
    parser.add_argument("--json", type=Path, help="write every number there")
    options = parser.parse_args()
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    began = time.monotonic()
    size = len(encode(predictions(0, 1)[0]))
    console.print(f"[bold]{machine.describe()}[/]\nEvents: predictions of {size} bytes")
    with tempfile.TemporaryDirectory(prefix="auditspine-bench-") as folder:
        console.print("starting Kafka and ClickHouse …")
        with backbone(Path(folder)) as made:
            found = _run(made, options, size)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    console.print(f"took {time.monotonic() - began:.0f} s")
    return 0


def _run(made: Backbone, options: argparse.Namespace, size: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"limits": machine.limits(size)}
    _show("One core of this machine, operations/s", found["limits"])
    rates = found["publish"] = publish.measure(made, options.events, options.rounds)
    _show("Publish, events/s", rates)
    _ratio("signed publish : confluent-kafka + fastavro", rates["signed"], rates["plain"], 0.6)
    _ratio(
        "the same, building each event too",
        rates["signed, event built too"],
        rates["plain, record built too"],
        None,
    )
    rates = found["ledger"] = ledger.measure(made, min(options.events, 20_000))
    _show("Ledger, events/s of one process", rates)
    _ratio("ledger : Faust agent with a table", rates["ledger"], rates["agent"], 8)
    found["stages"] = ledger.stages(made, options.events // 2)
    _show("Stages of the ledger, µs per event", found["stages"])
    rates = found["sink"] = sink.measure(made)
    _show("Sink, entries/s", rates)
    _ratio("sink : consume, decode, insert rows", rates["sink"], rates["plain"], 3)
    verified = found["verify"] = verification.measure(made)
    _show("Verify, entries/s", verified)
    rates = found["workers"] = workers.measure(made, options.events, options.rounds)
    _show("Workers of the projections: sealed topic to state and ClickHouse, events/s", rates)
    for name in PROJECTIONS:
        _ratio(f"{name} worker : bare Faust agent", rates[name], rates[f"{name}: bare agent"], None)
        found[f"{name} stages"] = workers.stages(made, name)
        _show(f"Stages of {name}, µs per event", found[f"{name} stages"])
    found["questions"] = questions.measure(made)
    _show("Questions about lineage, ms (median)", found["questions"])
    found["guard"] = guard.measure(made)
    _show("Guards", found["guard"])
    _ratio(
        "serving guard that obeys decisions : one that does not",
        found["guard"]["serving guard that obeys decisions, look-ups/s"],
        found["guard"]["look-ups/s, one thread"],
        None,
    )
    costs = found["deciding"] = deciding.measure()
    _show("The release fold alone, no Kafka", costs)
    _ratio("decision : its rules in CEL alone", costs["decisions/s"], costs["rules alone/s"], None)
    limits = list(found["limits"].values())
    ceiling = 1 / (2 / limits[1] + 1 / limits[0])
    _ratio("chain and Merkle : SHA-256 alone", verified["core: chain and Merkle"], ceiling, None)
    if not options.no_latency:
        found["latency"] = latency_.measure(made, (100, 5_000), options.seconds)
        _show("publish → queryable", found["latency"])
        found["gate"] = gate.measure(made)
        _show("deployment.requested → decision.made, sealed and read back", found["gate"])
    return found


def _show(title: str, numbers: dict[str, float]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, number in numbers.items():
        table.add_row(name, f"{number:,.1f}" if number < 1000 else f"{number:,.0f}")
    console.print(table)


def _ratio(what: str, ours: float, other: float, aim: float | None) -> None:
    wanted: Any = "" if aim is None else f" (aim ≥ {aim:g} : 1)"
    console.print(f"  {what}: [bold]{ours / other:.2f}[/] : 1{wanted}\n")


if __name__ == "__main__":
    sys.exit(main())
