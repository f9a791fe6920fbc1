"""The demo's model at a lender's branches, where staff begin to overrule it to a group's harm.

The applications, and whom staff reject all the same, are in fixed order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

from auditspine.cli.demo.applications import Application
from auditspine.cli.demo.deployment import Keys, make_client
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.replay import Place, place_ref, serving_at
from auditspine.cli.settings import Settings

OVERRULED_AT = 2_400
"""Row from which branch staff overrule the model."""
LAST = 3_000
"""Row before which that must have been found."""

OVERRULED_SHARE = 0.6
"""Of the protected group's applications from then on, those that staff reject in any case."""
_SEED = 1994


def applications(rows: Sequence[Application]) -> Iterator[tuple[Application, bool]]:
    """Give applications, drawn with replacement, and whether staff reject each in any case."""
    random = Random(_SEED)  # noqa: S311 - a sample, no secret
    for row in range(LAST):
        drawn, chance = random.choice(rows), random.random()
        harsh = row >= OVERRULED_AT and chance < OVERRULED_SHARE
        yield drawn, harsh and drawn.protected


@contextmanager
def at_branches(settings: Settings, keys: Keys, lender: Lender) -> Iterator[Place]:
    """Deploy a lender's model at its branches for the length of a block."""
    live = lender.live
    assert live is not None
    desk, scorer = (f"{lender.tenant}-{each}" for each in ("release-desk", "scorer"))
    with (
        make_client(settings, lender.tenant, desk, keys.workloads[desk]) as says,
        make_client(settings, lender.tenant, scorer, keys.workloads[scorer]) as answers,
    ):
        deployment = place_ref(lender, live, "branches")
        place = Place("branches", "credit", deployment, answers, live, lender.tokens)
        with serving_at(says, [place]):
            yield place
