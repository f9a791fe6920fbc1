"""Alters one stored row behind the product's back, and puts it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.demo.serving import ACCEPT, REJECT
from auditspine.cli.settings import Settings

_ROW = """
SELECT origin, position FROM evidence
WHERE tenant = {tenant:String} AND event_type = 'prediction.made'
    AND JSONExtractString(body, 'decision') = {decision:String}
ORDER BY origin, position LIMIT 1
"""
_CHANGE = """
ALTER TABLE evidence UPDATE
    value = replaceOne(value, {before:String}, {after:String}),
    body = replaceOne(body, {before:String}, {after:String})
WHERE origin = {origin:String} AND position = {position:UInt64}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """The row that was altered."""

    origin: str
    position: int


@contextmanager
def altered(settings: Settings, tenant: str) -> Iterator[Row]:
    """Turn one rejection into an acceptance, in the raw bytes and in the columns alike."""
    client = clickhouse_client(settings)
    try:
        found = client.query(_ROW, parameters={"tenant": tenant, "decision": REJECT})
        row = Row(*found.result_rows[0])
        try:
            _change(client, row, REJECT, ACCEPT)
            yield row
        finally:  # also after Ctrl-C: the demo leaves sound evidence behind
            _change(client, row, ACCEPT, REJECT)
    finally:
        client.close()


def _change(client: Client, row: Row, before: str, after: str) -> None:
    client.command(
        _CHANGE,
        parameters={
            "origin": row.origin,
            "position": row.position,
            "before": before,
            "after": after,
        },
        settings={"mutations_sync": 1},
    )
