"""How delays are summed up and written."""

import sys

import numpy as np

from bench.drift.measures import HORIZON
from bench.drift.shifts import Floats


def median(delays: Floats) -> float:
    return float(np.median(np.minimum(delays, HORIZON)))


def summary(delays: Floats) -> dict[str, float]:
    capped = np.minimum(delays, HORIZON)
    return {
        "median": float(np.median(capped)),
        "mean": float(capped.mean()),
        "missed": int(np.isinf(delays).sum()),
    }


def cell(summary: dict[str, float]) -> str:
    missed = f", {summary['missed']} missed" if summary["missed"] else ""
    return f"{summary['median']:.0f} ({summary['mean']:.0f}){missed}"


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
