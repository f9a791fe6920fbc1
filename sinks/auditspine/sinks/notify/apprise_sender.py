"""Tells a receiver through apprise: chat, paging, e-mail, webhooks; whatever its URL names.

apprise's own log is switched off: it shows addresses and, at its lower levels, secrets.
"""

import logging
from typing import Any

from apprise import (
    Apprise,
    AppriseAsset,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    PersistentStoreMode,
)

from auditspine.sinks.notify.http_watch import Watch, watching
from auditspine.sinks.notify.message import text, title
from auditspine.sinks.notify.port import DELIVERED, Notice, NotifyError, Outcome

_TYPES = {
    "informational": NotifyType.INFO,
    "caution": NotifyType.WARNING,
    "review": NotifyType.WARNING,
    "stop_the_line": NotifyType.FAILURE,
}
KEY_HEADER = "X-Notification-Id"
"""Header of e-mails and webhooks that is the same in every repeat."""

logging.getLogger("apprise").addFilter(lambda _: False)


class AppriseReceiver:
    """A receiver behind an apprise URL.

    The notification id is the last line of the text, and the header :data:`KEY_HEADER` where the
    service sends headers (e-mail, webhooks). A service that keeps incidents (PagerDuty, GoAlert,
    ilert, incident.io …) has one for an alert, and it ends with the alert.

    Args:
        url: The URL, with its secrets.
        timeout_s: For connecting, and for each wait for an answer.

    Attributes:
        can_end: Whether the service can be told that an alert is over. Opsgenie's alerts cannot be
            closed by their key through apprise.

    Raises:
        NotifyError: apprise does not know the URL; the message does not show it.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self.can_end = not hasattr(self._plugin(), "alias")

    def tell(self, notice: Notice, key: str) -> Outcome:
        """Make one attempt; see :class:`~auditspine.sinks.notify.port.Receiver`."""
        with watching(self._timeout_s) as watch:
            try:
                told = self._notify(notice, key)
            except Exception as exc:  # noqa: BLE001 - any plugin, any library; its text may be secret
                return Outcome(delivered=False, detail=f"apprise failed ({type(exc).__name__})")
        return _outcome(told, watch)

    def _notify(self, notice: Notice, key: str) -> bool:
        plugin = self._plugin()  # anew: without the pauses and memories of earlier attempts
        _mark(plugin, notice, key)
        teller = Apprise(asset=plugin.asset)
        teller.add(plugin)
        return bool(
            teller.notify(
                body=text(notice, key),
                title=title(notice),
                notify_type=NotifyType.SUCCESS if notice.over else _TYPES[notice.tier],
                body_format=NotifyFormat.TEXT,
            )
        )

    def _plugin(self) -> NotifyBase:
        asset = AppriseAsset(
            app_id="Auditspine",
            app_desc="Auditspine alerts",
            app_url="",
            async_mode=False,
            secure_logging=True,
            storage_mode=PersistentStoreMode.MEMORY,
        )
        plugin = Apprise.instantiate(self._url, asset=asset, suppress_exceptions=True)
        if plugin is None:
            raise NotifyError(
                "apprise does not know such a URL, or misses a part of it: see `apprise --details`"
            )
        plugin.socket_connect_timeout = plugin.socket_read_timeout = self._timeout_s
        return plugin


def _mark(plugin: Any, notice: Notice, key: str) -> None:
    """Give the keys by which the service can tell repeats, as far as it can."""
    plugin.retry = 0  # the queue tries again, and counts
    if isinstance(getattr(plugin, "headers", None), dict):
        plugin.headers[KEY_HEADER] = key
    if hasattr(plugin, "dedup") and not plugin.dedup:  # PagerDuty and others
        plugin.dedup, plugin.action = notice.alert_key, "map"  # a success ends the incident
    if hasattr(plugin, "alias"):  # Opsgenie
        plugin.alias, plugin.action = plugin.alias or notice.alert_key, "new"


def _outcome(told: bool, watch: Watch) -> Outcome:
    if watch.redirected is not None:
        return watch.redirected
    if told:
        return DELIVERED
    if not watch.failures:
        return Outcome(
            delivered=False, detail="apprise could not reach the receiver, or it refused"
        )
    asked_s = max(each.retry_after_s for each in watch.failures)
    return Outcome(False, watch.failures[-1].detail, asked_s)
