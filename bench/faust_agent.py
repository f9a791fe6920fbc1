"""A plain Faust agent with a table: decodes each event and counts it. Prints events per second.

``python faust_agent.py SERVERS TOPIC EVENTS``
"""

import json
import os
import sys
import time
from io import BytesIO

import fastavro
import faust

from auditspine.schemas.catalogue import event_types, schema_texts

SERVERS, TOPIC, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
TEXT = schema_texts()[event_types()["prediction.made"].schema_id]
SCHEMA = fastavro.parse_schema(json.loads(TEXT))

app = faust.App(
    f"bench-agent-{os.getpid()}",
    broker=f"kafka://{SERVERS}",
    store="memory://",
    topic_partitions=4,
    broker_max_poll_records=2000,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
counts = app.Table("counts", default=int)


@app.agent(app.topic(TOPIC, value_serializer="raw", key_serializer="raw"))
async def count(events) -> None:
    done, began = 0, 0.0
    async for value in events:
        began = began or time.perf_counter()
        record = fastavro.schemaless_reader(BytesIO(value[5:]), SCHEMA, None)
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
