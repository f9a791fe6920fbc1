"""Groups of people by protected attributes, as tokens name them, and who is of which. Pure.

No value is ever seen in clear. A group is called by its number within its attribute; what a number
stands for is kept as a token, in the state alone and in assessments. What a policy excludes is not
read: it is counted, and that is all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from operator import itemgetter

import numpy as np

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.port import Member
from auditspine.processors.projection.fit import as_name, shortened
from auditspine.processors.projection.port import SealedEvent

MOST_ATTRIBUTES = 8
"""Protected attributes of one model that are looked at; others are not."""

MISSING, BEYOND = -1.0, 0.0
"""Codes of a row whose group is not known, and of one beyond those that are compared."""

_CROSSED = 3  # attributes, the first, whose intersections are looked at
_TOGETHER = 4  # times as many groups of two attributes as of one
_MOST_NAME = 60  # characters of an attribute in a monitor's name
_MOST_TOKEN = 128
_REMEMBERED = 4096  # combinations of groups that are not looked up again
_ATTRIBUTE_AND_TOKEN = itemgetter("attribute", "token")


@dataclass(slots=True)
class Membership:
    """Which groups some predictions are of.

    Attributes:
        codes: Number of each row's group, of shape (rows, attributes): 1 or more, :data:`BEYOND`,
            :data:`MISSING`, or NaN where the attribute was not known of yet.
        members: Per row, its groups.
        without: Per row, the attributes that are missing.
        begun: Row and attribute where a group came that was not known after many rows.
        excluded: Row and attribute where one came that may not be read.
    """

    codes: Floats
    members: list[tuple[Member, ...]]
    without: list[tuple[str, ...]]
    begun: list[tuple[int, str]] = field(default_factory=list)
    excluded: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Groups:
    """The groups of one model at one deployment; JSON holds it whole.

    Attributes:
        numbers: Per attribute, in the order of the codes' columns, the number of each token.
        rows: Rows in which each attribute was known, until its groups count as known.
    """

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    _seen: dict[object, "_Own"] = field(default_factory=dict, repr=False)

    @property
    def attributes(self) -> list[str]:
        """The attributes, those of two together among them, in the order of the columns."""
        return list(self.numbers)

    def is_crossed(self, attribute: str) -> bool:
        """Tell whether an attribute is two together."""
        return BOTH in attribute

    def token(self, attribute: str, number: int) -> str:
        """Give what a group's number stands for."""
        known = self.numbers.get(attribute, {})
        return next((token for token, own in known.items() if own == number), "")

    def expect(self, groups: Iterable[tuple[str, str]], policy: DriftPolicy) -> None:
        """Number the groups of a training profile, by attribute and token, before others."""
        for attribute, token in groups:
            if self._begin(attribute):
                self._number(attribute, token, policy)
                self.rows[attribute] = policy.monitors.warm_up_rows

    def read(self, events: Sequence[SealedEvent], policy: DriftPolicy) -> Membership:
        """Tell which groups predictions are of; number those that come for the first time."""
        found = Membership(np.zeros((0, 0)), [], [])
        first = dict.fromkeys(self.numbers, 0)
        for row, event in enumerate(events):
            given = tuple(map(_ATTRIBUTE_AND_TOKEN, event.body.get("protected") or ()))
            where = event.envelope["domain"], event.body["deployment"]["name"]
            own = self._seen.get((len(self.numbers), where, given))
            if own is None:
                own = self._look(given, where, policy)
                self._remember((len(self.numbers), where, given), own)
                for name in self.numbers:
                    first.setdefault(name, row)
            found.members.append(own.members)
            found.without.append(own.without)
            found.excluded += [(row, name) for name in own.excluded]
            found.begun += [(row, name) for name in self._new(own, policy)]
        found.codes = self._codes(found.members, first)
        return found

    def _look(
        self, given: Sequence[tuple[str, str | None]], where: tuple[str, str], policy: DriftPolicy
    ) -> "_Own":
        """Number the groups that attributes and tokens name."""
        tokens: dict[str, str] = {}
        excluded = []
        for raw, token in given:
            attribute = as_name(shortened(raw, _MOST_NAME)).replace(BOTH, " and ")
            if policy.excluded(*where, attribute) is not None:
                excluded.append(attribute)
            elif self._begin(attribute) and attribute not in tokens and token:
                tokens[attribute] = shortened(token, _MOST_TOKEN)
        before = {name: len(self.numbers[name]) for name in tokens}
        members = tuple(self._members(tokens, policy))
        fresh = tuple(name for name in tokens if len(self.numbers[name]) > before[name])
        plain = (name for name in self.numbers if not self.is_crossed(name))
        without = tuple(name for name in plain if name not in tokens)
        return _Own(members, without, tuple(tokens), fresh, tuple(excluded))

    def _remember(self, key: object, own: "_Own") -> None:
        """Keep what is known of the same attributes and tokens, now that they are numbered."""
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[key] = replace(own, fresh=())

    def _new(self, own: "_Own", policy: DriftPolicy) -> Iterator[str]:
        """Count the attributes of a row; give those of which a new group is worth a word."""
        for name in own.known:
            rows = self.rows.get(name, 0)
            if rows < policy.monitors.warm_up_rows:
                self.rows[name] = rows + 1
            elif name in own.fresh:
                yield name

    def _codes(self, members: Sequence[Sequence[Member]], first: Mapping[str, int]) -> Floats:
        columns = {name: column for column, name in enumerate(self.numbers)}
        codes = np.full((len(members), len(columns)), MISSING)
        for name, row in first.items():
            codes[:row, columns[name]] = np.nan
        for row, own in enumerate(members):
            for name, number, _ in own:
                codes[row, columns[name]] = number
        return codes

    def _members(self, tokens: Mapping[str, str], policy: DriftPolicy) -> Iterator[Member]:
        """Number a row's groups, and those of two attributes together."""
        for name, token in tokens.items():
            yield name, self._number(name, token, policy), token
        if not policy.fairness.intersections:
            return
        plain = [name for name in self.numbers if not self.is_crossed(name)][:_CROSSED]
        for first, second in combinations(sorted(name for name in plain if name in tokens), 2):
            name, token = f"{first}{BOTH}{second}", f"{tokens[first]}{BOTH}{tokens[second]}"
            self.numbers.setdefault(name, {})
            yield name, self._number(name, token, policy), token

    def _begin(self, attribute: str) -> bool:
        """Look at an attribute from now on; tell whether there is room for it."""
        if attribute in self.numbers:
            return True
        if sum(not self.is_crossed(each) for each in self.numbers) >= MOST_ATTRIBUTES:
            return False
        self.numbers[attribute] = {}
        return True

    def _number(self, attribute: str, token: str, policy: DriftPolicy) -> int:
        """Give a group's number, the next for a new one."""
        known = self.numbers[attribute]
        if token not in known:
            together = _TOGETHER if self.is_crossed(attribute) else 1
            if len(known) >= together * policy.fairness.most_groups:
                return int(BEYOND)
            known[token] = len(known) + 1
        return known[token]


@dataclass(frozen=True, slots=True)
class _Own:
    """What a row is of; and its attributes: missing, known, with a new group, and excluded."""

    members: tuple[Member, ...]
    without: tuple[str, ...]
    known: tuple[str, ...]
    fresh: tuple[str, ...]
    excluded: tuple[str, ...]
