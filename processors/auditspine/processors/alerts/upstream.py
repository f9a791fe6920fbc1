"""What is upstream of models, and what changed there when: a projection's state. Values. Pure.

Whatever may be upstream is known by its kind and name, since a change gives it another digest. Of
each name the latest changes are kept, and the names that it comes from; of all names of a tenant,
those that were told of last. So the state is bounded, and an analysis reads the few names that it
asks for. Keys are a letter and the JSON of what follows::

    v  tenant, kind, name     one name: its number, what it comes from, its changes
    y  tenant, slot           the key of a name that was told of, to be forgotten in turn
    k  tenant                 how many were told of
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from auditspine.processors.alerts.causes import Ref
from auditspine.processors.projection.port import State

DAY_US = 86_400_000_000
_KEPT_DAYS = 30
_MOST_NAMES = 8192  # of a tenant; the one that was told of longest ago is forgotten
_MOST_CHANGES = 16  # of a name
_MOST_ORIGINS = 64  # names that one comes from
_MOST_STEPS = 4  # from a feature to its columns' data set, to what a run made that of …
_MOST_SOURCES = 256  # names upstream of a model that are looked at
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Name = tuple[str, str]
"""Kind and name of what may be upstream."""


class Change(NamedTuple):
    """A change of something that may be upstream.

    Attributes:
        event_id: The event that tells of it.
        event_type: Its type.
        at: When the broker took it, microseconds since 1970.
        artifact: What it is from then on.
        is_first: Whether no earlier one of that name is known.
    """

    event_id: str
    event_type: str
    at: int
    artifact: Ref
    is_first: bool


class Known(NamedTuple):
    """What is known of one name.

    Attributes:
        number: How many names the tenant had told of when it was last told of.
        origins: Names that it comes from.
        changes: Its latest changes.
    """

    number: int = 0
    origins: tuple[Name, ...] = ()
    changes: tuple[Change, ...] = ()

    @classmethod
    def decode(cls, value: bytes) -> "Known":
        """Read the state's value."""
        number, origins, changes = json.loads(value.decode("utf-8", "surrogatepass"))
        return cls(
            number,
            tuple((kind, name) for kind, name in origins),
            tuple(
                Change(event_id, event_type, at, Ref(*ref), bool(first))
                for event_id, event_type, at, ref, first in changes
            ),
        )

    def encode(self) -> bytes:
        """Give the state's value."""
        changes = [
            (*each[:3], [each.artifact.kind, *_words(each.artifact)], int(each.is_first))
            for each in self.changes
        ]
        return _encoded([self.number, self.origins, changes])


class Upstream:
    """One tenant's names.

    Args:
        state: The projection's state.
        tenant: The tenant.
    """

    def __init__(self, state: State, tenant: str) -> None:
        self._state = state
        self._tenant = tenant

    @property
    def is_told(self) -> bool:
        """Whether the tenant ever told of anything upstream."""
        return self._state.get(self._key("k")) is not None

    def known(self, name: Name) -> Known:
        """Give what is known of a name."""
        stored = self._state.get(self._key("v", *name))
        return Known.decode(stored) if stored else Known()

    def take(self, name: Name, change: Change | None, origins: Iterable[Name] = ()) -> None:
        """Note a change of a name, or only what it comes from; a repeat changes nothing.

        Args:
            name: The name.
            change: The change; None where there is none.
            origins: What it comes from; older ones are kept.
        """
        before = self.known(name)
        known = before._replace(
            origins=tuple(dict.fromkeys((*origins, *before.origins)))[:_MOST_ORIGINS]
        )
        if change is not None and all(e.event_id != change.event_id for e in before.changes):
            earlier = any(each.at < change.at for each in before.changes)
            change = change._replace(is_first=not earlier)
            kept = sorted((*before.changes, change), key=lambda each: (each.at, each.event_id))
            since = kept[-1].at - _KEPT_DAYS * DAY_US
            fresh = [each for each in kept if each.at >= since]
            known = known._replace(changes=tuple(fresh[-_MOST_CHANGES:]))
        if known != before:
            number = self._counted(self._key("v", *name))
            self._state.put(self._key("v", *name), known._replace(number=number).encode())

    def sources(self, names: Iterable[Name]) -> dict[Name, Known]:
        """Give some names and what they come from, as far as it is known, the nearest first."""
        found: dict[Name, Known] = {}
        nearest = list(dict.fromkeys(names))
        for _ in range(_MOST_STEPS):
            beyond: list[Name] = []
            for name in nearest:
                if name not in found and len(found) < _MOST_SOURCES:
                    found[name] = self.known(name)
                    beyond += found[name].origins
            nearest = beyond
        return found

    def _counted(self, key: bytes) -> int:
        """Count a name that is told of; forget the one whose turn it is, unless told of since."""
        number = int(self._state.get(self._key("k")) or b"0") + 1
        self._state.put(self._key("k"), b"%d" % number)
        slot = self._key("y", str(number % _MOST_NAMES))
        former = self._state.get(slot)
        stored = self._state.get(former) if former and former != key else None
        if former and stored and Known.decode(stored).number == number - _MOST_NAMES:
            self._state.put(former, b"")
        self._state.put(slot, key)
        return number

    def _key(self, letter: str, *parts: str) -> bytes:
        return letter.encode() + _encoded([self._tenant, *parts])


def _words(ref: Ref) -> tuple[str, str, str]:
    return ref.name, ref.version, ref.digest


def _encoded(value: object) -> bytes:
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")
