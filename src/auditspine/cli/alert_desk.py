"""Where a person says something about an alert, and sees what came of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.text import Text

from auditspine.auditor.alert_rows import Alert
from auditspine.auditor.alerts import domain_of, find_alert, has_happened
from auditspine.auditor.asking import choose_tenant
from auditspine.cli.alert_checks import over_since
from auditspine.cli.alert_table import state_words
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import print_json, printable, stderr, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.person import Make, PersonSpeaker
from auditspine.cli.settings import Settings

_TAKEN_S = 15.0  # for an event to have its effect
_POLL_S = 0.1
_REASON = 1024  # characters of an envelope's reason
_DOMAIN = "governance"  # where an alert's own has not landed


@dataclass(slots=True)
class Desk:
    """A person at work on a tenant's alerts.

    Attributes:
        client: Reads ClickHouse.
        settings: The settings.
        tenant: The tenant.
        by: The person.
        workload: What signs for them.
        key: Its key file; its own in the data directory when None.
        said: What was said last: the event, and whether it had its effect.
    """

    client: Client
    settings: Settings
    tenant: str
    by: str
    workload: str
    key: Path | None
    said: dict[str, Any] = field(default_factory=dict)

    def find(self, text: str) -> Alert:
        """Find an alert that is not over.

        Raises:
            UnknownAlertError: There is none of this id, or there are several.
            CliError: It is over.
        """
        found = find_alert(self.client, self.tenant, text)
        if not found.is_open:
            raise CliError(
                f"{found.alert_id} is over{over_since(found)}: nothing of it can be changed; "
                f"`auditspine alerts list --deployment {found.deployment}` shows what is open there"
            )
        return found

    def say(self, make: Make, reason: str, concerned: Sequence[Alert]) -> None:
        """Publish an event; wait until it is sealed and has its effect.

        Args:
            make: Makes the event.
            reason: Why.
            concerned: Alerts on which it is to have one.

        Raises:
            CliError: The ledger found it not valid.
            NotSealedError: It is not sealed in time.
            ProducerError: It may not have been published.
        """
        domain = domain_of(self.client, self.tenant, concerned[0]) if concerned else ""
        speaker = PersonSpeaker(
            self.settings, self.tenant, self.by, self.workload, self.key, domain or _DOMAIN
        )
        events = speaker.say([make], "incident", reason[:_REASON])
        deadline = time.monotonic() + _TAKEN_S
        waiting = [each.alert_id for each in concerned]
        while waiting and time.monotonic() < deadline:
            if has_happened(self.client, self.tenant, waiting[0], events):
                del waiting[0]
            else:
                time.sleep(_POLL_S)
        self.said = {"event": events[0], "taken": not waiting}
        if waiting:
            why = "it is sealed, and has had no effect yet: does `auditspine worker alerts` run?"
            stderr.print(f"! {waiting[0]}: {why}", style="warn", markup=False, soft_wrap=True)

    def tell(self, alert: Alert, words: str, *, as_json: bool, **more: str) -> None:
        """Print how an alert stands after what was said."""
        after = find_alert(self.client, self.tenant, alert.alert_id)
        if as_json:
            print_json(
                {
                    "alert": after.alert_id,
                    "tier": after.tier,
                    "state": after.state,
                    "silenced_until": after.silenced_until,
                    **more,
                    **self.said,
                }
            )
            return
        now = f"{after.tier}, {state_words(after, datetime.now(UTC))}"
        told = Text.assemble(("✓ ", "good"), printable(f"{after.alert_id}: {words}; now {now}"))
        stdout.print(told, soft_wrap=True)


@contextmanager
def desk_of(
    settings: Settings, tenant: str | None, by: str, workload: str, key: Path | None
) -> Iterator[Desk]:
    """Open a desk for the length of a block.

    Raises:
        CliError: There is no ClickHouse.
        UnknownTenantError: The tenant is not known.
    """
    client = clickhouse_client(settings, reader=True)
    try:
        yield Desk(client, settings, choose_tenant(client, tenant), by, workload, key)
    finally:
        client.close()
