"""Moves a tenant to the space that the routing file gives it: decide, seal, replay, prove.

Each step is on record in the control log or in the target database, so that a move that was
interrupted goes on where it was when the command is run again (docs/tenancy.md).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from auditspine.cli.connections import clickhouse_store, kafka_properties, trusted_log_keys
from auditspine.cli.control import SPEAKERS, speaker_name
from auditspine.cli.errors import CliError
from auditspine.cli.log_waits import (
    await_landed,
    await_sealed_by,
    last_sizes,
    require_sealing,
)
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.residence import (
    counts_in,
    former_logs,
    history_of,
    logs_of,
    prefix_of,
    ranges_to_read,
)
from auditspine.cli.sealed_watch import Sealed, SealedWatch
from auditspine.cli.settings import Settings
from auditspine.embedded.lock import acquire, release
from auditspine.ledger.batch import claimed_tenant
from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.spaces import Space
from auditspine.ledger.tenancy import Decision, LogRange, Tally
from auditspine.ledger.verdict import Verdict
from auditspine.processors.projection.history import SealedHistory, read_range
from auditspine.producers.delivery import Delivery
from auditspine.schemas.models import LogRange as LogRangeModel
from auditspine.sinks.history_copy import Landing, land_history

_SEAL_S = 60.0
_RANGES_MOST = 1000  # ranges without an entry of the tenant are named up to here
_OWN = [speaker_name(each) for each in SPEAKERS]  # never silent, and say nothing of themselves
_LAST_HEARD = """
    SELECT producer, dateDiff('second', max(appended_at), now64(3, 'UTC')) AS age_s
    FROM entries WHERE tenant = {tenant:String} AND verdict = 'valid'
        AND producer NOT IN {own:Array(String)} GROUP BY producer
    HAVING age_s < {quiet_s:UInt32} ORDER BY age_s
"""

_LAST_HEARD_OF_DOMAIN = """
    SELECT workload_name, dateDiff('second', max(appended_at), now64(3, 'UTC')) AS age_s
    FROM evidence WHERE domain = {domain:String}
        AND workload_name NOT IN {own:Array(String)} GROUP BY workload_name
    HAVING age_s < {quiet_s:UInt32} ORDER BY age_s
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be moved, and how.

    Attributes:
        subject: The tenant or the domain.
        reason: Why.
        reversal: How to go back.
        quiet_s: For how long its producers must have been silent where it is, seconds.
    """

    subject: str
    reason: str
    reversal: str
    quiet_s: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a move.

    Attributes:
        tenant: The tenant.
        space: Where it is now.
        history: Its entries in logs of other spaces that landed in the space's database.
        late: Of these, entries that came after the decision and do not count.
        was_there: Whether it was there already, so that only the history was landed again.
    """

    tenant: str
    space: Space
    history: tuple[LogRange, ...]
    late: int
    was_there: bool

    @property
    def entries(self) -> int:
        """Entries of the history."""
        return sum(part.entries for part in self.history)


def control_state(settings: Settings) -> ControlState:
    """Read the sealed control log to its end, verified.

    Raises:
        CliError: Its log key is not trusted or it does not hold together.
    """
    kafka = kafka_properties(settings)
    keys = trusted_log_keys(settings.trust_path)
    history = SealedHistory(kafka, settings.topics.sealed("control"), keys)
    try:
        return history.state()
    finally:
        history.close()


def move_tenant(settings: Settings, wanted: Wanted, say: Say) -> Moved:
    """Move a tenant to the space of the routing file, and land its history there.

    Raises:
        CliError: The tenant is not registered, the space is not prepared, a producer of the
            tenant still publishes, or a key speaks for other tenants as well.
        NotSealedError: The ledger does not seal.
        HistoryError: The sealed topics are not what the move names.
        SinkError: ClickHouse is away or refuses.
    """
    control_state(settings)  # before a lock is made where there is nothing to move
    with _alone(settings):
        return _move(settings, wanted, say)


def _move(settings: Settings, wanted: Wanted, say: Say) -> Moved:
    state = control_state(settings)
    space = settings.routing.of_tenant(wanted.subject)
    decision = _decision(settings, state, space, wanted, say)
    late = 0 if decision is None else _carry_out(settings, space, decision, wanted, say)
    history = history_of(control_state(settings), wanted.subject, space.topic_prefix)
    _land(settings, wanted.subject, space, history, say)
    return Moved(wanted.subject, space, history, late, was_there=decision is None)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep other movers of this data directory away."""
    lock = acquire(settings.data_dir / "tenants-move.lock")
    try:
        yield
    finally:
        release(lock)


def decide_domain(settings: Settings, wanted: Wanted, say: Say) -> Space:
    """Say that a domain's events belong in the space of the routing file from now on.

    Raises:
        CliError: They do already, the space is not prepared, or services still publish them.
        NotSealedError: A log is not sealed to its end, or not at all.
    """
    state, routing, domain = control_state(settings), settings.routing, wanted.subject
    space = next((each for each in routing if domain in each.domains), routing.shared)
    if state.tenancy.domains.get(domain, state.tenancy.shared) == space.topic_prefix:
        raise CliError(f"events of the domain {domain} belong in the space {space.name} already")
    _require_prepared(state, space)
    now = logs_of(state, state.tenancy.domains.get(domain, state.tenancy.shared or ""))
    require_sealing(settings, now)
    heard = _LAST_HEARD_OF_DOMAIN, {"domain": domain, "quiet_s": wanted.quiet_s, "own": _OWN}
    _require_silence(settings, now, wanted, heard, say)
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.decide_tenancy(
            space, routing.digest, wanted.reason, wanted.reversal, domain=domain
        )
        _sealed(watch, said)
    return space


def _decision(
    settings: Settings, state: ControlState, space: Space, wanted: Wanted, say: Say
) -> Decision | None:
    """Decide, unless that was done; None when the tenant is in the space already."""
    tenant = wanted.subject
    if tenant not in state.tenants:
        raise CliError(f"no tenant {tenant} is registered: auditspine tenants list")
    if state.tenancy.place_of(tenant) == space.topic_prefix:
        return None
    _require_prepared(state, space)
    _require_own_keys(state, space, tenant)
    now = [log for prefix in counts_in(state, tenant) for log in logs_of(state, prefix)]
    require_sealing(settings, now)
    decision = state.tenancy.decisions.get(tenant)
    if decision is not None and decision.topic_prefix == space.topic_prefix:
        say(f"{tenant} is being moved; going on")
        return decision
    if decision is None:
        heard = _LAST_HEARD, {"tenant": tenant, "quiet_s": wanted.quiet_s, "own": _OWN}
        _require_silence(settings, now, wanted, heard, say)
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.decide_tenancy(
            space, settings.routing.digest, wanted.reason, wanted.reversal, tenant=tenant
        )
        sealed = _sealed(watch, said)
    say(f"decided, entry {sealed.position} of the control log: {tenant} counts nowhere for now")
    decided = control_state(settings).tenancy.decisions.get(tenant)
    if decided is None or decided.position != sealed.position:
        raise CliError(f"{tenant} is being moved by somebody else as well: run this again")
    return decided


def _sealed(watch: SealedWatch, said: Delivery) -> Sealed:
    """Wait until something is sealed, and require that it counts."""
    [sealed] = await_sealed(watch, [said], _SEAL_S)
    if sealed.verdict is not Verdict.VALID:
        raise CliError(f"the ledger does not take it: {sealed.reason}")
    return sealed


def _require_prepared(state: ControlState, space: Space) -> None:
    if not logs_of(state, space.topic_prefix):
        raise CliError(
            f"the space {space.name} is not prepared: run `auditspine init`, and start its "
            f"workers (`auditspine --space {space.name} worker …`)"
        )


def _require_own_keys(state: ControlState, space: Space, tenant: str) -> None:
    """A key that speaks for others as well would tie them together."""
    if space.isolation != "dedicated":
        return
    shared = [
        key.producer
        for key in state.keys.values()
        if tenant in key.tenants and len(key.tenants) > 1 and key.revoked is None
    ]
    if shared:
        raise CliError(
            f"keys of {', '.join(sorted(shared))} speak for {tenant} and for others: a dedicated "
            "space needs keys of its own. Register one for each (auditspine keys create, keys "
            "register), and revoke these or register them without the tenant"
        )


def _require_silence(
    settings: Settings,
    logs: Sequence[OpenedLog],
    wanted: Wanted,
    heard: tuple[str, dict[str, object]],
    say: Say,
) -> None:
    """What is sealed after the decision does not count: services must be silent, and drained."""
    spaces = {space.topic_prefix: space for space in settings.routing}
    for prefix in dict.fromkeys(map(prefix_of, logs)):
        space = spaces.get(prefix)
        if space is None:
            raise CliError(
                f"{wanted.subject} may be on topics {prefix}…, which no space of the routing file "
                "has: keep that space in the file, without the tenant"
            )
        say(f"waiting until what is on the topics of {space.name} is sealed and has landed")
        store = clickhouse_store(settings.in_space(space.name))
        try:
            await_landed(settings, store, [log for log in logs if prefix_of(log) == prefix])
            speaking_still = store.query(*heard)
        finally:
            store.close()
        if speaking_still:
            named = ", ".join(f"{name} {age_s} s ago" for name, age_s in speaking_still[:5])
            raise CliError(
                f"services of {wanted.subject} still publish ({named}): stop them, wait "
                f"{wanted.quiet_s} s, and run this again. What they publish from the decision on "
                "would not count. --quiet 0 moves anyway"
            )


def _carry_out(
    settings: Settings, space: Space, decision: Decision, wanted: Wanted, say: Say
) -> int:
    """Find the tenant's history and say where it is now; give what of it came too late."""
    state = control_state(settings)
    logs = former_logs(state, wanted.subject, space.topic_prefix)
    live = [log for log in logs if prefix_of(log) in counts_in(state, wanted.subject)]
    say(f"waiting until {len(live)} logs have sealed by the decision")
    sizes = await_sealed_by(settings, live, decision.position)
    sizes |= last_sizes(settings, [log for log in logs if log not in live])
    history, late = [], 0
    for log, first, size in ranges_to_read(state, wanted.subject, space.topic_prefix, sizes):
        if first < size:
            say(f"reading {log.topic}/{log.partition} from {first} to {size}")
        part, more = _range(settings, log, first, size, wanted.subject)
        history.append(part)
        late += more
    if len(history) > _RANGES_MOST:  # one event names them all
        history = [part for part in history if part.entries]
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.move_tenant(
            space, wanted.subject, decision.event_id, list(map(_model, history)), wanted.reason
        )
        sealed = _sealed(watch, said)
    if control_state(settings).tenancy.place_of(wanted.subject) != space.topic_prefix:
        raise CliError(f"{wanted.subject} is being moved by somebody else as well: run this again")
    say(f"moved, entry {sealed.position} of the control log: {wanted.subject} is in {space.name}")
    return late


def _range(
    settings: Settings, log: OpenedLog, first: int, size: int, tenant: str
) -> tuple[LogRange, int]:
    """Count and hash a tenant's entries; also count those that came too late."""
    empty = LogRange(log.origin, log.topic, log.partition, first, size, 0, b"")
    keys = trusted_log_keys(settings.trust_path)
    tally, late = Tally(), 0
    read = read_range(kafka_properties(settings), empty, keys) if first < size else ()
    for entry, _ in read:
        if claimed_tenant(entry.sig) == tenant:
            tally.add(entry.leaf)
            late += entry.verdict is Verdict.WRONG_TENANT
    return empty._replace(entries=tally.entries, leaves=tally.leaves), late


def _land(
    settings: Settings, tenant: str, space: Space, history: Iterable[LogRange], say: Say
) -> None:
    """Land the control log and the history in the space's database."""
    target = settings.in_space(space.name)
    kafka, keys = kafka_properties(settings), trusted_log_keys(settings.trust_path)
    ends: dict[tuple[str, int], int] = {}
    for part in history:
        if part.entries:
            place = f"{part.topic}.sealed", part.partition
            ends[place] = max(ends.get(place, 0), part.size)
    if not ends:
        return
    control = Landing(settings.topics.sealed("control"), 0, control_state(settings).size)
    store = clickhouse_store(target)
    try:
        for log in (control, *(Landing(*place, end, tenant) for place, end in ends.items())):
            say(f"landing {log.topic}/{log.partition} to {log.size} in {space.database}")
            land_history(kafka, store, keys, log)
    finally:
        store.close()


def _model(part: LogRange) -> LogRangeModel:
    return LogRangeModel.model_validate(part._asdict())
