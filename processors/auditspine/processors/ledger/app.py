"""The ledger processor as a Faust app: the loop is a service of it."""

from typing import Any

import faust
from mode import Service

from auditspine.processors.hosting import LoopService
from auditspine.processors.ledger.config import LedgerConfig
from auditspine.processors.ledger.loop import LedgerLoop
from auditspine.processors.projection.kafka_settings import faust_settings


class LedgerApp(faust.App):
    """A Faust app that keeps nothing on disk."""

    def _create_directories(self) -> None:
        """Make none: Faust's own would hold its Tables."""


def make_ledger_app(config: LedgerConfig) -> faust.App:
    """Make the ledger's Faust app, ready for :func:`auditspine.processors.hosting.run_worker`.

    Args:
        config: The worker's configuration.

    Raises:
        SettingsError: A Kafka property cannot be honoured by Faust.
    """
    settings = faust_settings(config.kafka["bootstrap.servers"], config.kafka)
    options: dict[str, Any] = dict(settings.options)
    options.pop("consumer_group_instance_id", None)
    app = LedgerApp(
        config.group_id,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        worker_redirect_stdouts=False,
        **options,
    )
    app.producer_only = True  # its consumer is the loop's, not Faust's

    class Ledger(LoopService):
        """Runs the loop; Faust makes one when the app starts."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(lambda: LedgerLoop(config), "ledger", **kwargs)

    service: type[Service] = Ledger
    app.service(service)
    return app
