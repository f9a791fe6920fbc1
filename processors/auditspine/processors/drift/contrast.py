"""What two groups differ in within a block: sums for contrasts of numbers and of rates. Pure.

Rows of a block are compared with each other alone, so that what moves all of them alike, a season,
an economy, another threshold, says nothing. The price is information: of a group whose share among
the compared is π, a row tells 1 - π of what it would if the others were known.
"""

import numpy as np

from auditspine.processors.drift.mixture import Floats
from auditspine.processors.drift.scores import Blocks


def numeric_contrasts(values: Floats, sides: Floats, spread: Floats) -> Blocks:
    """Sum up how numbers go with being in the first of two groups, for a bank of location.

    With z the values and s the sides of those rows of a block that have both, each less its mean
    in the block, the sum is Σ s·z, whose variance is Σ s² times that of a value. The mean of a
    "row" is so the correlation of the two where a value's variance is 1.

    Args:
        values: Of shape (blocks, rows, features); what is not finite is no value.
        sides: Of shape (blocks, rows, contrasts): 1 in the first group, 0 in the second, NaN in
            neither.
        spread: π(1 - π) of each contrast, where π is the share of the first group among both in
            the reference.

    Returns:
        Sums of shape (blocks, contrasts · features), contrast by contrast; a block in which a group
        has no value has no rows.
    """
    has, given = np.isfinite(values), np.isfinite(sides)
    count = np.maximum(has.sum(axis=1, keepdims=True), 1)
    plain = np.where(has, values, 0.0)
    plain = np.where(has, plain - plain.sum(axis=1, keepdims=True) / count, 0.0)  # for precision
    both, first = _turned(given), _turned(np.where(given, sides, 0.0))
    known = has.astype(float)
    n, n1 = both @ known, first @ known
    sums, squares = both @ plain, both @ plain**2
    rows, most = np.maximum(n, 1.0), np.maximum(n - 1, 1.0)
    scale = np.asarray(spread, dtype=float)[:, None]
    moved = first @ plain - n1 / rows * sums
    weight = n1 * (n - n1) / rows / scale
    variance = np.maximum(squares - sums**2 / rows, 0.0) / most
    there = weight > 0
    total = np.where(there, moved / np.sqrt(scale), 0.0)
    return Blocks(*(_flat(each) for each in (total, weight * variance, weight)))


def odds_contrasts(hits: Floats, sides: Floats) -> Blocks:
    """Count what happened in each of two groups, for a bank of odds ratios.

    Args:
        hits: Of shape (blocks, rows, things): 1 where it happened, 0 where not, NaN where that is
            not known.
        sides: As for :func:`numeric_contrasts`.

    Returns:
        Counts of shape (blocks, contrasts · things), contrast by contrast: ``total`` of hits in the
        first group, ``squares`` of hits in both, ``rows`` in both and ``first`` in the first. A
        block that says nothing, since a group has no rows or all rows are alike, has no rows.
    """
    has, given = np.isfinite(hits), np.isfinite(sides)
    happened, known = np.where(has, hits, 0.0), has.astype(float)
    both, in_first = _turned(given), _turned(np.where(given, sides, 0.0))
    rows, first = both @ known, in_first @ known
    all_hits, hits_first = both @ happened, in_first @ happened
    says = (first > 0) & (first < rows) & (all_hits > 0) & (all_hits < rows)
    total, squares, n, n1 = (
        _flat(np.where(says, each, 0.0)) for each in (hits_first, all_hits, rows, first)
    )
    return Blocks(total, squares, n, first=n1)


def _turned(sides: Floats) -> Floats:
    """Give sides with contrasts before rows."""
    return np.ascontiguousarray(sides.transpose(0, 2, 1), dtype=float)


def _flat(sums: Floats) -> Floats:
    flat: Floats = sums.reshape(sums.shape[0], -1)
    return flat
