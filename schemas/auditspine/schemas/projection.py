"""What a schema says about its decoded records: their JSON form and their artifacts. Pure.

Compiled once per schema, so that events are shown under the schema they were written with.
A step is None where nothing is to be done, so that most fields cost nothing.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro

from auditspine.schemas.formats import format_base64, format_digest

Artifact = tuple[str, str, str, bytes]
"""Kind, name, version, digest."""

_Convert = Callable[[Any], Any]
_Collect = Callable[[Any, list[Artifact]], None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Projection:
    """How records of one schema are shown.

    Args:
        schema: The schema with every reference written out, logical types included.

    Raises:
        ValueError: The schema is not of the kind that the contract uses: a union is not of
            null and one type, a map, or a type that holds itself.
    """

    def __init__(self, schema: Any) -> None:
        parsed: Any = fastavro.parse_schema(schema)
        self._convert = _Converters().step(parsed)
        body = next(field["type"] for field in parsed["fields"] if field["name"] == "body")
        collectors = _Collectors()
        collectors.step(parsed)
        self._collect = collectors.step(body)

    def json_form(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give a record's JSON form: digests and times as text, other bytes as base64.

        A number that is not finite becomes null, and a time beyond the year 9999 stays a
        number: neither can come from the SDK, and showing evidence must not fail.
        """
        form: dict[str, Any] = self._convert(record) if self._convert else record
        return form

    def artifacts(self, record: dict[str, Any]) -> list[Artifact]:
        """Give every artifact in a record's body, in schema order."""
        found: list[Artifact] = []
        if self._collect:
            self._collect(record["body"], found)
        return found


def without_logical_types(schema: Any) -> Any:
    """Give a schema whose values are read as the plain types that they are stored as."""
    if isinstance(schema, list):
        return [without_logical_types(item) for item in schema]
    if isinstance(schema, dict):
        items = schema.items()
        return {key: without_logical_types(item) for key, item in items if key != "logicalType"}
    return schema


class _Steps:
    """Compiles a schema into steps; subclasses say what is done at a leaf and at a record."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}

    def step(self, schema: Any) -> Any:
        if isinstance(schema, list):
            if len(schema) != 2 or schema[0] != "null":
                raise ValueError("expected unions of null and one type")
            return self.optional(self.step(schema[1]))
        if isinstance(schema, str):
            return self._named[schema] if "." in schema else self.leaf(schema, schema)
        kind = schema["type"]
        if kind == "array":
            return self.array(self.step(schema["items"]))
        if kind == "record":
            fields = [(field["name"], self.step(field["type"])) for field in schema["fields"]]
            done = self.record(schema["name"], [(name, step) for name, step in fields if step])
        elif kind in ("map", "error"):
            raise ValueError(f"expected no {kind}")
        else:
            done = self.leaf(kind, schema.get("name", schema.get("logicalType", kind)))
        if "name" in schema:
            self._named[schema["name"]] = done
        return done

    def optional(self, step: Any) -> Any:
        raise NotImplementedError

    def array(self, step: Any) -> Any:
        raise NotImplementedError

    def record(self, name: str, steps: list[tuple[str, Any]]) -> Any:
        raise NotImplementedError

    def leaf(self, kind: str, name: str) -> Any:
        raise NotImplementedError


class _Converters(_Steps):
    def optional(self, step: _Convert | None) -> _Convert | None:
        return step and (lambda value: None if value is None else step(value))

    def array(self, step: _Convert | None) -> _Convert | None:
        return step and (lambda values: [step(value) for value in values])

    def record(self, name: str, steps: list[tuple[str, _Convert]]) -> _Convert | None:  # noqa: ARG002
        def convert(value: Any) -> Any:
            return {**value, **{field: step(value[field]) for field, step in steps}}

        return convert if steps else None

    def leaf(self, kind: str, name: str) -> _Convert | None:
        return _CONVERTERS.get(name) or _CONVERTERS.get(kind)


class _Collectors(_Steps):
    def optional(self, step: _Collect | None) -> _Collect | None:
        return step and (lambda value, found: None if value is None else step(value, found))

    def array(self, step: _Collect | None) -> _Collect | None:
        def collect(values: list[Any], found: list[Artifact]) -> None:
            for value in values:
                step(value, found)  # type: ignore[misc]

        return step and collect

    def record(self, name: str, steps: list[tuple[str, _Collect]]) -> _Collect | None:
        if name == "auditspine.ArtifactRef":
            return _collect_artifact

        def collect(value: dict[str, Any], found: list[Artifact]) -> None:
            for field, step in steps:
                step(value[field], found)

        return collect if steps else None

    def leaf(self, kind: str, name: str) -> _Collect | None:  # noqa: ARG002
        return None


def _collect_artifact(value: dict[str, Any], found: list[Artifact]) -> None:
    found.append((value["kind"], value["name"], value["version"], value["digest"]))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _moment(micros: int) -> str | int:
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return micros
    return moment.isoformat().removesuffix("+00:00") + "Z"


_CONVERTERS: dict[str, _Convert] = {
    "auditspine.Sha256": format_digest,
    "timestamp-micros": _moment,
    "bytes": format_base64,
    "fixed": format_base64,
    "double": _finite,
}
"""How the values of a type are shown, by name, logical type or kind."""
