"""What a guard knows of its deployment: a fold of the serving topic's records. Pure.

No Kafka and no clock: times are passed in. It believes what a trusted key signed for this place,
the newest of each model, and takes a sign of life to count only if it covers exactly the states
that were read.
"""

import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.serving import Alive, ServingRecord, Verifier, partition_of
from auditspine.ledger.serving_table import ServingTable
from auditspine.ledger.topics import Topics

Action: TypeAlias = Literal["serve", "fallback", "block"]
STRICTNESS: Mapping[Action, int] = {"serve": 0, "fallback": 1, "block": 2}
NOTHING_SAID = "nothing is said against it"

_ACTIONS: Mapping[str, Action] = {"live": "serve", "fallback": "fallback", "blocked": "block"}
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


class Known(NamedTuple):
    """What is said of one model.

    Attributes:
        action: What to do with a request.
        state: ``live``, ``fallback`` or ``blocked``.
        reason: Why.
        alert_id: The alert that it rests on, if any.
    """

    action: Action
    state: str
    reason: str
    alert_id: str | None


class View(NamedTuple):
    """What is known at a moment; never changed.

    Attributes:
        models: By digest, models of which something is said.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        known_at: Monotonic time, seconds, until when all that the processor said is known.
        problem: Why signs of life did not count, in words; empty when the last one did.
    """

    models: Mapping[bytes, Known] = {}
    releases_frozen: bool = False
    known_at: float = _NEVER
    problem: str = ""


class Knowledge:
    """The fold. One thread at a time; :attr:`view` may be read by any.

    Args:
        topics: Names and partitions.
        tenant: Tenant.
        deployment: Name of the deployment.
        keys: Trusted public keys.
        max_staleness_s: Signs of life that are older are not looked at if there are later ones.

    Attributes:
        view: What is known.
        partition: The only partition that matters.
        ignored: Records that were not believed, by why: ``format``, ``signature``, ``older``
            (a newer one is known), ``repeated`` (a sign of life that was there before),
            ``differs`` (one that covers other states), ``partitions``.

    Raises:
        FormatError: No key, or one that is none.
    """

    def __init__(
        self,
        topics: Topics,
        tenant: str,
        deployment: str,
        keys: Collection[bytes],
        max_staleness_s: float,
    ) -> None:
        self._partitions = topics.partitions
        self._tenant, self._deployment = tenant, deployment
        self._verifier = Verifier(topics.serving, keys)
        self._old_ms = max_staleness_s * 1000
        self._table = ServingTable()
        self._said_at = -1
        self._problem = ""
        self.partition = partition_of(tenant, topics.partitions)
        self.ignored: Counter[str] = Counter()
        self.view = View()

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
            if isinstance(record, ServingRecord):
                changed |= self._take_state(record)
            elif record is not None and self._counts(record):
                age_ms = max(0.0, wall_ms - min(message.appended_at, record.said_at))
                age_s = (age_ms + record.behind_ms) / 1000
                known_at = max(known_at, monotonic_s - age_s)
        models, frozen = self._models() if changed else self.view[:2]
        self.view = View(models, frozen, known_at, self._problem)

    def trouble(self, problem: str) -> None:
        """Note why nothing comes, in words."""
        self.view = self.view._replace(problem=problem)

    def _passes(self, message: Message, last: bool, wall_ms: float) -> bool:
        """Tell whether it is an old sign of life: at the start there are many."""
        if last or message.key is None or not message.key.startswith(b'["alive"'):
            return False
        return wall_ms - message.appended_at > self._old_ms

    def _open(self, message: Message) -> ServingRecord | Alive | None:
        try:
            return self._verifier.open(self.partition, message.key, message.value, message.header)
        except (FormatError, IntegrityError) as exc:
            why = "format" if isinstance(exc, FormatError) else "signature"
            self._ignore(why, str(exc))
            return None

    def _take_state(self, record: ServingRecord) -> bool:
        if partition_of(record.tenant, self._partitions) != self.partition:
            self._ignore("partitions", "a state of a tenant that belongs elsewhere")
            return False
        if not self._table.take(record):
            self._ignore("older", "a newer state of the same model is known")
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

    def _models(self) -> tuple[dict[bytes, Known], bool]:
        """Give what is said of the tenant's models, and whether the deployment is frozen."""
        models: dict[bytes, Known] = {}
        frozen = False
        for record in self._table:
            if record.tenant != self._tenant:
                continue
            known = self._judge(record)
            if known is not None:
                other = models.get(record.model_digest)
                if other is None or STRICTNESS[known.action] > STRICTNESS[other.action]:
                    models[record.model_digest] = known
            frozen |= record.releases_frozen and record.deployment == self._deployment
        return models, frozen

    def _judge(self, record: ServingRecord) -> Known | None:
        """Give what one record means here; a quarantine holds at every deployment."""
        here = record.deployment == self._deployment
        action = _ACTIONS[record.state] if here else "serve"
        if record.quarantined and action == "serve":
            return Known("block", "blocked", f"quarantined: {record.reason}", record.alert_id)
        return Known(action, record.state, record.reason, record.alert_id) if here else None

    def _ignore(self, why: str, detail: str) -> None:
        self.ignored[why] += 1
        count = self.ignored[why]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th …: a flood must not fill the log
            _log.warning("serving record ignored (%s, %d so far): %s", why, count, detail)
