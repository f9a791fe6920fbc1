"""Where tenants were and are, as the control log says. Pure."""

from collections.abc import Mapping

from auditspine.ledger.control import ControlState, OpenedLog
from auditspine.ledger.judge import CONTROL
from auditspine.ledger.tenancy import LogRange, Move


def history_of(state: ControlState, tenant: str, topic_prefix: str) -> tuple[LogRange, ...]:
    """Give all that a space holds of a tenant's history elsewhere."""
    return tuple(part for move in _moves(state, tenant, topic_prefix) for part in move.history)


def adopted(state: ControlState, tenant: str, topic_prefix: str) -> dict[str, int]:
    """Give how far a space holds a tenant's history of each log already."""
    return {part.origin: part.size for part in history_of(state, tenant, topic_prefix)}


def former_logs(state: ControlState, tenant: str, topic_prefix: str) -> list[OpenedLog]:
    """Give the logs of the spaces where the tenant was, as far as its history goes with it.

    What it did in spaces of domains goes to a space of its own, and stays there when it comes back
    to the shared one, from which those domains are apart.
    """
    tenancy = state.tenancy
    was_in = {move.topic_prefix for move in tenancy.moves if move.tenant == tenant}
    if topic_prefix != tenancy.shared:
        was_in |= {tenancy.shared or "", *tenancy.domain_prefixes}
    return [log for log in _data_logs(state) if prefix_of(log) in was_in - {topic_prefix}]


def counts_in(state: ControlState, tenant: str) -> set[str]:
    """Give the prefixes of the spaces where a tenant's events count, of any domain.

    While it is being moved: where they counted until then. Where it was before that nothing has
    counted since, and that was waited for.
    """
    tenancy = state.tenancy
    came_to = [move.topic_prefix for move in tenancy.moves if move.tenant == tenant]
    if came_to and came_to[-1] != tenancy.shared:
        return {came_to[-1]}
    return {tenancy.shared or "", *tenancy.domains.values()}


def ranges_to_read(
    state: ControlState, tenant: str, topic_prefix: str, sizes: Mapping[str, int]
) -> list[tuple[OpenedLog, int, int]]:
    """Give what a space lacks of a tenant's history, in the order in which the tenant was there.

    Each move so far names what lay before it; what comes after the last is the newest. So what
    was done in one log before and after a stay elsewhere is two ranges.

    Args:
        state: What the control log says.
        tenant: The tenant.
        topic_prefix: First part of the space's topics.
        sizes: Of the former logs, by origin.

    Returns:
        Logs, each with the first position and the one after the last.
    """
    logs = {log.origin: log for log in former_logs(state, tenant, topic_prefix)}
    named = [
        (part.origin, part.size)
        for move in state.tenancy.moves
        if move.tenant == tenant
        for part in move.history
    ]
    held, found = adopted(state, tenant, topic_prefix), []
    for origin, size in named:
        first = held.get(origin, 0)
        if origin in logs and first < size:
            found.append((logs[origin], first, size))
            held[origin] = size
    for origin, size in sorted(sizes.items()):  # all: so that what comes later shows
        first = min(held.get(origin, 0), size)
        if origin in logs:
            found.append((logs[origin], first, size))
    return found


def logs_of(state: ControlState, topic_prefix: str) -> list[OpenedLog]:
    """Give the opened logs of a space's own topics."""
    return [log for log in _data_logs(state) if prefix_of(log) == topic_prefix]


def _moves(state: ControlState, tenant: str, topic_prefix: str) -> list[Move]:
    return [
        move
        for move in state.tenancy.moves
        if (move.tenant, move.topic_prefix) == (tenant, topic_prefix)
    ]


def _data_logs(state: ControlState) -> list[OpenedLog]:
    return [log for log in state.logs.values() if _stream(log.topic) != CONTROL]


def _stream(topic: str) -> str:
    return topic.rpartition(".")[2]


def prefix_of(log: OpenedLog) -> str:
    """Give the first part of a log's source topic, before its stream."""
    return log.topic[: len(log.topic) - len(_stream(log.topic))]
