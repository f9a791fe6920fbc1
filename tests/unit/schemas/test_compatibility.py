import copy
import json

import pytest

from auditspine.schemas import compatibility
from auditspine.schemas.compatibility import current, record, recorded, require_compatible
from auditspine.schemas.errors import IncompatibleSchemaError

TYPE = "outcome.observed"


def changed(change) -> dict:
    """Today's schema of one type with its body's fields changed."""
    schema = copy.deepcopy(current()[TYPE])
    change(schema["fields"][1]["type"]["fields"])
    return {TYPE: schema}


def place(fields, name) -> int:
    return [field["name"] for field in fields].index(name)


def nullable(name) -> dict:
    return {"name": name, "type": ["null", "double"], "default": None}


def problems(schemas, history) -> tuple[str, ...]:
    with pytest.raises(IncompatibleSchemaError) as info:
        require_compatible(schemas, history)
    return info.value.problems


def test_the_current_schemas_read_everything_in_the_history() -> None:
    require_compatible(current(), recorded())
    assert compatibility.main([]) == 0


def test_a_schema_that_is_not_recorded_is_refused_with_what_to_do(tmp_path) -> None:
    (problem,) = problems({TYPE: current()[TYPE]}, {})
    assert problem == (
        "outcome.observed: the current schema is not in the history; record it with: "
        "python -m auditspine.schemas.compatibility --record"
    )


def test_a_new_nullable_field_is_compatible_and_recorded_as_the_next_version(tmp_path) -> None:
    record(changed(lambda fields: None), tmp_path)
    wider = changed(lambda fields: fields.append(nullable("drift")))
    (path,) = record(wider, tmp_path)
    assert path == tmp_path / TYPE / "2.avsc"
    assert json.loads(path.read_text()) == wider[TYPE]
    require_compatible(wider, recorded(tmp_path))
    assert record(wider, tmp_path) == []


def test_a_better_doc_replaces_the_last_version(tmp_path) -> None:
    record(changed(lambda fields: None), tmp_path)
    documented = changed(lambda fields: fields[0].update(doc="Better."))
    assert record(documented, tmp_path) == [tmp_path / TYPE / "1.avsc"]
    require_compatible(documented, recorded(tmp_path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda fields: fields.append({"name": "cost", "type": "double"}), "cost"),
        (
            lambda fields: fields[place(fields, "source")].update(type="long"),
            "source|STRING|string",
        ),
        (
            lambda fields: fields[place(fields, "observed_at")]["type"].update(
                logicalType="timestamp-millis"
            ),
            "expected logical type timestamp-micros at /body/observed_at, got timestamp-millis",
        ),
        (
            lambda fields: fields[place(fields, "observed_at")].update(type="long"),
            "expected logical type timestamp-micros at /body/observed_at, got none",
        ),
    ],
)
def test_a_change_that_cannot_read_the_past_is_refused_and_not_recorded(
    change, says, tmp_path
) -> None:
    record(changed(lambda fields: None), tmp_path)
    before = recorded(tmp_path)
    with pytest.raises(IncompatibleSchemaError, match=f"cannot read version 1: .*({says})"):
        record(changed(change), tmp_path)
    assert recorded(tmp_path) == before


def test_every_version_is_checked_not_only_the_last(tmp_path) -> None:
    """A field came with a default, and then lost it: version 2 could be read, 1 could not."""
    first = changed(lambda fields: None)
    second = changed(lambda fields: fields.append(nullable("drift")))
    required = {"name": "drift", "type": ["null", "double"]}
    third = changed(lambda fields: fields.append(required))
    history = {TYPE: [first[TYPE], second[TYPE], third[TYPE]]}
    (problem,) = problems(third, history)
    assert problem.startswith("outcome.observed: cannot read version 1: ")


def test_an_enumeration_may_grow_and_not_shrink(tmp_path) -> None:
    def symbols(change) -> dict:
        schema = copy.deepcopy(current()["run.completed"])
        body = schema["fields"][1]["type"]["fields"]
        change(body[place(body, "status")]["type"]["symbols"])
        return {"run.completed": schema}

    record(symbols(lambda names: None), tmp_path)
    with pytest.raises(IncompatibleSchemaError, match="cancelled"):
        record(symbols(lambda names: names.remove("cancelled")), tmp_path)
    assert record(symbols(lambda names: names.append("paused")), tmp_path)


def test_a_type_that_was_recorded_cannot_be_dropped() -> None:
    schemas = current()
    history = recorded()
    del schemas[TYPE]
    assert problems(schemas, history) == ("outcome.observed: recorded, but no longer defined",)


def test_the_command_exits_1_and_names_the_defect(monkeypatch, capsys) -> None:
    monkeypatch.setattr(compatibility, "recorded", dict)
    assert compatibility.main([]) == 1
    assert "outcome.observed: the current schema is not in the history" in capsys.readouterr().err
