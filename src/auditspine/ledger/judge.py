"""Judges the messages of one log: verdict, flags and a reason that quotes nothing. Pure.

Two stages. :meth:`Judge.admit` needs the message alone; it checks the batch signature and folds
the producer table, so it runs exactly once per message, in order. :meth:`Judge.rule` needs the
control state as well and changes nothing, so it can be repeated when the control log has grown.
"""

import re
from typing import NamedTuple

from auditspine.ledger.batch import BatchVerifier, SigHeader, parse_sig
from auditspine.ledger.control import PLATFORM_TENANT, ControlState, RegisteredKey
from auditspine.ledger.errors import FormatError
from auditspine.ledger.event_schema import WIRE_HEADER, WIRE_MAGIC, Claims, EventSchema
from auditspine.ledger.segment import Judged
from auditspine.ledger.sequences import ProducerTable
from auditspine.ledger.verdict import Flag, Verdict

CONTROL = "control"
"""The stream whose log is the control log."""

MAX_AHEAD_US = 5 * 60 * 1_000_000
"""An event may claim to be this much later than the broker's clock, microseconds."""
MAX_BEHIND_US = 24 * 3600 * 1_000_000
"""An event may be published this long after it happened, microseconds."""
END_OF_TIME_US = 10_413_792_000_000_000
"""Exclusive bound of ``occurred_at``: the year 2300, where ClickHouse's DateTime64 ends."""

_UUID = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROWTH_CAN_CHANGE = frozenset(
    (Verdict.UNKNOWN_KEY, Verdict.WRONG_TENANT, Verdict.UNDECODABLE, Verdict.NOT_PERMITTED)
)


class Message(NamedTuple):
    """A source message; fields as in :class:`auditspine.ledger.segment.Judged`."""

    offset: int
    timestamp: int
    value: bytes
    sig: bytes


class Ruling(NamedTuple):
    """A verdict with its reason; the reason is empty when the verdict is valid."""

    verdict: Verdict
    reason: str = ""


class Admitted(NamedTuple):
    """A message after the first stage.

    Attributes:
        message: The message.
        header: Its signature header when the signature is right, else ``None``.
        flags: How its sequence fits.
        ruling: Why it is refused already; without meaning when there is a header.
    """

    message: Message
    header: SigHeader | None
    flags: Flag
    ruling: Ruling


_VALID = Ruling(Verdict.VALID)
_NO_VALUE = Ruling(Verdict.FOREIGN, "the message has no value")
_NOT_OURS = Ruling(Verdict.FOREIGN, "not in the wire format and not signed")
_NOT_SIGNED = Ruling(Verdict.BAD_SIGNATURE, "no sig header")
_BAD_HEADER = Ruling(Verdict.BAD_SIGNATURE, "the sig header cannot be parsed")
_NOT_COVERED = Ruling(Verdict.BAD_SIGNATURE, "the signature does not cover this value here")
_UNKNOWN_KEY = Ruling(Verdict.UNKNOWN_KEY, "the key is not in the control log")
_REVOKED_KEY = Ruling(Verdict.REVOKED_KEY, "the key is revoked")
_NO_TENANT = Ruling(Verdict.WRONG_TENANT, "the tenant is not registered")
_NOT_ITS_TENANT = Ruling(Verdict.WRONG_TENANT, "the key may not speak for this tenant")
_NOT_PLATFORM = Ruling(Verdict.WRONG_TENANT, "a control event belongs to the platform's tenant")
_OTHER_TENANT = Ruling(Verdict.WRONG_TENANT, "envelope and signature name different tenants")
_NO_FRAME = Ruling(Verdict.UNDECODABLE, "not in the wire format")
_NO_SCHEMA = Ruling(Verdict.UNDECODABLE, "the schema id is not in the control log")
_NOT_AVRO = Ruling(Verdict.UNDECODABLE, "the bytes are not those of the schema")
_NO_ENVELOPE = Ruling(Verdict.UNDECODABLE, "the envelope is not the one that every event has")
_BAD_EVENT_ID = Ruling(Verdict.UNDECODABLE, "envelope.event_id is not a UUID")
_BAD_TIME = Ruling(Verdict.UNDECODABLE, "envelope.occurred_at is not between 1970 and 2299")
_OTHER_SPACE = Ruling(
    Verdict.WRONG_TENANT, "events of this tenant and domain belong in another space"
)
_OTHER_PRODUCER = Ruling(Verdict.NOT_PERMITTED, "the key belongs to another producer")
_OTHER_WORKLOAD = Ruling(
    Verdict.NOT_PERMITTED, "envelope.workload.name and signature name different producers"
)
_OTHER_TYPE = Ruling(Verdict.NOT_PERMITTED, "the schema belongs to another event type")
_OTHER_STREAM = Ruling(Verdict.NOT_PERMITTED, "the event type does not belong on this topic")
_NOT_OPERATOR = Ruling(Verdict.NOT_PERMITTED, "the key is not an operator's")
_NOT_ITS_TYPE = Ruling(Verdict.NOT_PERMITTED, "the key may not publish this event type")


class Judge:
    """Judges the messages of one log.

    Args:
        stream: Stream of the log's topic.
        topic: Source topic.
        partition: Source partition.
        table: Producer table after the log's last entry; the judge folds it from here on.

    Attributes:
        table: The producer table after the last admitted message.
    """

    def __init__(
        self, stream: str, topic: str, partition: int, table: ProducerTable | None = None
    ) -> None:
        self.table = ProducerTable() if table is None else table
        self._stream = stream
        self._place = (topic, partition)
        self._prefix = topic.removesuffix(stream)
        self._signatures = BatchVerifier()
        self._control: ControlState | None = None
        self._control_size = -1
        self._speakers: dict[tuple[bytes, str], Ruling | None] = {}
        self._rights: dict[tuple[bytes, str, str, str], Ruling] = {}
        self._homes: dict[tuple[str, str], bool] = {}

    def admit(self, message: Message) -> Admitted:
        """Check the batch signature and fold the producer table: once per message, in order."""
        value, sig = message.value, message.sig
        if not value:
            return Admitted(message, None, Flag.NONE, _NO_VALUE)
        if not sig:
            framed = len(value) >= WIRE_HEADER and value[0] == WIRE_MAGIC
            return Admitted(message, None, Flag.NONE, _NOT_SIGNED if framed else _NOT_OURS)
        try:
            header = parse_sig(sig)
        except FormatError:
            return Admitted(message, None, Flag.NONE, _BAD_HEADER)
        if not self._signatures.verify(header, *self._place, value):
            return Admitted(message, None, Flag.NONE, _NOT_COVERED)
        return Admitted(message, header, self.table.observe(header), _VALID)

    def rule(self, admitted: Admitted, control: ControlState) -> Judged:
        """Judge an admitted message on a control state; changes nothing.

        Args:
            admitted: From :meth:`admit`.
            control: What the control log said when the message is judged.
        """
        message, header, flags, ruling = admitted
        if header is not None:
            if self._control is not control or self._control_size != control.size:
                self._forget(control)
            key = (header.public_key, header.tenant)
            try:
                refusal = self._speakers[key]
            except KeyError:
                refusal = self._speakers[key] = self._speaker(header, message, control)
            if refusal is None:
                ruling, skew = self._event(header, message, control)
                if skew:
                    flags |= Flag.CLOCK_SKEW
            else:
                ruling = refusal
        return Judged(*message, ruling[0], flags, ruling[1])

    def _forget(self, control: ControlState) -> None:
        self._control, self._control_size = control, control.size
        self._speakers.clear()
        self._rights.clear()
        self._homes.clear()

    def _speaker(self, header: SigHeader, message: Message, control: ControlState) -> Ruling | None:
        """Say why a key may not speak for a tenant here; ``None`` when it may."""
        key = control.keys.get(header.public_key)
        if key is None:
            key = self._root(header, message, control)
        if key is None:
            return _UNKNOWN_KEY
        if key.revoked is not None:
            return _REVOKED_KEY
        if self._stream == CONTROL:
            return None if header.tenant == PLATFORM_TENANT else _NOT_PLATFORM
        if header.tenant not in control.tenants:
            return _NO_TENANT
        return None if key.speaks_for(header.tenant) else _NOT_ITS_TENANT

    def _event(
        self, header: SigHeader, message: Message, control: ControlState
    ) -> tuple[Ruling, bool]:
        """Judge what the value says; also tell whether its clock is far from the broker's."""
        claimed = _claimed(message.value, control)
        if isinstance(claimed, Ruling):
            return claimed, False
        (_, event_type, occurred_at, tenant, domain, workload), schema = claimed
        ahead = occurred_at - message.timestamp * 1000
        skew = ahead > MAX_AHEAD_US or ahead < -MAX_BEHIND_US
        if tenant != header.tenant:
            return _OTHER_TENANT, skew
        if workload != header.producer:
            return _OTHER_WORKLOAD, skew
        if not self._is_at_home(tenant, domain, control):
            return _OTHER_SPACE, skew
        rights = (header.public_key, workload, event_type, schema.event_type)
        ruling = self._rights.get(rights)
        if ruling is None:
            key = control.keys.get(header.public_key) or self._root(header, message, control)
            ruling = self._rights[rights] = self._right(key, workload, event_type, schema)
        return ruling, skew

    def _is_at_home(self, tenant: str, domain: str, control: ControlState) -> bool:
        known = self._homes.get((tenant, domain))
        if known is None:
            known = self._stream == CONTROL or control.tenancy.takes(self._prefix, tenant, domain)
            self._homes[tenant, domain] = known
        return known

    def _right(
        self, key: RegisteredKey | None, producer: str, event_type: str, schema: EventSchema
    ) -> Ruling:
        """Say whether a key may publish an event type here."""
        if key is None or key.producer != producer:
            return _OTHER_PRODUCER
        if event_type != schema.event_type:
            return _OTHER_TYPE
        if schema.stream != self._stream:
            return _OTHER_STREAM
        if self._stream == CONTROL:
            return _VALID if key.purpose == "operator" else _NOT_OPERATOR
        return _VALID if key.permits(event_type) else _NOT_ITS_TYPE

    def _root(
        self, header: SigHeader, message: Message, control: ControlState
    ) -> RegisteredKey | None:
        """Give the root operator's key when this is the entry 0 by which it registers itself."""
        if self._stream != CONTROL or control.size:
            return None
        try:
            event = control.decode(message.value)
            body = event["body"]
            if event["envelope"]["event_type"] != "key.registered":
                return None
            if body["public_key"] != header.public_key or body["purpose"] != "operator":
                return None
        except (FormatError, KeyError, TypeError):
            return None
        return RegisteredKey(
            header.public_key, body["producer"], frozenset(), ("*",), "operator", registered=0
        )


def _claimed(value: bytes, control: ControlState) -> tuple[Claims, EventSchema] | Ruling:
    """Check a value whole and give what it claims, or why that cannot be done."""
    framed = len(value) >= WIRE_HEADER and value[0] == WIRE_MAGIC
    schema = control.schemas.get(int.from_bytes(value[1:WIRE_HEADER], "big")) if framed else None
    if schema is None:
        return _NO_SCHEMA if framed else _NO_FRAME
    try:
        claims = schema.claims(value)
    except FormatError:
        return _NOT_AVRO
    if claims is None:
        return _NO_ENVELOPE
    if not 0 <= claims.occurred_at < END_OF_TIME_US:
        return _BAD_TIME
    if not _UUID.fullmatch(claims.event_id):
        return _BAD_EVENT_ID
    return claims, schema


def growth_can_change(judged: Judged) -> bool:
    """Tell whether more of the control log could change a verdict."""
    return judged.verdict in _GROWTH_CAN_CHANGE
