"""Holds a release against its evidence: every decision made anew, and the whole release rebuilt."""

from auditspine.auditor.tabletop.reader import read_release
from auditspine.cli.commands.decisions import app as decisions_command
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo.commanding import run
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.telling import remark, step
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.cli.tabletop_screen import short_screen
from auditspine.schemas.formats import format_digest
from auditspine.schemas.models import ArtifactRef


def replay_decisions(settings: Settings) -> None:
    """Make every decision anew from the logs that it cites.

    Raises:
        CliError: One is not what its logs give.
    """
    step("Every decision, made anew from the sealed logs that it cites")
    run(settings, decisions_command, ("decisions", "replay"))


def rebuild_release(settings: Settings, lender: Lender) -> None:
    """Rebuild the release of what serves, and show what is missing.

    Raises:
        CliError: A piece cannot be verified, or one that it takes is missing.
    """
    assert lender.live is not None
    model = lender.live.ref
    step("Could the release be defended? It is rebuilt from the evidence alone")
    client = clickhouse_client(settings, reader=True)
    try:
        found = read_release(
            client, lender.tenant, model.name, model.version, format_digest(model.digest)
        )
    finally:
        client.close()
    stdout.print(short_screen(found))
    remark("every piece with the entries that prove it: auditspine tabletop; --html gives a page")
    lacking = [each for each in found.gaps if each.required]
    if lacking:
        said = "; ".join(f"{each.name}: {each.text}" for each in lacking)
        raise CliError(f"expected every piece that a release takes, got gaps: {said}")


def named(model: ArtifactRef) -> str:
    """Give a model as commands take it."""
    return f"{model.name}:{model.version}@{format_digest(model.digest)}"
