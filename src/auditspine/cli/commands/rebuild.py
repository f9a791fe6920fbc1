"""``auditspine rebuild``: replay the sealed topics and compare a projection with its log."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from auditspine.cli.connections import clickhouse_store, kafka_properties, read_trust
from auditspine.cli.console import print_json, stderr, stdout
from auditspine.cli.control import read_control
from auditspine.cli.errors import CliError
from auditspine.cli.options import ClickHouseOption, DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.embedded.lock import acquire, release
from auditspine.sinks.shadow import Folded
from auditspine.sinks.store import Store

_TRIES = 4
_PAUSE_S = 0.5  # more after each try


class ProjectionName(StrEnum):
    """What can be rebuilt."""

    ACCESS = "access"
    LINEAGE = "lineage"
    DRIFT = "drift"
    ALERTS = "alerts"
    RELEASE = "release"


def rebuild(
    projection: Annotated[ProjectionName, typer.Argument(help="The projection.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare only; replace nothing.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    clickhouse_url: ClickHouseOption = None,
) -> None:
    """Compute a projection anew from the sealed topics, compare, and put right what differs.

    The sealed log is the truth: state and rows are a cache of it. The rebuild goes as far as the
    worker on this machine has read, and notifies nobody; with `--check` the worker may go on
    meanwhile. Interrupted, it has changed nothing, or can be run again. `drift`, `alerts` and
    `release` are compared only: what they said stands.

    Exits with 0 when all was equal or was put right, with 1 when `--check` found a difference or
    rows belong to no entry, with 2 when a partition's state is not here.

    **Examples**

    `auditspine rebuild lineage --check`

    `auditspine rebuild access`
    """
    from auditspine.cli.composing import history  # noqa: PLC0415 - Faust is slow to import
    from auditspine.processors.projection.app import ProjectionConfig  # noqa: PLC0415
    from auditspine.processors.projection.follower import Parts  # noqa: PLC0415
    from auditspine.processors.projection.rebuild import rebuild as replay  # noqa: PLC0415
    from auditspine.schemas.catalogue import schema_texts  # noqa: PLC0415
    from auditspine.schemas.codec import Decoder  # noqa: PLC0415
    from auditspine.sinks.shadow import ShadowTables  # noqa: PLC0415

    settings = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, clickhouse_url=clickhouse_url
    )
    kafka = {**kafka_properties(settings), "log_level": "0"}
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    keys = tuple(known.public_key for known in read_trust(settings.trust_path).log_keys)
    store = clickhouse_store(settings)
    with _made(projection, settings, check=check) as made:
        shadow = ShadowTables(store, made.name, [table.name for table in made.tables])
        elsewhere = history(settings, kafka, keys)
        parts = Parts(
            made, Decoder(texts), shadow, keys, settings.state_path, settings.partitions, elsewhere
        )
        config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], kafka)
        lock = acquire(settings.state_path / f"{made.name}.rebuild.lock")
        try:
            shadow.prepare()
            states = _replayed(replay(config, parts))
            folded = _folded(states)
            found = _Found(
                states,
                shadow.compare(folded),
                _beyond(shadow, store, folded),
                _absent(made, settings, states),
            )
            if found.differs and not check:  # rows first: a right state claims that they are
                shadow.put_right(folded)
                list(replay(config, replace(parts, store=None), replace=True))
        finally:
            shadow.drop()
            elsewhere.close()
            release(lock)
    if as_json:
        print_json(found.value(projection, replaced=found.differs and not check))
    else:
        found.show(replaced=found.differs and not check)
    if (found.differs and check) or found.beyond:
        raise typer.Exit(1)
    raise typer.Exit(2 if found.absent else 0)


@contextmanager
def _made(name: ProjectionName, settings: Settings, *, check: bool) -> Iterator[Any]:
    """Make a projection for the length of a block."""
    from auditspine.cli.processors import CHECKED, PROJECTIONS  # noqa: PLC0415 - as above

    if name in PROJECTIONS:
        yield PROJECTIONS[name](settings)
        return
    if not check:
        raise CliError(f"what {name} said stands: it is compared only, with --check")
    with CHECKED[name](settings) as made:
        yield made


@dataclass(frozen=True, slots=True)
class _Found:
    """What a comparison found."""

    states: list[Any]
    tables: list[Any]
    beyond: dict[str, int]
    absent: list[str]

    @property
    def differs(self) -> bool:
        """Whether rows or states are not what the log says."""
        return any(t.count for t in self.tables) or not all(s.equal for s in self.states)

    def show(self, *, replaced: bool) -> None:
        """Print it for a person."""
        for table in self.tables:
            _print(table)
        wrong = sum(each.differing for each in self.states)
        if wrong:
            stdout.print(f"[bad]✗[/] the workers' state: {wrong} keys differ")
        if replaced:
            stdout.print("[good]✓[/] put right")
        for name, count in self.beyond.items():
            stdout.print(f"[bad]✗[/] {name}: {count} rows are of no entry of a known log")
        for place in self.absent:
            stdout.print(f"[warn]![/] {place}: not compared, its state is not here")

    def value(self, projection: str, *, replaced: bool) -> dict[str, Any]:
        """Give it as JSON takes it."""
        value = _value(projection, self.states, self.tables, replaced=replaced)
        return value | {"not_compared": self.absent, "beyond_the_log": self.beyond}


def _replayed(results: Iterable[Any]) -> list[Any]:
    """Wait for a replay, telling how far it is.

    Raises:
        CliError: There is no state to compare with.
    """
    states = []
    for each in results:
        states.append(each)
        stderr.print(f"{each.topic}[{each.partition}]: {each.position.size} entries", style="dim")
    if not states:
        raise CliError(
            "no state of this projection is here: run this where its worker runs, with the same "
            "--data-dir or AUDITSPINE_STATE_DIR"
        )
    return states


def _absent(projection: Any, settings: Settings, states: list[Any]) -> list[str]:
    """Name the partitions that have entries and no state here."""
    here = {(each.topic, each.partition) for each in states}
    return [
        f"{topic}[{partition}]"
        for stream in projection.streams
        for topic in [settings.topics.sealed(stream)]
        for partition in range(settings.topics.partition_count(stream))
        if (topic, partition) not in here
    ]


def _folded(states: list[Any]) -> Folded:
    """Give how far each log was folded, and each tenant that came to it from elsewhere."""
    sizes = {each.position.origin: each.position.size for each in states}
    tenants: dict[str, tuple[int, str]] = {}
    for each in states:
        for tenant, moved in each.moved.items():
            tenants[tenant] = moved.base, each.position.origin
            sizes |= {origin: sizes.get(origin, 0) for origin in moved.origins}
    return Folded(sizes, tenants)


def _beyond(shadow: Any, store: Store, folded: Folded) -> dict[str, int]:
    """Count rows of no entry; a worker may be ahead of what has landed for a moment."""
    found: dict[str, int] = {}
    sizes = folded.sizes
    for attempt in range(_TRIES):
        time.sleep(attempt * _PAUSE_S)
        heads = {str(o): int(size) for o, size in store.query("SELECT origin, size FROM log_heads")}
        ends = {o: max(heads.get(o, 0), sizes.get(o, 0)) for o in heads.keys() | sizes.keys()}
        found = shadow.beyond(replace(folded, sizes=ends))
        if not found:
            break
    return found


def _print(table: Any) -> None:
    if not table.count:
        stdout.print(f"[good]✓[/] {table.table}: {table.rows} rows, as the log says")
        return
    stdout.print(
        f"[bad]✗[/] {table.table}: {table.missing} missing, {table.surplus} surplus, "
        f"{table.altered} altered of {table.rows}"
    )
    for example in table.examples:
        stdout.print(f"    {example}", style="dim", markup=False)


def _value(projection: str, states: Any, tables: Any, *, replaced: bool) -> dict[str, Any]:
    return {
        "projection": projection,
        "replaced": replaced,
        "logs": [
            {
                "topic": each.topic,
                "partition": each.partition,
                "origin": each.position.origin,
                "entries": each.position.size,
                "state_keys": each.keys,
                "state_differing": each.differing,
            }
            for each in states
        ],
        "tables": [
            {
                "table": each.table,
                "rows": each.rows,
                "missing": each.missing,
                "surplus": each.surplus,
                "altered": each.altered,
                "examples": list(each.examples),
            }
            for each in tables
        ],
    }
