"""Moves a tenant to the space that the routing file gives it: decide, seal, replay, prove.

Each step is on record in the control log or in the target database, so that a move that was
interrupted goes on where it was when the command is run again (docs/tenancy.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from auditspine.cli.connections import clickhouse_store, kafka_properties, trusted_log_keys
from auditspine.cli.errors import CliError
from auditspine.cli.log_waits import await_landed, await_sealed_by
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.residence import former_logs, history_of, logs_of, ranges_to_read
from auditspine.cli.settings import Settings
from auditspine.ledger.batch import claimed_tenant
from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.spaces import Space
from auditspine.ledger.tenancy import Decision, LogRange
from auditspine.ledger.verdict import Verdict
from auditspine.processors.projection.history import SealedHistory, read_range
from auditspine.schemas.models import LogRange as LogRangeModel
from auditspine.sinks.history_copy import Landing, land_history

_SEAL_S = 60.0
_LAST_HEARD = """
    SELECT producer, dateDiff('second', max(appended_at), now64(3, 'UTC')) AS age_s
    FROM entries WHERE tenant = {tenant:String} GROUP BY producer
    HAVING age_s < {quiet_s:UInt32} ORDER BY age_s
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be moved, and how.

    Attributes:
        tenant: The tenant.
        reason: Why.
        reversal: How to go back.
        quiet_s: For how long its producers must have been silent where it is, seconds.
    """

    tenant: str
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
    keys = trusted_log_keys(settings.trust_path)
    history = SealedHistory(kafka_properties(settings), settings.topics.sealed("control"), keys)
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
    state = control_state(settings)
    space = settings.routing.of_tenant(wanted.tenant)
    decision = _decision(settings, state, space, wanted, say)
    late = 0 if decision is None else _carry_out(settings, space, decision, wanted, say)
    history = history_of(control_state(settings), wanted.tenant, space.topic_prefix)
    _land(settings, wanted.tenant, space, history, say)
    return Moved(wanted.tenant, space, history, late, was_there=decision is None)


def decide_domain(settings: Settings, domain: str, wanted: Wanted) -> Space:
    """Say that a domain's events belong in the space of the routing file from now on.

    Raises:
        CliError: They do already, or the space is not prepared.
    """
    state, routing = control_state(settings), settings.routing
    space = next((each for each in routing if domain in each.domains), routing.shared)
    if state.tenancy.domains.get(domain, state.tenancy.shared) == space.topic_prefix:
        raise CliError(f"events of the domain {domain} belong in the space {space.name} already")
    _logs_of(state, space)
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.decide_tenancy(
            space, routing.digest, wanted.reason, wanted.reversal, domain=domain
        )
        await_sealed(watch, [said], _SEAL_S)
    return space


def _decision(
    settings: Settings, state: ControlState, space: Space, wanted: Wanted, say: Say
) -> Decision | None:
    """Decide, unless that was done; None when the tenant is in the space already."""
    tenant = wanted.tenant
    if tenant not in state.tenants:
        raise CliError(f"no tenant {tenant} is registered: auditspine tenants list")
    if tenant in state.tenancy.decisions:
        say(f"{tenant} is being moved; going on")
        return state.tenancy.decisions[tenant]
    place = state.tenancy.place_of(tenant)
    if place == space.topic_prefix:
        return None
    _logs_of(state, space)
    _require_own_keys(state, space, tenant)
    source = next((s for s in settings.routing if s.topic_prefix == place), None)
    if source is not None:
        _require_silence(settings.in_space(source.name), state, source, wanted, say)
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.decide_tenancy(
            space, settings.routing.digest, wanted.reason, wanted.reversal, tenant=tenant
        )
        [sealed] = await_sealed(watch, [said], _SEAL_S)
    if sealed.verdict is not Verdict.VALID:
        raise CliError(f"the ledger does not take the decision: {sealed.reason}")
    say(f"decided, entry {sealed.position} of the control log: {tenant} counts nowhere for now")
    return control_state(settings).tenancy.decisions[tenant]


def _logs_of(state: ControlState, space: Space) -> list[OpenedLog]:
    found = logs_of(state, space.topic_prefix)
    if not found:
        raise CliError(
            f"the space {space.name} is not prepared: run `auditspine init`, and start its "
            f"workers (`auditspine --space {space.name} worker …`)"
        )
    return found


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
    source: Settings, state: ControlState, space: Space, wanted: Wanted, say: Say
) -> None:
    """What is sealed after the decision does not count: services must be silent, and drained."""
    say(f"waiting until what is on the topics of {space.name} is sealed and has landed")
    store = clickhouse_store(source)
    try:
        await_landed(source, store, _logs_of(state, space))
        heard = store.query(_LAST_HEARD, {"tenant": wanted.tenant, "quiet_s": wanted.quiet_s})
    finally:
        store.close()
    if heard:
        named = ", ".join(f"{producer} {age_s} s ago" for producer, age_s in heard[:5])
        raise CliError(
            f"services of {wanted.tenant} still publish ({named}): stop them, wait "
            f"{wanted.quiet_s} s, and run this again. What they publish from the decision on would "
            "not count. --quiet 0 moves anyway"
        )


def _carry_out(
    settings: Settings, space: Space, decision: Decision, wanted: Wanted, say: Say
) -> int:
    """Find the tenant's history and say where it is now; give what of it came too late."""
    state = control_state(settings)
    logs = former_logs(state, wanted.tenant, space.topic_prefix)
    say(f"waiting until {len(logs)} logs have sealed by the decision")
    sizes = await_sealed_by(settings, logs, decision.position)
    history, late = [], 0
    for log, first, size in ranges_to_read(state, wanted.tenant, space.topic_prefix, sizes):
        say(f"reading {log.topic}/{log.partition} from {first} to {size}")
        part, more = _range(settings, log, first, size, wanted.tenant)
        history += [part] if part.entries else []
        late += more
    with watch_control(settings) as watch, speaking(settings) as operator:
        said = operator.move_tenant(
            space, wanted.tenant, decision.event_id, list(map(_model, history)), wanted.reason
        )
        [sealed] = await_sealed(watch, [said], _SEAL_S)
    if sealed.verdict is not Verdict.VALID:
        raise CliError(f"the ledger does not take the move: {sealed.reason}")
    if control_state(settings).tenancy.place_of(wanted.tenant) != space.topic_prefix:
        raise CliError(f"{wanted.tenant} is being moved by somebody else as well: run this again")
    say(f"moved, entry {sealed.position} of the control log: {wanted.tenant} is in {space.name}")
    return late


def _range(
    settings: Settings, log: OpenedLog, first: int, size: int, tenant: str
) -> tuple[LogRange, int]:
    """Count and hash a tenant's entries; also count those that came too late."""
    empty = LogRange(log.origin, log.topic, log.partition, first, size, 0, b"")
    keys = trusted_log_keys(settings.trust_path)
    entries, late, leaves = 0, 0, sha256()
    for entry in read_range(kafka_properties(settings), empty, keys):
        if claimed_tenant(entry.sig) == tenant:
            entries += 1
            late += entry.verdict is Verdict.WRONG_TENANT
            leaves.update(entry.leaf)
    return empty._replace(entries=entries, leaves=leaves.digest()), late


def _land(
    settings: Settings, tenant: str, space: Space, history: Iterable[LogRange], say: Say
) -> None:
    """Land the control log and the history in the space's database."""
    target = settings.in_space(space.name)
    kafka, keys = kafka_properties(settings), trusted_log_keys(settings.trust_path)
    ends: dict[tuple[str, int], int] = {}
    for part in history:
        place = f"{part.topic}.sealed", part.partition
        ends[place] = max(ends.get(place, 0), part.size)
    if not ends:
        return
    control = settings.topics.sealed("control")
    size = control_state(settings).size
    logs = [Landing(control, 0, size), *(Landing(*place, end) for place, end in ends.items())]
    store = clickhouse_store(target)
    try:
        for log in logs:
            say(f"landing {log.topic}/{log.partition} to {log.size} in {space.database}")
            land_history(kafka, store, keys, tenant, [log])
    finally:
        store.close()


def _model(part: LogRange) -> LogRangeModel:
    return LogRangeModel.model_validate(part._asdict())
