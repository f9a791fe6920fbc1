"""A drift report from the real engine: what is committed, of one model at one deployment."""

import base64
import json
import random
import subprocess
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.integration.cli.forked import run_command
from tests.unit.auditor.tabletop_story import OPERATOR, PROCESSOR, public

from auditspine.auditor.alerts import UnknownDeploymentError
from auditspine.auditor.drift_report.build import build, with_leaves
from auditspine.auditor.drift_report.content import DriftReport
from auditspine.auditor.drift_report.page import to_html
from auditspine.auditor.drift_report.reader import (
    UnwatchedModelError,
    find_place,
    read_leaves,
    read_material,
)
from auditspine.auditor.drift_report.statistics import PLACES
from auditspine.processors.alerts.tables import ALERTS, HISTORY
from auditspine.processors.drift.tables import LEVELS
from auditspine.schemas.examples import example
from auditspine.schemas.tokens import kept_token

DERIVED = ("drift.signalled", "bias.assessed", "alert.raised", "investigation.analysed")
DIGEST = "ab" * 32
MODEL = {"kind": "model", "name": "credit", "version": "1", "digest": f"sha256:{DIGEST}"}
AT = {"kind": "deployment", "name": "credit-eu", "version": "1", "digest": "sha256:" + "d1" * 32}
ELSEWHERE = {**AT, "name": "credit-us"}
WOMEN, MEN = "c04d7be1f6a24f0b" * 2, "men-in-clear"  # of the latter a hash is kept
COUNT = 600
POLICY = "sha256:" + "0f" * 32
ALERT = "alert-00000000000000aa"


def made(tools, number: int, chance: random.Random, **changed) -> bytes:
    woman = chance.random() < 0.4
    protected = [
        {"attribute": "sex", "token": WOMEN if woman else MEN},
        {"attribute": "ethnicity", "token": "e1"},
    ]
    body = {
        "prediction_id": f"p{number}",
        "deployment": AT,
        "model": MODEL,
        "features": [
            {"name": "income", "number": None if number % 10 == 0 else chance.gauss(60, 10)},
            {"name": "purpose", "text": "car" if chance.random() < 0.5 else "a home"},
            {"name": "rate_id", "number": float(number)},
        ],
        "score": chance.random(),
        "threshold": 0.5,
        "decision": "approve" if chance.random() < (0.5 if woman else 0.7) else "refer",
        "reason_codes": [],
        "subject": None,
        "latency_ms": 1.0,
        "protected": protected if number % 4 else [{"attribute": "sex", "token": None}],
    }
    return tools.event("prediction.made", body | changed)


def trained(tools) -> bytes:
    def income(middle: float) -> dict:
        quantiles = np.quantile(np.random.default_rng(1).normal(middle, 10, 4000), PLACES)
        return {
            "name": "income",
            "probabilities": list(PLACES),
            "quantiles": quantiles.tolist(),
            "missing": 0.0,
        }

    purpose = {
        "name": "purpose",
        "shares": [{"category": "car", "share": 0.2}, {"category": "a home", "share": 0.8}],
        "missing": 0.0,
    }
    profile = {
        "model": MODEL,
        "rows": 4000,
        "numeric": [income(50)],
        "categorical": [purpose],
        "score": None,
        "decision": None,
        "error_rate": None,
        "groups": [
            {
                "attribute": "sex",
                "token": token,
                "rows": 2000,
                "numeric": [income(50)],
                "categorical": [purpose],
            }
            for token in (MEN, WOMEN)
        ],
    }
    body = {
        "run_id": "r-1",
        "status": "succeeded",
        "metrics": [],
        "outputs": [MODEL],
        "duration_seconds": 1.0,
        "profile": profile,
    }
    return tools.event("run.completed", body)


def derived(tools, event_type: str, workload: str = "scorer", **changed) -> bytes:
    body = json.loads(example(event_type))["body"] | {"deployment": AT, "model": MODEL} | changed
    return tools.event(event_type, body, workload=workload)


def load(world, tools) -> None:
    """Seal what was predicted and said, and write the rows that processors would."""
    speaker = {
        "public_key": base64.b64encode(public(PROCESSOR)).decode(),
        "producer": "scorer",
        "tenants": ["*"],
        "event_types": list(DERIVED),
        "purpose": "producer",
    }
    world.control_state = deepcopy(world.control_state)  # which worlds share
    key = tools.event("key.registered", speaker, "-", "operator")
    control = world.control
    world.load(
        control,
        tools.sign(OPERATOR, "-", "operator", control.topic, [key], control.size + 1),
        is_control=True,
    )
    chance = random.Random(5)
    inference = tools.Log("local/c/inference/0", "auditspine.inference")
    values = [made(tools, number, chance) for number in range(COUNT)]
    values += [made(tools, number, chance, deployment=ELSEWHERE) for number in range(5)]
    pairs = tools.sign(tools.producer, "acme", "scorer", inference.topic, values)
    world.load(inference, pairs, segment=200)
    lifecycle = tools.Log("local/c/lifecycle/0", "auditspine.lifecycle")
    world.load(
        lifecycle,
        tools.sign(tools.everything, "acme", "scorer", lifecycle.topic, [trained(tools)]),
    )
    entries = {"origin": inference.origin, "first": 3, "last": 27}
    signalled = derived(
        tools, "drift.signalled", monitor="income.location", feature="income", evidence=entries,
        policy=POLICY,
    )  # fmt: skip
    signal = tools.event_id_of("drift.signalled", signalled)
    assessed = json.loads(example("bias.assessed"))["body"]
    for group, token in zip(assessed["groups"], (MEN, WOMEN), strict=True):
        group["token"] = kept_token(token)
    said = [
        signalled,
        derived(tools, "bias.assessed", groups=assessed["groups"], evidence=entries, policy=POLICY),
        derived(tools, "alert.raised", alert_id=ALERT, signals=[signal], evidence=[entries]),
        derived(tools, "investigation.analysed", alert_id=ALERT),
    ]  # fmt: skip
    world.load(lifecycle, tools.sign(PROCESSOR, "acme", "scorer", lifecycle.topic, said))
    at = datetime.fromtimestamp(tools.now / 1000, UTC)
    rows = [
        level_row(at + timedelta(minutes=n), "local/c/inference/0", n, near)
        for n, near in enumerate((1e-9, 1e-4, 1.0))
    ]
    rows += [level_row(at, "local/c/outcomes/0", 0, 1e-9, monitors=[("error", "error")])]
    insert(world, LEVELS, rows)
    insert(world, ALERTS, [alert_row(at)])
    insert(world, HISTORY, [history_row(at, signal)])


def level_row(at, origin, block, near, monitors=None) -> dict:
    watched = monitors or [
        ("income.location", "location"),
        ("sex.missing", "protected"),
        ("ethnicity.excluded", "protected"),
    ]
    count = len(watched)
    return {
        "origin": origin,
        "tenant": "acme",
        "deployment": "credit-eu",
        "model": "credit",
        "model_version": "1",
        "model_digest": bytes.fromhex(DIGEST),
        "block": block,
        "appended_at": at,
        "predictions": 400 * (block + 1),
        "run_length": 1e6,
        "profiled": True,
        "monitors": [name for name, _ in watched],
        "kinds": [kind for _, kind in watched],
        "levels": [near] + [1e-9] * (count - 1),
        "expected": [0.0] * count,
        "found": [1.0] * count,
        "version": block,
    }


def alert_row(at) -> dict:
    return {
        "origin": "local/c/lifecycle/0",
        "tenant": "acme",
        "alert_id": ALERT,
        "deployment": "credit-eu",
        "model": "credit",
        "model_version": "1",
        "model_digest": bytes.fromhex(DIGEST),
        "kind": "location",
        "tier": "review",
        "state": "open",
        "features": ["income"],
        "effect_size": 1.0,
        "signals": 1,
        "since": at,
        "raised_at": at,
        "last_signal_at": at,
        "title": "income lies higher <i>",
        "evidence_origin": "local/c/inference/0",
        "evidence_first": 3,
        "evidence_last": 27,
        "version": 1,
    }


def history_row(at, event_id) -> dict:
    return {
        "origin": "local/c/lifecycle/0",
        "tenant": "acme",
        "alert_id": ALERT,
        "position": 2,
        "at": at,
        "what": "raised",
        "detail": "review (signal)",
        "event_id": event_id,
    }


def insert(world, table, rows: list[dict]) -> None:
    columns = list(rows[0])
    assert set(columns) <= set(table.columns)
    world.client.insert(
        table.name, [[row[name] for name in columns] for row in rows], column_names=columns,
        database=world.database,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(original, tools):
    with original.copied(views=True) as world:
        load(world, tools)
        yield world


def report(world, tools, rows: int = 2000, **labels) -> DriftReport:
    place, others = find_place(world.client, "acme", "credit")
    now = datetime.fromtimestamp(tools.now / 1000, UTC) + timedelta(hours=1)
    since = now - timedelta(days=1)
    material = read_material(world.client, "acme", place, others, since=since, now=now, rows=rows)
    found = build(material, labels)
    return with_leaves(found, read_leaves(world.client, [each.entries for each in found.proofs]))


def test_the_newest_predictions_are_held_against_the_profile(told, tools) -> None:
    found = report(told, tools)
    assert found.current[0] == COUNT
    features = {each.name: each for each in found.features}
    assert next(iter(features)) == "income"
    income = features["income"].overall
    assert income.shift == pytest.approx(1.0, abs=0.15)
    assert income.current.missing == pytest.approx(0.1)
    assert len(income.current.quantiles) == len(PLACES)
    shares = dict(features["purpose"].overall.current.shares)
    assert shares["car"] == pytest.approx(0.5, abs=0.08)
    assert features["rate_id"].overall.reference is None
    assert {each.name for each in found.answers} == {"(score)", "(decision)"}


def test_quantiles_are_those_of_numpy(told, tools) -> None:
    rows = told.client.query(
        "SELECT JSONExtract(body, 'score', 'Float64') FROM committed_evidence "
        "WHERE event_type = 'prediction.made' AND has(artifacts.name, 'credit-eu')"
    ).result_rows
    score = next(each for each in report(told, tools).answers if each.name == "(score)")
    expected = np.quantile([each[0] for each in rows], PLACES)
    assert score.overall.current.quantiles == pytest.approx(expected.tolist())


def test_groups_are_compared_by_number_and_what_is_excluded_is_not_read(told, tools) -> None:
    found = report(told, tools)
    income = next(each for each in found.features if each.name == "income")
    assert [each.whose for each in income.groups] == ["sex group 1", "sex group 2"]
    assert sum(each.current.rows for each in income.groups) == COUNT * 3 // 4
    page = to_html(found)
    assert WOMEN not in page
    assert MEN not in page
    assert "ethnicity group" not in page


def test_only_so_many_of_the_newest_are_compared(told, tools) -> None:
    found = report(told, tools, rows=100)
    assert found.current[0] == 100
    span = next(each.entries for each in found.proofs if each.what == "newest predictions")
    assert (span.first, span.last) == (COUNT - 100, COUNT - 1)


def test_alerts_monitors_and_assessments_are_read_from_both_logs(told, tools) -> None:
    found = report(told, tools, sex={WOMEN: "women"})
    [alert] = found.alerts
    assert [each.monitor for each in alert.signals] == ["income.location"]
    assert alert.analysis.likeliest == "pipeline_break"
    assert alert.actions == ("notify", "investigate")
    [monitor] = next(each for each in found.features if each.name == "income").monitors
    assert (monitor.near[-1], monitor.in_alert) == (1.0, True)
    assert [each.name for each in found.outcomes] == ["error"]
    [assessment] = found.fairness
    assert [each.name for each in assessment.attributes[0].groups] == [
        "sex group 1",
        "sex group 2 (women)",
    ]
    assert found.labelled
    assert found.tier == "review"
    assert found.policies == (POLICY,)


def test_each_proof_has_the_leaf_hashes_that_were_sealed(told, tools) -> None:
    found = report(told, tools)
    sealed = {
        (origin, position): leaf
        for origin, position, leaf in told.client.query(
            "SELECT toString(origin), position, lower(hex(leaf)) FROM entries"
        ).result_rows
    }
    assert found.proofs
    for each in found.proofs:
        assert each.first_leaf == sealed[each.entries.origin, each.entries.first]
        assert each.last_leaf == sealed[each.entries.origin, each.entries.last]


def test_a_model_that_is_not_known_or_not_there_is_refused(told) -> None:
    with pytest.raises(UnwatchedModelError, match="no model kredit of acme is known"):
        find_place(told.client, "acme", "kredit")
    with pytest.raises(UnwatchedModelError, match="credit@7"):
        find_place(told.client, "acme", "credit", "7")
    with pytest.raises(UnknownDeploymentError):
        find_place(told.client, "acme", "credit", "", "nowhere")


def run(clickhouse, world, cwd: Path, *options: str) -> subprocess.CompletedProcess:
    """Run the command as a person does."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "AUDITSPINE_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse.port}",
        "AUDITSPINE_CLICKHOUSE_USER": "admin",
        "AUDITSPINE_CLICKHOUSE_PASSWORD": clickhouse.admin_password,
        "AUDITSPINE_CLICKHOUSE_DATABASE": world.database,
    }
    words = ("drift", "report", *options)
    code, out, err = run_command(words, "", cwd, environment)
    return subprocess.CompletedProcess(words, code, out, err)


def test_the_command_writes_a_page_and_never_over_one(clickhouse, told, tmp_path) -> None:
    since = ("--since", "2026-01-01")
    done = run(clickhouse, told, tmp_path, "credit", *since)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "credit-drift.html").read_text("utf-8")
    assert "income lies higher &lt;i&gt;" in page
    assert "1 open alert" in done.stderr
    again = run(clickhouse, told, tmp_path, "credit", *since)
    assert again.returncode == 2
    assert "there already" in again.stderr
    assert run(clickhouse, told, tmp_path, "credit", *since, "--force").returncode == 0


def test_the_command_prints_the_same_content_for_machines(clickhouse, told, tmp_path) -> None:
    labels = tmp_path / "groups.toml"
    labels.write_text(f'[sex]\n"{WOMEN}" = "women"\n', "utf-8")
    options = ("credit@1", "--since", "2026-01-01", "--json", "--groups", str(labels))
    value = json.loads(run(clickhouse, told, tmp_path, *options).stdout)
    assert value["model"] == "credit"
    assert value["labelled"]
    assert value["alerts"][0]["analysis"]["likeliest"] == "pipeline_break"
    assert list(tmp_path.iterdir()) == [labels]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("kredit",), "no model kredit of acme is known; the nearest is credit"),
        (("credit", "--out", "no/such/page.html"), "is no directory"),
        (("credit", "--groups", "none.toml"), "cannot be read"),
        (("credit", "--since", "yesterday"), "expected a time"),
        (("credit", "--since", "2126-01-01"), "not in the past"),
        (("credit", "--deployment", "credit-au"), "no deployment"),
        (("credit", "--tenant", "nobody"), "tenant nobody is not known"),
        (("credit", "--json", "--force"), "are for the page"),
    ],
)
def test_wrong_use_is_one_line(clickhouse, told, tmp_path, options, said) -> None:
    done = run(clickhouse, told, tmp_path, *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not list(tmp_path.iterdir())


def test_a_model_without_reports_is_found_where_it_serves(told, tools) -> None:
    with told.copied(views=True) as world:
        world.alter("TRUNCATE TABLE drift_levels")
        world.alter("TRUNCATE TABLE alerts")
        with pytest.raises(UnwatchedModelError, match="--deployment: credit-eu, credit-us"):
            find_place(world.client, "acme", "credit")
        place, _ = find_place(world.client, "acme", "credit", "", "credit-us")
        now = datetime.fromtimestamp(tools.now / 1000, UTC) + timedelta(hours=1)
        found = build(
            read_material(
                *(world.client, "acme", place, ()), since=now - timedelta(days=1), now=now, rows=9
            )
        )
        assert found.current[0] == 5
        assert {"alerts", "monitors", "fairness", "outcomes", "groups"} <= found.missing.keys()
        assert "No monitor reported" in to_html(found)
