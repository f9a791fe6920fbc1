"""The release projection: deployment requests become decisions, and deployments are held to them.

It folds what the lifecycle log says of models, data, people's approvals and exceptions, judges
requests by the release policy that the control log held at that point, and says what follows:
decisions, requests for approval, findings. Time is the broker's, in the log.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from auditspine.processors.alerts.clock import NEVER
from auditspine.processors.projection.findings import FINDINGS, Source
from auditspine.processors.projection.port import Changes, SealedEvent, State, Table
from auditspine.processors.release import bypass, exceptions, releasing
from auditspine.processors.release.catalogue import TAKERS
from auditspine.processors.release.people import approval_decided
from auditspine.processors.release.port import Grants, Policies
from auditspine.processors.release.step import Step
from auditspine.processors.release.tables import DECISIONS, DEPLOYMENTS, EXCEPTIONS, STATES

_CLOCK = "producer.heartbeat"  # says nothing here but that time passes


def _approved(step: Step, event: SealedEvent) -> None:
    releasing.reconsidered(step, approval_decided(step.book, step.policy, step.grants, event))


_STEPS: Mapping[str, Callable[[Step, SealedEvent], None]] = MappingProxyType(
    {
        "approval.decided": _approved,
        "exception.granted": exceptions.granted,
        "deployment.requested": releasing.requested,
        "deployment.changed": bypass.changed,
        "serving.observed": bypass.observed,
    }
)


class ReleaseProjection:
    """Folds the lifecycle log; see :class:`~.projection.port.Projection`.

    Args:
        policies: Release policies, as of sizes of the control log.
        grants: Roles that people held, as of times.
    """

    name = "release"
    logic_version = 1
    streams: tuple[str, ...] = ("lifecycle",)
    event_types = frozenset({*TAKERS, *_STEPS, _CLOCK})
    emits = frozenset(
        {"decision.made", "approval.requested", "exception.expired", "finding.raised"}
    )
    tables: tuple[Table, ...] = (DECISIONS, STATES, EXCEPTIONS, DEPLOYMENTS, FINDINGS)

    def __init__(self, policies: Policies, grants: Grants) -> None:
        self._policies = policies
        self._grants = grants
        self._source = Source(self.name, self.logic_version)

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log, in order, to its state; give rows and derived events.

        Raises:
            NotYet: The access log is not read as far as an approval needs it.
            HistoryError: The control log cannot be read as far as it must be.
        """
        step = Step(self._policies, self._grants, self._source, state)
        for event in events:
            step.begin(event)
            _look(step)
            if event.event_type in TAKERS:
                releasing.reconsidered(step, TAKERS[event.event_type](step.book, event))
            elif event.event_type in _STEPS:
                _STEPS[event.event_type](step, event)
                bypass.look(step)  # a decision may allow what was suspected
            step.end()
        return step.changes()


def _look(step: Step) -> None:
    """Do what is due for a tenant; nothing is read before something can be."""
    if step.now < step.clock.due:
        return
    step.clock = step.clock._replace(due=NEVER)
    exceptions.look(step)
    releasing.look(step)
    bypass.look(step)
