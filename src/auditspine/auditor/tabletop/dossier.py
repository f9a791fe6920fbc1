"""All entries about one model, in ledger order, and how to find one among them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from auditspine.auditor.tabletop.entry import Entry
from auditspine.ledger.control import PLATFORM_TENANT

_SUBJECTS = ("model", "subject", "artifact")
_TRAINS = ("model.registered", "run.completed")


class Dossier:
    """The entries of one tenant about one exact model, and about what it came of.

    Args:
        name: Name of the model.
        version: Its version.
        digest: SHA-256 of its content, ``sha256:`` and hex: this identifies it.
        tenant: The tenant.
        entries: Entries in any order; a repeated one counts once.
    """

    def __init__(
        self, name: str, version: str, digest: str, tenant: str, entries: Iterable[Entry]
    ) -> None:
        self.name, self.version, self.digest, self.tenant = name, version, digest, tenant
        places = {(each.origin, each.position): each for each in entries}
        first: dict[tuple[str, str], Entry] = {}
        self.unread: list[Entry] = []
        for each in sorted(places.values(), key=lambda each: each.place):
            if each.event_id:
                first.setdefault((each.envelope["tenant"], each.event_id), each)
            else:
                self.unread.append(each)
        self._by_id = first
        self.entries = list(first.values())
        self.runs = self._runs()

    def of(self, *types: str) -> list[Entry]:
        """Give the entries of some types."""
        return [each for each in self.entries if each.event_type in types]

    def about(self, *types: str) -> list[Entry]:
        """Give the entries of some types that are about this model."""
        return [each for each in self.of(*types) if self.names(each)]

    def by_id(self, event_id: str | None) -> Entry | None:
        """Find an entry by its event, the tenant's own or the platform's."""
        own = self._by_id.get((self.tenant, event_id or ""))
        return own or self._by_id.get((PLATFORM_TENANT, event_id or ""))

    def names(self, entry: Entry) -> bool:
        """Tell whether an entry's subject is this model, by its digest."""
        return any(
            isinstance(ref, Mapping) and ref.get("digest") == self.digest
            for ref in map(entry.body.get, _SUBJECTS)
        ) or digest_in(self.digest, entry.body.get("outputs", ()))

    def registrations(self) -> list[Entry]:
        """Give the model's registrations."""
        return self.about("model.registered")

    def started(self) -> list[Entry]:
        """Give the starts of the runs that trained it."""
        return [each for each in self.of("run.started") if each.body["run_id"] in self.runs]

    def completed(self) -> list[Entry]:
        """Give the ends of the runs that trained it."""
        return [each for each in self.of("run.completed") if each.body["run_id"] in self.runs]

    def decisions(self) -> list[Entry]:
        """Give the decisions on it."""
        return self.about("decision.made")

    def exceptions(self) -> dict[str, list[Entry]]:
        """Give the decisions that rest on an exception, by the exception."""
        found: dict[str, list[Entry]] = {}
        for each in self.decisions():
            waived = {rule["exception_id"] for rule in each.body["rules"]} - {None}
            for exception_id in sorted({*each.body["exceptions"], *waived}):
                found.setdefault(exception_id, []).append(each)
        return found

    def people_of(self, *entries: Iterable[Entry]) -> set[str]:
        """Give the principals that acted in entries."""
        return {each.principal for group in entries for each in group}

    def _runs(self) -> frozenset[str]:
        return frozenset(str(each.body["run_id"]) for each in self.about(*_TRAINS))


def digest_in(digest: str, refs: Iterable[Any]) -> bool:
    """Tell whether one of some artifacts has a digest."""
    return any(isinstance(ref, Mapping) and ref.get("digest") == digest for ref in refs)


def label(ref: Mapping[str, Any]) -> str:
    """Give an artifact's name and version."""
    return f"{ref['name']} {ref['version']}"
