"""Verifies everything that a store holds: all logs, against trust and against each other."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from auditspine.auditor.columns import ColumnComparison
from auditspine.auditor.core.defects import Defect, Kind
from auditspine.auditor.core.log import verify_log
from auditspine.auditor.core.partial import Tenants
from auditspine.auditor.core.result import Checks, LogResult
from auditspine.auditor.core.sealed import compare_sealed
from auditspine.auditor.core.trust import Trust
from auditspine.auditor.core.withheld import (
    Comparison,
    HeartbeatCollector,
    Held,
    find_withheld,
    merge_stated,
)
from auditspine.auditor.elsewhere import (
    Elsewhere,
    absent_logs,
    gather,
    kept_checkpoints,
    sealed_heads,
)
from auditspine.auditor.errors import SourceError
from auditspine.auditor.evidence import EvidenceStore, StoredLog
from auditspine.auditor.findings import Findings, log_report
from auditspine.auditor.holdings import Holdings
from auditspine.auditor.judging import (
    ControlJudge,
    LogJudge,
    heartbeat_decoder,
    heartbeat_prefixes,
)
from auditspine.auditor.options import Options, Progress
from auditspine.auditor.report import Basis, Outcome, Report
from auditspine.auditor.sealed import SealedHead
from auditspine.auditor.tenant import expected_tenants, tenant_doubts
from auditspine.ledger.errors import LedgerError

CONTROL = "control"

_RAW = {Kind.ALTERED_RAW, Kind.REORDERED, Kind.REWRITTEN, Kind.MISSING, Kind.EXTRA, Kind.TRUNCATED}


def verify(
    source: EvidenceStore,
    trust: Trust | None,
    options: Options,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Verify a store.

    Args:
        source: The store.
        trust: Trusted keys; without them the best outcome is "not authenticated".
        options: What to verify.
        progress: Called now and then.

    Raises:
        SourceError: The store cannot be read.
        LedgerError: A kept checkpoint is not one, or no trusted key signed it.
    """
    return _Verification(source, trust, options, progress or (lambda _: None)).run()


class _Verification:
    def __init__(
        self,
        source: EvidenceStore,
        trust: Trust | None,
        options: Options,
        progress: Callable[[Progress], None],
    ) -> None:
        self._source = source
        self._trust = trust
        self._options = options
        self._progress = progress
        self._found = Findings()
        self._control: ControlJudge | None = None
        self._control_origin = ""
        self._collectors: list[HeartbeatCollector] = []
        self._holdings = Holdings()

    def run(self) -> Report:
        logs = self._source.logs()
        kept = kept_checkpoints(self._options, self._trust)
        heads = sealed_heads(self._options, self._found)
        elsewhere = gather(logs, kept, heads, self._trust, self._found)
        self._require_wanted(logs)
        control = self._find_control(logs)
        if control is not None:
            self._verify_control(control, elsewhere)
        state = None if self._control is None else self._control.state
        self._holdings = Holdings.of(self._options.topic_prefix, state)
        due = self._holdings.due(elsewhere, logs)
        if not self._holdings.is_known:
            logs, due = self._only_own(logs, due, heads[1])
        for log in logs:
            if log is not control and self._wanted(log):
                self._verify_log(log, due)
        absent_logs(logs, due, state, self._holdings.expects, self._found)
        self._verify_history(logs)
        found = self._found
        found.not_checked += tenant_doubts(self._options.tenant, state, found.results)
        heartbeats = self._compare_heartbeats()
        if self._options.columns:
            self._compare_columns([log for log in logs if log is control or self._wanted(log)])
        if self._options.sealed is not None and self._reads_sealed_entries():
            self._compare_sealed(logs, heads[1])
        return self._report(len(kept), heartbeats)

    def _wanted(self, log: StoredLog) -> bool:
        return not self._options.origins or log.origin in self._options.origins

    def _reads_sealed_entries(self) -> bool:
        """Tell whether to read every sealed entry; without a key no segment can be believed."""
        return self._options.sealed_entries and self._trust is not None

    def _require_wanted(self, logs: Sequence[StoredLog]) -> None:
        """Say which logs were asked for and are not there."""
        for origin in sorted(self._options.origins - {log.origin for log in logs}):
            self._found.not_checked.append(f"no log {origin} is in the store")

    # -- logs ------------------------------------------------------------------------------------

    def _find_control(self, logs: Sequence[StoredLog]) -> StoredLog | None:
        wanted = None if self._trust is None else self._trust.control_origin
        for log in logs:
            if log.origin == wanted or (wanted is None and log.topic.rpartition(".")[2] == CONTROL):
                return log
        self._found.not_checked.append(
            f"the control log {wanted} is not in the store: no verdict can be recomputed"
            if wanted
            else "no control log is in the store: no verdict can be recomputed"
        )
        return None

    def _verify_control(self, log: StoredLog, elsewhere: Elsewhere) -> None:
        judge = ControlJudge(log.topic, log.partition)
        result = self._check(log, judge if self._options.signatures else None, None, elsewhere)
        if not self._options.signatures:
            return
        judge.fold_to(result.size)
        self._control_origin = log.origin
        if self._trust is not None and judge.root_key not in self._trust.operator_keys:
            self._found.defects.append(
                Defect(
                    Kind.UNTRUSTED_ROOT,
                    log.origin,
                    0,
                    0,
                    "entries",
                    column="public_key",
                    expected=" or ".join(key.hex() for key in self._trust.operator_keys),
                    got="" if judge.root_key is None else judge.root_key.hex(),
                    detail="the control log does not begin with a trusted operator's key",
                )
            )
        if result.unjudged or any(defect.kind in _RAW for defect in result.defects):
            self._found.not_checked.append(
                "the control log has defects: verdicts of other logs were not recomputed"
            )
        else:
            self._control = judge

    def _verify_log(self, log: StoredLog, elsewhere: Elsewhere) -> None:
        judge = collector = None
        if self._control is not None:
            judge = LogJudge(log.topic, log.partition, self._control)
            state = self._control.state
            collector = HeartbeatCollector(heartbeat_decoder(state), heartbeat_prefixes(state))
            self._collectors.append(collector)
        result = self._check(log, judge, collector, elsewhere)
        if result.unjudged:
            self._found.not_checked.append(
                f"{log.topic}/{log.partition}: {result.unjudged} verdicts rest on entries of "
                "the control log that the store does not have yet"
            )

    def _check(
        self,
        log: StoredLog,
        judge: ControlJudge | LogJudge | None,
        heartbeats: HeartbeatCollector | None,
        elsewhere: Elsewhere,
    ) -> LogResult:
        checks = Checks(
            self._trust,
            self._options.signatures,
            judge,
            heartbeats,
            tuple(elsewhere.get(log.origin, ())),
            self._tenants(log),
        )
        rows = self._source.rows(log, is_control=isinstance(judge, ControlJudge))
        if self._is_made_up(log):
            rows = replace(rows, claim_end=None, claim_end_now=lambda: None)
        result = verify_log(rows, checks, self._counter("entries", log))
        self._found.results.append(result)
        self._found.defects.extend(result.defects)
        self._found.beyond += result.defects_beyond
        if result.unchecked_checkpoints and not result.defects:
            self._found.not_checked.append(
                f"{log.topic}/{log.partition}: {result.unchecked_checkpoints} checkpoints"
            )
        return result

    def _tenants(self, log: StoredLog) -> Tenants:
        """Give whose content of a log must be there: what is held here, and was asked for."""
        asked, held = expected_tenants(self._options.tenant), self._holdings.tenants(log.origin)
        if asked is None or held is None:
            return held if asked is None else asked
        return {tenant: end for tenant, end in held.items() if tenant in asked}

    def _is_made_up(self, log: StoredLog) -> bool:
        """Tell whether neither a commit, a checkpoint nor the control log knows the log.

        Then no claim excuses its rows.
        """
        if self._control is None or log.committed is not None or log.settled is not None:
            return False
        return log.origin not in self._control.state.logs

    def _verify_history(self, logs: Sequence[StoredLog]) -> None:
        """Hold the history of moved tenants against what their moves name."""
        wanted = [log for log in logs if self._wanted(log)]
        self._found.defects.extend(self._holdings.altered(self._source, wanted))
        self._found.defects.extend(self._holdings.escaped(self._source, wanted))
        if not self._options.origins:
            self._found.defects.extend(self._holdings.truncated(logs))
        for origin in self._holdings.later(self._found.pending):
            del self._found.pending[origin]  # what came later need not be here

    def _only_own(
        self, logs: Sequence[StoredLog], due: Elsewhere, heads: Sequence[SealedHead]
    ) -> tuple[list[StoredLog], Elsewhere]:
        """Leave out other spaces' logs: without the control log nothing says what is due here."""
        knows = self._holdings.knows
        for log in logs:
            if not knows(log.topic):
                self._found.not_checked.append(
                    f"{log.topic}/{log.partition}: of another space; the control log is needed to "
                    "know what of it belongs here"
                )
        topics = {h.origin: h.topic.removesuffix(".sealed") for h in heads}
        topics |= {log.origin: log.topic for log in logs}
        own = {origin for origin, topic in topics.items() if knows(topic)}
        for origin in due.keys() - topics.keys():
            self._found.not_checked.append(
                f"log {origin}: a checkpoint was kept of it; the control log is needed to know "
                "whether it belongs here"
            )
        return (
            [log for log in logs if log.origin in own],
            {origin: found for origin, found in due.items() if origin in own},
        )

    # -- across logs -----------------------------------------------------------------------------

    def _compare_heartbeats(self) -> Comparison:
        held = {
            (result.topic, result.partition): Held(
                result.origin,
                _complete_until(result),
                result.highest,
            )
            for result in self._found.results
        }
        comparison = find_withheld(merge_stated(c.stated for c in self._collectors), held)
        self._found.defects.extend(comparison.defects)
        return comparison

    def _compare_columns(self, logs: Sequence[StoredLog]) -> None:
        if self._control is None:
            self._found.not_checked.append(
                "typed columns: the schemas in the control log are needed to read the raw bytes"
            )
            return
        for log in logs:
            skip = {
                position
                for defect in self._found.defects
                if defect.origin == log.origin and defect.kind in _RAW and defect.exact
                for position in range(defect.first, min(defect.last, log.size) + 1)
            }
            comparison = ColumnComparison(self._source, log, self._control.state, skip)
            self._found.defects.extend(comparison.run(self._counter("columns", log)))

    def _compare_sealed(self, logs: Sequence[StoredLog], heads: Sequence[SealedHead]) -> None:
        stored = {log.origin: log for log in logs}
        keys = [] if self._trust is None else [key.public_key for key in self._trust.log_keys]
        for head in heads:
            log = stored.get(head.origin)
            if log is None or self._options.sealed is None or not self._wanted(log):
                continue
            try:
                sealed = self._options.sealed.entries(head.topic, head.partition, keys)
                named = compare_sealed(log.origin, log.size, self._source.entries(log), sealed)
            except (SourceError, LedgerError) as exc:
                self._found.not_checked.append(f"sealed topic {head.topic}/{head.partition}: {exc}")
                continue
            known = {(d.origin, d.kind, d.first, d.table) for d in self._found.defects}
            self._found.defects.extend(
                d for d in named if (d.origin, d.kind, d.first, d.table) not in known
            )

    def _counter(self, step: str, log: StoredLog) -> Callable[[int], None]:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            self._progress(Progress(step, f"{log.topic}/{log.partition}", done, log.size))

        return count

    # -- the report ------------------------------------------------------------------------------

    def _report(self, kept: int, heartbeats: Comparison) -> Report:
        found, trust, options = self._found, self._trust, self._options
        defects = tuple(sorted(found.defects, key=lambda d: (d.origin, d.first, d.last, d.kind)))
        if defects:
            outcome = Outcome.DEFECTS
        elif found.not_checked:
            outcome = Outcome.NOT_CHECKED
        else:
            outcome = Outcome.NOT_AUTHENTICATED if trust is None else Outcome.VERIFIED
        basis = Basis(
            () if trust is None else tuple(key.public_key.hex() for key in trust.log_keys),
            () if trust is None else tuple(key.hex() for key in trust.operator_keys),
            self._control_origin,
            0 if self._control is None else self._control.state.size,
            options.signatures,
            self._control is not None,
            options.columns and self._control is not None,
            "no"
            if options.sealed is None
            else "entries"
            if self._reads_sealed_entries()
            else "heads",
            kept,
            heartbeats.compared,
            heartbeats.pending,
            options.now_ms,
            options.tenant,
            sum(result.by_hash for result in found.results),
            tuple(sorted({tenant for tenant, _ in self._holdings.history})),
        )
        logs = tuple(log_report(r, found.pending.get(r.origin, 0)) for r in found.results)
        return Report(outcome, logs, defects, found.beyond, tuple(found.not_checked), basis)


def _complete_until(result: LogResult) -> int:
    """Give the time, milliseconds since 1970, up to which a log has all that was published.

    A checkpoint over an unchanged size says so for its own time; any other only as far as its
    last entry, because the ledger may be behind.
    """
    last = result.last_checkpoint
    quiet = last is not None and last.first == last.size
    return max(result.last_appended_at or 0, last.sealed_at if last and quiet else 0)
