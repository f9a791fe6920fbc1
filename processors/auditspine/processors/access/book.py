"""The grants, reviews and origins of tenants in a projection's state: reads and writes. Pure."""

import json
from collections.abc import Iterable

from auditspine.processors.access.grants import Grant, Review
from auditspine.processors.projection.port import State

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_CHUNK = 64  # items in one value of the state
_HELD = 64  # grants of one principal before those that lapsed are looked through
_LAPSED = 20  # lapsed grants of one principal that are remembered for verdicts


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
            self._note_holder(tenant, grant)
            self._append(_key("t", tenant), grant.grant_id)
        self._state.put(key, grant.encode())

    def grants_of(self, tenant: str, principal: str) -> list[Grant]:
        """Give a principal's grants as they were given; of many that lapsed, the latest."""
        stored = self._state.get(_key("u", tenant, principal))
        return self._grants(tenant, [] if stored is None else json.loads(stored))

    def grants(self, tenant: str) -> list[Grant]:
        """Give all grants of a tenant."""
        return self._grants(tenant, self._list(_key("t", tenant)))

    def is_governed(self, tenant: str) -> bool:
        """Tell whether the tenant ever gave a grant."""
        return self._count(_key("t", tenant)) > 0

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

    def reviews(self, tenant: str) -> list[Review]:
        """Give the reviews of a tenant."""
        found = (self.review(tenant, each) for each in self._list(_key("v", tenant)))
        return [review for review in found if review is not None]

    def first_seen(self, tenant: str, workload: str, at: int) -> int:
        """Give when a workload was first seen, noting it if that is now."""
        key = _key("w", tenant, workload)
        stored = self._state.get(key)
        if stored is None:
            self._state.put(key, str(at).encode())
            return at
        return int(stored)

    def other_origin(
        self, kind: str, tenant: str, who: str, network: str, at: int
    ) -> tuple[str, int]:
        """Give where else a principal (``o``) or a key (``k``) last was and when; note this."""
        key = _key(kind, tenant, who)
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

    def _note_holder(self, tenant: str, grant: Grant) -> None:
        """Add a grant to its principal's; forget all but the latest of those that lapsed."""
        key = _key("u", tenant, grant.principal)
        stored = self._state.get(key)
        ids: list[str] = [] if stored is None else json.loads(stored)
        if len(ids) >= _HELD:
            held = self._grants(tenant, ids)
            lapsed = [each.grant_id for each in held if not each.is_active(grant.granted_at)]
            gone = set(lapsed[:-_LAPSED])
            ids = [each for each in ids if each not in gone]
        self._state.put(key, json.dumps([*ids, grant.grant_id]).encode())

    def _list(self, key: bytes) -> list[str]:
        found: list[str] = []
        for number in range(-(-self._count(key) // _CHUNK)):
            found += json.loads(self._state.get(_chunk(key, number)) or b"[]")
        return found

    def _append(self, key: bytes, item: str) -> None:
        count = self._count(key)
        chunk = _chunk(key, count // _CHUNK)
        items = json.loads(self._state.get(chunk) or b"[]")
        self._state.put(chunk, json.dumps([*items, item]).encode())
        self._state.put(key + b"#", str(count + 1).encode())

    def _count(self, key: bytes) -> int:
        return int(self._state.get(key + b"#") or 0)


def _chunk(key: bytes, number: int) -> bytes:
    return key + b"#" + str(number).encode()


def _key(kind: str, *parts: str) -> bytes:
    return kind.encode() + _ENCODER.encode(parts).encode()
