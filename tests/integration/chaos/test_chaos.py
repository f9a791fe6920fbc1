"""Six rounds of ``make chaos``: parts are killed while events flow.

Access, lineage, the sink and ClickHouse are killed by tests of their own; ``make chaos`` kills
every kind.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.chaos.rounds import choose, run

SEEDS = (370, 322, 153, 29, 6, 118)
"""322 soon after 370: docs/adr/0007-eager-rebalance.md."""


def test_the_seeds_kill_what_no_other_test_kills() -> None:
    victims = {choose(seed)[0].partition("-")[0] for seed in SEEDS}
    assert victims == {"ledger", "drift", "alerts", "notify", "release", "kafka"}


@pytest.mark.timeout(600)
def test_nothing_is_lost_repeated_or_forked_whatever_is_killed() -> None:
    said: list[str] = []
    failures = run(SEEDS, said.append)
    assert failures == 0, "\n".join(said)
