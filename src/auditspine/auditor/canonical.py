"""What the typed columns of ``evidence`` must hold for a decoded event. Pure.

The canonical form is the sink's, recomputed here from the raw bytes and the schema's text, by
code that shares nothing with the sink.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import fastavro.schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ARTIFACT = "auditspine.ArtifactRef"
_DIGEST = "auditspine.Sha256"

PATHS: Mapping[str, tuple[str, ...]] = {
    column: tuple(path.split("."))
    for column, path in {
        "event_id": "event_id",
        "occurred_at": "occurred_at",
        "tenant": "tenant",
        "event_type": "event_type",
        "domain": "domain",
        "environment": "environment",
        "actor_principal": "actor.principal",
        "actor_kind": "actor.kind",
        "actor_roles": "actor.roles",
        "actor_network": "actor.origin.network",
        "workload_name": "workload.name",
        "workload_namespace": "workload.namespace",
        "workload_node": "workload.node",
        "workload_version": "workload.version",
        "intent_trigger": "intent.trigger",
        "intent_reason": "intent.reason",
        "intent_justification": "intent.justification",
        "run_id": "correlation.run_id",
        "trace_id": "correlation.trace_id",
        "causation_id": "correlation.causation_id",
        "sensitivity": "classification.sensitivity",
        "regulatory_domains": "classification.regulatory_domains",
        "retention_class": "classification.retention_class",
    }.items()
}
"""Column of ``evidence`` to the place in the envelope that it is read from."""

_LISTS = {"actor_roles", "regulatory_domains"}

Render = Callable[[Any], Any]
Artifact = tuple[str, str, str, bytes]


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object with its members in order, so that a repeated name shows."""

    __slots__ = ()


class CanonicalEvent:
    """Renders events of one schema as ``evidence`` must show them.

    Args:
        text: The schema's text from the control log: a record of envelope and body.
    """

    def __init__(self, text: str) -> None:
        schema = cast("dict[str, Any]", fastavro.schema.expand_schema(json.loads(text)))
        body = next(f["type"] for f in schema["fields"] if f["name"] == "body")
        self._render = _renderer(body)
        self._artifacts = _artifact_finder(body)

    def envelope(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give the value of each column in :data:`PATHS`; '' or [] where there is none."""
        columns: dict[str, Any] = {}
        for column, path in PATHS.items():
            value: Any = event["envelope"]
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is None:
                value = [] if column in _LISTS else ""
            columns[column] = value
        return columns

    def body(self, event: Mapping[str, Any]) -> Any:
        """Give the body as :func:`parse_body` reads the stored text."""
        return self._render(event["body"])

    def artifacts(self, event: Mapping[str, Any]) -> list[Artifact]:
        """Give every artifact that the body names, in schema order."""
        found: list[Artifact] = []
        self._artifacts(event["body"], found)
        return found


def parse_body(text: str) -> Any:
    """Read a stored body.

    Raises:
        ValueError: The text is not JSON.
    """
    return json.loads(text, object_pairs_hook=Pairs)


def same(one: Any, other: Any) -> bool:
    """Compare two values from :func:`parse_body`; true is not 1, but 1 is 1.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Pairs) and isinstance(other, Pairs):
        return len(one) == len(other) and all(
            a[0] == b[0] and same(a[1], b[1]) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return (type(one) is type(other) and one == other) or _same_number(one, other)


def _same_number(one: Any, other: Any) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float) and one == other


def _renderer(schema: Any) -> Render:
    if isinstance(schema, list):
        render = _renderer(next(branch for branch in schema if branch != "null"))
        return lambda value: None if value is None else render(value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _renderer(kind)
    if kind == "record":
        members = [(field["name"], _renderer(field["type"])) for field in schema["fields"]]
        return lambda value: Pairs((name, render(value[name])) for name, render in members)
    if kind == "array":
        item = _renderer(schema["items"])
        return lambda value: [item(each) for each in value]
    return _scalar(schema, kind)


def _scalar(schema: Any, kind: str) -> Render:
    if kind in ("float", "double"):
        return lambda value: value if math.isfinite(value) else None
    if kind == "fixed" and schema.get("name") == _DIGEST:
        return lambda value: "sha256:" + value.hex()
    if kind in ("bytes", "fixed"):
        return lambda value: base64.b64encode(value).decode()
    if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-micros":
        return _timestamp
    return lambda value: value


def _timestamp(micros: int) -> str:
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _artifact_finder(schema: Any) -> Callable[[Any, list[Artifact]], None]:
    if isinstance(schema, list):
        find = _artifact_finder(next(branch for branch in schema if branch != "null"))
        return lambda value, found: None if value is None else find(value, found)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _artifact_finder(kind)
    if kind == "record" and schema["name"] == _ARTIFACT:
        return lambda value, found: found.append(
            (value["kind"], value["name"], value["version"], value["digest"])
        )
    if kind == "record":
        members = [(field["name"], _artifact_finder(field["type"])) for field in schema["fields"]]

        def in_record(value: Any, found: list[Artifact]) -> None:
            for name, find in members:
                find(value[name], found)

        return in_record
    if kind == "array":
        item = _artifact_finder(schema["items"])

        def in_array(value: Any, found: list[Artifact]) -> None:
            for each in value:
                item(each, found)

        return in_array
    return lambda _value, _found: None
