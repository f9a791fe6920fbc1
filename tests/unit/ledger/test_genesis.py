"""Every control log starts from the schemas of its own events."""

import sys
from pathlib import Path

from auditspine.ledger.genesis import initial_control_state

sys.path.insert(0, str(Path(__file__).parent))
from control_world import CONTROL_TYPES, SCHEMAS, encode, root_registered


def test_an_empty_control_log_knows_control_schemas_alone() -> None:
    state = initial_control_state()
    assert {s.event_type for s in state.schemas.values()} == set(CONTROL_TYPES)
    assert set(state.schemas) == {SCHEMAS[name][0] for name in CONTROL_TYPES}
    assert (state.size, state.keys, state.tenants, state.logs) == (0, {}, {}, {})
    assert state.decode(encode(root_registered()))["body"]["purpose"] == "operator"


def test_states_are_independent() -> None:
    first, second = initial_control_state(), initial_control_state()
    first.apply(0, root_registered())
    assert (second.size, second.keys) == (0, {})
