"""A plain Faust agent: decodes each event, and counts it in a table if asked to.

Prints events per second from the first event's arrival to the last one's end.
``python faust_agent.py SERVERS TOPIC EVENTS table|bare``
"""

import json
import os
import sys
import time
from io import BytesIO

import fastavro
import faust

from auditspine.schemas.catalogue import schema_texts

SERVERS, TOPIC, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
COUNTS = sys.argv[4] == "table"
SCHEMAS = {
    number.to_bytes(4, "big"): fastavro.parse_schema(json.loads(text))
    for number, text in schema_texts().items()
}

app = faust.App(
    f"bench-agent-{os.getpid()}",
    broker=f"kafka://{SERVERS}",
    store="memory://",
    topic_partitions=4,
    broker_max_poll_records=2000,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
counts = app.Table("counts", default=int) if COUNTS else None


@app.agent(app.topic(TOPIC, value_serializer="raw", key_serializer="raw"))
async def take(events) -> None:
    done, began = 0, 0.0
    async for value in events:
        began = began or time.perf_counter()
        record = fastavro.schemaless_reader(BytesIO(value[5:]), SCHEMAS[value[1:5]], None)
        if counts is not None:
            counts[record["body"]["deployment"]["name"]] += 1
        done += 1
        if done == EVENTS:
            print(f"\n{EVENTS / (time.perf_counter() - began)}", flush=True)
            os._exit(0)  # the number is all that is wanted of it


if __name__ == "__main__":
    sys.argv[1:] = []
    faust.Worker(
        app, loglevel="ERROR", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()
