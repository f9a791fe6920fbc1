"""What a verification gathers while it runs."""

from dataclasses import dataclass, field

from auditspine.auditor.core.defects import Defect
from auditspine.auditor.core.result import LogResult
from auditspine.auditor.report import LogReport
from auditspine.ledger.verdict import Flag, Verdict


@dataclass(slots=True)
class Findings:
    """Results and defects so far.

    Attributes:
        results: Of each log.
        defects: Of all logs.
        not_checked: What could not be checked and why.
        pending: Entries sealed and not stored yet, by log.
        beyond: Defects that were only counted.
    """

    results: list[LogResult] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)
    beyond: int = 0


def log_report(result: LogResult, pending: int) -> LogReport:
    """Give what the report says of one log."""
    last = result.last_checkpoint
    flags = {
        flag.name.lower(): sum(n for bits, n in result.flags.items() if bits & flag)
        for flag in (Flag.GAP, Flag.DUPLICATE, Flag.CLOCK_SKEW)
        if flag.name is not None
    }
    return LogReport(
        result.origin,
        result.topic,
        result.partition,
        result.size,
        result.uncommitted,
        result.proven,
        "" if last is None else last.root.hex(),
        None if last is None else last.sealed_at,
        result.last_appended_at,
        result.checkpoints,
        result.unchecked_checkpoints,
        {
            verdict.name.lower(): result.verdicts[verdict]
            for verdict in Verdict
            if result.verdicts.get(verdict)
        },
        {name: count for name, count in flags.items() if count},
        result.unjudged,
        result.set_aside,
        result.by_hash,
        pending,
    )
