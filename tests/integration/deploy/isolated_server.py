"""A server's roles, users and row policies in chDB, which takes them from its configuration.

chDB runs everything as the user ``default`` and refuses CREATE ROLE, USER and ROW POLICY. So a
session is opened as one role: its grants are a role's, and the row policies that name it, or all,
are the filters of ``default``. Users of views are users, with filters and grants of their own.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from auditspine.sinks.server_sql import Isolation, Names

PROCESS = Path(__file__).with_name("grants_process.py")
ADMIN = "admin"
SEES_NOTHING_GRANTED = "granted_all_and_named_by_no_policy"


@dataclass(frozen=True)
class IsolatedServer:
    """One database directory, opened as whom it is asked.

    Attributes:
        home: Where it is.
        isolation: What is set up.
        product: The grants of the product's account, as SQL.
    """

    home: Path
    isolation: Isolation
    product: list[str]

    def run(self, role: str, *statements: str) -> list[list[str]]:
        """Give how each statement ended, ``ok`` or ``error``, and what came of it."""
        given = {
            "path": str(self.home / "db"),
            "config": str(self._config(role)),
            "statements": [[role, each] for each in statements],
        }
        done = subprocess.run(
            [sys.executable, str(PROCESS)],
            input=json.dumps(given),
            capture_output=True,
            check=True,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def ask(self, role: str, statement: str) -> list[list[str]]:
        """Give a statement's rows as text."""
        [rows] = self.ask_all(role, statement)
        return rows

    def ask_all(self, role: str, *statements: str) -> list[list[list[str]]]:
        """Give the rows of each statement, from one process."""
        found = self.run(role, *statements)
        assert [said for how, said in found if how != "ok"] == []
        return [[line.split("\t") for line in said.splitlines()] for _, said in found]

    def _config(self, role: str) -> Path:
        users = self.home / f"users-{role}.xml"
        users.write_text(self._users(role))
        main = self.home / f"config-{role}.xml"
        main.write_text(
            f"<clickhouse><users_config>{users}</users_config><access_control_improvements>"
            "<users_without_row_policies_can_read_rows>1</users_without_row_policies_can_read_rows>"
            "</access_control_improvements></clickhouse>"
        )
        return main

    def _users(self, role: str) -> str:
        own = {grant.to: grant.privileges for grant in self.isolation.grants()}
        maskers = [Names(tenant).masker for tenant in self.isolation.tenants]
        roles = {to: each for to, each in own.items() if to not in maskers}
        all_roles = {**roles, ADMIN: ["ALL ON *.*"], SEES_NOTHING_GRANTED: ["SELECT ON *.*"]}
        xml = "".join(
            f"<{to}>{_grants(f'GRANT {each}' for each in given)}</{to}>"
            for to, given in all_roles.items()
        )
        granted = _grants([f"GRANT {', '.join(all_roles)}"])
        users = _user("default", granted, self._filters(role))
        for name in maskers:
            given = _grants(f"GRANT {each}" for each in own[name])
            users += _user(name, given, self._filters(name))
        account = self.isolation.accounts[0]
        users += _user(account, _grants(self.product), self._filters(account))
        return (
            f"<clickhouse><profiles><default/></profiles><roles>{xml}</roles>"
            f"<users>{users}</users><quotas><default></default></quotas></clickhouse>"
        )

    def _filters(self, name: str) -> str:
        """Give a role's or user's permissive policies, which add up."""
        found: dict[str, list[str]] = {}
        for policy in self.isolation.policies():
            assert policy.database == self.isolation.database
            if not policy.to or name in policy.to:
                found.setdefault(policy.table, []).append(f"({policy.using})")
        tables = "".join(
            f"<{table}><filter>{escape(' OR '.join(using))}</filter></{table}>"
            for table, using in found.items()
        )
        database = self.isolation.database
        return f"<databases><{database}>{tables}</{database}></databases>"


def _grants(queries: Iterable[str]) -> str:
    return f"<grants>{''.join(f'<query>{escape(each)}</query>' for each in queries)}</grants>"


def _user(name: str, grants: str, filters: str) -> str:
    return (
        f"<{name}><password></password><networks><ip>::/0</ip></networks>"
        f"<profile>default</profile><quota>default</quota>{grants}{filters}</{name}>"
    )
