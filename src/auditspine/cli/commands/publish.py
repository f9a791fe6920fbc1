"""``auditspine publish``: events from a file or a pipe, signed with a workload's key."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.table import Table

from auditspine.cli.connections import kafka_properties, schema_ids, trusted_log_keys
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.event_input import Read, read_events
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.sealed_watch import Sealed, SealedWatch
from auditspine.cli.settings import Settings, load_settings
from auditspine.ledger.topics import STREAMS
from auditspine.ledger.verdict import Verdict
from auditspine.producers.client import AuditClient
from auditspine.producers.delivery import Delivery
from auditspine.producers.errors import EventError, ProducerError
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.codec import encode
from auditspine.schemas.errors import InvalidEventError
from auditspine.schemas.examples import example as example_of
from auditspine.schemas.models import Event
from auditspine.schemas.registry import encoder

_DELIVERY_S = 60.0


def publish(
    source: Annotated[
        str, typer.Argument(metavar="[FILE]", help="JSON or JSON lines; `-` is standard input.")
    ] = "-",
    key: Annotated[
        Path | None,
        typer.Option(help="Key file of the workload. [default: DATA_DIR/keys/PRODUCER.pem]"),
    ] = None,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until all is sealed, and print where.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="Longest wait without progress, seconds.", min=1)
    ] = 30.0,
    example: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Print an example event of a type and publish nothing."),
    ] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish one JSON event, or JSON lines, signed with the workload's key.

    All events of a call have the same `envelope.tenant` and `envelope.workload.name`, which is the
    producer that the key was registered for. A line that is not an event is reported, with its
    number and the field at fault, and left out; the others are published, and the exit code is 2.
    With --wait the exit code is 1 when the ledger did not find every event valid.

    **Examples**

    `auditspine publish --example model.registered > event.json`

    `auditspine publish event.json --wait`

    `cat events.jsonl | auditspine publish --key /etc/keys/scorer.pem --json`
    """
    if example is not None:
        sys.stdout.write(_example(example))
        return
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    with _opened(source) as stream, ExitStack() as stack:
        watch = stack.enter_context(_watch(settings)) if wait else None
        run = _Run(settings, key)
        try:
            for read in read_events(stream):
                run.take(read)
        finally:
            run.close()
        places = run.delivered()
        if watch is None:
            _print_places(places, as_json=as_json)
            wrong = 0
        else:
            sealed = watch.wait(places, timeout)
            _print_sealed(sealed, as_json=as_json)
            wrong = sum(each.verdict is not Verdict.VALID for each in sealed)
    if run.refused or run.failed:
        raise typer.Exit(2)
    raise typer.Exit(1 if wrong else 0)


@dataclass(slots=True)
class _Run:
    """One call's client and what came of its events."""

    settings: Settings
    key: Path | None
    client: AuditClient | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    refused: int = 0
    failed: int = 0

    def take(self, read: Read) -> None:
        """Publish one event of the input, or say why not."""
        if read.event is None:
            self._refuse(read.line, read.problem)
            return
        try:
            self.deliveries.append(self._client_for(read.event).publish(read.event))
        except EventError as exc:
            self._refuse(read.line, str(exc))

    def delivered(self) -> list[tuple[str, int, int]]:
        """Give where Kafka has the events, and report those that it has not."""
        found = []
        for delivery in self.deliveries:
            try:
                place = delivery.result(_DELIVERY_S)
            except ProducerError as exc:
                self.failed += 1
                stderr.print(f"error: {exc}", style="bad", markup=False, soft_wrap=True)
                continue
            if place.offset >= 0:
                found.append((place.topic, place.partition, place.offset))
            else:
                stderr.print(
                    f"{place.topic}/{place.partition}: delivered on a retry, and the broker did "
                    "not say where: look it up with `auditspine sql`",
                    style="warn",
                    markup=False,
                    soft_wrap=True,
                )
        return found

    def close(self) -> None:
        """Deliver what is queued."""
        if self.client is not None:
            self.client.close(_DELIVERY_S)

    def _refuse(self, line: int, problem: str) -> None:
        self.refused += 1
        stderr.print(f"line {line}: {problem}", style="bad", markup=False, soft_wrap=True)

    def _client_for(self, event: Event) -> AuditClient:
        if self.client is None:
            self.client = _client(self.settings, self.key, event)
        return self.client


def _client(settings: Settings, key: Path | None, event: Event) -> AuditClient:
    producer = event.envelope.workload.name
    if "/" in producer:
        raise CliError("envelope.workload.name: a slash cannot be part of a key file's name")
    ids = schema_ids(settings)
    client = AuditClient(
        kafka_properties(settings),
        tenant=event.envelope.tenant,
        producer=producer,
        key=key or settings.data_dir / "keys" / f"{producer}.pem",
        domain=event.envelope.domain,
        environment=event.envelope.environment,
        topics=settings.topics_for(event.envelope.tenant, event.envelope.domain),
        encode=encoder(ids) if ids else encode,
    )
    try:
        client.check(event.stream)
    except ProducerError:
        client.close()
        raise
    return client


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        if sys.stdin.isatty():
            stderr.print("reading events from the terminal; end with Ctrl-D", style="dim")
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as stream:
            yield stream
    except (FileNotFoundError, PermissionError, IsADirectoryError) as exc:
        raise CliError(f"{source}: {exc.strerror}") from exc


def _watch(settings: Settings) -> SealedWatch:
    spaces = [settings.in_space(space.name).topics for space in settings.routing]
    topics = {
        topics.sealed(stream): topics.partition_count(stream)
        for topics in spaces
        for stream in STREAMS
    }
    return SealedWatch(kafka_properties(settings), topics, trusted_log_keys(settings.trust_path))


def _example(event_type: str) -> str:
    if event_type not in event_types():
        raise InvalidEventError(
            f"--example: expected one of {', '.join(event_types())}, got another"
        )
    return example_of(event_type)


def _print_places(places: list[tuple[str, int, int]], *, as_json: bool) -> None:
    if as_json:
        for topic, partition, offset in places:
            print_json({"topic": topic, "partition": partition, "offset": offset})
        return
    counts: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset in places:
        counts.setdefault((topic, partition), []).append(offset)
    for (topic, partition), offsets in sorted(counts.items()):
        span = f"offset {offsets[0]}" if len(offsets) == 1 else f"offsets up to {max(offsets)}"
        stdout.print(f"[good]✓[/] {len(offsets)} → {topic}/{partition}, {span}", soft_wrap=True)


def _print_sealed(sealed: list[Sealed], *, as_json: bool) -> None:
    if as_json:
        for each in sealed:
            print_json(
                {
                    "topic": each.topic,
                    "partition": each.partition,
                    "offset": each.offset,
                    "origin": each.origin,
                    "position": each.position,
                    "verdict": each.verdict.name.lower(),
                    "flags": [flag.name for flag in each.flags],
                    "reason": each.reason,
                    "leaf": each.leaf.hex(),
                }
            )
        return
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("log", "position", "verdict", "leaf"):
        table.add_column(name, justify="right" if name == "position" else "left")
    for each in sealed:
        good = each.verdict is Verdict.VALID
        verdict = each.verdict.name.lower().replace("_", " ")
        table.add_row(
            f"{each.topic}/{each.partition}",
            str(each.position),
            f"[good]{verdict}[/]" if good else f"[bad]{verdict}[/]: {each.reason}",
            f"[hash]{each.leaf.hex()[:16]}…[/]",
        )
    stdout.print(table)
