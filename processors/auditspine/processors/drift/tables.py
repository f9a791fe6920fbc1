"""The table that drift monitoring writes: how all monitors of a model stood, now and then."""

from collections.abc import Sequence

from auditspine.processors.drift.detector import BLOCK
from auditspine.processors.drift.layout import Monitor
from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.seen import Seen
from auditspine.processors.drift.watch import Levels
from auditspine.processors.projection.port import Row, SealedEvent, Table

LEVELS = Table(
    "drift_levels",
    (
        "origin",
        "tenant",
        "deployment",
        "model",
        "model_version",
        "model_digest",
        "block",
        "appended_at",
        "predictions",
        "run_length",
        "profiled",
        "monitors",
        "kinds",
        "levels",
        "expected",
        "found",
        "version",
    ),
)


def levels_row(
    seen: Seen, monitors: Sequence[Monitor], run_length: float, levels: Levels, cause: SealedEvent
) -> Row:
    """Give the row of how all monitors stood after a block that ends with ``cause``.

    Args:
        seen: The model at the deployment.
        monitors: Its monitors over one log: of predictions, or of outcomes.
        run_length: Rows that are to pass without a false alarm of each.
        levels: How they stand.
        cause: The last event of the block.
    """
    return (
        cause.origin,
        seen.tenant,
        seen.deployment["name"],
        seen.model["name"],
        seen.model["version"],
        bytes.fromhex(seen.model["digest"]),
        levels.block,
        cause.appended_at,
        levels.block * BLOCK,
        run_length,
        bool(seen.profile_event_id),
        [each.name for each in monitors],
        [each.kind for each in monitors],
        _rounded(levels.levels),
        _rounded(levels.expected),
        _rounded(levels.found),
        cause.version,
    )


def _rounded(values: Floats) -> list[float]:
    return [round(float(each), 6) for each in values]
