"""Reads from ClickHouse what a drift report is made of.

Only what is committed. Predictions themselves stay there: the newest are counted and ordered by
ClickHouse, and what comes here are quantiles and shares.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from clickhouse_connect.driver.client import Client

from auditspine.auditor.alert_rows import STATES, Alert, Happening
from auditspine.auditor.alerts import check_deployment, list_alerts, serving_states
from auditspine.auditor.asking import query, timed_rows
from auditspine.auditor.drift import Place, Report, find_places
from auditspine.auditor.drift_report import queries
from auditspine.auditor.drift_report.material import Current, Material, Of, Sealed, Values
from auditspine.auditor.drift_report.ranges import Range
from auditspine.auditor.errors import AuditorError

STEPS = 64
"""Points of time at which a report tells how monitors stood, at most."""
MOST_ALERTS = 50

_MOST_EVENTS = 1000  # of each type, the newest
_CATEGORIES = 30  # of each feature, those that came most
_AT_ONCE = 5_000  # positions in one query


class UnwatchedModelError(AuditorError):
    """No such model is known, or it is not clear which one is meant; the message says what is."""


def find_place(
    client: Client, tenant: str, model: str, version: str = "", deployment: str = ""
) -> tuple[Place, tuple[str, ...]]:
    """Give where a model serves, and other versions of it that were watched there.

    Args:
        client: Of the evidence's database; a read-only account is enough.
        tenant: The tenant.
        model: Name of the model.
        version: Its version; the one that was watched last if empty.
        deployment: Name of the deployment; needed when the model is at several.

    Raises:
        UnwatchedModelError: It is not known, or is at several deployments.
        UnknownDeploymentError: The deployment is not known.
        SourceError: ClickHouse refuses or is away.
    """
    found = find_places(client, tenant, deployment, model, version)
    if not found:
        asked = {"tenant": tenant, "model": model, "version": version, "deployment": deployment}
        found = [Place(*row) for row in timed_rows(client, queries.SERVED, asked)]
        served = [each for each in found if each.deployment]
        found = served or found
    if not found and deployment:
        check_deployment(client, tenant, deployment)
    if not found:
        at = f" at {deployment}" if deployment else ""
        named = f"{model}@{version}" if version else model
        names = [str(row[0]) for row in query(client, queries.NAMES, {"tenant": tenant})]
        near = get_close_matches(model, [each for each in names if each != model], 1, 0.5)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise UnwatchedModelError(f"no model {named} of {tenant} is known{at}{hint}")
    places = sorted({each.deployment for each in found})
    if len(places) > 1:
        raise UnwatchedModelError(
            f"{model} is at {len(places)} deployments, name one with --deployment: "
            f"{', '.join(places[:10])}{' and more' if places[10:] else ''}"
        )
    newest, *others = sorted(found, key=lambda each: each.last_at, reverse=True)
    return newest, tuple(dict.fromkeys(each.model_version for each in others))


def read_material(
    client: Client,
    tenant: str,
    place: Place,
    others: tuple[str, ...],
    *,
    since: datetime,
    now: datetime,
    rows: int,
) -> Material:
    """Read all that a report is made of.

    Args:
        client: Of the evidence's database; a read-only account is enough.
        tenant: The tenant.
        place: The model and the deployment.
        others: Other versions that were watched there.
        since: Beginning of the period.
        now: Its end.
        rows: How many of the newest predictions are compared with the reference.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    reader = _Reader(client, tenant, place, since)
    reports = reader.reports()
    events = reader.events()
    alerts, more = reader.alerts()
    events += reader.of_alerts(alerts)
    attributes = _processed(reports, events)
    return Material(
        tenant,
        place,
        others,
        since,
        now,
        rows,
        reports,
        reader.profile(),
        alerts,
        more,
        reader.history(alerts),
        events,
        reader.serving(),
        reader.current(rows, attributes),
        attributes,
    )


def read_leaves(client: Client, ranges: Iterable[Range]) -> dict[tuple[str, int], str]:
    """Give the leaf hashes of the first and last entries of some ranges, in hex.

    Raises:
        SourceError: ClickHouse refuses or is away.
    """
    wanted = sorted({(each.origin, at) for each in ranges for at in (each.first, each.last)})
    found = {}
    for at in range(0, len(wanted), _AT_ONCE):
        part = wanted[at : at + _AT_ONCE]
        asked = {
            "origins": sorted({origin for origin, _ in part}),
            "positions": sorted({position for _, position in part}),
        }
        for origin, position, leaf in query(client, queries.LEAVES, asked):
            found[str(origin), int(position)] = str(leaf)
    return {place: found[place] for place in wanted if place in found}


class _Reader:
    """Asks for one place and period."""

    def __init__(self, client: Client, tenant: str, place: Place, since: datetime) -> None:
        self._client = client
        self._place = place
        self._asked: dict[str, object] = {
            "tenant": tenant,
            "digest": place.model_digest,
            "deployment": place.deployment,
            "since": int(since.timestamp() * 1000),
        }
        self._tenant = tenant
        self._since = since

    def reports(self) -> list[Report]:
        span = timed_rows(self._client, queries.LAST_LEVELS, self._asked)
        if not span:
            return []
        first, last = (int(each.timestamp() * 1000) for each in span[0])
        step = (last - first) // STEPS + 1
        asked = {**self._asked, "since": first, "step": step}
        return [Report(*row) for row in timed_rows(self._client, queries.LEVELS, asked)]

    def events(self) -> list[Sealed]:
        return self._sealed(queries.EVENTS, most=_MOST_EVENTS)

    def alerts(self) -> tuple[list[Alert], int]:
        found = [
            each
            for each in list_alerts(
                self._client, self._tenant, states=STATES, deployment=self._place.deployment
            )
            if each.model_digest == self._place.model_digest
            and (each.is_open or max(each.raised_at, each.last_signal_at) >= self._since)
        ]
        found.sort(key=lambda each: not each.is_open)
        return found[:MOST_ALERTS], len(found) - len(found[:MOST_ALERTS])

    def of_alerts(self, alerts: list[Alert]) -> list[Sealed]:
        if not alerts:
            return []
        ids = [each.alert_id for each in alerts]
        began = int(min(each.raised_at for each in alerts).timestamp() * 1000)
        return [
            *self._sealed(queries.RAISED, alerts=ids),
            *self._sealed(queries.DISPOSITIONS, alerts=ids, since=began),
        ]

    def history(self, alerts: list[Alert]) -> Mapping[str, list[Happening]]:
        asked = {"tenant": self._tenant, "alerts": [each.alert_id for each in alerts]}
        found: dict[str, list[Happening]] = defaultdict(list)
        for alert_id, *row in timed_rows(self._client, queries.HISTORY, asked) if alerts else ():
            found[str(alert_id)].append(Happening(*row))
        return found

    def profile(self) -> Sealed | None:
        found = self._sealed(queries.PROFILE)
        return found[0] if found else None

    def serving(self) -> Any:
        states = serving_states(self._client, self._tenant, self._place.deployment)
        digest = self._place.model_digest
        return next((each for each in states if each.model_digest == digest), None)

    def current(self, rows: int, attributes: frozenset[str]) -> Current:
        newest = timed_rows(self._client, queries.NEWEST, {**self._asked, "rows": rows})
        if not newest:
            return Current()
        asked = {
            **self._asked,
            "attributes": sorted(attributes),
            "origins": [row[0] for row in newest],
            "firsts": [row[1] for row in newest],
            "lasts": [row[2] for row in newest],
            "categories": _CATEGORIES,
        }
        counted = {Of(*row[:2]): int(row[2]) for row in query(self._client, queries.WHOSE, asked)}
        values: dict[Of, dict[str, Values]] = defaultdict(lambda: defaultdict(Values))
        for attribute, token, name, numbers, texts, quantiles in query(
            self._client, queries.NUMBERS, asked
        ):
            kept = tuple(map(float, quantiles)) if numbers else ()
            values[Of(attribute, token)][name] = Values(int(numbers), kept, worded=int(texts))
        for attribute, token, name, text, times in query(self._client, queries.TEXTS, asked):
            values[Of(attribute, token)][name].texts[str(text)] = int(times)
        return Current(
            tuple(Range(str(row[0]), int(row[1]), int(row[2])) for row in newest),
            min(row[3] for row in newest),
            max(row[4] for row in newest),
            counted,
            values,
        )

    def _sealed(self, sql: str, **more: object) -> list[Sealed]:
        return [
            Sealed(kind, event_id, at, origin, int(position), actor, json.loads(body))
            for kind, event_id, at, origin, position, actor, body in timed_rows(
                self._client, sql, {**self._asked, **more}
            )
        ]


def _processed(reports: Iterable[Report], events: Iterable[Sealed]) -> frozenset[str]:
    """Name the protected attributes that the policy lets be read, as the drift processor had it.

    One that is excluded is not read here either.
    """
    names: set[str] = set()
    excluded: set[str] = set()
    for report in reports:
        for monitor, kind in zip(report.monitors, report.kinds, strict=True):
            attribute, _, what = monitor.rpartition(".")
            if kind == "protected":
                (excluded if what == "excluded" else names).add(attribute)
    for event in events:
        if event.event_type == "bias.assessed":
            names |= {each["attribute"] for each in event.body["attributes"]}
            excluded |= {each["attribute"] for each in event.body["exclusions"]}
    return frozenset(names - excluded)
