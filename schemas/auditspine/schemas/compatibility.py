"""Checks that today's schemas read everything that was ever written: BACKWARD_TRANSITIVE.

``history/<event type>/<n>.avsc`` holds each version with all references in it. Run
``python -m auditspine.schemas.compatibility`` to check the current schemas against all of
them, and with ``--record`` to add the current ones; both exit 1 and name each defect when a
schema is not compatible. Evidence is kept for decades: a version is never taken out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import avro.compatibility
import avro.schema

from auditspine.schemas.canonical import schema_id
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.errors import IncompatibleSchemaError

HISTORY = Path(__file__).parent / "history"
_HOW_TO_RECORD = "record it with: python -m auditspine.schemas.compatibility --record"


def current() -> dict[str, Any]:
    """Give today's schemas by event type, parsed, with every reference written out."""
    return {known.name: json.loads(known.text) for known in event_types().values()}


def recorded(history: Path = HISTORY) -> dict[str, list[Any]]:
    """Give the recorded versions by event type, oldest first."""
    return {
        folder.name: [json.loads(path.read_text("utf-8")) for path in _versions(folder)]
        for folder in sorted(history.iterdir() if history.exists() else ())
        if folder.is_dir()
    }


def require_compatible(schemas: dict[str, Any], history: dict[str, list[Any]]) -> None:
    """Check that schemas read what every recorded version wrote, and are recorded themselves.

    Raises:
        IncompatibleSchemaError: They do not, or are not; each problem names type and field.
    """
    problems = [*_incompatible(schemas, history)]
    for name, schema in schemas.items():
        if schema not in history.get(name, [])[-1:]:
            problems.append(f"{name}: the current schema is not in the history; {_HOW_TO_RECORD}")
    if problems:
        raise IncompatibleSchemaError(*problems)


def record(schemas: dict[str, Any], history: Path = HISTORY) -> list[Path]:
    """Add the schemas that are not recorded yet.

    A change that leaves the schema id alone, such as a better doc, replaces the last version.

    Returns:
        The files written.

    Raises:
        IncompatibleSchemaError: A schema cannot read a recorded version; nothing is written.
    """
    known = recorded(history)
    problems = [*_incompatible(schemas, known)]
    if problems:
        raise IncompatibleSchemaError(*problems)
    written = []
    for name, schema in schemas.items():
        versions = known.get(name, [])
        if schema in versions[-1:]:
            continue
        same = bool(versions) and schema_id(versions[-1]) == schema_id(schema)
        path = history / name / f"{len(versions) + (not same)}.avsc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n", "utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or record the current schemas.

    Returns:
        0 when they are compatible and recorded, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m auditspine.schemas.compatibility")
    parser.add_argument("--record", action="store_true", help="add the current schemas")
    schemas = current()
    try:
        if parser.parse_args(arguments).record:
            for path in record(schemas):
                sys.stdout.write(f"recorded {path.relative_to(HISTORY)}\n")
        require_compatible(schemas, recorded())
    except IncompatibleSchemaError as exc:
        sys.stderr.write("".join(f"{problem}\n" for problem in exc.problems))
        return 1
    sys.stdout.write(f"{len(schemas)} schemas read every version in the history\n")
    return 0


def _incompatible(schemas: dict[str, Any], history: dict[str, list[Any]]) -> Iterator[str]:
    for name, versions in history.items():
        if name not in schemas:
            yield f"{name}: recorded, but no longer defined"
            continue
        for number, version in enumerate(versions, start=1):
            for problem in _differences(schemas[name], version):
                yield f"{name}: cannot read version {number}: {problem}"


def _differences(reader: Any, writer: Any) -> Iterator[str]:
    checker = avro.compatibility.ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(
        avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer))
    )
    if result.compatibility is not avro.compatibility.SchemaCompatibilityType.compatible:
        places = ", ".join(sorted(result.locations))
        yield f"{'; '.join(sorted(result.messages))} at {places}"
    before = dict(_logical_types(writer, ""))
    for path, logical in _logical_types(reader, ""):
        if before.get(path, logical) != logical:
            yield f"expected logical type {before[path]} at {path}, got {logical}"


def _logical_types(schema: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every field's logical type, which Avro's own rules leave out of account."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _logical_types(branch, path)
    elif isinstance(schema, dict):
        if schema["type"] not in ("record", "array"):
            yield path, schema.get("logicalType", "none")
        yield from _logical_types(schema.get("items"), path)
        for field in schema.get("fields", ()):
            yield from _logical_types(field["type"], f"{path}/{field['name']}")
    elif schema not in (None, "null"):
        yield path, "none"


def _versions(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.avsc"), key=lambda path: int(path.stem))


if __name__ == "__main__":
    sys.exit(main())
