"""The ``auditspine`` command: assembles the subcommands and turns errors into exit codes."""

import os
import sys
from typing import Annotated, NoReturn

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException
from pydantic import ValidationError

from auditspine.cli.commands import (
    access,
    admission,
    alerts,
    approve,
    artifact,
    decisions,
    demo,
    diff,
    drift,
    exceptions,
    gate,
    history,
    impact,
    init,
    inventory,
    keys,
    login,
    policy,
    publish,
    rebuild,
    sink,
    sql,
    status,
    tabletop,
    tenants,
    topics,
    trace,
    up,
    verify,
    worker,
)
from auditspine.cli.console import stderr
from auditspine.cli.errors import EXPECTED
from auditspine.schemas.explain import explain
from auditspine.sinks.store import sort_error

app = typer.Typer(
    name="auditspine",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""
    Signed, sealed and verifiable evidence of everything that happens to your models.

    **Exit codes**: 0 done · 1 something is wrong, or not allowed · 2 could not be done ·
    3 self-consistent but not authenticated (`verify` without a trust file).

    Every setting is an environment variable, such as `AUDITSPINE_DATA_DIR` or
    `AUDITSPINE_BOOTSTRAP_SERVERS`.
    """,
)


@app.callback()
def _everywhere(
    space: Annotated[
        str | None,
        typer.Option(
            help="The space of the routing file to work in (`AUDITSPINE_SPACE`). [default: shared]",
            show_default=False,
        ),
    ] = None,
) -> None:
    if space is not None:
        os.environ["AUDITSPINE_SPACE"] = space


_START, _USE, _ASK, _RUN = "Start here", "Use it", "Ask about lineage and access", "Run its parts"
_RELEASE = "Decide on releases"
app.command(rich_help_panel=_START)(demo.demo)
app.command(rich_help_panel=_START)(up.up)
app.command(rich_help_panel=_START)(status.status)
app.command(rich_help_panel=_USE)(publish.publish)
app.command(rich_help_panel=_USE)(sql.sql)
app.command(rich_help_panel=_USE)(verify.verify)
app.add_typer(alerts.app, name="alerts", rich_help_panel=_USE)
app.add_typer(artifact.app, name="artifact", rich_help_panel=_USE)
app.add_typer(drift.app, name="drift", rich_help_panel=_USE)
app.add_typer(keys.app, name="keys", rich_help_panel=_USE)
app.add_typer(policy.app, name="policy", rich_help_panel=_USE)
app.command(rich_help_panel=_RELEASE)(gate.gate)
app.add_typer(decisions.app, name="decisions", rich_help_panel=_RELEASE)
app.command(rich_help_panel=_RELEASE)(login.login)
app.command(rich_help_panel=_RELEASE)(login.logout)
app.command(rich_help_panel=_RELEASE)(approve.approve)
app.add_typer(exceptions.app, name="exceptions", rich_help_panel=_RELEASE)
app.add_typer(tenants.app, name="tenants", rich_help_panel=_USE)
app.command(rich_help_panel=_ASK)(trace.trace)
app.command(rich_help_panel=_ASK)(impact.impact)
app.command(rich_help_panel=_ASK)(history.history)
app.command(rich_help_panel=_ASK)(diff.diff)
app.command(rich_help_panel=_ASK)(inventory.inventory)
app.command(rich_help_panel=_ASK)(tabletop.tabletop)
app.add_typer(access.app, name="access", rich_help_panel=_ASK)
app.command(rich_help_panel=_RUN)(init.init)
app.add_typer(topics.app, name="topics", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(worker.worker)
app.command(rich_help_panel=_RUN)(sink.sink)
app.command(rich_help_panel=_RUN)(admission.admission)
app.command(rich_help_panel=_RUN)(rebuild.rebuild)


def main() -> NoReturn:
    """Run the command line; the process ends with its exit code."""
    try:
        app()
    except KeyboardInterrupt:
        stderr.print("interrupted")
        sys.exit(130)
    except EXPECTED as exc:
        _fail(str(exc))
    except KafkaException as exc:
        _fail(f"Kafka: {exc.args[0].str()}")
    except ClickHouseError as exc:
        _fail(str(sort_error(exc)))
    except ValidationError as exc:
        _fail("; ".join(explain(exc)))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output has gone, as `head` does
        sys.exit(0)
    except OSError as exc:
        _fail(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc))
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    stderr.print(f"error: {message}", style="bad", markup=False, soft_wrap=True)
    sys.exit(2)
