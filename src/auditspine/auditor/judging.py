"""Recomputes verdicts: the ledger's judge on the control log's state at any of its sizes."""

from collections.abc import Callable, Mapping
from typing import Any

from auditspine.auditor.core.rows import EntryRow
from auditspine.auditor.core.withheld import Heartbeat
from auditspine.ledger.batch import parse_sig
from auditspine.ledger.control import HEARTBEAT, ControlState
from auditspine.ledger.errors import FormatError
from auditspine.ledger.event_schema import WIRE_MAGIC
from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.judge import Admitted, Judge, Message, Ruling
from auditspine.ledger.verdict import Flag, Verdict

Event = Mapping[str, Any]

_SKEW = Flag.CLOCK_SKEW


class _Rule:
    """One log's judge, for entries whose signature was checked already."""

    def __init__(self, topic: str, partition: int) -> None:
        self._judge = Judge(topic.rpartition(".")[2], topic, partition)

    def __call__(
        self, row: EntryRow, value: bytes, sig: bytes, state: ControlState
    ) -> tuple[int, bool]:
        message = Message(row.source_offset, row.appended_at, value, sig)
        admitted = Admitted(message, parse_sig(sig), Flag.NONE, Ruling(Verdict.VALID))
        judged = self._judge.rule(admitted, state)
        return int(judged.verdict), bool(judged.flags & _SKEW)


class ControlJudge:
    """Judges the control log itself and keeps what it said at each position.

    Attributes:
        needs_every_entry: The verdicts rest on all entries before.
        state: The fold of the entries so far.
        events: Valid events by position, to fold again for other logs.
        root_key: The key that signed entry 0.
    """

    needs_every_entry = True

    def __init__(self, topic: str, partition: int) -> None:
        self.state = initial_control_state()
        self.events: dict[int, Event] = {}
        self.root_key: bytes | None = None
        self._rule = _Rule(topic, partition)

    def rule(self, row: EntryRow, value: bytes, sig: bytes) -> tuple[int, bool] | None:
        """Judge an entry on those before it, then fold it."""
        self.fold_to(row.position)
        ruling = self._rule(row, value, sig, self.state)
        event = self.state.decode(value) if ruling[0] == Verdict.VALID else None
        if row.position == 0:
            self.root_key = row.public_key
        if event is not None:
            self.events[row.position] = event
        self.state.apply(row.position, event)
        return ruling

    def fold_to(self, size: int) -> None:
        """Pass over entries that no signature covers: they change nothing."""
        while self.state.size < size:
            self.state.apply(self.state.size, None)


class LogJudge:
    """Judges the entries of another log on the control state that each names."""

    needs_every_entry = False

    def __init__(self, topic: str, partition: int, control: ControlJudge) -> None:
        self._control = control
        self._state = initial_control_state()
        self._rule = _Rule(topic, partition)

    def rule(self, row: EntryRow, value: bytes, sig: bytes) -> tuple[int, bool] | None:
        """Judge an entry; ``None`` when the stored control log does not reach its state."""
        if row.control_size > self._control.state.size:
            return None
        if row.control_size < self._state.size:
            self._state = initial_control_state()
        while self._state.size < row.control_size:
            self._state.apply(self._state.size, self._control.events.get(self._state.size))
        return self._rule(row, value, sig, self._state)


def heartbeat_prefixes(state: ControlState) -> frozenset[bytes]:
    """Give the first five bytes of every value that may be a heartbeat."""
    return frozenset(
        bytes((WIRE_MAGIC,)) + schema_id.to_bytes(4, "big")
        for schema_id, schema in state.schemas.items()
        if schema.event_type == HEARTBEAT
    )


def heartbeat_decoder(state: ControlState) -> Callable[[bytes], Heartbeat | None]:
    """Give what reads a heartbeat by the schemas of the control log."""

    def decode(value: bytes) -> Heartbeat | None:
        try:
            event = state.decode(value)
            if event["envelope"]["event_type"] != HEARTBEAT:
                return None
            body = event["body"]
            streams = tuple(
                (item["topic"], item["partition"], item["last_sequence"])
                for item in body["streams"]
            )
            return Heartbeat(body["epoch"], streams)
        except (FormatError, KeyError, TypeError):
            return None

    return decode
