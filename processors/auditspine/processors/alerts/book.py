"""The alerts, places and deployments of tenants in a projection's state: reads, writes. Pure.

Keys are a letter and the JSON of what follows::

    n  tenant                                  the clock
    a  tenant, fingerprint                     the open or cooling alert of a fingerprint
    o  tenant                                  all of them: alert_id → fingerprint
    p  tenant, deployment, model digest        the place
    d  tenant, deployment                      the deployment
    w  tenant                                  names of its deployments
    g  tenant                                  whether any deployment was ever told
    q  tenant                                  silences
    r  tenant, model digest                    each role's latest decision on the model
    e  tenant                                  whether any model was ever decided on
    u  tenant                                  patterns of the policy that matched no feature yet
    t  tenant, origin, …, monitor              events of a monitor that were taken
    z  tenant, deployment, model digest        what monitors of the place signalled of late
    i  tenant, fingerprint                     what the latest analysis of its investigation found
    m  tenant, deployment, model, monitor      how often a monitor was right

Names upstream have keys of their own (:mod:`~auditspine.processors.alerts.upstream`).
"""

import json
from typing import Any, NamedTuple

from auditspine.processors.alerts.alert import Alert
from auditspine.processors.alerts.analysis import Found
from auditspine.processors.alerts.clock import Clock
from auditspine.processors.alerts.deployments import Deployment
from auditspine.processors.alerts.places import Place
from auditspine.processors.alerts.precision import Precision
from auditspine.processors.alerts.repeats import Mark, Taken
from auditspine.processors.alerts.signs import Signs
from auditspine.processors.alerts.silences import Silence
from auditspine.processors.projection.port import State

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Approval(NamedTuple):
    """What one role last decided on a model.

    Attributes:
        stands: Whether it allows it.
        until: When that ends, the broker's milliseconds; None for never.
    """

    stands: bool
    until: int | None

    def holds(self, at: int) -> bool:
        """Tell whether it allows the model at a time."""
        return self.stands and (self.until is None or at < self.until)


class Book:
    """One log's alerts and what they rest on, by tenant.

    Args:
        state: The projection's state.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def clock(self, tenant: str) -> Clock:
        """Give a tenant's clock."""
        stored = self._state.get(_key("n", tenant))
        return Clock.decode(stored) if stored else Clock()

    def put_clock(self, tenant: str, clock: Clock) -> None:
        """Note a tenant's clock."""
        self._state.put(_key("n", tenant), clock.encode())

    def alert(self, tenant: str, mark: str) -> Alert | None:
        """Give the latest alert of a fingerprint; None when it is forgotten."""
        stored = self._state.get(_key("a", tenant, mark))
        return Alert.decode(stored) if stored else None

    def alerts(self, tenant: str) -> dict[str, str]:
        """Give the fingerprints of open and cooling alerts, by alert_id."""
        found: dict[str, str] = self._read(_key("o", tenant)) or {}
        return found

    def named(self, tenant: str, alert_id: str) -> Alert | None:
        """Give an alert by its identifier."""
        mark = self.alerts(tenant).get(alert_id)
        alert = None if mark is None else self.alert(tenant, mark)
        return alert if alert is not None and alert.alert_id == alert_id else None

    def put_alert(self, tenant: str, alert: Alert) -> None:
        """Note an alert; it takes the place of the one before it of its fingerprint."""
        known = self.alert(tenant, alert.fingerprint)
        self._state.put(_key("a", tenant, alert.fingerprint), alert.encode())
        if known is None or known.alert_id != alert.alert_id:
            others = self.alerts(tenant)
            if known is not None:
                others.pop(known.alert_id, None)
            self._write(_key("o", tenant), {**others, alert.alert_id: alert.fingerprint})

    def forget_alert(self, tenant: str, alert: Alert) -> None:
        """Forget an alert."""
        self._state.put(_key("a", tenant, alert.fingerprint), b"")
        if alert.investigations:
            self._state.put(_key("i", tenant, alert.fingerprint), b"")
        others = self.alerts(tenant)
        others.pop(alert.alert_id, None)
        self._write(_key("o", tenant), others)

    def found(self, tenant: str, mark: str) -> Found | None:
        """Give what the latest analysis of a fingerprint's alert found; None for none."""
        stored = self._state.get(_key("i", tenant, mark))
        return Found.decode(stored) if stored else None

    def put_found(self, tenant: str, mark: str, found: Found) -> None:
        """Note what an analysis found."""
        self._state.put(_key("i", tenant, mark), found.encode())

    def signs(self, tenant: str, place: tuple[str, str]) -> Signs:
        """Give what monitors of a place signalled of late."""
        stored = self._state.get(_key("z", tenant, *place))
        return Signs.decode(stored) if stored else Signs()

    def put_signs(self, tenant: str, place: tuple[str, str], signs: Signs) -> None:
        """Note what monitors of a place signalled of late."""
        self._state.put(_key("z", tenant, *place), signs.encode())

    def precision(self, tenant: str, monitor: tuple[str, str, str]) -> Precision:
        """Give how often a monitor was right: names of the deployment, the model, the monitor."""
        stored = self._state.get(_key("m", tenant, *monitor))
        return Precision.decode(stored) if stored else Precision()

    def put_precision(self, tenant: str, monitor: tuple[str, str, str], known: Precision) -> None:
        """Note how often a monitor was right."""
        self._state.put(_key("m", tenant, *monitor), known.encode())

    def place(self, tenant: str, place: tuple[str, str]) -> Place:
        """Give a place, by name of the deployment and digest of the model."""
        stored = self._state.get(_key("p", tenant, *place))
        return Place.decode(stored) if stored else Place()

    def put_place(self, tenant: str, at: tuple[str, str], place: Place) -> None:
        """Note a place."""
        self._state.put(_key("p", tenant, *at), place.encode())

    def deployment(self, tenant: str, name: str) -> Deployment:
        """Give what is known of a deployment."""
        stored = self._state.get(_key("d", tenant, name))
        return Deployment.decode(stored) if stored else Deployment()

    def put_deployment(self, tenant: str, name: str, deployment: Deployment) -> None:
        """Note what is known of a deployment."""
        self._state.put(_key("d", tenant, name), deployment.encode())
        names = self.deployments(tenant)
        if name not in names:
            self._write(_key("w", tenant), [*names, name])

    def deployments(self, tenant: str) -> list[str]:
        """Give the names of a tenant's deployments."""
        found: list[str] = self._read(_key("w", tenant)) or []
        return found

    def is_governed(self, tenant: str) -> bool:
        """Tell whether the tenant ever said what it deploys."""
        return self._state.get(_key("g", tenant)) is not None

    def govern(self, tenant: str) -> None:
        """Note that the tenant says what it deploys."""
        self._state.put(_key("g", tenant), b"1")

    def decides(self, tenant: str) -> bool:
        """Tell whether the tenant ever decided on a model."""
        return self._state.get(_key("e", tenant)) is not None

    def approvals(self, tenant: str, model: str) -> dict[str, Approval]:
        """Give what each role last decided on a model, the latest last."""
        stored: dict[str, tuple[bool, int | None]] = self._read(_key("r", tenant, model)) or {}
        return {role: Approval(*each) for role, each in stored.items()}

    def put_approvals(self, tenant: str, model: str, approvals: dict[str, Approval]) -> None:
        """Note what each role last decided on a model."""
        self._state.put(_key("e", tenant), b"1")
        self._write(_key("r", tenant, model), approvals)

    def unmatched(self, tenant: str) -> tuple[str, tuple[str, ...], int]:
        """Give a policy's digest, its patterns that matched no feature, of how many reports."""
        policy, patterns, reports = self._read(_key("u", tenant)) or ("", (), 0)
        return policy, tuple(patterns), reports

    def put_unmatched(
        self, tenant: str, policy: str, patterns: tuple[str, ...], reports: int
    ) -> None:
        """Note those patterns of a policy that matched no feature in some reports."""
        self._write(_key("u", tenant), [policy, patterns, reports])

    def silences(self, tenant: str) -> list[Silence]:
        """Give a tenant's silences."""
        return [Silence(*each) for each in self._read(_key("q", tenant)) or []]

    def put_silences(self, tenant: str, silences: list[Silence]) -> None:
        """Note a tenant's silences."""
        self._write(_key("q", tenant), silences)

    def is_new(self, tenant: str, who: tuple[str, ...], mark: Mark) -> bool:
        """Tell whether a monitor's event is not a repeat, and note it.

        Args:
            tenant: The tenant.
            who: The log of the evidence and what names the monitor in it.
            mark: The event.
        """
        key = _key("t", tenant, *who)
        stored = self._state.get(key)
        taken = Taken.decode(stored) if stored else Taken()
        if taken.has(mark):
            return False
        self._state.put(key, taken.taking(mark).encode())
        return True

    def _read(self, key: bytes) -> Any:
        stored = self._state.get(key)
        return json.loads(stored.decode("utf-8", "surrogatepass")) if stored else None

    def _write(self, key: bytes, value: object) -> None:
        self._state.put(key, _ENCODER.encode(value).encode("utf-8", "surrogatepass"))


def _key(kind: str, *parts: str) -> bytes:
    return kind.encode() + _ENCODER.encode(parts).encode("utf-8", "surrogatepass")
