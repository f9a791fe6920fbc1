"""Roots of monotone functions, by bisection. Pure."""

from collections.abc import Callable

import numpy as np

from auditspine.processors.drift.mixture import Floats


def solve(
    function: Callable[[Floats], Floats],
    targets: Floats,
    start: Floats | float,
    end: Floats | float,
) -> Floats:
    """Find where a function that grows from ``start`` to ``end`` takes each target.

    Args:
        function: 0 at ``start``, monotone on the way to ``end``.
        targets: Values to be taken; where one lies beyond that at ``end``, ``end`` is given.
        start: Where to begin, one for all or one for each target.
        end: Where the function is greatest.
    """
    near = np.array(np.broadcast_to(start, targets.shape), dtype=float)
    far = np.array(np.broadcast_to(end, targets.shape), dtype=float)
    for _ in range(40):
        middle = (near + far) / 2
        below = function(middle) < targets
        near = np.where(below, middle, near)
        far = np.where(below, far, middle)
    roots: Floats = (near + far) / 2
    return roots
