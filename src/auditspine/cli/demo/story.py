"""What ``auditspine demo`` does: the whole system on real data, told step by step."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from clickhouse_connect.driver.client import Client
from rich.markup import escape

from auditspine.auditor.access import held_grants
from auditspine.auditor.lineage.graph import effective_tags
from auditspine.auditor.lineage.prediction import find_predictions, origin_of
from auditspine.auditor.lineage.store import LineageStore
from auditspine.auditor.options import Options
from auditspine.auditor.questions import QUESTIONS
from auditspine.auditor.report import Outcome, Report
from auditspine.cli.commands.sql import table_of
from auditspine.cli.connections import clickhouse_client, kafka_properties
from auditspine.cli.console import stderr, stdout
from auditspine.cli.control import read_control
from auditspine.cli.demo.approvers import new_provider
from auditspine.cli.demo.bypass import bypass
from auditspine.cli.demo.defence import named, rebuild_release, replay_decisions
from auditspine.cli.demo.deployment import GATED, TENANTS, Keys, make_client, register
from auditspine.cli.demo.drift_story import tell_drift
from auditspine.cli.demo.fairness_story import tell_fairness
from auditspine.cli.demo.found import Raised
from auditspine.cli.demo.identity import served
from auditspine.cli.demo.lender import Lender
from auditspine.cli.demo.lives import World, live
from auditspine.cli.demo.misuse import misuse
from auditspine.cli.demo.receiver import Receiver, receiving
from auditspine.cli.demo.rules import publish_rules
from auditspine.cli.demo.tamper import altered
from auditspine.cli.demo.telling import done, step
from auditspine.cli.demo.waits import land, project, settle
from auditspine.cli.errors import CliError
from auditspine.cli.lineage_view import tree_of
from auditspine.cli.settings import Settings, load_settings
from auditspine.cli.stack import supervised
from auditspine.cli.verdict_screen import print_report
from auditspine.cli.verification import run_verification
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running

_UNUSED_DAYS = 90
_AGAINST = """
    SELECT DISTINCT kind, severity, subject, artifact_kind, artifact_name, detail
    FROM findings FINAL WHERE tenant = {tenant:String} AND kind = 'access_without_grant'
"""
_REACHED = """
    SELECT DISTINCT subject, artifact_kind, artifact_name, severity
    FROM findings FINAL WHERE tenant = {tenant:String} AND kind IN ('first_access', 'new_reach')
    ORDER BY subject, artifact_name
"""


def tell(data_dir: Path | None) -> None:
    """Run the demo on a data directory."""
    settings = load_settings(data_dir=data_dir)
    began = time.monotonic()
    with _stack(settings) as receiver, served(new_provider()) as provider:
        keys = _register(settings)
        publish_rules(settings, provider)
        lenders = live(World(settings, keys, provider, receiver))
        _misbehave(settings, keys)
        land(settings)
        project(settings, lenders)
        _ask(settings, lenders)
        _trace(settings, lenders)
        _review(settings, lenders)
        gated = next(each for each in lenders if each.tenant == GATED)
        alert = tell_drift(settings, keys, gated, receiver)
        tell_fairness(settings, keys, gated)
        bypass(settings, keys, gated, receiver)
        land(settings)
        replay_decisions(settings)
        rebuild_release(settings, gated)
        _verify(settings)
        _tamper(settings, gated.tenant)
    stdout.print(f"\n[good]Done[/] in {time.monotonic() - began:.0f} s. Go on with:")
    for command, why in _next_commands(data_dir, gated, alert):
        stdout.print(f"  {command}  [dim]# {why}[/]", soft_wrap=True)


def _next_commands(data_dir: Path | None, lender: Lender, alert: Raised) -> Iterator[Sequence[str]]:
    assert lender.live is not None
    where = "" if data_dir is None else f" --data-dir {data_dir}"
    own = f"{where} --tenant {lender.tenant}"
    yield f"auditspine up{where}", "keep the stack running; then, in another terminal:"
    yield f"auditspine trace{own} {lender.predictions[0]}", "lineage"
    yield f"auditspine access review{own}", "who holds what"
    yield f"auditspine alerts show{own} {alert.alert_id}", "what moved, what was done"
    yield f"auditspine decisions list{own}", "what was decided on releases"
    yield (
        f"auditspine tabletop{own} --html release.html {named(lender.live.ref)}",
        "the release, as a page to hand over",
    )
    yield f"auditspine sql{where} --questions", "what auditors ask"
    yield f"auditspine sql{where} --ask quarantine", "what did not count, and why"
    yield f"auditspine verify{where}", "prove all of it again"
    yield "auditspine publish --example model.registered", "an event of your own"


@contextmanager
def _stack(settings: Settings) -> Iterator[Receiver | None]:
    """Give what its alerts are received with; ``None`` with a stack that somebody else started."""
    running = find_running(DataDir(settings.data_dir.absolute()))
    if running is not None and running.ready:
        step("Using the stack that runs")
        yield None
        return
    step("Starting Kafka, ClickHouse, two ledger workers, the processors and the sink")
    began = time.monotonic()
    with ExitStack() as stack:
        own, receiver = settings, None
        if settings.notifications is None:
            own, receiver = stack.enter_context(receiving(settings))
        with stdout.status("starting"):
            supervisor = stack.enter_context(
                supervised(own, lambda what: stderr.print(f"  {what} …", style="dim"))
            )
            stack.enter_context(supervisor.running())
        done(f"ready in {time.monotonic() - began:.1f} s, all of it on loopback")
        yield receiver


def _register(settings: Settings) -> Keys:
    step("Registering two lenders and the keys of their workloads in the control log")
    said = read_control(kafka_properties(settings), settings.topics)
    if GATED in said.tenants:
        settle(settings)  # what a run before left on its way
    with stdout.status("waiting until it is sealed"):
        keys = register(settings, said)
    done(f"{len(TENANTS)} tenants, {len(keys.workloads)} keys, one more revoked")
    return keys


def _misbehave(settings: Settings, keys: Keys) -> None:
    step("Someone at beacon misbehaves")
    count = misuse(
        partial(make_client, settings, heartbeat_s=0.0),
        kafka_properties(settings),
        settings.topics,
        tenants=("beacon", "harbor"),
        scorer=keys.workloads["beacon-scorer"],
        revoked=keys.revoked,
    )
    done(
        f"{count} events that must not count: unknown key, revoked key, another's tenant, "
        "a forbidden type, no signature, not an event"
    )


def _trace(settings: Settings, lenders: list[Lender]) -> None:
    lender = next(each for each in lenders if each.deployment is not None)
    step("One prediction, traced to its exact data")
    client = clickhouse_client(settings, reader=True)
    try:
        store = LineageStore(client, lender.tenant)
        [prediction] = find_predictions(client, lender.tenant, lender.predictions[0])
        origin = origin_of(store, prediction)
    finally:
        client.close()
    title = f"prediction {prediction.prediction_id}: {prediction.decision}"
    stdout.print(tree_of(origin.graph, title, effective_tags(origin.graph)))
    if not origin.graph.of_kind("dataset"):
        raise CliError("the prediction does not lead to a dataset")
    for remark in origin.remarks:
        stdout.print(f"  [warn]![/] {escape(remark)}", soft_wrap=True)


def _review(settings: Settings, lenders: list[Lender]) -> None:
    step("Who read without leave, and who holds what they do not use")
    client = clickhouse_client(settings, reader=True)
    try:
        for title, sql in (
            ("Which accesses stand against the grants?", _AGAINST),
            ("What reached an artifact for the first time?", _REACHED),
        ):
            _show(client, title, sql, {"tenant": lenders[0].tenant})
        held = [grant for grant in held_grants(client, lenders[0].tenant) if grant.uses == 0]
        rows = [[g.principal, g.role, g.sensitivity, g.assessment(_UNUSED_DAYS)] for g in held]
        stdout.print("\n  [bold]What the next review should look at[/]")
        stdout.print(table_of(["principal", "role", "reaches", "assessment"], rows))
    finally:
        client.close()


def _ask(settings: Settings, lenders: list[Lender]) -> None:
    step("What an auditor asks")
    client = clickhouse_client(settings, reader=True)
    try:
        for lender in lenders:
            if lender.deployment is not None:
                prediction = lender.predictions[0]
                _answer(client, "in-production", tenant=lender.tenant, environment="production")
                _answer(client, "trained-on", tenant=lender.tenant, prediction_id=prediction)
        _answer(client, "quarantine")
        _show(
            client,
            "Does the chain hold, recomputed in plain SQL?",
            "SELECT (SELECT count() FROM committed_entries) AS entries, "
            "(SELECT count() FROM chain_check) AS chain_defects, "
            "(SELECT count() FROM content_check) AS content_defects",
            {},
        )
        _show(
            client,
            "Who touched which artifact, first and last?",
            "SELECT workload_name, operation, artifact_kind, artifact_name, times, first_at "
            "FROM who_touched_artifact WHERE tenant = 'harbor' ORDER BY first_at",
            {},
        )
    finally:
        client.close()


def _answer(client: Client, name: str, **parameters: str) -> None:
    question = QUESTIONS[name]
    _show(client, question.title, question.sql, parameters)


def _show(client: Client, title: str, sql: str, parameters: dict[str, str]) -> None:
    result = client.query(sql, parameters=parameters)
    if not result.result_rows:
        raise CliError(f"no answer to: {title}")
    stdout.print(f"\n  [bold]{escape(title)}[/]")
    stdout.print(table_of(result.column_names, result.result_rows))


def _verify(settings: Settings) -> None:
    step("Verifying: every byte, hash, signature and sequence, and nothing left out")
    report = _run(settings)
    print_report(stdout, report)
    if report.outcome is not Outcome.VERIFIED:
        raise CliError(f"expected verified evidence, got {report.outcome.name.lower()}")


def _tamper(settings: Settings, tenant: str) -> None:
    step("An insider turns one rejection into an acceptance, in the bytes and the columns alike")
    with altered(settings, tenant) as row:
        _sql_sees(settings)
        report = _run(settings)
        print_report(stdout, report)
        if not any(
            (defect.origin, defect.first) == (row.origin, row.position) for defect in report.defects
        ):
            raise CliError(f"verify did not name {row.origin} position {row.position}")
        done(f"verify names the row: {row.origin} position {row.position}")
    restored = _run(settings)
    if restored.outcome is not Outcome.VERIFIED:
        raise CliError("the row was put back, and the evidence does not verify")
    done("the row was put back, and everything verifies again")


def _sql_sees(settings: Settings) -> None:
    client = clickhouse_client(settings, reader=True)
    try:
        _show(client, "What plain SQL sees of it", "SELECT * FROM content_check", {})
    finally:
        client.close()
    stdout.print()


def _run(settings: Settings) -> Report:
    with stdout.status("verifying"):
        return run_verification(settings, Options(int(time.time() * 1000)), quiet=True)
