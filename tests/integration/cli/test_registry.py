"""Schema ids from a registry, all the way to evidence."""

import json

import pytest

from auditspine.cli.control import read_control
from auditspine.cli.genesis import prepare
from auditspine.cli.settings import load_settings
from auditspine.schemas.catalogue import event_types
from auditspine.schemas.errors import RegistryError


def settings_for(kafka, topic_prefix, tmp_path, **more):
    return load_settings(
        data_dir=tmp_path,
        bootstrap_servers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        partitions=1,
        **more,
    )


def test_init_says_the_registrys_ids_beside_the_derived_ones(
    kafka, topic_prefix, tmp_path, registry
) -> None:
    url, known = registry
    settings = settings_for(kafka, topic_prefix, tmp_path, schema_registry_url=url)
    properties = {"bootstrap.servers": kafka.bootstrap_servers}
    prepare(settings, properties)
    said = read_control(properties, settings.topics)
    for each in event_types().values():
        number = known.ids[each.model.schema_name]
        assert json.loads(said.schemas[number]) == json.loads(said.schemas[each.schema_id])
    assert set(known.levels.values()) == {"BACKWARD_TRANSITIVE"}
    assert prepare(settings, properties).events == 0  # nothing is said twice


def test_a_registry_that_is_away_stops_init_before_it_says_anything(
    kafka, topic_prefix, tmp_path
) -> None:
    url = "http://127.0.0.1:1"
    settings = settings_for(kafka, topic_prefix, tmp_path, schema_registry_url=url)
    properties = {"bootstrap.servers": kafka.bootstrap_servers}
    with pytest.raises(RegistryError, match="did not take auditspine"):
        prepare(settings, properties)
    assert read_control(properties, settings.topics).size == 0
