"""How sure the beginning of a shift is: an interval about its estimate. Pure.

The estimate is where the excursion that explains the values best began (``excursion.py``). For a
shift of δ standard deviations of a row, the error of such an estimate is of the order of 1/δ² rows,
however many rows there are: 95% lie within 11/δ². That is for a δ and a number of rows known
beforehand. At an alarm, which comes where the rows happen to be far off, δ looks larger than it is;
with 2.5 times the width 95% were covered (docs/drift-benchmark.md).

Source: Yao, *Approximating the distribution of the maximum likelihood estimate of the change-point
in a sequence of independent random variables*, Annals of Statistics 15, 1987; Bai, *Estimation of a
change point in multiple regression models*, 1997.
"""

_HALF_WIDTH = 27.5  # times 1/δ²
_LEAST_DELTA = 1e-3  # less is no shift that anybody finds


def change_interval(
    rows_since_estimate: float, delta: float, block: float = 25.0
) -> tuple[float, float]:
    """Give how far the interval of a change reaches about its estimate, in rows.

    Args:
        rows_since_estimate: From the estimate to the alarm: the change is not after the alarm.
        delta: How far the mean moved, by what was seen since the estimate, in standard deviations
            of a row.
        block: Rows of a block: the estimate lies at the beginning of one.

    Returns:
        Rows before the estimate, and rows after it.
    """
    half = _HALF_WIDTH / max(abs(delta), _LEAST_DELTA) ** 2 + block
    return half, min(half, max(rows_since_estimate, 0.0))
