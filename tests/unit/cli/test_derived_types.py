"""No processor consumes a type that follows from its own: nothing can go round for ever."""

import pytest

from auditspine.cli.control import SPEAKERS
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.alerts.fold import AlertsProjection
from auditspine.processors.drift.fold import DriftProjection
from auditspine.processors.drift.profiles import ProfileIndex
from auditspine.processors.lineage.fold import LineageProjection
from auditspine.processors.notify.fold import NotifyProjection
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.processors.release.grants import GrantIndex

LOOKS = {"drift": [ProfileIndex], "release": [GrantIndex]}
PROJECTIONS = (
    AccessProjection,
    AlertsProjection,
    DriftProjection,
    LineageProjection,
    NotifyProjection,
    ReleaseProjection,
)


def consumed(projection) -> frozenset[str]:
    """Give what a processor reads, in the log that it folds and in those that it looks into."""
    looks = LOOKS.get(projection.name, [])
    return projection.event_types.union(*(each.event_types for each in looks))


def said(projection) -> frozenset[str]:
    """Give what a processor publishes, by its fold or beside it."""
    return projection.emits | frozenset(SPEAKERS.get(projection.name, ()))


def following(types: frozenset[str]) -> frozenset[str]:
    """Give all types that follow from some, through any processor."""
    found = types
    while True:
        more = found.union(*(said(each) for each in PROJECTIONS if consumed(each) & found))
        if more == found:
            return found
        found = more


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)
def test_a_processor_consumes_nothing_that_follows_from_what_it_says(projection) -> None:
    assert not consumed(projection) & following(said(projection))


def test_what_is_derived_is_what_the_processors_keys_are_for() -> None:
    for each in PROJECTIONS:
        assert each.emits <= set(SPEAKERS.get(each.name, ()))
