"""What a tabletop gives: pieces with their standing, weights, a score, gaps and what proves them.

Values only; nothing is read or judged here.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from auditspine.auditor.tabletop.entry import Entry


class Standing(StrEnum):
    """How a piece of a release stands."""

    PRESENT = "present"
    MISSING = "missing"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the evidence says.

    Attributes:
        label: What it is about.
        text: What is said.
        digest: SHA-256 of what it is about, ``sha256:`` and hex; empty when it has none.
    """

    label: str
    text: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Cited:
    """An entry that something rests on.

    Attributes:
        event_id: Its event.
        event_type: The event's type.
        origin: The log.
        position: Place in it.
        problem: Why it is not what was sealed; empty when it is.
    """

    event_id: str
    event_type: str
    origin: str
    position: int
    problem: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one piece.

    Attributes:
        standing: How it stands.
        text: What there is, or why it is missing or cannot be verified, in words.
        mend: What would mend it; empty when it is present.
        facts: What the evidence says.
        entries: What it rests on.
    """

    standing: Standing
    text: str
    mend: str = ""
    facts: tuple[Fact, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a release.

    Attributes:
        name: Its name.
        title: What it is, in words.
        weight: What it counts of 100.
        required: Whether a release cannot be defended without it.
        standing: How it stands.
        text: What there is, or why it is missing or cannot be verified.
        mend: What would mend it; empty when it is present.
        facts: What the evidence says.
        cited: The entries that prove it.
    """

    name: str
    title: str
    weight: int
    required: bool
    standing: Standing
    text: str
    mend: str
    facts: tuple[Fact, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the timeline.

    Attributes:
        at: When the broker took it, UTC.
        who: Who acted.
        event_type: Its type.
        what: What happened, in a few words.
        cited: Where it is sealed.
    """

    at: datetime
    who: str
    event_type: str
    what: str
    cited: Cited


@dataclass(frozen=True, slots=True)
class Release:
    """A release as the evidence has it.

    Attributes:
        tenant: The tenant.
        name: Name of the model.
        version: Its version.
        digest: SHA-256 of its content, ``sha256:`` and hex.
        pieces: Every piece.
        timeline: What happened, in ledger order.
        remarks: What a reader should look at although it is there, in sentences.
        rests_on: What was checked and what was not, in sentences.
    """

    tenant: str
    name: str
    version: str
    digest: str
    pieces: tuple[Piece, ...]
    timeline: tuple[Line, ...]
    remarks: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = field(default=())

    @property
    def score(self) -> int:
        """The weights of the pieces that are present, of 100."""
        return sum(each.weight for each in self.pieces if each.standing is Standing.PRESENT)

    @property
    def gaps(self) -> tuple[Piece, ...]:
        """The pieces that are not present, those that count most first."""
        open_ = [each for each in self.pieces if each.standing is not Standing.PRESENT]
        return tuple(sorted(open_, key=lambda each: (not each.required, -each.weight)))

    @property
    def is_complete(self) -> bool:
        """Whether every piece is present."""
        return not self.gaps


def cite(entry: Entry) -> Cited:
    """Give where an entry is sealed."""
    return Cited(entry.event_id, entry.event_type, entry.origin, entry.position, entry.problem)


def cited(entries: Iterable[Entry]) -> tuple[Cited, ...]:
    """Give where entries are sealed, each once, in ledger order."""
    found = {(each.origin, each.position): each for each in entries}
    return tuple(cite(each) for each in sorted(found.values(), key=lambda each: each.place))


def as_value(release: Release) -> dict[str, Any]:
    """Give a release as JSON takes it."""
    return {
        "tenant": release.tenant,
        "model": {
            "name": release.name,
            "version": release.version,
            "digest": release.digest,
        },
        "score": release.score,
        "complete": release.is_complete,
        "pieces": [{**asdict(each), "standing": each.standing.value} for each in release.pieces],
        "open_gaps": [
            {
                "piece": each.name,
                "standing": each.standing.value,
                "text": each.text,
                "mend": each.mend,
            }
            for each in release.gaps
        ],
        "remarks": list(release.remarks),
        "rests_on": list(release.rests_on),
        "timeline": [{**asdict(each), "at": each.at.isoformat()} for each in release.timeline],
    }
