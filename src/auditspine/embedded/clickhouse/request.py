"""Read a request of ClickHouse's HTTP interface: parameters, settings, external data. Pure.

Source: ClickHouse documentation, "HTTP interface".
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import parse_qsl

from auditspine.embedded.clickhouse.accounts import Account
from auditspine.embedded.clickhouse.errors import ClickHouseError

_NOT_SETTINGS = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "framing_output_format",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
"""Parameters that are about the transport, or that this process and not the engine acts on."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
_PARAMETER_PREFIX = "param_"


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """Data sent along with a statement, which can select from them by name.

    Attributes:
        name: Table name.
        structure: Columns and types.
        data_format: Format of the data.
        data: The data.
    """

    name: str
    structure: str
    data_format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """A statement to run.

    Attributes:
        request_id: Ours, unique.
        account: Who sent it.
        query: The statement, or its start: what the body has follows it.
        body: The rest, decoded, at its start.
        parameters: Bound parameters.
        settings: Engine settings.
        database: Default database, or empty.
        default_format: Output format where the statement names none.
        wait_end: Hold the result back until it is complete, so that an error gets its status.
        read_only: Sent by GET, which must change nothing.
        external: Data sent along.
    """

    request_id: str
    account: Account
    query: bytes
    body: BinaryIO
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    default_format: str = "TabSeparated"
    wait_end: bool = False
    read_only: bool = False
    external: tuple[ExternalTable, ...] = ()


def parse_arguments(query_string: bytes) -> dict[str, str]:
    """Read URL parameters or a URL-encoded form; the last of a name counts.

    Bytes that are not UTF-8 are kept as surrogates.
    """
    text = query_string.decode("utf-8", "surrogateescape")
    return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def credentials(headers: Mapping[str, str], arguments: Mapping[str, str]) -> tuple[str, str]:
    """Give user and password, wherever ClickHouse lets a client put them.

    Raises:
        ClickHouseError: 516 where the Authorization header cannot be read.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            raise ClickHouseError(516, "Authentication failed: malformed HTTP Basic.") from None
        return user, password
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    return arguments.get("user", ""), arguments.get("password", "")


def engine_settings(
    arguments: Mapping[str, str], account: Account, external: tuple[ExternalTable, ...]
) -> dict[str, str]:
    """Give the engine's settings among the parameters.

    Raises:
        ClickHouseError: 115 for a name that cannot be one, 164 where a limited account sends any.
    """
    described = tuple(f"{table.name}_" for table in external)
    found = {
        name: value
        for name, value in arguments.items()
        if name not in _NOT_SETTINGS
        and not name.startswith((_PARAMETER_PREFIX, *described))
        and not (name == "readonly" and account.limited)  # theirs is always 1
    }
    for name in found:
        if not _SETTING.match(name):
            raise ClickHouseError(36, "A setting's name has characters that no setting has.")
        if account.limited:
            raise ClickHouseError(164, f"Cannot modify '{name}' setting in readonly mode.")
    return found


def default_format(headers: Mapping[str, str], arguments: Mapping[str, str]) -> str:
    """Give the output format for statements that name none.

    Raises:
        ClickHouseError: 73 where it cannot be a format's name; it becomes part of a statement.
    """
    name = arguments.get("default_format") or headers.get("x-clickhouse-format", "TabSeparated")
    if not _IDENTIFIER.match(name):
        raise ClickHouseError(73, "The default format is not the name of a format.")
    return name


def bound_parameters(arguments: Mapping[str, str]) -> dict[str, str]:
    """Give the bound parameters, by name without the prefix.

    Raises:
        ClickHouseError: 36 for a name that is no identifier.
    """
    found = {
        name.removeprefix(_PARAMETER_PREFIX): value
        for name, value in arguments.items()
        if name.startswith(_PARAMETER_PREFIX)
    }
    if not all(_IDENTIFIER.match(name) for name in found):
        raise ClickHouseError(36, "A parameter's name is not an identifier.")
    return found


def external_table(name: str, data: bytes, arguments: Mapping[str, str]) -> ExternalTable:
    """Describe an external table from its part of a form and the parameters about it.

    Raises:
        ClickHouseError: 36 where its name is no identifier or its columns are not given.
    """
    if not _IDENTIFIER.match(name):
        raise ClickHouseError(36, "An external table's name is not an identifier.")
    types = arguments.get(f"{name}_types", "")
    listed = ", ".join(f"_{i} {kind}" for i, kind in enumerate(_split_types(types), start=1))
    structure = arguments.get(f"{name}_structure") or listed
    if not structure:
        raise ClickHouseError(36, f"External table {name} has neither structure nor types.")
    return ExternalTable(name, structure, arguments.get(f"{name}_format", "TabSeparated"), data)


def _split_types(types: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts = [""]
    depth = 0
    for char in types:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]
