"""Measures the shift detector beside others: ``make bench-drift`` (docs/drift-benchmark.md).

Everything is simulated, with a seed; each run of a cell has its own training sample of 2,000 rows
and knows its profile alone.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from auditspine.processors.drift.detector import BLOCK
from bench.drift import group_tables, latency, measures, oracle, others, worker
from bench.drift.shifts import SHIFTS, STREAMS, Random, Shift
from bench.drift.summaries import cell, median, progress, summary

console = Console(width=110)
FAMILY = 500 * 7_000_000.0  # 500 monitors, a million rows a day, one false alarm a week
_BEFORE = (0, 1000, 10_000)  # rows in service when the change comes


def main() -> int:
    """Run everything; exit 0 when it ran, whatever the numbers are."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="runs of each delay")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of each false alarm rate")
    parser.add_argument("--seed", type=int, default=20_263)
    parser.add_argument("--no-stack", action="store_true", help="leave the worker and alerts out")
    parser.add_argument("--only", choices=("groups",), help="leave all else out")
    parser.add_argument("--json", type=Path, help="write every number there")
    options = parser.parse_args()
    random, began = np.random.default_rng(options.seed), time.monotonic()
    results: dict[str, Any] = {"seed": options.seed, "runs": options.runs, "rows": options.rows}
    if options.only is None:
        results |= _numeric(random, options.runs, options.rows)
    own = np.random.default_rng(options.seed + 1)
    results["groups"] = group_tables.measure(console, own, options.runs, options.rows)
    if not (options.only or options.no_stack):
        results |= _stack()
    results["seconds"] = time.monotonic() - began
    console.print(f"{results['seconds']:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    return 0


def _numeric(random: Random, runs: int, rows: int) -> dict[str, Any]:
    """Measure the monitors of values, rates and spreads."""
    false = _false_alarms(random, rows)
    rates = {(row["stream"], row["monitor"]): row["per_10k"] for row in false}
    return {
        "false_alarms": false,
        "delays": _delays(random, runs),
        "others": _others(random, rows, rates),
        "more": _more(random, runs),
    }


def _false_alarms(random: Random, rows: int) -> list[dict[str, Any]]:
    found = []
    for stream in STREAMS:
        measured = measures.false_alarms(stream, random, rows)
        found.append(
            {
                "stream": stream.name,
                "monitor": stream.kind,
                "per_10k": measured.after,
                "rows": measured.rows,
                "at_start": measured.start,
            }
        )
        progress(f"{stream.name} {stream.kind}: {measured.after:.3f}")
    table = Table("stream that does not change", "monitor", title="False alarms")
    for name in ("per 10k rows (aim .1)", "of rows", "per monitor at the start"):
        table.add_column(name, justify="right")
    for row in found:
        numbers = f"{row['per_10k']:.3f}", f"{row['rows']:,}", f"{row['at_start']:.2f}"
        table.add_row(row["stream"], row["monitor"], *numbers)
    console.print(table)
    return found


def _delays(random: Random, runs: int) -> list[dict[str, Any]]:
    found = []
    for shift in SHIFTS:
        bound = oracle.threshold(shift, random)
        best = median(oracle.delays(shift, bound, random, 1000, measures.HORIZON))
        row: dict[str, Any] = {"shift": shift.name, "oracle": best, "aim": 1.3 * best + BLOCK / 2}
        for before in _BEFORE:
            delays = measures.delays(shift, random, runs, before)
            row[f"after_{before}"] = summary(delays)
        row["family"] = summary(measures.delays(shift, random, runs, _BEFORE[-1], FAMILY))
        found.append(row)
        progress(
            f"{shift.name}: oracle {best:.0f}, ours {row[f'after_{_BEFORE[-1]}']['median']:.0f}"
        )
    table = Table("shift", title="Rows until the alarm: median (mean), missed within 5,000")
    for name in ("oracle", "aim", "at row 0", "at row 1,000", "at row 10,000", "family of 500"):
        table.add_column(name, justify="right")
    for row in found:
        ours = (cell(row[name]) for name in ("after_0", "after_1000", "after_10000", "family"))
        table.add_row(row["shift"], f"{row['oracle']:.0f}", f"{row['aim']:.0f}", *ours)
    console.print(table)
    return found


def _others(random: Random, rows: int, rates: dict[tuple[str, str], float]) -> list[dict[str, Any]]:
    found = []
    for shift in SHIFTS:
        ours = _rate_of(shift, rates)
        delta = _equal(shift, random, ours)
        makers = {
            "ADWIN, default": (lambda _: others.Adwin(0.002), 100),
            f"ADWIN, δ = {delta:.3f}": (lambda _, d=delta: others.Adwin(d), 100),
            "PSI of 500 rows": (others.Psi, 100),
            "always": (lambda _: others.Always(), 100),
        }
        for name, (make, runs) in makers.items():
            rate = others.false_alarms(make, shift, random, rows // 20, 20)
            delays = others.delays(make, shift, random, runs, _BEFORE[1], measures.HORIZON)
            later = others.delays(make, shift, random, runs, _BEFORE[2], measures.HORIZON)
            found.append(
                {
                    "shift": shift.name,
                    "detector": name,
                    "per_10k": rate,
                    "after_1000": summary(delays),
                    "after_10000": summary(later),
                }
            )
            progress(f"{shift.name}, {name}: {rate:.3f}, {median(delays):.0f}")
    table = Table("shift", "detector", title="Others on standardised values")
    for name in ("false per 10k", "at row 1,000", "at row 10,000"):
        table.add_column(name, justify="right")
    for row in found:
        numbers = f"{row['per_10k']:.3f}", cell(row["after_1000"]), cell(row["after_10000"])
        table.add_row(row["shift"], row["detector"], *numbers)
    console.print(table)
    return found


def _stack() -> dict[str, Any]:
    """Measure the processor over sealed segments, and the way to a receiver on a whole stack."""
    found = worker.measure()
    for name, numbers in found.items():
        _numbers(f"Drift processor: {name}", numbers)
    progress("starting a stack")
    alerted = latency.measure()
    _numbers("From a prediction to the alert at a receiver", alerted)
    return {"worker": found, "alerted": alerted}


def _numbers(title: str, numbers: dict[str, float]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, number in numbers.items():
        table.add_row(name, f"{number:,.2f}" if number < 1000 else f"{number:,.0f}")
    console.print(table)


def _rate_of(shift: Shift, rates: dict[tuple[str, str], float]) -> float:
    names = {"category .2→.35": "rate .2", "missing .02→.06": "rate .02"}
    usual = "rate .1" if shift.kind == "rate" else "independent"
    return max(rates[names.get(shift.name, usual), shift.kind], 0.02)


def _equal(shift: Shift, random: Random, rate: float) -> float:
    """Find the δ at which ADWIN has as many false alarms as ours, from those at four."""
    grid = np.array([0.002, 0.008, 0.03, 0.1])
    rates = [
        others.false_alarms(lambda _, d=delta: others.Adwin(d), shift, random, 50_000, 20)
        for delta in grid.tolist()
    ]
    known = np.maximum.accumulate(np.log(np.maximum(rates, 0.003)))
    return float(np.exp(np.interp(math.log(rate), known, np.log(grid))))


def _more(random: Random, runs: int) -> dict[str, Any]:
    ramp = measures.ramp_delays(random, runs)
    spoiled = measures.after_bad_input(random, 100)
    speeds = measures.speeds(random)
    console.print(f"a ramp to +.5 sd over 2,000 rows: {cell(summary(ramp))}")
    table = Table(
        "1,000 rows before a shift of +.5 sd", title="Rows until the alarm, after bad input"
    )
    for name in ("ours", "ADWIN, default"):
        table.add_column(name, justify="right")
    for name, (ours, adwin) in spoiled.items():
        table.add_row(name, *(("never" if math.isinf(x) else f"{x:.0f}") for x in (ours, adwin)))
    console.print(table)
    for name, speed in speeds.items():
        console.print(f"{name}: {speed:,.0f} rows/s")
    finite = {name: [None if math.isinf(x) else x for x in pair] for name, pair in spoiled.items()}
    return {"ramp": summary(ramp), "after_bad_input": finite, "rows_per_second": speeds}


if __name__ == "__main__":
    sys.exit(main())
