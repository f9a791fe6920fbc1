"""The routing file: which tenants and domains have topics and a database of their own. Pure.

A deployment has one control log and one shared space. A space of its own has source and sealed
topics under a prefix, and a database; what belongs there counts nowhere else, as the control log
says since when (docs/tenancy.md). An example, TOML::

    [spaces.grid]
    isolation = "domain"
    domains = ["energy"]

    [spaces.harbor]
    isolation = "dedicated"
    tenants = ["harbor"]
    database = "harbor_evidence"      # without it auditspine_harbor
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditspine.ledger.errors import FormatError
from auditspine.ledger.topics import TOPIC_PREFIX, Topics

SHARED = "shared"
_RESERVED = (SHARED, "keys")
"""Not names of spaces; ``tenants sql`` has databases whose names would be the same."""

_SYSTEM = ("default", "system", "information_schema")
_DATABASE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=128)]


class Space(BaseModel):
    """Where events of some tenants or domains are, apart from others.

    Attributes:
        name: Its name.
        isolation: ``shared``: with all others; ``domain``: those of some domains, of any tenant
            without a space of its own; ``dedicated``: those of one tenant.
        tenants: The tenant of a dedicated space; none while it is kept for its history alone.
        domains: The domains of a domain's space.
        topic_prefix: First part of its topics' names.
        database: Its ClickHouse database.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    isolation: Literal["shared", "domain", "dedicated"]
    tenants: tuple[_Token, ...] = ()
    domains: tuple[_Token, ...] = ()
    topic_prefix: Annotated[str, Field(pattern=TOPIC_PREFIX)]
    database: Annotated[str, Field(pattern=_DATABASE)]

    @model_validator(mode="after")
    def _holds_what_it_says(self) -> Self:
        tenants, domains = len(self.tenants), len(self.domains)
        if self.isolation == "dedicated" and (tenants > 1 or domains):
            raise ValueError("a dedicated space names one tenant at most, and no domains")
        if self.isolation == "domain" and tenants:
            raise ValueError("a domain's space names domains, and no tenants")
        return self

    @property
    def is_shared(self) -> bool:
        """Whether it is the deployment's shared space."""
        return self.isolation == "shared"


class Routing:
    """Which space each tenant's and each domain's events belong to.

    Args:
        shared: The shared space.
        spaces: The others.
        digest: SHA-256 of the file that says so, 32 bytes.

    Raises:
        FormatError: Two spaces want the same tenant, domain, topics or database.
    """

    def __init__(self, shared: Space, spaces: Mapping[str, Space], digest: bytes) -> None:
        self.shared = shared
        self.spaces = {shared.name: shared, **spaces}
        self.digest = digest
        for what, values in (
            ("tenant", [t for s in self for t in s.tenants]),
            ("domain", [d for s in self for d in s.domains]),
            ("topic_prefix", [s.topic_prefix for s in self]),
            ("database", [s.database for s in self]),
        ):
            repeated = {value for value in values if values.count(value) > 1}
            if repeated:
                raise FormatError(f"{what} {min(repeated)} is in two spaces")
        _check_databases([space.database for space in self])

    def __iter__(self) -> Iterator[Space]:
        return iter(self.spaces.values())

    def of_tenant(self, tenant: str) -> Space:
        """Give a tenant's dedicated space, else the shared one."""
        return next((space for space in self if tenant in space.tenants), self.shared)

    def of(self, tenant: str, domain: str) -> Space:
        """Give the space of a tenant's events of a domain: its own, the domain's, the shared."""
        own = self.of_tenant(tenant)
        if not own.is_shared:
            return own
        return next((space for space in self if domain in space.domains), self.shared)

    def domain_in(self, space: Space) -> str:
        """Give a domain of which events belong in a space: for what is of no domain by itself.

        In a domain's space, its first; elsewhere ``governance``, or another that is nobody's.
        """
        if space.domains:
            return space.domains[0]
        taken = {domain for each in self for domain in each.domains}
        names = (f"governance-{n}" if n else "governance" for n in count())
        return next(name for name in names if name not in taken)

    def topics(self, space: Space, partitions: int = 4) -> Topics:
        """Give a space's topics.

        Args:
            space: One of these spaces.
            partitions: Of each stream but control, in every space.
        """
        return Topics(space.topic_prefix, partitions, self.shared.topic_prefix)


def _check_databases(names: list[str]) -> None:
    """Keep clear of databases that ``tenants sql`` or the server has beside each."""
    for name in names:
        beside = (other for other in names if name.startswith((f"{other}_keys", f"{other}_masked")))
        if name.lower() in _SYSTEM or any(beside):
            raise FormatError(f"database {name}: that name is taken by what goes with another")


def parse_routing(
    text: str, topic_prefix: str = "auditspine.", database: str = "auditspine"
) -> Routing:
    """Read a routing file.

    Args:
        text: TOML, as above; the empty text says that all share.
        topic_prefix: Of the shared space.
        database: Of the shared space.

    Raises:
        FormatError: It is not such a file; the message names the space and the field.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise FormatError(f"not TOML: {exc}") from None
    tables = given.pop("spaces", {})
    if given or not isinstance(tables, dict):
        raise FormatError(f"expected tables [spaces.NAME], got {', '.join(given) or 'spaces'}")
    spaces = {name: _space(name, table, topic_prefix, database) for name, table in tables.items()}
    shared = Space(name=SHARED, isolation="shared", topic_prefix=topic_prefix, database=database)
    return Routing(shared, spaces, sha256(text.encode()).digest())


def read_routing(
    path: Path | str, topic_prefix: str = "auditspine.", database: str = "auditspine"
) -> Routing:
    """Read a routing file from disk; see :func:`parse_routing`.

    Raises:
        FormatError: It cannot be read, or is not a routing file.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"the routing file {path} cannot be read: {exc}") from exc
    try:
        return parse_routing(text, topic_prefix, database)
    except FormatError as exc:
        raise FormatError(f"the routing file {path}: {exc}") from None


def _space(name: str, table: object, topic_prefix: str, database: str) -> Space:
    if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith("masked"):
        raise FormatError(
            f"space {name}: expected a name of lower-case letters, digits, - and _ that starts "
            f"with a letter and is not one of {', '.join(_RESERVED)} or begins with masked"
        )
    if not isinstance(table, dict):
        raise FormatError(f"space {name}: expected a table")
    defaults = {
        "topic_prefix": f"{topic_prefix}{name}.",
        "database": f"{database}_{name.replace('-', '_')}",
    }
    try:
        space = Space.model_validate({**defaults, **table, "name": name})
    except ValidationError as exc:
        problems = [
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}".removeprefix(": ")
            for error in exc.errors(include_input=False, include_url=False)
        ]
        raise FormatError(f"space {name}: {'; '.join(problems)}") from None
    if space.is_shared:
        raise FormatError(f"space {name}: isolation: expected domain or dedicated")
    return space
