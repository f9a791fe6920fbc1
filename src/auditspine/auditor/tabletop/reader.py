"""Reads from ClickHouse all that is committed about one model and what it came of.

A few queries with bound parameters, each by digests or identifiers that the one before found.
Predictions, outcomes and accesses are not read: they are many, and what was watched of them is in
``serving.observed``.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from auditspine.auditor.errors import AuditorError, SourceError
from auditspine.auditor.tabletop.dossier import Dossier
from auditspine.auditor.tabletop.entry import Entry, RawEntry, Sealed, read_entry
from auditspine.auditor.tabletop.rebuild import rebuild
from auditspine.auditor.tabletop.report import Release
from auditspine.ledger.control import EVERY_TENANT, PLATFORM_TENANT
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder

_MOST = 2_000  # drift signals of one model, the newest
_AT_ONCE = 5_000  # values in one query
_BYTES: dict[str, str | dict[str, str]] = {"value": "bytes", "sig": "bytes"}
_SELECT = """
    SELECT toString(origin), position, appended_at, toString(event_type), flags, value, sig
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND bitAnd(flags, 2) = 0
"""
_NAMING = f"""{_SELECT}
    AND event_type NOT IN {{without:Array(String)}}
    AND has(artifacts.digest, unhex({{digest:String}})::FixedString(32))
"""
_NEWEST = f"""{_SELECT}
    AND event_type = 'drift.signalled'
    AND has(artifacts.digest, unhex({{digest:String}})::FixedString(32))
    ORDER BY appended_at DESC, origin, position DESC LIMIT {_MOST}
"""
_WATCHED = f"""{_SELECT}
    AND event_type = 'serving.observed'
    AND has(artifacts.digest, unhex({{digest:String}})::FixedString(32))
    ORDER BY appended_at {{direction}}, origin, position {{direction}} LIMIT 1
"""
_OF_RUNS = f"""{_SELECT}
    AND event_type IN ('run.started', 'run.completed')
    AND JSONExtractString(body, 'run_id') IN {{values:Array(String)}}
"""
_OF_ARTIFACTS = f"""{_SELECT}
    AND event_type IN ('dataset.registered', 'dataset.snapshotted', 'dataset.flagged',
        'labels.applied', 'feature.defined', 'feature.deprecated')
    AND hasAny(artifacts.digest,
        arrayMap(each -> unhex(substring(each, 8))::FixedString(32), {{values:Array(String)}}))
    AND JSONExtractString(body, multiIf(
        event_type = 'dataset.snapshotted', 'snapshot', event_type = 'labels.applied', 'labels',
        startsWith(event_type, 'feature.'), 'feature', 'dataset'), 'digest')
        IN {{values:Array(String)}}
"""
_OF_CODE = f"""{_SELECT}
    AND event_type = 'code.committed'
    AND JSONExtractString(body, 'code', 'digest') IN {{values:Array(String)}}
"""
_OF_ALERTS = f"""{_SELECT}
    AND event_type IN ('alert.resolved', 'alert.acknowledged', 'alert.escalated',
        'investigation.dispositioned')
    AND JSONExtractString(body, 'alert_id') IN {{values:Array(String)}}
"""
_OF_PRINCIPALS = f"""{_SELECT}
    AND event_type = 'role.granted'
    AND JSONExtractString(body, 'principal') IN {{values:Array(String)}}
"""
_OF_GRANTS = f"""{_SELECT}
    AND event_type = 'role.revoked'
    AND JSONExtractString(body, 'grant_id') IN {{values:Array(String)}}
"""
_BY_EVENT = f"""{_SELECT}
    AND event_type NOT IN ('prediction.made', 'outcome.observed')
    AND toString(event_id) IN {{values:Array(String)}}
"""
_BY_DECISION = f"""{_SELECT}
    AND event_type = 'decision.made'
    AND JSONExtractString(body, 'decision_id') IN {{values:Array(String)}}
"""
_POLICIES = f"""{_SELECT} AND event_type = 'policy.published'
    AND JSONExtractString(body, 'name') = 'release'
    AND hasAny(JSONExtract(body, 'tenants', 'Array(String)'), {{of:Array(String)}})
"""
_SEALED = """
    SELECT position, leaf, toString(verdict) FROM committed_entries
    WHERE origin = {origin:String} AND position IN {positions:Array(UInt64)}
"""
_SCHEMAS = """
    SELECT JSONExtractInt(body, 'schema_id') AS id,
        argMin(JSONExtractString(body, 'text'), position)
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type = 'schema.registered'
    GROUP BY id
"""
_APART = (
    "prediction.made",
    "outcome.observed",
    "artifact.accessed",
    "serving.observed",
    "drift.signalled",
)


class UnknownModelError(AuditorError):
    """No event of the tenant names the digest."""


def read_release(client: Client, tenant: str, name: str, version: str, digest: str) -> Release:
    """Rebuild a release from what ClickHouse holds.

    Args:
        client: Of the evidence's database; a read-only account is enough.
        tenant: The tenant.
        name: Name of the model.
        version: Its version.
        digest: SHA-256 of its content, ``sha256:`` and hex.

    Raises:
        UnknownModelError: No event names the digest.
        SourceError: ClickHouse refuses or is away.
    """
    reader = _Reader(client, tenant)
    reader.read_model(digest.removeprefix("sha256:"))
    if not reader.entries:
        raise UnknownModelError(
            f"no event of {tenant} names {digest}: `auditspine history {name} --json` gives the "
            "digests that are known"
        )
    dossier = Dossier(name, version, digest, tenant, reader.entries.values())
    reader.read_origin(dossier)
    dossier = Dossier(name, version, digest, tenant, reader.entries.values())
    reader.read_around(dossier)
    return rebuild(name, version, digest, tenant, reader.entries.values())


class _Reader:
    """Collects entries, each once, with what ``entries`` has of them."""

    def __init__(self, client: Client, tenant: str) -> None:
        self._client = client
        self._tenant = tenant
        self._decoder = Decoder(self._schemas())
        self.entries: dict[tuple[str, int], Entry] = {}

    def read_model(self, digest: str) -> None:
        """Read what names the model, and the runs that trained it."""
        self._add(_NAMING, digest=digest, without=list(_APART))
        self._add(_NEWEST, digest=digest)
        for direction in ("ASC", "DESC"):
            self._add(_WATCHED.replace("{direction}", direction), digest=digest)

    def read_origin(self, dossier: Dossier) -> None:
        """Read the runs that trained it, and what they and its registration name."""
        self._add_all(_OF_RUNS, dossier.runs)
        found = Dossier(
            dossier.name, dossier.version, dossier.digest, dossier.tenant, self.entries.values()
        )
        made = [*found.started(), *found.registrations()]
        self._add_all(_OF_CODE, {each.body["code"]["digest"] for each in made})
        named = [*made, *found.about("validation.reported")]
        self._add_all(_OF_ARTIFACTS, {d for each in named for d in _digests(each)})
        datasets = {
            each.body["dataset"]["digest"]
            for each in self.entries.values()
            if each.event_type == "dataset.snapshotted" and each.body
        }
        self._add_all(_OF_ARTIFACTS, datasets)

    def read_around(self, dossier: Dossier) -> None:
        """Read who was entitled, what alerts came to, the policies, and every event cited."""
        alerts = {each.body["alert_id"] for each in dossier.about("alert.raised")}
        self._add_all(_OF_ALERTS, alerts)
        deciding = dossier.about("approval.decided", "exception.granted")
        self._add_all(_OF_PRINCIPALS, dossier.people_of(deciding))
        self._add_all(
            _OF_GRANTS,
            {
                each.body["grant_id"]
                for each in self.entries.values()
                if each.event_type == "role.granted" and each.body
            },
        )
        named = {e.body["decision_id"] for e in dossier.about("deployment.changed")} - {None}
        self._add_all(_BY_DECISION, named)
        cited = {event for each in dossier.decisions() for event in _cited(each)}
        cited |= {s for each in dossier.about("alert.raised") for s in each.body["signals"]}
        self._add(_POLICIES, PLATFORM_TENANT, of=[self._tenant, EVERY_TENANT])
        for tenant in (self._tenant, PLATFORM_TENANT):
            known = {each.event_id for each in self.entries.values()}
            self._add_all(_BY_EVENT, cited - known, tenant)

    def _add_all(self, sql: str, values: Iterable[str], tenant: str | None = None) -> None:
        ordered = sorted(values)
        for at in range(0, len(ordered), _AT_ONCE):
            self._add(sql, tenant, values=ordered[at : at + _AT_ONCE])

    def _add(self, sql: str, tenant: str | None = None, **values: object) -> None:
        whose = tenant or self._tenant
        raws = [
            RawEntry(row[0], int(row[1]), row[2].replace(tzinfo=UTC), *row[3:])
            for row in self._query(sql, {"tenant": whose, **values})
        ]
        fresh = [each for each in raws if each[:2] not in self.entries]
        sealed = self._sealed(fresh)
        for raw in fresh:
            place = (raw.origin, raw.position)
            self.entries[place] = read_entry(raw, sealed.get(place), self._decoder, whose)

    def _sealed(self, raws: Iterable[RawEntry]) -> dict[tuple[str, int], Sealed]:
        positions: dict[str, list[int]] = {}
        for each in raws:
            positions.setdefault(each.origin, []).append(each.position)
        found = {}
        for origin, places in positions.items():
            for at in range(0, len(places), _AT_ONCE):
                asked: dict[str, object] = {
                    "origin": origin,
                    "positions": places[at : at + _AT_ONCE],
                }
                for position, leaf, verdict in self._query(_SEALED, asked):
                    found[origin, int(position)] = Sealed(bytes(leaf), verdict)
        return found

    def _schemas(self) -> dict[int, str]:
        rows = self._query(_SCHEMAS, {"tenant": PLATFORM_TENANT})
        return {**schema_texts(), **{int(number): str(text) for number, text in rows}}

    def _query(self, sql: str, parameters: dict[str, object]) -> Sequence[Sequence[Any]]:
        try:
            result = self._client.query(sql, parameters=parameters, column_formats=_BYTES)
        except (ClickHouseError, OSError) as exc:
            line = str(exc).strip().split("\n", 1)[0][:300]
            raise SourceError(f"ClickHouse could not answer: {line}") from exc
        return result.result_rows


def _digests(entry: Entry) -> list[str]:
    """Give the digests of data that a run, a registration or a validation names."""
    names = ("inputs", "features", "training_snapshots", "labels")
    refs = [ref for name in names for ref in entry.body.get(name, ())]
    refs += [entry.body["snapshot"]] if "snapshot" in entry.body else []
    return [ref["digest"] for ref in refs]


def _cited(decision: Entry) -> set[str]:
    rules = decision.body["rules"]
    return {decision.body["request_id"], *(event for rule in rules for event in rule["evidence"])}
