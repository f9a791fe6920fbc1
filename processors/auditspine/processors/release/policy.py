"""The release policy: which rules a release is judged by, and who may decide. Pure.

It is published as one text in the control log; the text is made of a folder of TOML files by
:mod:`~auditspine.processors.release.bundle`. A text that parses can be judged by: every rule
compiles and every class with every overlay, and all of them together, gives a rule set.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.overlays import check, combine
from auditspine.processors.release.policy_text import (
    DomainPart,
    PolicyText,
    ReleasePart,
    place,
    read_text,
)
from auditspine.processors.release.providers import Provider, is_secure, key_problem
from auditspine.processors.release.rules import RuleSet

_MOST_RULESETS = 256  # that are kept


@dataclass(frozen=True, slots=True)
class Domain:
    """How a business domain's models are judged.

    Attributes:
        risk_class: The least that their releases are judged by.
        jurisdictions: Jurisdictions whose overlays apply.
    """

    risk_class: str
    jurisdictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """A whole policy.

    Attributes:
        digest: SHA-256 of its text, 32 bytes.
        version: What its authors call it.
        environments: Environments in the order in which a model must pass them.
        domains: How each business domain is judged.
        default: How every other domain is.
        classes: Names of the risk classes.
        jurisdictions: Names of the overlays.
        approver_roles: Roles whose holders may approve.
        exception_roles: Roles whose holders may grant exceptions.
        providers: Identity providers whose tokens count.
        aliases: Person by principal, for people with several accounts.
        grace_minutes: How much later than its deployment a decision may come.
        request_hours: How long a request for a release is open.
        warn_days: How long before an exception ends that is told.
        owner: Who is told of findings.
    """

    digest: bytes
    version: str
    environments: tuple[str, ...]
    domains: Mapping[str, Domain]
    default: Domain
    classes: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    approver_roles: tuple[str, ...]
    exception_roles: tuple[str, ...]
    providers: tuple[Provider, ...]
    aliases: Mapping[str, str]
    grace_minutes: int
    request_hours: int
    warn_days: int
    owner: str
    _text: PolicyText = field(repr=False, compare=False)
    _rulesets: dict[tuple[str, ...], RuleSet] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def default_class(self) -> str:
        """The class of domains that the policy does not name."""
        return self.default.risk_class

    def domain(self, name: str) -> Domain:
        """Give how a business domain is judged; :attr:`default` for one that is not named."""
        return self.domains.get(name, self.default)

    def ruleset(self, risk_class: str, jurisdictions: Iterable[str] = ()) -> RuleSet:
        """Give the rules of a class with overlays over it; the same object each time.

        Raises:
            PolicyError: There is no such class or jurisdiction.
        """
        base = self._text.classes.get(risk_class)
        if base is None:
            raise PolicyError(f"there is no risk class {risk_class[:64]}")
        chosen = sorted(set(jurisdictions))
        known = self._rulesets.get((risk_class, *chosen))
        if known is not None:
            return known
        if lost := [each for each in chosen if each not in self._text.overlays]:
            raise PolicyError(f"there is no jurisdiction {lost[0][:64]}")
        made = combine(risk_class, base, {each: self._text.overlays[each] for each in chosen})
        if len(self._rulesets) >= _MOST_RULESETS:
            self._rulesets.clear()  # whoever asks names any overlays together
        self._rulesets[(risk_class, *chosen)] = made
        return made

    def person(self, principal: str) -> str:
        """Give the person behind an account; the account itself where nothing else is known."""
        return self.aliases.get(principal, principal)


def parse_policy(text: str) -> ReleasePolicy:
    """Read a policy's text.

    Raises:
        PolicyError: It cannot be judged by; the message names files and fields.
    """
    said = read_text(text)
    release = said.release
    _check_release(said)
    policy = ReleasePolicy(
        digest=sha256(text.encode("utf-8", "surrogatepass")).digest(),
        version=release.version,
        environments=release.environments,
        domains={
            name: Domain(each.risk_class, each.jurisdictions)
            for name, each in release.domains.items()
        },
        default=Domain(release.default.risk_class, release.default.jurisdictions),
        classes=tuple(said.classes),
        jurisdictions=tuple(said.overlays),
        approver_roles=release.approvals.roles,
        exception_roles=release.exceptions.roles,
        providers=_providers(release),
        aliases=dict(release.aliases),
        grace_minutes=release.times.grace_minutes,
        request_hours=release.times.request_hours,
        warn_days=release.times.warn_days,
        owner=release.owner,
        _text=said,
    )
    for risk_class, base in said.classes.items():
        check(risk_class, base, said.overlays)
    return policy


def _check_release(said: PolicyText) -> None:
    release = said.release
    if len(set(release.environments)) != len(release.environments):
        raise _error(("environments",), "expected each once")
    named: dict[tuple[str, ...], DomainPart] = {("default",): release.default}
    named |= {("domains", name): each for name, each in release.domains.items()}
    for loc, domain in named.items():
        if domain.risk_class not in said.classes:
            raise _error((*loc, "class"), f"there is no classes/{domain.risk_class}.toml")
        if lost := sorted(set(domain.jurisdictions) - said.overlays.keys()):
            raise _error((*loc, "jurisdictions"), f"there is no overlays/{lost[0]}.toml")
    for jurisdiction, overlay in said.overlays.items():
        if lost := sorted(overlay.classes.keys() - said.classes.keys()):
            file = place(("overlays", jurisdiction, "classes", lost[0]))
            raise PolicyError(f"{file}: there is no such class")
    if chained := sorted(release.aliases.keys() & set(release.aliases.values())):
        raise _error(("aliases", chained[0]), "a person has an alias in turn: expected one step")


def _providers(release: ReleasePart) -> tuple[Provider, ...]:
    found: dict[str, Provider] = {}
    for number, each in enumerate(release.identity):
        loc = ("identity", number)
        if not is_secure(each.issuer):
            raise _error((*loc, "issuer"), "expected an https address, or http to this machine")
        if each.issuer in found:
            raise _error((*loc, "issuer"), "expected each issuer once")
        if problem := key_problem(each.jwks):
            raise _error((*loc, "jwks"), problem)
        found[each.issuer] = Provider(
            each.issuer,
            each.audience,
            each.jwks,
            each.principal_claim,
            each.name_claim,
            each.person_claim,
        )
    return tuple(found.values())


def _error(loc: tuple[int | str, ...], text: str) -> PolicyError:
    return PolicyError(f"{place(('release', *loc))}: {text}")
