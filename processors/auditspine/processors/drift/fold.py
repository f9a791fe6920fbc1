"""The drift projection: monitors of each model at each deployment, over predictions and outcomes.

It derives ``drift.signalled``, every few minutes ``serving.observed``, and for each period
``bias.assessed``. What they mean for
people is decided elsewhere, by the alerts projection.
"""

from collections.abc import Iterable, Iterator, Sequence

from auditspine.processors.drift.inference import ModelWatch, Step
from auditspine.processors.drift.outcomes import OutcomeWatch
from auditspine.processors.drift.policy import DriftPolicy, shipped_policy
from auditspine.processors.drift.port import Prediction, Predictions, Profiles
from auditspine.processors.drift.rules import Rules
from auditspine.processors.drift.tables import LEVELS
from auditspine.processors.drift.watch import Watch
from auditspine.processors.projection.port import (
    DERIVED,
    Changes,
    Derived,
    Row,
    SealedEvent,
    State,
    Table,
)

_KEPT = 256  # models whose monitors are held in memory


class DriftProjection:
    """Folds inference and outcome logs; see :class:`~.projection.port.Projection`.

    Args:
        profiles: Training profiles, from the lifecycle log.
        predictions: Predictions that wait for their outcomes.
        policy: What is monitored.

    Raises:
        PolicyError: A business rule of the policy is not CEL.
    """

    name = "drift"
    logic_version = 2
    streams: tuple[str, ...] = ("inference", "outcomes")
    event_types: frozenset[str] = frozenset(("prediction.made", "outcome.observed"))
    emits: frozenset[str] = frozenset(("drift.signalled", "serving.observed", "bias.assessed"))
    tables: tuple[Table, ...] = (LEVELS,)

    def __init__(
        self, profiles: Profiles, predictions: Predictions, policy: DriftPolicy | None = None
    ) -> None:
        self._policy = policy or shipped_policy()
        self._profiles = profiles
        self._predictions = predictions
        self._rules = Rules(self._policy)
        self._watches: dict[tuple[str, str], ModelWatch] = {}
        self._outcomes = OutcomeWatch(self._policy, predictions)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log; see :class:`~.projection.port.Projection`."""
        taken = list(events)
        predictions = [each for each in taken if each.event_type == "prediction.made"]
        outcomes = [each for each in taken if each.event_type == "outcome.observed"]
        step = Step(state, self._policy, self._profiles, self._rules)
        if predictions:
            self._take(step, predictions)
        if outcomes:
            self._outcomes.take(step, outcomes)
        derived = sorted(step.derived, key=_place)
        rows: list[Row] = [(each,) for each in derived]
        return {LEVELS: step.levels, DERIVED: rows}

    def watches(self) -> Iterator[Watch]:
        """Yield the monitors of each model that is held in memory."""
        yield from (each.watch for each in self._watches.values())

    def _take(self, step: Step, events: Sequence[SealedEvent]) -> None:
        origin = events[0].origin
        waiting: list[Prediction] = []
        for key, own in _by_model(events):
            watch = self._watches.pop((origin, key), None)
            if watch is None or not watch.is_current(step.state):
                watch = ModelWatch.load(step, key, own[0])
            waiting += watch.take(step, own)
            watch.save(step.state)
            self._keep((origin, key), watch)
        self._predictions.put(origin, waiting, events[-1].appended_at)

    def _keep(self, key: tuple[str, str], watch: ModelWatch) -> None:
        self._watches[key] = watch
        while len(self._watches) > _KEPT:
            del self._watches[next(iter(self._watches))]


def _by_model(events: Sequence[SealedEvent]) -> Iterator[tuple[str, list[SealedEvent]]]:
    """Sort events by tenant, deployment and model; each in the order of the log."""
    found: dict[tuple[str, str, bytes], list[SealedEvent]] = {}
    for event in events:
        body = event.body
        where = (event.envelope["tenant"], body["deployment"]["name"], body["model"]["digest"])
        own = found.get(where)
        if own is None:
            found[where] = [event]
        else:
            own.append(event)
    for (tenant, deployment, digest), own in sorted(found.items()):
        yield f"{tenant}\0{deployment}\0{digest.hex()}", own


def _place(derived: Derived) -> tuple[int, int]:
    return derived.cause.position, derived.ordinal
