"""Schema ids to ClickHouse layouts, from the schemas that the stored control log registers."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from auditspine.schemas.catalogue import event_types
from auditspine.sinks.errors import SchemaNotStoredError
from auditspine.sinks.layout import layout
from auditspine.sinks.quoting import quoted
from auditspine.sinks.reframe import (
    APPENDED_AT,
    FLAGS,
    PLACE_TYPE,
    POSITION,
    container_header,
)
from auditspine.sinks.store import Store

_REGISTERED = """
SELECT JSONExtractInt(body, 'schema_id') AS id, argMin(JSONExtractString(body, 'text'), position)
FROM evidence WHERE event_type = 'schema.registered' GROUP BY id
"""
_PLACED = {
    "position": POSITION,
    "appended_at": APPENDED_AT,
    "flags": FLAGS,
    "value": "value",
    "sig": "sig",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """How events of one schema are inserted.

    Attributes:
        header: Head of the Avro container.
        columns: Column of ``evidence`` to its expression.
        structure: What ClickHouse reads.
    """

    header: bytes
    columns: Mapping[str, str]
    structure: str

    def target(self, origin: str) -> str:
        """Give what follows ``INSERT INTO`` for events of one log."""
        names = ", ".join(("origin", *self.columns))
        values = ", ".join((quoted(origin), *self.columns.values()))
        return (
            f"evidence ({names}) SELECT {values} "  # noqa: S608 - our own text
            f"FROM input({quoted(self.structure)})"
        )

    def probe(self) -> str:
        """Give what follows ``INSERT INTO`` to have the same data read and nothing stored."""
        values = ", ".join(self.columns.values())
        return (
            f"FUNCTION null('hash UInt64') SELECT cityHash64({values}) "  # noqa: S608 - our own text
            f"FROM input({quoted(self.structure)})"
        )


class StoredSchemas:
    """Resolves schema ids in the evidence itself, where the control log lands like any other.

    So there is no second reader of the control log. An event whose schema is not there yet
    waits; the control log depends on no other.

    Args:
        store: ClickHouse.
        first: Schema texts by id that a control log starts with, before it registers any.
    """

    def __init__(self, store: Store, first: Mapping[int, str]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._texts = dict(first)
        self._prepared: dict[int, Prepared] = {}

    def get(self, schema_id: int) -> Prepared:
        """Give how events of a schema are inserted.

        Raises:
            SchemaNotStoredError: The control log in ClickHouse has not come to it yet.
            UnsupportedSchemaError: The schema has no columns.
            UnavailableError: ClickHouse is away.
            RefusedError: It refuses.
        """
        with self._lock:
            prepared = self._prepared.get(schema_id)
            if prepared is None:
                prepared = self._prepared[schema_id] = _prepare(self._text(schema_id))
            return prepared

    def _text(self, schema_id: int) -> str:
        if schema_id not in self._texts:
            for known, text in self._store.query(_REGISTERED):
                self._texts.setdefault(int(known), str(text))
        if schema_id not in self._texts:
            raise SchemaNotStoredError(
                f"schema {schema_id} is not in ClickHouse yet: the control log must land first"
            )
        return self._texts[schema_id]


def control_schemas() -> dict[int, str]:
    """Give the schema texts by id that a control log starts with: those of its own events."""
    return {
        known.schema_id: known.text for known in event_types().values() if known.stream == "control"
    }


def _prepare(text: str) -> Prepared:
    shape = layout(text)
    structure = f"place {PLACE_TYPE}, value String, sig String, {shape.structure}"
    return Prepared(container_header(text), {**_PLACED, **shape.expressions}, structure)
