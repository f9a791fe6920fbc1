"""The two accounts of the endpoint and what the limited one may read.

The file holds passwords in the clear, as a client's configuration must, so only its owner may
read it. Does not decide what a statement does: see ``guard``.
"""

import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditspine.embedded.clickhouse.errors import ClickHouseError
from auditspine.embedded.errors import EmbeddedError

ADMIN = "admin"
READER = "reader"

_SHARED_BITS = stat.S_IRWXG | stat.S_IRWXO
_TableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$")
]
_Password = Annotated[str, StringConstraints(min_length=12)]


class AccountsError(EmbeddedError):
    """The accounts file cannot be used as it is: do what the message says."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who a request comes from.

    Attributes:
        name: User name.
        limited: Held to one read-only statement over the granted tables.
    """

    name: str
    limited: bool


class _Admin(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    password: _Password


class _Reader(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    password: _Password
    tables: tuple[_TableName, ...]


class Accounts(BaseModel):
    """Both accounts.

    Attributes:
        admin: Used by the product's own parts; may do everything.
        reader: Used by auditors; ``tables`` lists, as ``database.name``, what it may select from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    admin: _Admin = Field(repr=False)
    reader: _Reader = Field(repr=False)

    def authenticate(self, user: str, password: str) -> Account:
        """Check a password in constant time.

        Raises:
            ClickHouseError: 516, whether the user or the password is wrong.
        """
        expected = {ADMIN: self.admin.password, READER: self.reader.password}.get(user, "")
        same = hmac.compare_digest(expected.encode(), password.encode("utf-8", "surrogateescape"))
        if not (same and expected):
            raise ClickHouseError(
                516,
                "Authentication failed: password is incorrect, or there is no user with such name.",
            )
        return Account(user, limited=user != ADMIN)


def create_accounts(path: Path, reader_tables: Iterable[str]) -> Accounts:
    """Make accounts with new random passwords and write them, mode 0600; never overwrites.

    Args:
        path: The new file.
        reader_tables: Tables and views, as ``database.name``, that the reader may select from.

    Raises:
        FileExistsError: The file exists.
        AccountsError: A table's name is not of that form.
    """
    made = _validated(
        path,
        {
            "admin": {"password": secrets.token_urlsafe(24)},
            "reader": {"password": secrets.token_urlsafe(24), "tables": sorted(reader_tables)},
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "x", encoding="utf-8", opener=_private) as file:
        file.write(made.model_dump_json(indent=2) + "\n")
    return made


def ensure_accounts(path: Path, reader_tables: Iterable[str]) -> Accounts:
    """Read the accounts, creating them when missing, and bring the reader's tables up to date.

    The passwords stay. A running endpoint learns of other tables when it is started again.

    Raises:
        AccountsError: As of ``read_accounts``.
    """
    if not path.exists():
        return create_accounts(path, reader_tables)
    known = read_accounts(path)
    tables = tuple(sorted(reader_tables))
    if known.reader.tables == tables:
        return known
    changed = _validated(
        path,
        {
            "admin": {"password": known.admin.password},
            "reader": {"password": known.reader.password, "tables": tables},
        },
    )
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(new, "x", encoding="utf-8", opener=_private) as file:
        file.write(changed.model_dump_json(indent=2) + "\n")
    new.replace(path)
    return changed


def read_accounts(path: Path) -> Accounts:
    """Read the accounts file.

    Raises:
        AccountsError: It is missing, unreadable, open to others, or malformed.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise AccountsError(f"accounts file {path}: cannot be read: {exc}") from exc
    if mode & _SHARED_BITS:
        raise AccountsError(
            f"accounts file {path}: expected mode 0600, got {stat.S_IMODE(mode):04o}: "
            f"others could read the passwords; run chmod 600 {path}"
        )
    try:
        return _validated(path, json.loads(text))
    except json.JSONDecodeError as exc:
        raise AccountsError(f"accounts file {path}: is not JSON (line {exc.lineno})") from None


def _validated(path: Path, values: object) -> Accounts:
    try:
        return Accounts.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]  # the input has passwords
        field = ".".join(str(part) for part in first["loc"])
        raise AccountsError(f"accounts file {path}: {field}: {first['msg']}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
