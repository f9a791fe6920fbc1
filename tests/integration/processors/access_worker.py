"""An access worker for tests: the product's Faust app with a store that records to a file.

Run as ``python access_worker.py '<json>'`` with bootstrap_servers, prefix, partitions, kafka,
state_dir, public_key, rows (the file), delay_s, and clickhouse (arguments of its client) when
rows shall go there instead.
"""

import json
import logging
import sys
import time
from pathlib import Path

import clickhouse_connect

from auditspine.ledger.topics import Topics
from auditspine.processors.access.fold import AccessProjection
from auditspine.processors.hosting import run_worker
from auditspine.processors.projection.app import ProjectionConfig, make_projection_app
from auditspine.processors.projection.follower import Parts
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder


class RecordingStore:
    """Appends rows to a file, one JSON array per line, one write per call."""

    def __init__(self, path, delay_s):
        self.file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - open while the worker lives
        self.delay_s = delay_s

    def write(self, table, columns, rows):
        time.sleep(self.delay_s)  # as long as a database would take
        lines = [
            json.dumps([table, dict(zip(columns, row, strict=True))], default=text) for row in rows
        ]
        self.file.write("".join(line + "\n" for line in lines).encode())


class ClickHouseStore:
    """Inserts rows, with nothing between the processor and the database."""

    def __init__(self, arguments):
        self.client = clickhouse_connect.get_client(**arguments)

    def write(self, table, columns, rows):
        self.client.insert(table, rows, column_names=columns)


def text(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def main():
    given = json.loads(sys.argv[1])
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = ProjectionConfig(
        Topics(given["prefix"], given["partitions"]), given["bootstrap_servers"], given["kafka"]
    )
    clickhouse = given["clickhouse"]
    store = (
        ClickHouseStore(clickhouse)
        if clickhouse
        else RecordingStore(given["rows"], given["delay_s"])
    )
    parts = Parts(
        AccessProjection(),
        Decoder(schema_texts()),
        store,
        (bytes.fromhex(given["public_key"]),),
        Path(given["state_dir"]),
    )
    run_worker([make_projection_app(config, parts)])


if __name__ == "__main__":
    main()
