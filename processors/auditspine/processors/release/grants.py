"""Who held which role when: the access log's grants, by principal, read as of a time."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from zlib import crc32

from auditspine.processors.projection.port import Changes, SealedEvent, State, Table
from auditspine.processors.projection.sealed_index import SealedIndex
from auditspine.processors.release.port import HeldRole

_MOST = 256  # grants of one principal; the latest


class GrantIndex:
    """Folds the access log into grants by principal; see :class:`~.projection.port.Projection`."""

    name = "release-grants"
    logic_version = 1
    streams: tuple[str, ...] = ("access",)
    event_types: frozenset[str] = frozenset(("role.granted", "role.revoked"))
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = ()

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log; see :class:`~.projection.port.Projection`."""
        for event in events:
            take = _granted if event.event_type == "role.granted" else _revoked
            take(event, state)
        return {}


class SealedGrants:
    """Finds grants; see :class:`~.port.Grants`. One thread at a time.

    A tenant's grants are in one partition of the access stream. Only that is waited for, so that a
    log that is not sealed holds back none but the tenants that are in it.

    Args:
        index: Of the access stream, with a :class:`GrantIndex`.
        partitions: Of the access stream.
    """

    def __init__(self, index: SealedIndex, partitions: int) -> None:
        self._index = index
        self._partitions = partitions

    def held(
        self, tenant: str, principal: str, roles: Collection[str], where: tuple[str, str], at: int
    ) -> HeldRole | None:
        """Give one of some roles that a principal held at a time; see :class:`~.port.Grants`.

        Raises:
            NotYet: The access log is not read that far.
            ReplayError: The sealed access log cannot be read.
        """
        partition = crc32(tenant.encode("utf-8", "surrogatepass")) % self._partitions
        found = [
            grant
            for value in self._index.values(_holder(tenant, principal), at, partition)
            for grant in json.loads(value)
            if grant["role"] in roles and _stood(grant, at) and _reaches(grant, *where)
        ]
        if not found:
            return None
        first = min(found, key=lambda grant: (grant["at"], grant["event_id"]))
        return HeldRole(first["role"], first["event_id"], first["origin"], first["position"])

    def close(self) -> None:
        """Close the states and the connections."""
        self._index.close()


def _granted(event: SealedEvent, state: State) -> None:
    body, tenant = event.body, event.envelope["tenant"]
    name = _named(tenant, body["grant_id"])
    if state.get(name) is not None:  # given before: what it says now changes nothing
        return
    state.put(name, body["principal"].encode("utf-8", "surrogatepass"))
    key = _holder(tenant, body["principal"])
    grant = {
        "grant_id": body["grant_id"],
        "role": body["role"],
        "domains": list(body["scope"]["domains"]),
        "environments": list(body["scope"]["environments"]),
        "at": event.appended_at,
        "expires_at": body["expires_at"],
        "revoked_at": None,
        "event_id": event.envelope["event_id"],
        "origin": event.origin,
        "position": event.position,
    }
    known = json.loads(state.get(key) or b"[]")
    state.put(key, json.dumps([*known, grant][-_MOST:]).encode())


def _revoked(event: SealedEvent, state: State) -> None:
    tenant, grant_id = event.envelope["tenant"], event.body["grant_id"]
    principal = state.get(_named(tenant, grant_id))
    if principal is None:
        return
    key = _holder(tenant, principal.decode("utf-8", "surrogatepass"))
    known = json.loads(state.get(key) or b"[]")
    for grant in known:
        if grant["grant_id"] == grant_id and grant["revoked_at"] is None:
            grant["revoked_at"] = event.appended_at
    state.put(key, json.dumps(known).encode())


def _stood(grant: Mapping[str, Any], at: int) -> bool:
    expires, revoked = grant["expires_at"], grant["revoked_at"]
    return (
        grant["at"] <= at
        and (revoked is None or at < revoked)
        and (expires is None or at * 1000 < expires)
    )


def _reaches(grant: Mapping[str, Any], domain: str, environment: str) -> bool:
    domains, environments = grant["domains"], grant["environments"]
    return (not domains or domain in domains) and (not environments or environment in environments)


def _holder(tenant: str, principal: str) -> bytes:
    return json.dumps(["u", tenant, principal]).encode()


def _named(tenant: str, grant_id: str) -> bytes:
    return json.dumps(["g", tenant, grant_id]).encode()
