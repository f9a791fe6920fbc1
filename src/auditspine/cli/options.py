"""Options that several commands share, and the settings that follow from them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from auditspine.auditor.lineage.store import Moment
from auditspine.cli.errors import CliError

_SPANS = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST_SPAN = timedelta(days=366)

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where the embedded stack keeps its data. [default: .auditspine]",
        show_default=False,
        rich_help_panel="Where",
    ),
]
ServersOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        metavar="HOST:PORT,…",
        help="Your own Kafka, instead of the embedded one. Its other properties: AUDITSPINE_KAFKA.",
        show_default=False,
        rich_help_panel="Where",
    ),
]
ClickHouseOption = Annotated[
    str | None,
    typer.Option(
        "--clickhouse-url",
        metavar="URL",
        help="Your own ClickHouse, instead of the embedded one, with AUDITSPINE_CLICKHOUSE_USER "
        "and AUDITSPINE_CLICKHOUSE_PASSWORD.",
        show_default=False,
        rich_help_panel="Where",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="The tenant; needed when there are several.")
]
RecordedOption = Annotated[
    str | None,
    typer.Option(
        "--recorded",
        metavar="TIME",
        help="As the ledger stood at this time, such as 2026-11-25T12:00Z; UTC without a zone.",
    ),
]
OccurredOption = Annotated[
    str | None,
    typer.Option(
        "--occurred", metavar="TIME", help="As things stood at this time by what events say."
    ),
]


def moment_of(recorded: str | None, occurred: str | None) -> Moment:
    """Read the times of the options.

    Raises:
        CliError: One is not a time.
    """
    return Moment(parse_time("--recorded", recorded), parse_time("--occurred", occurred))


def parse_time(option: str, text: str | None) -> datetime | None:
    """Read a time of an option; UTC where it names no zone.

    Raises:
        CliError: It is not a time.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise CliError(f"{option}: expected a time such as 2026-11-25T12:00Z, got {text}") from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parse_span(option: str, text: str) -> timedelta:
    """Read a span of time of an option: ``30m``, ``2h`` or ``1d``.

    Raises:
        CliError: It is not a span, or longer than a year.
    """
    found = re.fullmatch(r"([0-9]{1,6})\s*(m|min|h|d)", text.strip())
    if found is None:
        raise CliError(f"{option}: expected a span such as 30m, 2h or 1d, got {text}")
    span = int(found[1]) * _SPANS[found[2]]
    if not timedelta() < span <= _LONGEST_SPAN:
        raise CliError(f"{option}: expected more than nothing and at most 366d, got {text}")
    return span
