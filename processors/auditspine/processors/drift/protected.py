"""Groups of people by protected attributes, as tokens name them, and who is of which. Pure.

No value is ever seen in clear. A group is called by its number within its attribute; what a number
stands for is kept as a token, in the state alone and in assessments. What a policy excludes is not
read: it is counted, and that is all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

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
        found, rules = Membership(np.zeros((0, 0)), [], []), _Rules(policy)
        first = dict.fromkeys(self.numbers, 0)
        for row, event in enumerate(events):
            tokens = self._given(event, row, rules, found)
            known = {name: len(self.numbers[name]) for name in tokens}
            found.members.append(tuple(self._members(tokens, policy)))
            for name in self.numbers:
                first.setdefault(name, row)
            found.begun += [(row, name) for name in self._new(tokens, known, policy)]
            plain = (name for name in self.numbers if not self.is_crossed(name))
            found.without.append(tuple(name for name in plain if name not in tokens))
        found.codes = self._codes(found.members, first)
        return found

    def _new(
        self, tokens: Iterable[str], known: Mapping[str, int], policy: DriftPolicy
    ) -> Iterator[str]:
        """Count the attributes of a row; give those of which a new group is worth a word."""
        for name in tokens:
            rows = self.rows.get(name, 0)
            if rows < policy.monitors.warm_up_rows:
                self.rows[name] = rows + 1
            elif len(self.numbers[name]) > known[name]:
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

    def _given(
        self, event: SealedEvent, row: int, rules: "_Rules", found: Membership
    ) -> dict[str, str]:
        """Give a prediction's tokens by attribute, without what is excluded."""
        tokens: dict[str, str] = {}
        for each in event.body.get("protected") or ():
            attribute = as_name(shortened(each["attribute"], _MOST_NAME)).replace(BOTH, " and ")
            if rules.excludes(event, attribute):
                found.excluded.append((row, attribute))
            elif self._begin(attribute) and attribute not in tokens and each["token"]:
                tokens[attribute] = shortened(each["token"], _MOST_TOKEN)
        return tokens

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


class _Rules:
    """What a policy excludes, asked once for each domain, deployment and attribute."""

    def __init__(self, policy: DriftPolicy) -> None:
        self._policy = policy
        self._known: dict[tuple[str, str, str], bool] = {}

    def excludes(self, event: SealedEvent, attribute: str) -> bool:
        if not self._policy.exclusions:
            return False
        asked = event.envelope["domain"], event.body["deployment"]["name"], attribute
        if asked not in self._known:
            self._known[asked] = self._policy.excluded(*asked) is not None
        return self._known[asked]
