"""Nine rounds of ``make chaos``: each kind of part is killed once while events flow."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.chaos.rounds import choose, run

SEEDS = (370, 322, 18, 15, 153, 29, 6, 7, 23)
"""322 soon after 370: docs/adr/0007-eager-rebalance.md."""


def test_the_seeds_kill_every_kind_of_part() -> None:
    victims = {choose(seed)[0].partition("-")[0] for seed in SEEDS}
    processors = {"ledger", "access", "lineage", "drift", "alerts", "notify"}
    assert victims == processors | {"sink", "clickhouse", "kafka"}


@pytest.mark.timeout(600)
def test_nothing_is_lost_repeated_or_forked_whatever_is_killed() -> None:
    said: list[str] = []
    failures = run(SEEDS, said.append)
    assert failures == 0, "\n".join(said)
