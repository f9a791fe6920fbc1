"""Takes events that change what may be upstream of a model, and finds what came before. Pure.

What is upstream of what moved: the deployment and its configuration, features of the same name,
the data that their columns and the model's training come from, through runs as well, and the model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.alerts.upstream import DAY_US, Change, Name, Upstream
from auditspine.processors.projection.fit import as_name, as_token
from auditspine.processors.projection.port import SealedEvent

DATA = frozenset({"dataset", "snapshot", "labels"})
_MADE = DATA | {"feature"}  # kinds of a run's outputs that serving may rest on
_LISTED_DAYS = 7  # before what moved, that a change is told of
_SHORTLY = MappingProxyType(  # hours before, that a change is taken for a cause
    {
        "deployment": 1,
        "configuration": 1,
        "model": 1,  # take effect at once
        "feature": 24,
        "dataset": 24,
        "source": 24,  # take effect with the next batch
    }
)
_NEARNESS = MappingProxyType(  # of a relation to what moved; judgement
    {"feature": 16, "deployment": 12, "configuration": 12, "source": 8, "dataset": 6, "model": 3}
)
_LEAST = 4  # by which the nearness of what is upstream of the model alone is divided
_HOUR_US = DAY_US // 24
_Said = tuple[Name, Ref | None, tuple[Name, ...]]  # what changed, to what, what it comes from


class Preceding(NamedTuple):
    """A change upstream that came before something moved.

    Attributes:
        change: The change.
        relation: How it is upstream, as in ``investigation.analysed``.
        before: How long before the likeliest beginning, microseconds; negative when after.
        is_near: Whether it is upstream of what moved, not of the model alone.
        is_shortly: Whether it came so shortly before that it may be the cause.
    """

    change: Change
    relation: str
    before: int
    is_near: bool
    is_shortly: bool

    @property
    def rank(self) -> tuple[float, int, str]:
        """What the likeliest is the least by: relation and nearness in time, then the event."""
        weight = _NEARNESS[self.relation] / (1 if self.is_near else _LEAST)
        weight /= 1 if self.is_shortly else _LEAST
        hours = max(self.before, 0) / _HOUR_US
        return -weight / (1 + hours / 12), self.before, self.change.event_id


def preceding(
    upstream: Upstream,
    place: tuple[str, str],
    features: Iterable[str],
    times: tuple[int, int, int],
    first_at: int | None = None,
) -> tuple[Preceding, ...]:
    """Give what changed upstream before something moved, the likeliest cause first.

    Args:
        upstream: What is known of the tenant.
        place: Names of the deployment and of the model.
        features: Features that moved.
        times: When it began at the earliest, most likely, at the latest; microseconds.
        first_at: When the first prediction was made there, microseconds; None when not known.
    """
    deployment, model = place
    from_the_start = first_at is None or times[0] <= first_at
    moved = [("feature", as_name(each)) for each in features]
    own = [("deployment", deployment), ("configuration", deployment), *moved]
    near = upstream.sources(own)
    far = upstream.sources([("model", model)])
    found: dict[str, Preceding] = {}
    for names, is_near in ((near, True), (far, False)):
        for name, known in names.items():
            for change in known.changes:
                each = _preceding(name, change, times, is_near=is_near, begins=from_the_start)
                if each is not None:
                    known_as = found.get(change.event_id)
                    if known_as is None or each.rank < known_as.rank:
                        found[change.event_id] = each
    return tuple(sorted(found.values(), key=lambda each: each.rank))


def _preceding(
    name: Name, change: Change, times: tuple[int, int, int], *, is_near: bool, begins: bool
) -> Preceding | None:
    """Give a change as one that came before; ``begins`` if what moved did from the first row on."""
    earliest, at, latest = times
    if not at - _LISTED_DAYS * DAY_US <= change.at <= latest:
        return None
    relation = name[0] if name[0] in _NEARNESS else "dataset"
    if change.event_type == "dataset.registered":
        relation = "source"
    # What is told of for the first time did not change: it may have been so for long. A deployment
    # then begins to serve, which explains what was off from its first prediction on.
    is_new = not change.is_first or (relation == "deployment" and begins)
    is_shortly = is_new and change.at >= earliest - _SHORTLY[relation] * _HOUR_US
    return Preceding(change, relation, at - change.at, is_near, is_shortly)


def _deployment_changed(body: Mapping[str, Any]) -> Iterator[_Said]:
    deployment = Ref.of(body["deployment"])
    yield ("deployment", deployment.name), deployment, ()


def _serving_configuration_changed(body: Mapping[str, Any]) -> Iterator[_Said]:
    name = Ref.of(body["deployment"]).name
    yield ("configuration", name), Ref.of(body["configuration"]), ()


def _dataset_registered(body: Mapping[str, Any]) -> Iterator[_Said]:
    dataset = Ref.of(body["dataset"])
    yield ("dataset", dataset.name), dataset, ()


def _dataset_snapshotted(body: Mapping[str, Any]) -> Iterator[_Said]:
    snapshot, dataset = Ref.of(body["snapshot"]), ("dataset", Ref.of(body["dataset"]).name)
    yield ("snapshot", snapshot.name), snapshot, (dataset,)
    yield dataset, snapshot, ()


def _feature_defined(body: Mapping[str, Any]) -> Iterator[_Said]:
    feature = Ref.of(body["feature"])
    origins = _names(each["artifact"] for each in body["inputs"])
    yield ("feature", feature.name), feature, origins


def _feature_deprecated(body: Mapping[str, Any]) -> Iterator[_Said]:
    feature = Ref.of(body["feature"])
    yield ("feature", feature.name), feature, ()


def _model_registered(body: Mapping[str, Any]) -> Iterator[_Said]:
    model = Ref.of(body["model"])
    data = _names((*body["training_snapshots"], *body["labels"]))
    yield ("model", model.name), model, (*data, ("run", as_token(body["run_id"])))


def _run_started(body: Mapping[str, Any]) -> Iterator[_Said]:
    origins = _names((*body["inputs"], *body["features"]))
    yield ("run", as_token(body["run_id"])), None, origins


def _run_completed(body: Mapping[str, Any]) -> Iterator[_Said]:
    run = ("run", as_token(body["run_id"]))
    for output in map(Ref.of, body["outputs"]):
        if output.kind in _MADE:
            yield (output.kind, output.name), output, (run,)
        elif output.kind == "model":
            yield ("model", output.name), None, (run,)


def _names(refs: Iterable[Mapping[str, Any]]) -> tuple[Name, ...]:
    return tuple((each.kind, each.name) for each in map(Ref.of, refs))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[_Said]]] = MappingProxyType(
    {
        "dataset.registered": _dataset_registered,
        "dataset.snapshotted": _dataset_snapshotted,
        "deployment.changed": _deployment_changed,
        "feature.defined": _feature_defined,
        "feature.deprecated": _feature_deprecated,
        "model.registered": _model_registered,
        "run.completed": _run_completed,
        "run.started": _run_started,
        "serving_configuration.changed": _serving_configuration_changed,
    }
)
EVENT_TYPES = frozenset(_READERS)
"""Types that tell of something that may be upstream of a model."""


def noted(upstream: Upstream, event: SealedEvent) -> None:
    """Take one of :data:`EVENT_TYPES`."""
    for name, artifact, origins in _READERS[event.event_type](event.body):
        change = None
        if artifact is not None:
            event_id = event.envelope["event_id"]
            at = event.appended_at * 1000
            change = Change(event_id, event.event_type, at, artifact, is_first=False)
        upstream.take(name, change, origins)
