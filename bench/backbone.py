"""A deployment of its own for benchmarks: the embedded Kafka and ClickHouse, prepared by `init`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auditspine.cli.connections import kafka_properties
from auditspine.cli.control import Operator
from auditspine.cli.flow import measure
from auditspine.cli.genesis import prepare, prepare_clickhouse
from auditspine.cli.settings import Settings, load_settings
from auditspine.embedded.clickhouse.process import ClickHouseProcess
from auditspine.embedded.kafka import KafkaNode, KafkaSettings
from auditspine.ledger.keyfile import create_key, read_key
from auditspine.ledger.note import raw_public_key
from auditspine.producers.client import AuditClient
from auditspine.producers.settings import ProducerSettings
from auditspine.schemas.catalogue import event_types, schema_texts
from auditspine.schemas.examples import example
from auditspine.schemas.models import Event, PredictionMade
from auditspine.schemas.parse import parse_json

TENANT, PRODUCER = "north", "scorer"
PARTITIONS = 4
_PATIENCE_S = 300.0


class Backbone:
    """Topics, keys, a tenant with one producer, tables; no worker yet.

    Attributes:
        settings: What every command of this deployment is told.
    """

    def __init__(self, root: Path, servers: str, clickhouse: ClickHouseProcess) -> None:
        self.root = root
        self.settings: Settings = load_settings(
            data_dir=root / "data",
            bootstrap_servers=servers,
            clickhouse_url=clickhouse.url,
            clickhouse_user=clickhouse.admin,
            clickhouse_password=clickhouse.admin_password,
            partitions=PARTITIONS,
        )
        self.kafka = {"log_level": "0", **kafka_properties(self.settings)}
        self.key = root / "data" / "keys" / f"{PRODUCER}.pem"
        self._environment = {
            **os.environ,
            "AUDITSPINE_DATA_DIR": str(self.settings.data_dir),
            "AUDITSPINE_BOOTSTRAP_SERVERS": servers,
            "AUDITSPINE_CLICKHOUSE_URL": clickhouse.url,
            "AUDITSPINE_CLICKHOUSE_USER": clickhouse.admin,
            "AUDITSPINE_CLICKHOUSE_PASSWORD": clickhouse.admin_password,
        }

    def prepare(self) -> None:
        """Do what `init`, `tenants register` and `keys register` do, and land the control log."""
        prepare(self.settings, self.kafka)
        prepare_clickhouse(self.settings)
        key = read_key(self.settings.operator_key_path)
        state = self.settings.operator_key_path.with_name("operator.pem.state")
        operator = Operator(self.kafka, self.settings.topics, key, state)
        public = raw_public_key(create_key(self.key))
        operator.register_tenant(TENANT, TENANT).result(30)
        operator.register_key(public, PRODUCER, (TENANT,), ("*",)).result(30)
        operator.close()
        with self.command("worker", "ledger", "--instance", "prime"), self.command("sink"):
            wait_for(
                lambda: all(flow.is_settled for flow in measure(self.settings)),
                "the control log has landed",
            )

    def client(self, **settings: float) -> AuditClient:
        """Give a client of the registered producer."""
        return AuditClient(
            self.kafka,
            tenant=TENANT,
            producer=PRODUCER,
            key=self.key,
            domain="credit",
            environment="production",
            topics=self.settings.topics,
            settings=ProducerSettings(**settings),  # type: ignore[arg-type] - counts are floats too
        )

    def run(self, program: str, *arguments: object) -> list[float]:
        """Run a program of this folder in a process of its own; give the numbers it ends with."""
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(program)), *map(str, arguments)],
            check=False,
            capture_output=True,
            cwd=self.root,
            env=self._environment,
            text=True,
            timeout=_PATIENCE_S,
        )
        if done.returncode:
            raise AssertionError(f"{program} ended with {done.returncode}: {done.stderr[-4000:]}")
        return [float(word) for word in done.stdout.splitlines()[-1].split()]

    @contextmanager
    def command(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command of the product beside this process; its words go to a file."""
        with (self.root / f"{'-'.join(arguments)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "auditspine.cli", *arguments],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(60)


@contextmanager
def backbone(root: Path) -> Iterator[Backbone]:
    """Start Kafka and ClickHouse and prepare a deployment."""
    node = KafkaNode(root / "kafka", root / "kafka.log", KafkaSettings(heap_mb=1024))
    with node.running(), ClickHouseProcess(root / "clickhouse") as clickhouse:
        made = Backbone(root, node.bootstrap_servers, clickhouse)
        made.prepare()
        yield made


def predictions(first: int, count: int) -> list[Event]:
    """Give distinct predictions of eight deployments, as a service would hold them."""
    base = parse_json(example("prediction.made"))
    envelope = base.envelope.model_dump(exclude={"event_id", "occurred_at"})
    envelope |= {"tenant": TENANT, "workload": {**envelope["workload"], "name": PRODUCER}}
    body = base.body.model_dump()
    return [
        PredictionMade.model_validate(
            {
                "envelope": envelope,
                "body": {
                    **body,
                    "prediction_id": f"prediction-{number}",
                    "deployment": {**body["deployment"], "name": f"mortgage-risk-{number % 8}"},
                },
            }
        )
        for number in range(first, first + count)
    ]


def schema_text(event_type: str) -> str:
    """Give the schema of an event type."""
    return schema_texts()[event_types()[event_type].schema_id]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: It does not in five minutes.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.02)
