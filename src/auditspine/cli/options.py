"""Options that several commands share, and the settings that follow from them."""

from pathlib import Path
from typing import Annotated

import typer

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
