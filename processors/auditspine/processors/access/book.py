"""The grants, reviews and origins of tenants in a projection's state: reads and writes. Pure."""

import json
from collections.abc import Iterable

from auditspine.processors.access.grants import Grant, Review
from auditspine.processors.projection.port import State


class Book:
    """One log's grants and reviews, by tenant.

    Args:
        state: The projection's state.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def grant(self, tenant: str, grant_id: str) -> Grant | None:
        """Give a grant."""
        stored = self._state.get(_key("g", tenant, grant_id))
        return None if stored is None else Grant.decode(stored)

    def put_grant(self, tenant: str, grant: Grant) -> None:
        """Note a grant."""
        key = _key("g", tenant, grant.grant_id)
        if self._state.get(key) is None:
            self._append(_key("u", tenant, grant.principal), grant.grant_id)
            self._append(_key("t", tenant), grant.grant_id)
        self._state.put(key, grant.encode())

    def grants_of(self, tenant: str, principal: str) -> list[Grant]:
        """Give all grants that a principal ever had, in the order in which they were given."""
        return self._grants(tenant, self._list(_key("u", tenant, principal)))

    def grants(self, tenant: str) -> list[Grant]:
        """Give all grants of a tenant."""
        return self._grants(tenant, self._list(_key("t", tenant)))

    def is_governed(self, tenant: str) -> bool:
        """Tell whether the tenant ever gave a grant."""
        return self._state.get(_key("t", tenant)) is not None

    def review(self, tenant: str, review_id: str) -> Review | None:
        """Give a review."""
        stored = self._state.get(_key("r", tenant, review_id))
        return None if stored is None else Review.decode(stored)

    def put_review(self, tenant: str, review: Review) -> None:
        """Note a review."""
        key = _key("r", tenant, review.review_id)
        if self._state.get(key) is None:
            self._append(_key("v", tenant), review.review_id)
        self._state.put(key, review.encode())

    def open_reviews(self, tenant: str) -> list[Review]:
        """Give the reviews of a tenant that are not closed."""
        found = (self.review(tenant, each) for each in self._list(_key("v", tenant)))
        return [review for review in found if review is not None and review.closed_at is None]

    def first_seen(self, tenant: str, workload: str, at: int) -> int:
        """Give when a workload was first seen, noting it if that is now."""
        key = _key("w", tenant, workload)
        stored = self._state.get(key)
        if stored is None:
            self._state.put(key, str(at).encode())
            return at
        return int(stored)

    def other_network(self, tenant: str, principal: str, network: str, at: int) -> tuple[str, int]:
        """Give the other network that a principal last came from and when; note this one."""
        key = _key("o", tenant, principal)
        stored = self._state.get(key)
        seen: dict[str, int] = {} if stored is None else json.loads(stored)
        others = [(when, name) for name, when in seen.items() if name != network]
        latest = max(others, default=(-1, ""))
        kept = dict(sorted(seen.items(), key=lambda each: each[1])[-7:])  # the latest few
        kept[network] = at
        self._state.put(key, json.dumps(kept, sort_keys=True).encode())
        return latest[1], latest[0]

    def is_first_of_day(self, tenant: str, what: str, day: int) -> bool:
        """Tell whether something is done for a tenant for the first time on a day; note it."""
        key = _key("d", tenant, what)
        value = str(day).encode()
        if self._state.get(key) == value:
            return False
        self._state.put(key, value)
        return True

    def require(self, digest: str) -> bool:
        """Tell whether the state was computed with these rules; an empty one is from now on."""
        stored = self._state.get(b"rules")
        if stored is None:
            self._state.put(b"rules", digest.encode())
            return True
        return stored == digest.encode()

    def _grants(self, tenant: str, ids: Iterable[str]) -> list[Grant]:
        found = (self.grant(tenant, each) for each in ids)
        return [grant for grant in found if grant is not None]

    def _list(self, key: bytes) -> list[str]:
        stored = self._state.get(key)
        found: list[str] = [] if stored is None else json.loads(stored)
        return found

    def _append(self, key: bytes, item: str) -> None:
        self._state.put(key, json.dumps([*self._list(key), item]).encode())


def _key(kind: str, *parts: str) -> bytes:
    return kind.encode() + json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
