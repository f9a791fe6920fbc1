"""``auditspine sql``: queries on the evidence, and the questions that auditors ask."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.table import Table
from rich.text import Text

from auditspine.auditor.questions import QUESTIONS, Question
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption
from auditspine.cli.settings import load_settings
from auditspine.sinks.store import sort_error

_ACROSS = 5  # columns that one row may have to be shown across
_CELL = 60  # characters; JSON has the whole value


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One read-only statement; `-` reads it from stdin.")
    ] = None,
    ask: Annotated[
        str | None, typer.Option(metavar="QUESTION", help="Ask one of the auditors' questions.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-p", metavar="NAME=VALUE", help="Value of {NAME:Type}; repeat for more."
        ),
    ] = None,
    *,
    questions: Annotated[
        bool, typer.Option("--questions", help="List the questions and their parameters.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Rows to show in a terminal; JSON has all.")] = 100,
    data_dir: DataDirOption = None,
    clickhouse_url: ClickHouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Query the evidence in ClickHouse, with a read-only account in the embedded stack.

    The tables and views are described in docs/sql.md. JSON output is one object per line.

    **Examples**

    `auditspine sql "SELECT event_type, count() FROM evidence GROUP BY ALL"`

    `auditspine sql --questions`

    `auditspine sql --ask model-life -p tenant=acme -p model=credit -p version=2`

    `auditspine sql "SELECT * FROM quarantined WHERE verdict = {v:String}" -p v=bad_signature`
    """
    if questions:
        _print_questions(as_json=as_json)
        return
    if (query is None) == (ask is None):
        raise CliError("give one statement, or one question with --ask (see --questions)")
    bound = _bind(parameters or [])
    text = _question(ask, bound).sql if ask is not None else query or ""
    if text == "-":
        text = sys.stdin.read()
    settings = load_settings(data_dir=data_dir, clickhouse_url=clickhouse_url)
    client = clickhouse_client(settings, reader=True)
    try:
        if as_json:
            found = client.raw_query(text, parameters=bound, fmt="JSONEachRow")
            sys.stdout.write(found.decode(errors="replace"))  # a digest is no text: use hex
        else:
            result = client.query(text, parameters=bound)
            stdout.print(table_of(result.column_names, result.result_rows, limit))
    except ClickHouseError as exc:
        raise sort_error(exc) from exc
    finally:
        client.close()


def table_of(columns: Any, rows: Any, limit: int = 100) -> Table:
    """Give rows of a query as a table for the terminal; one row with many columns goes down."""
    if len(rows) == 1 and len(columns) > _ACROSS:
        record = Table(box=None, show_header=False, pad_edge=False)
        record.add_column(style="title", no_wrap=True)
        record.add_column(overflow="fold")
        for name, value in zip(columns, rows[0], strict=True):
            record.add_row(str(name), Text(printable(_cell(value))))
        return record
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in columns:
        table.add_column(str(name), overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(Text(printable(_cell(value))) for value in row))
    if len(rows) > limit:
        table.caption = f"{len(rows) - limit} more rows; --limit {len(rows)} or --json shows them"
    return table


def _cell(value: object) -> str:
    if value is None:
        text = "∅"
    elif isinstance(value, bytes):
        text = value.hex() if len(value) <= 32 else f"{value[:16].hex()}… ({len(value)} bytes)"
    elif isinstance(value, list | tuple):
        text = ", ".join(map(_cell, value))
    elif isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S")
    elif isinstance(value, str) and value.startswith("sha256:"):
        text = value[: len("sha256:") + 16] + "…"
    else:
        text = str(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _bind(parameters: list[str]) -> dict[str, str]:
    bound = {}
    for given in parameters:
        name, equals, value = given.partition("=")
        if not name or not equals:
            raise CliError(f"--param: expected NAME=VALUE, got {given}")
        bound[name] = value
    return bound


def _question(name: str, bound: dict[str, str]) -> Question:
    question = QUESTIONS.get(name)
    if question is None:
        raise CliError(f"--ask: expected one of {', '.join(QUESTIONS)}, got {name}")
    missing = [parameter for parameter in question.parameters if parameter not in bound]
    if missing:
        needed = " ".join(f"-p {parameter}=…" for parameter in question.parameters)
        raise CliError(f"{name} needs {needed}; missing: {', '.join(missing)}")
    stderr.print(question.title, style="title")
    return question


def _print_questions(*, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"name": each.name, "title": each.title, "parameters": dict(each.parameters)}
                for each in QUESTIONS.values()
            ]
        )
        return
    for each in QUESTIONS.values():
        stdout.print(f"[title]{each.name}[/]  {each.title}")
        for name, meaning in each.parameters.items():
            stdout.print(f"  -p {name}=…  {meaning}", style="dim", markup=False)
