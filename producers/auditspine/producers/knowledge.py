"""What a guard knows of its tenant: a fold of a signed topic's records. Pure.

No Kafka and no clock: times are passed in. It believes what a trusted key signed for this place,
the newest of each key, and takes a sign of life to count only if it covers exactly the records
that were read. What records mean is said where their guard's view is made.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.record_signing import Verifier
from auditspine.ledger.record_table import RecordTable
from auditspine.ledger.records import Alive, R, partition_of

_NEVER = -math.inf
_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """A record as the broker gave it.

    Attributes:
        key: Kafka key.
        value: Kafka value.
        header: The signature.
        appended_at: The broker's LogAppendTime, milliseconds since 1970.
    """

    key: bytes | None
    value: bytes | None
    header: bytes | None
    appended_at: int


class Sight(Protocol):
    """What every view has; a view is never changed."""

    @property
    def known_at(self) -> float:
        """Monotonic time, seconds, until when all that the processor said is known."""
        ...

    @property
    def problem(self) -> str:
        """Why signs of life did not count, in words; empty when the last one did."""
        ...


V = TypeVar("V", bound=Sight)


class Knowledge(ABC, Generic[R, V]):
    """The fold. One thread at a time; :attr:`view` may be read by any.

    Args:
        topic: The topic, and its partitions.
        kind: The kind of its records.
        tenant: Tenant.
        keys: Trusted public keys.
        max_staleness_s: Signs of life that are older are not looked at if there are later ones.
        view: What is known at the beginning: nothing.

    Attributes:
        view: What is known.
        partition: The only partition that matters.
        ignored: Records that were not believed, by why: ``format``, ``signature``, ``older``
            (a newer one is known), ``repeated`` (a sign of life that was there before),
            ``differs`` (one that covers other records), ``partitions``.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(
        self,
        topic: tuple[str, int],
        kind: type[R],
        tenant: str,
        keys: Collection[bytes],
        max_staleness_s: float,
        view: V,
    ) -> None:
        name, self._partitions = topic
        self._tenant = tenant
        self._verifier = Verifier(name, keys, kind)
        self._old_ms = max_staleness_s * 1000
        self._table: RecordTable[R] = RecordTable()
        self._said_at = -1
        self._problem = ""
        self.partition = partition_of(tenant, self._partitions)
        self.ignored: Counter[str] = Counter()
        self.view = view

    def take(self, messages: Sequence[Message], wall_ms: float, monotonic_s: float) -> None:
        """Fold messages, in order.

        Args:
            messages: Consecutive messages of the partition.
            wall_ms: The local wall clock, milliseconds since 1970.
            monotonic_s: A clock that never steps, seconds.
        """
        changed, known_at = False, self.view.known_at
        self._problem = self.view.problem
        for number, message in enumerate(messages):
            if self._passes(message, number == len(messages) - 1, wall_ms):
                continue
            record = self._open(message)
            if record is None:
                continue
            if not isinstance(record, Alive):
                changed |= self._take_state(record)
            elif self._counts(record):
                age_ms = max(0.0, wall_ms - min(message.appended_at, record.said_at))
                age_s = (age_ms + record.behind_ms) / 1000
                known_at = max(known_at, monotonic_s - age_s)
        self.view = self._look(changed, known_at, self._problem)

    def trouble(self, problem: str) -> None:
        """Note why nothing comes, in words."""
        self.view = self._look(False, self.view.known_at, problem)

    def recall(self, view: V) -> None:
        """Take over what another knew, as something that may no longer hold."""
        self.view = view
        self.view = self._look(False, _NEVER, "")

    @abstractmethod
    def _look(self, changed: bool, known_at: float, problem: str) -> V:
        """Give the view; what it says of models is as before unless the tenant's records changed.

        Args:
            changed: Whether they did.
            known_at: For :attr:`Sight.known_at`.
            problem: For :attr:`Sight.problem`.
        """

    def _records(self) -> Iterator[R]:
        """Give the tenant's records."""
        return (record for record in self._table if record.tenant == self._tenant)

    def _passes(self, message: Message, last: bool, wall_ms: float) -> bool:
        """Tell whether it is an old sign of life: at the start there are many."""
        if last or message.key is None or not message.key.startswith(b'["alive"'):
            return False
        return wall_ms - message.appended_at > self._old_ms

    def _open(self, message: Message) -> R | Alive | None:
        try:
            return self._verifier.open(self.partition, message.key, message.value, message.header)
        except (FormatError, IntegrityError) as exc:
            why = "format" if isinstance(exc, FormatError) else "signature"
            self._ignore(why, str(exc))
            return None

    def _take_state(self, record: R) -> bool:
        if partition_of(record.tenant, self._partitions) != self.partition:
            self._ignore("partitions", "a record of a tenant that belongs elsewhere")
            return False
        if not self._table.take(record):
            self._ignore("older", "a newer record of the same model is known")
            return False
        return record.tenant == self._tenant

    def _counts(self, alive: Alive) -> bool:
        """Tell whether a sign of life counts; says in words why it does not."""
        if alive.partitions != self._partitions or alive.partition != self.partition:
            self._ignore("partitions", "a sign of life for other partitions")
            self._problem = (
                f"expected {self._partitions} partitions, but the processor has "
                f"{alive.partitions}: set the deployment's number of partitions in Topics"
            )
            return False
        if alive.said_at <= self._said_at:
            self._ignore("repeated", "a sign of life that was there before")
            return False
        if not self._table.is_what(alive):
            self._ignore("differs", "a sign of life that covers other states")
            self._problem = (
                f"{len(self._table)} states were read, and the processor signed other "
                f"{alive.records}"
            )
            return False
        self._said_at = alive.said_at
        self._problem = ""
        return True

    def _ignore(self, why: str, detail: str) -> None:
        self.ignored[why] += 1
        count = self.ignored[why]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th …: a flood must not fill the log
            _log.warning("record ignored (%s, %d so far): %s", why, count, detail)
