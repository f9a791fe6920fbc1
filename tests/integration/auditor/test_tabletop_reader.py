"""A release read back from the real engine, whole, less a part, and altered behind its back."""

import base64
import json
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
from tests.integration.cli.forked import run_command
from tests.unit.auditor.tabletop_story import (
    MODEL,
    PROCESSOR,
    TENANT,
    Story,
    lifecycle,
    public,
    ref,
)

from auditspine.auditor.tabletop.page import to_html
from auditspine.auditor.tabletop.reader import UnknownModelError, read_release
from auditspine.auditor.tabletop.report import Release, Standing, as_value

DERIVED = ("decision.made", "approval.requested", "finding.raised", "drift.signalled")
MORE = ("serving.observed", "alert.raised", "alert.resolved", "investigation.opened")
NAMED = f"{MODEL['name']}:{MODEL['version']}@{MODEL['digest']}"
ORIGIN = "local/c/lifecycle/0"


def load(world, tools, story: Story) -> dict:
    """Seal each event at its own time, in the log of its stream."""
    speaker = {
        "public_key": base64.b64encode(public(PROCESSOR)).decode(),
        "producer": "scorer",
        "tenants": ["*"],
        "event_types": [*DERIVED, *MORE],
        "purpose": "producer",
    }
    world.control_state = deepcopy(world.control_state)  # which worlds share
    operator = next(each.key for each in story.said if each.stream == "control")
    values = [tools.event("key.registered", speaker, "-", "operator")]
    values += [each.value for each in story.said if each.stream == "control"]
    world.load(
        world.control,
        tools.sign(operator, "-", "operator", world.control.topic, values, world.control.size + 1),
        is_control=True,
    )
    logs = {name: tools.Log(f"local/c/{name}/0", f"auditspine.{name}") for name in
            ("lifecycle", "access")}  # fmt: skip
    for each in story.said:
        if each.stream in logs:
            log = logs[each.stream]
            # The judge of every load is a new one, for which each sequence begins.
            pairs = tools.sign(each.key, TENANT, "scorer", log.topic, [each.value])
            world.load(log, pairs, now=int(each.at.timestamp() * 1000) - log.size)
    return logs


def read(world, tenant: str = TENANT, digest: str = MODEL["digest"]) -> Release:
    return read_release(world.client, tenant, MODEL["name"], MODEL["version"], digest)


def standing(release: Release, which: Standing) -> set[str]:
    return {each.name for each in release.pieces if each.standing is which}


@pytest.fixture(scope="module")
def told(original, tools, tmp_path_factory):
    with original.copied(views=True) as world:
        logs = load(world, tools, lifecycle())
        world.project(logs["lifecycle"], tmp_path_factory.mktemp("state"))
        yield world


def run(
    clickhouse, database: str, *options: str, model: str = NAMED
) -> subprocess.CompletedProcess:
    """Run the command as a person does."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "AUDITSPINE_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse.port}",
        "AUDITSPINE_CLICKHOUSE_USER": "admin",
        "AUDITSPINE_CLICKHOUSE_PASSWORD": clickhouse.admin_password,
        "AUDITSPINE_CLICKHOUSE_DATABASE": database,
    }
    words = ("tabletop", model, *options)
    code, out, err = run_command(words, "", Path.cwd(), environment)
    return subprocess.CompletedProcess(words, code, out, err)


def test_a_release_is_rebuilt_from_the_database(told) -> None:
    story = lifecycle()
    release = read(told)
    assert (release.gaps, release.remarks) == ((), ())
    assert release.score == 100
    said = [(each.event_id, each.at) for each in story.said if each.stream != "control"]
    lines = [(each.cited.event_id, each.at) for each in release.timeline]
    assert [each for each in lines if each in said] == said
    assert len(lines) == len(story.said)
    assert release.rests_on[1].startswith(f"{len(story.said)} entries were read")


def test_it_is_the_release_that_the_pure_core_gives(told) -> None:
    expected, found = lifecycle().release(), read(told)
    for ours, theirs in zip(expected.pieces, found.pieces, strict=True):
        assert (ours.name, ours.standing, ours.text, ours.facts) == (
            theirs.name,
            theirs.standing,
            theirs.text,
            theirs.facts,
        )


def test_nothing_is_said_of_another_tenant_or_digest(told) -> None:
    with pytest.raises(UnknownModelError, match="no event of globex names"):
        read(told, tenant="globex")
    with pytest.raises(UnknownModelError, match="auditspine history mortgage-risk"):
        read(told, digest="sha256:" + "ab" * 32)
    with pytest.raises(UnknownModelError):
        read(told, tenant="acme' OR 1 = 1 --")


def test_other_models_of_the_same_data_stay_out(original, told, tools) -> None:
    story = lifecycle()
    story.say(
        "explanation.attached",
        explanation=ref("explanation", "other"),
        subject=ref("model", "other"),
        method="shap",
        place="elsewhere",
    )
    story.say(
        "labels.applied",
        labels=ref("labels", "other"),
        snapshot=ref("snapshot", "hmda-2025-train"),
        column="x",
        labeller="y",
        method="person",
        instructions="i",
        counts=[],
    )
    with original.copied(views=True) as world:
        load(world, tools, story)
        assert read(world) == read(told)


def test_what_was_never_sealed_is_missing(original, tools) -> None:
    with original.copied(views=True) as world:
        load(world, tools, lifecycle().without("explanation.attached", "serving.observed"))
        release = read(world)
        assert standing(release, Standing.MISSING) == {"explanation", "drift"}
        assert standing(release, Standing.UNVERIFIABLE) == {"decision"}
        assert release.score == 100 - 4 - 2 - 9
        assert "no explanation of the model is attached" in to_html(release)
        assert json.dumps(as_value(release))


@pytest.mark.parametrize(
    ("change", "event_type", "pieces"),
    [
        (
            "ALTER TABLE evidence UPDATE value = replaceAll(value, 'ranks', 'sorts') WHERE {at}",
            "model.registered",
            {"registration", "timeline", "people", "data", "code"},
        ),
        (
            "ALTER TABLE evidence UPDATE value = substring(value, 1, 40) WHERE {at}",
            "approval.decided",
            {"approvals"},
        ),
        (
            "ALTER TABLE entries UPDATE leaf = toFixedString('x', 32) WHERE {at}",
            "artifact.signed",
            {"signature", "people"},
        ),
        ("ALTER TABLE entries DELETE WHERE {at}", "explanation.attached", {"explanation"}),
    ],
)
def test_what_was_altered_in_the_database_is_unverifiable(told, change, event_type, pieces) -> None:
    position = next(
        line.cited.position for line in read(told).timeline if line.event_type == event_type
    )
    with told.copied(views=True) as world:
        world.alter(change.format(at=f"origin = '{ORIGIN}' AND position = {position}"))
        release = read(world)
        found = standing(release, Standing.UNVERIFIABLE)
        assert pieces <= found
        assert not pieces & standing(release, Standing.MISSING)
        assert release.score < 100


def test_a_typed_column_that_was_altered_changes_nothing_that_is_said(told) -> None:
    with told.copied(views=True) as world:
        world.alter(
            "ALTER TABLE evidence UPDATE actor_principal = 'mallory', "
            "body = replaceAll(body, 'ranks', 'grants') WHERE event_type = 'model.registered'"
        )
        assert read(world) == read(told)


def test_the_command_shows_a_complete_release(told, clickhouse, tmp_path) -> None:
    done = run(clickhouse, told.database)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 of 100  19 present" in done.stdout
    as_json = run(clickhouse, told.database, "--json")
    assert as_json.returncode == 0
    assert json.loads(as_json.stdout) == json.loads(json.dumps(as_value(read(told)), default=str))
    page = run(clickhouse, told.database, "--html", str(tmp_path / "release.html"))
    assert page.returncode == 0
    assert (tmp_path / "release.html").read_text("utf-8") == to_html(read(told))


def test_the_command_ends_with_one_when_something_is_missing(told, clickhouse, tmp_path) -> None:
    with told.copied(views=True) as world:
        world.alter("ALTER TABLE evidence DELETE WHERE event_type = 'code.committed'")
        done = run(clickhouse, world.database)
        assert done.returncode == 1
        assert "✗ code: no code.committed says who wrote and who reviewed it" in done.stdout
        page = run(clickhouse, world.database, "--html", str(tmp_path / "release.html"))
        assert page.returncode == 1
        assert "94 of 100, 1 open gap" in page.stderr


@pytest.mark.parametrize(
    ("options", "model", "says"),
    [
        ((), "mortgage-risk:3", "a model is named with its digest"),
        ((), f"mortgage-risk:3@sha256:{'ab' * 32}", "no event of acme names"),
        (("--tenant", "globex"), NAMED, "tenant globex is not known here"),
        (("--json", "--html", "x.html"), NAMED, "give one of --json, --html"),
        (("--html", "/nowhere/x.html"), NAMED, "cannot be written"),
    ],
)
def test_the_command_ends_with_two_when_it_cannot_be_done(
    told, clickhouse, options, model, says
) -> None:
    done = run(clickhouse, told.database, *options, model=model)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
