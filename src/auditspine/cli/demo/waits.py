"""Waits until what the demo published is sealed, landed and folded."""

import time
from collections.abc import Sequence

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.telling import done, step
from auditspine.cli.errors import CliError
from auditspine.cli.flow import measure
from auditspine.cli.settings import Settings

_LANDED_S = 120.0
_POLL_S = 0.25
_BEHIND = """
    SELECT
        (
            SELECT count() FROM (
                SELECT tenant, max(position) AS last FROM committed_evidence
                WHERE has({tenants:Array(String)}, tenant)
                    AND event_type IN ('model.registered', 'approval.decided', 'deployment.changed')
                GROUP BY tenant
            ) AS e LEFT JOIN (
                SELECT tenant, max(version) AS folded FROM lineage_marks GROUP BY tenant
            ) AS l ON l.tenant = e.tenant WHERE e.last > l.folded
        ) + (
            SELECT count() FROM (
                SELECT tenant, uniqExact(event_id) AS accesses FROM committed_evidence
                WHERE has({tenants:Array(String)}, tenant) AND event_type = 'artifact.accessed'
                GROUP BY tenant
            ) AS e LEFT JOIN (
                SELECT tenant, count() AS judged FROM access_verdicts FINAL GROUP BY tenant
            ) AS v ON v.tenant = e.tenant WHERE e.accesses > v.judged
        )
"""


def land(settings: Settings) -> None:
    """Wait until all that is published is sealed and landed."""
    step("Sealing and landing")
    published, quarantined = settle(settings)
    done(f"{published:,} events published, sealed and landed; {quarantined} in quarantine")


def settle(settings: Settings) -> tuple[int, int]:
    """Wait as :func:`land` does, and say nothing.

    Returns:
        How many events are published, and how many of them in quarantine.
    """
    deadline = time.monotonic() + _LANDED_S
    with stdout.status("waiting for the sink") as status:
        while True:
            flows = measure(settings)
            published = sum(flow.published for flow in flows)
            landed = sum(flow.landed or 0 for flow in flows)
            if all(flow.is_settled for flow in flows):
                break
            if time.monotonic() > deadline:
                raise CliError(
                    f"{landed} of {published} events landed within {_LANDED_S:.0f} s: see the "
                    f"workers' logs in {settings.data_dir / 'logs'}"
                )
            status.update(f"{landed:,} of {published:,} events are in ClickHouse")
            time.sleep(_POLL_S)
    return published, sum(flow.quarantined or 0 for flow in flows)


def project(settings: Settings, lenders: Sequence[Lender]) -> None:
    """Wait until the projections have folded what the lenders did."""
    client = clickhouse_client(settings, reader=True)
    deadline = time.monotonic() + _LANDED_S
    tenants = [lender.tenant for lender in lenders]
    try:
        with stdout.status("waiting for the lineage and access workers"):
            while client.query(_BEHIND, parameters={"tenants": tenants}).result_rows[0][0]:
                if time.monotonic() > deadline:
                    raise CliError(
                        f"the projections are behind after {_LANDED_S:.0f} s: see the workers' "
                        f"logs in {settings.data_dir / 'logs'}"
                    )
                time.sleep(_POLL_S)
    finally:
        client.close()
    done("lineage and access are folded")
