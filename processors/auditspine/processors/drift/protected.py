"""Groups of people by protected attributes, as tokens name them, and who is of which. Pure.

No value is ever seen in clear. A group is called by its number within its attribute; what a number
stands for is kept as a token, in the state alone and in assessments. What a policy excludes is not
read: it is counted, and that is all. What it excludes later is not read from then on, and what was
known of it is forgotten at the first prediction of the next report.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import combinations
from operator import itemgetter

import numpy as np

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.port import Member
from auditspine.processors.projection.fit import as_name
from auditspine.processors.projection.port import SealedEvent
from auditspine.schemas.tokens import kept_token

MOST_ATTRIBUTES = 8
"""Protected attributes of one model that are looked at; others are not."""

MISSING, BEYOND = -1.0, 0.0
"""Codes of a row whose group is not known, and of one beyond those that are compared."""

_CROSSED = 3  # attributes, the first, whose intersections are looked at
_TOGETHER = 4  # times as many groups of two attributes as of one
_MOST_NAME = 60  # characters of an attribute in a monitor's name
_MOST_BARRED = 32  # attributes that may not be read and are told apart
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
        crowded: Row and attribute where the first group came that is not compared; an empty
            attribute where the first attribute came that is not looked at.
        bare: Row and attribute where one came with what does not look like a token.
    """

    codes: Floats
    members: list[tuple[Member, ...]]
    without: list[tuple[str, ...]]
    begun: list[tuple[int, str]] = field(default_factory=list)
    excluded: list[tuple[int, str]] = field(default_factory=list)
    crowded: list[tuple[int, str]] = field(default_factory=list)
    bare: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Groups:
    """The groups of one model at one deployment; JSON holds it whole.

    Attributes:
        numbers: Per attribute, in the order of the codes' columns, the number of each token.
        rows: Rows in which each attribute was known, until its groups count as known.
        given: What events call attributes whose names had to be changed.
        barred: Attributes that came and may not be read, the first of them; their names alone.
        full: Attributes of which there are more groups than are compared; see
            :attr:`Membership.crowded`.
    """

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    barred: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)
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
        for raw, token in groups:
            attribute = attribute_name(raw)
            if self._begin(raw):
                self._number(attribute, token, policy)
                self.rows[attribute] = policy.monitors.warm_up_rows

    def forget(self, where: tuple[str, str], policy: DriftPolicy) -> list[int]:
        """Forget the groups of attributes that a policy has excluded since they were read.

        An attribute keeps its column, of which nothing is read; without the exclusion its groups
        are numbered anew.

        Args:
            where: Domain and deployment of a prediction.
            policy: The policy.

        Returns:
            Columns of what may not be read.
        """
        barred = self._unread(where, policy)
        for name in barred:
            if self.numbers[name]:
                self._seen.clear()
            self.numbers[name] = {}
            self.rows.pop(name, None)
        return [column for column, name in enumerate(self.numbers) if name in barred]

    def read(self, events: Sequence[SealedEvent], policy: DriftPolicy) -> Membership:
        """Tell which groups predictions are of; number those that come for the first time."""
        found = Membership(np.zeros((0, 0)), [], [])
        first, unread = dict.fromkeys(self.numbers, 0), list[tuple[str, ...]]()
        for row, event in enumerate(events):
            given = tuple(map(_ATTRIBUTE_AND_TOKEN, event.body.get("protected") or ()))
            where = event.envelope["domain"], event.body["deployment"]["name"]
            own = self._seen.get((len(self.numbers), where, given))
            if own is None:
                own = self._look(given, where, policy)
                if len(given) <= 2 * MOST_ATTRIBUTES:
                    self._remember((len(self.numbers), where, given), own)
                for name in self.numbers:
                    first.setdefault(name, row)
            found.members.append(own.members)
            found.without.append(own.without)
            found.excluded += [(row, name) for name in own.excluded]
            found.bare += [(row, name) for name in own.bare]
            found.begun += [(row, name) for name in self._new(own, policy)]
            found.crowded += [(row, name) for name in own.beyond if name not in self.full]
            self.full += [name for name in own.beyond if name not in self.full]
            unread.append(own.unread)
        found.codes = self._codes(found, unread, first)
        return found

    def _look(
        self, given: Sequence[tuple[str, str | None]], where: tuple[str, str], policy: DriftPolicy
    ) -> "_Own":
        """Number the groups that attributes and tokens name."""
        tokens: dict[str, str] = {}
        excluded, beyond, bare = dict[str, None](), dict[str, None](), []
        for raw, token in given:
            attribute, barred = attribute_name(raw), excluded_by(raw, where, policy)
            if barred is not None:
                excluded[self._barred(*barred)] = None
            elif not self._begin(raw):
                beyond[""] = None
            elif attribute not in tokens and token:
                tokens[attribute] = kept_token(token)
                if tokens[attribute] != token:
                    bare.append(attribute)
        before = {name: len(self.numbers[name]) for name in tokens}
        members = tuple(self._members(tokens, policy))
        beyond |= {name: None for name, number, _ in members if not number and name in tokens}
        fresh = tuple(name for name in tokens if len(self.numbers[name]) > before[name])
        unread = self._unread(where, policy)
        plain = (name for name in self.numbers if not self.is_crossed(name))
        without = tuple(name for name in plain if name not in tokens and name not in unread)
        told = tuple(excluded), tuple(beyond), tuple(bare)
        return _Own(members, without, tuple(tokens), fresh, *told, unread)

    def _barred(self, name: str, pattern: str) -> str:
        """Give what an excluded attribute is counted as: of very many, the policy's pattern."""
        if name not in self.barred:
            if len(self.barred) >= _MOST_BARRED:
                return pattern
            self.barred.append(name)
        return name

    def _unread(self, where: tuple[str, str], policy: DriftPolicy) -> tuple[str, ...]:
        """Give the known attributes that may not be read."""
        if not policy.exclusions:
            return ()
        raw = {
            name: [self.given.get(each, each) for each in name.split(BOTH)] for name in self.numbers
        }
        return tuple(
            name
            for name, parts in raw.items()
            if any(excluded_by(each, where, policy) is not None for each in parts)
        )

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

    def _codes(
        self, found: Membership, unread: Sequence[Sequence[str]], first: Mapping[str, int]
    ) -> Floats:
        columns = {name: column for column, name in enumerate(self.numbers)}
        codes = np.full((len(found.members), len(columns)), MISSING)
        for name, row in first.items():
            codes[:row, columns[name]] = np.nan
        for row, (own, barred) in enumerate(zip(found.members, unread, strict=True)):
            for name, number, _ in own:
                codes[row, columns[name]] = number
            for name in barred:
                codes[row, columns[name]] = np.nan
        return codes

    def _members(self, tokens: Mapping[str, str], policy: DriftPolicy) -> Iterator[Member]:
        """Number a row's groups, and those of two attributes together.

        What is beyond those that are compared is not told apart, by token or together with others.
        """
        numbers = {name: self._number(name, token, policy) for name, token in tokens.items()}
        for name, number in numbers.items():
            yield name, number, tokens[name] if number else ""
        if not policy.fairness.intersections:
            return
        plain = [name for name in self.numbers if not self.is_crossed(name)][:_CROSSED]
        for first, second in combinations(sorted(name for name in plain if name in tokens), 2):
            name, token = f"{first}{BOTH}{second}", f"{tokens[first]}{BOTH}{tokens[second]}"
            self.numbers.setdefault(name, {})
            is_known = numbers[first] and numbers[second]
            number = self._number(name, token, policy) if is_known else int(BEYOND)
            yield name, number, token if number else ""

    def _begin(self, raw: str) -> bool:
        """Look at an attribute from now on; tell whether there is room for it."""
        attribute = attribute_name(raw)
        if attribute in self.numbers:
            return True
        if sum(not self.is_crossed(each) for each in self.numbers) >= MOST_ATTRIBUTES:
            return False
        self.numbers[attribute] = {}
        if attribute != raw:
            self.given[attribute] = raw
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
    """What a row is of; and its attributes.

    They are missing, known, with a new group, excluded, with a group beyond those that are
    compared, with what is no token, and those that may not be read whether they came or not.
    """

    members: tuple[Member, ...]
    without: tuple[str, ...]
    known: tuple[str, ...]
    fresh: tuple[str, ...]
    excluded: tuple[str, ...]
    beyond: tuple[str, ...]
    bare: tuple[str, ...]
    unread: tuple[str, ...]


def attribute_name(raw: str) -> str:
    """Give what an attribute is called: its name, if no monitor's name can be misread by it.

    Else what is left of it, with a mark that tells it from others.
    """
    plain = as_name(raw).replace(BOTH, " and ").replace("~", "-")
    if plain == raw and len(plain) <= _MOST_NAME:
        return plain
    mark = sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: _MOST_NAME - 10]}…#{mark}"


def excluded_by(raw: str, where: tuple[str, str], policy: DriftPolicy) -> tuple[str, str] | None:
    """Give an attribute that may not be read, and the policy's pattern; None if it may be.

    Of two attributes together it is the one of them that may not be.

    Args:
        raw: The attribute, as an event calls it or as monitors do.
        where: Domain and deployment.
        policy: The policy.
    """
    if not policy.exclusions:
        return None
    for name in (raw, *raw.split(BOTH), attribute_name(raw)):
        rule = policy.excluded(*where, name)
        if rule is not None:
            pattern = next(each for each in rule.attributes if fnmatchcase(name, each))
            return name, pattern
    return None
