"""Kills parts of a running stack at seeded random points while events flow, and checks each time.

``python -m tests.chaos --rounds 60 --seed 7``. A failing round is found again by its seed: the
choices of victim, signal and moment follow from it; what the machine does meanwhile does not.
"""

import argparse
import signal
import sys
from functools import partial

from tests.chaos.rounds import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stack is stopped too
    seeds = range(options.seed, options.seed + options.rounds)
    failures = run(seeds, partial(print, flush=True))
    print(f"{options.rounds} rounds, {failures} with a difference")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
