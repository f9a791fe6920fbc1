"""Runs a verification with what the settings name, and shows how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from auditspine.auditor.evidence import EvidenceStore
from auditspine.auditor.options import Options, Progress
from auditspine.auditor.report import Report
from auditspine.auditor.sealed import SealedTopics
from auditspine.auditor.verify import verify
from auditspine.cli.connections import (
    clickhouse_client,
    has_kafka,
    kafka_properties,
    read_trust,
)
from auditspine.cli.console import stderr
from auditspine.cli.settings import Settings
from auditspine.ledger.topics import STREAMS

_STEPS = {"entries": "hashes, signatures", "columns": "typed columns"}


def run_verification(
    settings: Settings,
    options: Options,
    *,
    trusting: bool = True,
    sealed: bool | None = None,
    quiet: bool = False,
) -> Report:
    """Verify what ClickHouse holds.

    Args:
        settings: Where it is, and the trust file.
        options: What to verify; the sealed topics are added here.
        trusting: Whether to read the trust file.
        sealed: Whether to compare with the sealed topics; where Kafka is known when ``None``.
        quiet: Show no progress.

    Raises:
        CliError: ClickHouse or the trust file is not there.
        SourceError: The evidence or the sealed topics cannot be read.
    """
    trust = read_trust(settings.trust_path) if trusting else None
    options = replace(options, topic_prefix=settings.topics.prefix)
    if sealed or (sealed is None and has_kafka(settings)):
        spaces = [settings.in_space(space.name).topics for space in settings.routing]
        names = dict.fromkeys(topics.sealed(stream) for topics in spaces for stream in STREAMS)
        options = replace(
            options, sealed=SealedTopics({"log_level": 0, **kafka_properties(settings)}, names)
        )
    client = clickhouse_client(settings, reader=True)
    try:
        with nullcontext(None) if quiet else _bars() as progress:
            return verify(EvidenceStore(client), trust, options, progress)
    finally:
        client.close()


@contextmanager
def _bars() -> Iterator[Callable[[Progress], None]]:
    """Give a callback that draws one bar per step and log; nothing without a terminal."""
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    ) as bars:
        tasks = {}

        def show(progress: Progress) -> None:
            name = (progress.step, progress.log)
            if name not in tasks:
                step = _STEPS.get(progress.step, progress.step)
                tasks[name] = bars.add_task(f"{progress.log}  [dim]{step}[/]", total=progress.total)
            bars.update(tasks[name], completed=progress.done)

        yield show
