"""Monitors of groups, calibration and delays beside an oracle and ADWIN: numbers and tables."""

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from auditspine.processors.drift.detector import BLOCK
from bench.drift import changes, group_measures, measures, oracle, others
from bench.drift.group_cases import CASES, QUIET
from bench.drift.shifts import Random
from bench.drift.summaries import cell, median, progress, summary

_MORE = 5  # runs and rows of these for two of the others: what waits longer scatters more
_REFERENCES = {"known": True, "of 10,000 rows": False}


def measure(console: Console, random: Random, runs: int, rows: int) -> dict[str, Any]:
    """Measure everything that is new with groups, and print it."""
    return {
        "delays": _delays(console, random, runs, rows),
        "false_alarms": _quiet(console, random, rows),
        "changes": _changes(console, random, runs),
        "speed": _speed(console, random),
    }


def _delays(console: Console, random: Random, runs: int, rows: int) -> list[dict[str, Any]]:
    found = []
    for case in CASES:
        ideal = group_measures.as_seen(case, by_oracle=True)
        bound = oracle.threshold(ideal, random)
        best = median(oracle.delays(ideal, bound, random, 1000, measures.HORIZON))
        plain = group_measures.as_seen(case, by_oracle=False)
        row: dict[str, Any] = {"case": case.name, "oracle": best, "aim": 1.3 * best + BLOCK / 2}
        row["adwin"] = _adwin(plain, random, rows)
        for monitor in case.monitors:
            row[monitor.name] = {}
            for name, known in _REFERENCES.items():
                late, told = group_measures.delays(
                    case, monitor, random, _MORE * runs // 2, known=known
                )
                rate = group_measures.false_alarms(
                    case.before, monitor, random, _MORE * rows // 2, known=known
                )
                row[monitor.name][name] = summary(late) | {
                    "per_10k": rate,
                    "told": int(np.isinf(late[told]).sum()),
                }
        found.append(row)
        progress(f"{case.name}: oracle {best:.0f}")
    table = Table("change", "monitor", title="Groups, calibration, delays: rows until the alarm")
    for name in ("oracle", "aim", "known", "false", "of 10,000 rows", "false"):
        table.add_column(name, justify="right")
    for row, case in zip(found, CASES, strict=True):
        for monitor in case.monitors:
            of = row[monitor.name]
            parts = (
                part for each in of.values() for part in (_cell(each), f"{each['per_10k']:.3f}")
            )
            bounds = f"{row['oracle']:.0f}", f"{row['aim']:.0f}"
            table.add_row(row["case"], monitor.name, *bounds, *parts)
        adwin = cell(row["adwin"]), f"{row['adwin']['per_10k']:.3f}"
        table.add_row(row["case"], "ADWIN, default", "", "", "", "", *adwin)
    console.print(table)
    return found


def _adwin(plain: others.Shift, random: Random, rows: int) -> dict[str, float]:
    def make(_: others.Floats) -> others.Detector:
        return others.Adwin(0.002)

    before = group_measures.BEFORE
    late = others.delays(make, plain, random, 100, before, measures.HORIZON)
    rate = others.false_alarms(make, plain, random, rows // 20, 20)
    return summary(late) | {"per_10k": rate}


def _cell(numbers: dict[str, float]) -> str:
    told = f" ({numbers['told']} told before)" if numbers["told"] else ""
    return cell(numbers) + told


def _quiet(console: Console, random: Random, rows: int) -> list[dict[str, Any]]:
    found = []
    for quiet in QUIET:
        rate = group_measures.false_alarms(
            quiet.draw, quiet.monitor, random, _MORE * rows // 2, known=False
        )
        found.append({"stream": quiet.name, "monitor": quiet.monitor.name, "per_10k": rate})
        progress(f"{quiet.name}, {quiet.monitor.name}: {rate:.3f}")
    table = Table("groups that do not move apart", "monitor", title="False alarms")
    table.add_column("per 10k rows (aim .1)", justify="right")
    for row in found:
        table.add_row(row["stream"], row["monitor"], f"{row['per_10k']:.3f}")
    console.print(table)
    return found


def _changes(console: Console, random: Random, runs: int) -> dict[str, dict[str, float]]:
    found = {move.name: changes.coverage(move, random, _MORE * runs) for move in changes.MOVES}
    table = Table("change", title="The interval of a change, at the alarm")
    for name in next(iter(found.values())):
        table.add_column(name, justify="right")
    for name, numbers in found.items():
        table.add_row(name, *(f"{number:.3g}" for number in numbers.values()))
    console.print(table)
    return found


def _speed(console: Console, random: Random) -> dict[str, float]:
    found = group_measures.speeds(random)
    for name, number in found.items():
        console.print(f"{name}: {number:,.2f}")
    return found
