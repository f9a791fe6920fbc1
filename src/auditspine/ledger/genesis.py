"""The state that every control log starts from: the schemas of its own events, and no key."""

from auditspine.ledger.control import ControlState
from auditspine.ledger.event_schema import EventSchema
from auditspine.schemas.catalogue import event_types

_CONTROL = "control"


def initial_control_state() -> ControlState:
    """Give the state of an empty control log.

    It knows the schemas of control events by their derived ids, because no log can register
    the schema of its first entry. A release that changes one must keep the former here too.
    """
    return ControlState(
        {
            known.schema_id: EventSchema(known.name, known.text)
            for known in event_types().values()
            if known.stream == _CONTROL
        }
    )
