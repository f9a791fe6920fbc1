"""Verification: the pure core on rows in memory, and the whole of `auditspine verify`."""

import time
from collections.abc import Callable
from dataclasses import replace

from auditspine.auditor.core.log import verify_log
from auditspine.auditor.core.result import Checks
from auditspine.auditor.core.rows import LogRows
from auditspine.auditor.evidence import EvidenceStore
from auditspine.auditor.judging import ControlJudge, LogJudge
from auditspine.auditor.options import Options
from auditspine.auditor.report import Outcome
from auditspine.cli.connections import clickhouse_client, read_trust
from auditspine.cli.verification import run_verification
from bench.backbone import Backbone


def measure(backbone: Backbone) -> dict[str, float]:
    """Give entries per second: the core in one process, and everything from ClickHouse on."""
    trust = read_trust(backbone.settings.trust_path)
    client = clickhouse_client(backbone.settings)
    store = EvidenceStore(client)
    logs = store.logs()
    control = next(log for log in logs if log.origin == trust.control_origin)
    judge = ControlJudge(control.topic, control.partition)
    verify_log(store.rows(control, is_control=True), Checks(trust, judge=judge))
    held = [_held(store.rows(log)) for log in logs if log.topic.endswith(".inference")]
    entries = sum(log.size for log in logs if log.topic.endswith(".inference"))

    def core(checks: Callable[[LogRows], Checks]) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            for rows in held:
                given = rows()
                result = verify_log(given, checks(given))
                if result.defects or not result.proven:
                    raise AssertionError(f"{given.origin}: {result.defects[:3]}")
            best = min(best, time.perf_counter() - began)
        return entries / best

    found = {
        "core: chain and Merkle": core(lambda _: Checks(trust, signatures=False)),
        "core: and signatures": core(lambda _: Checks(trust)),
        "core: and verdicts": core(
            lambda rows: Checks(trust, judge=LogJudge(rows.topic, rows.partition, judge))
        ),
    }
    client.close()
    everything = sum(log.size for log in logs)
    options = Options(now_ms=time.time_ns() // 1_000_000)
    for name, changes in {
        "command: chain and Merkle": {"signatures": False, "columns": False},
        "command: signatures and verdicts": {"columns": False},
        "command: and every typed column": {},
    }.items():
        began = time.perf_counter()
        report = run_verification(
            backbone.settings, replace(options, **changes), sealed=True, quiet=True
        )
        found[name] = everything / (time.perf_counter() - began)
        if report.defects or (not changes and report.outcome is not Outcome.VERIFIED):
            raise AssertionError(f"{name}: {report.outcome} {report.not_checked}")
    return found


def _held(rows: LogRows) -> Callable[[], LogRows]:
    """Keep a log's rows in memory; what is measured then is the verifier alone."""
    entries, evidence = list(rows.entries), list(rows.evidence)
    quarantine, checkpoints = list(rows.quarantine), list(rows.checkpoints())
    return lambda: replace(
        rows,
        entries=iter(entries),
        evidence=iter(evidence),
        quarantine=iter(quarantine),
        checkpoints=lambda: iter(checkpoints),
    )
