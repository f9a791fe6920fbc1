"""``docker-compose.yml`` and the Dockerfile, as far as they can be checked without an engine."""

import re
from pathlib import Path

import click
import pytest
import typer.main
import yaml

from auditspine.cli.control import SPEAKERS
from auditspine.cli.main import app
from auditspine.cli.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
SPEAKING = ("drift", "alerts", "release", "notify")
OURS = ("init", "ledger", "access", "lineage", *SPEAKING, "sink")
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_it_has_every_part() -> None:
    assert set(SERVICES) == {"kafka", "clickhouse", *OURS}


def test_images_are_pinned_and_ours_is_the_package_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)*", tag), name
        if name in OURS:
            assert tag == version[1]
    assert re.search(r"^FROM python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name: str) -> None:
    command = typer.main.get_command(app)
    context = click.Context(command)
    words = SERVICES[name]["command"]
    found = command.get_command(context, words[0])
    assert found is not None
    found.make_context(words[0], list(words[1:]))  # parses its arguments


@pytest.mark.parametrize("name", OURS)
def test_settings_exist(name: str) -> None:
    given = {key for key in SERVICES[name]["environment"] if key.startswith("AUDITSPINE_")}
    assert given
    assert {key.removeprefix("AUDITSPINE_").lower() for key in given} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", OURS)
def test_workers_have_the_least_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's own, which is not root
    assert re.search(r"^USER auditspine$", DOCKERFILE, re.MULTILINE)
    keys = [volume for volume in service["volumes"] if volume.startswith("keys:")]
    allowed = {"init": ["keys:/data"], "ledger": ["keys:/data:ro"]}
    assert keys == allowed.get(name, [])  # the log key is the ledger's alone
    own = [volume for volume in service["volumes"] if "-key:" in volume]
    if name == "init":  # it makes them all
        assert own == [f"{each}-key:/processor-keys/{each}" for each in SPEAKING]
    else:  # each processor has its own key, and nobody else's
        speaks = name in SPEAKING
        assert own == ([f"{name}-key:/processor-keys/{name}:ro"] if speaks else [])
    trust = "trust:/trust" if name == "init" else "trust:/trust:ro"
    assert trust in service["volumes"]


def test_a_worker_owns_the_folders_that_volumes_are_mounted_on() -> None:
    """A new named volume takes its owner from the folder in the image: without one, root's."""
    mounted = {
        volume.split(":")[1]
        for name in OURS
        for volume in SERVICES[name]["volumes"]
        if not volume.startswith(".")
    }
    made = re.search(
        r"install -d -o auditspine -g auditspine -m 0700 (.+)$", DOCKERFILE, re.MULTILINE
    )
    assert set(made[1].split()) == mounted


def test_a_processor_that_keeps_state_keeps_it_on_a_volume_of_its_own() -> None:
    assert set(SPEAKING) == set(SPEAKERS)
    for name in ("access", "lineage", *SPEAKING):
        service = SERVICES[name]
        assert service["command"] == ["worker", name]
        assert service["environment"]["AUDITSPINE_STATE_DIR"] == "/state"
        assert [each for each in service["volumes"] if ":/state" in each] == [f"{name}:/state"]


def test_only_loopback_is_published() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_no_secret_is_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for line in text.splitlines():
        if "PASSWORD" in line and ":" in line and not line.lstrip().startswith("#"):
            assert re.search(r"\$\{\w+:\?set \w+\}$", line), line


def test_data_is_on_declared_volumes_and_stores_are_waited_for() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == set(COMPOSE["volumes"])
    for name in ("kafka", "clickhouse"):
        assert "test" in SERVICES[name]["healthcheck"]
        assert SERVICES["init"]["depends_on"][name] == {"condition": "service_healthy"}
    for name in OURS[1:]:
        kind, *command = SERVICES[name]["healthcheck"]["test"]
        assert (kind, command[0]) == ("CMD", "auditspine")
        found = typer.main.get_command(app).get_command(None, command[1])
        found.make_context(command[1], command[2:])
        waits = SERVICES[name]["depends_on"]["init"]
        assert waits == {"condition": "service_completed_successfully"}


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (ROOT / volume.split(":")[0]).is_file()


def test_what_the_image_copies_is_not_more_than_the_source() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".auditspine"} <= {line.strip("/") for line in ignored}
