"""Folds a projection's sealed logs from nothing, and holds it against what its worker left."""

from collections.abc import Sequence

from tests.chaos.independent import ClickHouse

from auditspine.cli.composing import make_parts
from auditspine.processors.projection.app import ProjectionConfig
from auditspine.processors.projection.findings import Source, derived_event_id
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.port import Derived, Projection, ProjectionStore
from auditspine.processors.projection.rebuild import rebuild


class _Heard:
    """A speaker that only listens."""

    def __init__(self, projection: Projection) -> None:
        self._source = Source(projection.name, projection.logic_version)
        self.said: dict[str, Derived] = {}

    def say(self, derived: Sequence[Derived]) -> None:
        for each in derived:
            self.said[derived_event_id(self._source, each)] = each


class Nowhere:
    """Takes rows and forgets them."""

    def write(self, *_: object) -> None:
        pass


def compare(
    projection: Projection,
    settings,
    kafka: dict,
    store: ClickHouse,
    rows: ProjectionStore | None = None,
) -> tuple[list[str], dict[str, Derived]]:
    """Fold anew; give how states and derived events differ, and what the fold says.

    Args:
        projection: The fold.
        settings: Of the stack.
        kafka: librdkafka properties.
        store: Where evidence is.
        rows: Takes the fold's rows.
    """
    heard = _Heard(projection)
    parts: Parts = make_parts(projection, settings, kafka, rows or Nowhere(), heard)
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], {"log_level": "0"})
    problems = [
        f"{projection.name} {each.topic}/{each.partition}: {each.differing} of {each.keys} keys "
        "differ from a rebuild"
        for each in rebuild(config, parts)
        if not each.equal
    ]
    types = ", ".join(f"'{name}'" for name in sorted(projection.emits))
    published = {
        event_id
        for [event_id] in store.rows(
            f"SELECT DISTINCT toString(event_id) FROM committed_evidence "
            f"WHERE event_type IN ({types})"
        )
    }
    folded = set(heard.said)
    for what, found in (("missing", folded - published), ("invented", published - folded)):
        if found:
            problems.append(f"{projection.name}: {len(found)} derived events {what}")
    return problems, heard.said
