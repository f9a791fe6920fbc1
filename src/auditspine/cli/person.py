"""What a person or a workload says through the command line: signed, sealed, and awaited."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.errors import CliError
from auditspine.cli.operator import await_sealed
from auditspine.cli.sealed_watch import SealedWatch
from auditspine.cli.settings import Settings
from auditspine.ledger.verdict import Verdict
from auditspine.producers.client import AuditClient
from auditspine.schemas.models import Actor, Envelope, Event

_SEAL_S = 30.0

Make = Callable[[Envelope], Event]
"""Makes an event of the envelope that it goes in."""

WorkloadOption = Annotated[
    str, typer.Option(help="Workload that signs; its key must be registered for the tenant.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="Key file. [default: DATA_DIR/keys/WORKLOAD.pem]")
]


class PersonSpeaker:
    """Publishes the events of one who speaks and waits until they are sealed as valid.

    Args:
        settings: The settings.
        tenant: Whose events they are.
        principal: Who speaks, as the identity provider names them; None for the workload itself.
        workload: The workload that signs.
        key: Its key file; the workload's own in the data directory when not given.
        domain: Business domain of the events.
    """

    def __init__(
        self,
        settings: Settings,
        tenant: str,
        principal: str | None,
        workload: str,
        key: Path | None,
        domain: str,
    ) -> None:
        self._settings = settings
        self._tenant = tenant
        self._actor = None if principal is None else Actor(principal=principal, kind="person")
        self._workload = workload
        self._key = key or settings.data_dir / "keys" / f"{workload}.pem"
        self._domain = domain

    def say(self, events: Sequence[Make], trigger: str, reason: str) -> list[str]:
        """Publish events of one stream and wait.

        Args:
            events: Make each of them.
            trigger: What set them off.
            reason: Why.

        Returns:
            The event_id of each.

        Raises:
            CliError: The ledger found one not valid; the message says which verdict.
            NotSealedError: They are not sealed in time.
            ProducerError: They may not have been published.
        """
        settings = self._settings
        kafka = kafka_properties(settings)
        keys = trusted_log_keys(settings.trust_path)
        topics = settings.topics_for(self._tenant, self._domain)
        with AuditClient(
            {"log_level": "0", **kafka},
            tenant=self._tenant,
            producer=self._workload,
            key=self._key,
            domain=self._domain,
            environment="governance",
            topics=topics,
            shared={"actor": self._actor},
        ) as client:
            made = [make(client.envelope(trigger, reason)) for make in events]
            [stream] = {each.stream for each in made}
            watched = {topics.sealed(stream): topics.partition_count(stream)}
            with SealedWatch(kafka, watched, keys) as watch:
                client.check(stream)
                said = [client.publish(each) for each in made]
                client.flush(_SEAL_S)
                for sealed in await_sealed(watch, said, _SEAL_S):
                    if sealed.verdict is not Verdict.VALID:
                        raise CliError(
                            f"the ledger quarantined it: {sealed.verdict.name.lower()}; is the "
                            f"key {self._key} registered for {self._tenant} and these event types?"
                        )
        return [str(each.envelope.event_id) for each in made]
