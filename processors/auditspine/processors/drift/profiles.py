"""Training profiles, read from the sealed lifecycle log when a model is first seen.

A model may be registered by one partition and served by any other: hence an index of all of them.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.projection.port import Changes, SealedEvent, State, Table
from auditspine.processors.projection.sealed_index import SealedIndex

_MOST_USABLE, _MOST_PROBLEMS = 16, 4  # of one model; the first: a replay finds what was found


class ProfileIndex:
    """Folds the lifecycle log into profiles by model; see :class:`~.projection.port.Projection`."""

    name = "drift-profiles"
    logic_version = 3
    streams: tuple[str, ...] = ("lifecycle",)
    event_types: frozenset[str] = frozenset(("run.completed",))
    emits: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = ()

    def fold(self, events: Iterable[SealedEvent], state: State) -> Changes:
        """Apply events of one log; see :class:`~.projection.port.Projection`."""
        for event in events:
            profile = event.body.get("profile")  # runs of before there were profiles have none
            if profile is None or event.body["status"] != "succeeded":
                continue
            tenant = str(event.envelope["tenant"])
            outputs = {bytes(each["digest"]) for each in event.body["outputs"]}
            named = bytes(profile["model"]["digest"])
            problem = (
                "" if named in outputs else "the training profile is of another model than the run"
            )
            for digest in {named} if not problem else {named, *outputs}:
                _append(
                    state,
                    _key(tenant, digest),
                    {
                        "at": event.appended_at,
                        "event_id": event.envelope["event_id"],
                        "profile": {} if problem else _plain(profile),
                        "problem": problem,
                    },
                )
        return {}


class SealedProfiles:
    """Finds profiles; see :class:`~.port.Profiles`. One thread at a time.

    Args:
        index: Of the lifecycle stream, with a :class:`ProfileIndex`.
    """

    def __init__(self, index: SealedIndex) -> None:
        self._index = index

    def find(self, tenant: str, model_digest: bytes, at: int) -> FoundProfile | None:
        """Give the last usable profile of a model that the broker took until a time.

        Without one, the last that is not usable.

        Raises:
            NotYet: The lifecycle log is not read that far.
            ReplayError: The sealed lifecycle log cannot be read.
        """
        known = [
            each
            for value in self._index.values(_key(tenant, model_digest), at)
            for each in json.loads(value)
            if each["at"] <= at
        ]
        if not known:
            return None
        last = max(known, key=lambda each: (not each["problem"], each["at"], each["event_id"]))
        return FoundProfile(last["event_id"], last["profile"], last["problem"])

    def close(self) -> None:
        """Close the states and the connections."""
        self._index.close()


def _append(state: State, key: bytes, found: dict[str, Any]) -> None:
    known = json.loads(state.get(key) or b"[]")
    alike = sum(bool(each["problem"]) == bool(found["problem"]) for each in known)
    if alike < (_MOST_PROBLEMS if found["problem"] else _MOST_USABLE):
        state.put(key, json.dumps([*known, found]).encode())


def _key(tenant: str, digest: bytes) -> bytes:
    return digest + tenant.encode("utf-8", "surrogatepass")


def _plain(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Give a profile as JSON takes it, without what only names it."""
    kept = ("rows", "numeric", "categorical", "score", "decision", "error_rate")
    groups = profile.get("groups", [])  # runs of before there were groups have none
    return {**{name: profile[name] for name in kept}, "groups": groups}
