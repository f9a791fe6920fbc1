"""The alerts projection: signals become alerts, and alerts become actions.

It folds what monitors signal, what is said to be deployed and seen to serve, and what people say
about alerts. What follows is said as events: alerts, investigations, serving states. Each log is
folded for itself; a tenant's events are in one. Time is the broker's, in the log.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from auditspine.processors.alerts import changes
from auditspine.processors.alerts.analysing import analyse
from auditspine.processors.alerts.causes import Ref
from auditspine.processors.alerts.conduct import decided
from auditspine.processors.alerts.people import acknowledged, dispositioned, escalated, silenced
from auditspine.processors.alerts.serving import changed, observed, retired
from auditspine.processors.alerts.signalling import signalled
from auditspine.processors.alerts.step import Step
from auditspine.processors.alerts.tables import ALERTS, HISTORY, PRECISION, SERVING_STATES
from auditspine.processors.alerts.timers import look
from auditspine.processors.alerts.unanswered import assessed
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.projection.findings import FINDINGS, Source
from auditspine.processors.projection.port import Changes, SealedEvent, State, Table


def _upstream(step: Step, event: SealedEvent) -> None:
    changes.noted(step.upstream, event)


def _deployment(step: Step, event: SealedEvent) -> None:
    changed(step, event)
    _upstream(step, event)


_TAKERS: Mapping[str, Callable[[Step, SealedEvent], None]] = MappingProxyType(
    {
        "drift.signalled": signalled,
        "serving.observed": observed,
        "bias.assessed": assessed,
        "deployment.changed": _deployment,
        "artifact.retired": retired,
        "approval.decided": decided,
        "alert.acknowledged": acknowledged,
        "alert.silenced": silenced,
        "alert.escalated": escalated,
        "investigation.dispositioned": dispositioned,
        **dict.fromkeys(changes.EVENT_TYPES - {"deployment.changed"}, _upstream),
    }
)
_CLOCK = "producer.heartbeat"  # says nothing here but that time passes


class AlertsProjection:
    """Folds the lifecycle log; see :class:`~.projection.port.Projection`.

    Another policy counts from the next event on: alerts that are open keep their tier, and each
    ``alert.raised`` names the policy that it rests on. So a maintenance window can be added at any
    time; a rebuild judges the whole log by the policy of that day.

    Args:
        policy: Tiers, actions and times.
    """

    name = "alerts"
    logic_version = 1
    streams: tuple[str, ...] = ("lifecycle",)
    event_types = frozenset({*_TAKERS, _CLOCK})
    emits = frozenset(
        {
            *("alert.raised", "alert.resolved", "serving_state.changed"),
            *("investigation.opened", "investigation.analysed"),
        }
    )
    tables: tuple[Table, ...] = (ALERTS, HISTORY, SERVING_STATES, PRECISION, FINDINGS)

    def __init__(self, policy: DriftPolicy) -> None:
        self._policy = policy
        self._source = Source(self.name, self.logic_version)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state; give rows and derived events."""
        step = Step(self._policy, self._source, state)
        for event in events:
            step.begin(event)
            serves = event.event_type == "serving.observed"
            look(step, Ref.of(event.body["deployment"]).name if serves else "")
            taker = _TAKERS.get(event.event_type)
            if taker is not None:
                taker(step, event)
            analyse(step)
            step.end()
        return step.changes()
