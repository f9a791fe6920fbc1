"""A sink as a process of its own, for tests that kill it. Run as ``python … '<json>'``."""

import json
import signal
import sys

import clickhouse_connect

from auditspine.ledger.topics import Topics
from auditspine.sinks.chunk import Limits
from auditspine.sinks.sink import EvidenceSink
from auditspine.sinks.store import Store, sort_error


def main() -> None:
    given = json.loads(sys.argv[1])

    def connect():
        try:
            return clickhouse_connect.get_client(**given["clickhouse"])
        except Exception as exc:
            raise sort_error(exc) from exc

    sink = EvidenceSink(
        given["kafka"],
        Topics(given["prefix"], given["partitions"]),
        Store(connect),
        [bytes.fromhex(given["public_key"])],
        limits=Limits(**given["limits"]),
        group_id=given["group_id"],
        instance_id=given["instance_id"],
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sink.stop())
    sink.run()


if __name__ == "__main__":
    main()
