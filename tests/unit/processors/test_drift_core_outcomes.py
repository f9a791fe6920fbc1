"""Calibration and delays: what they find and leave out; grouping and restarts of all new kinds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.calibrated import calibration_blocks, calibration_tilts
from auditspine.processors.drift.contrast import odds_contrasts
from auditspine.processors.drift.detector import BLOCK

MONITORS = 4
KINDS = ("odds", "calibration", "delay")
RATE = np.full(MONITORS, 0.3)


def _bank(kind, monitors=MONITORS):
    known, rate = np.full(monitors, 4000.0), np.full(monitors, 0.3)
    if kind == "odds":
        return Bank.odds(np.ones(monitors), rate, np.full(monitors, 0.4), known, 1e5)
    if kind == "calibration":
        return Bank.calibration(rate, 1e5)
    return Bank.delay(np.full(monitors, 7.0), known, 1e5)


def _blocks(kind, seed, blocks, shift=0.0):
    random = np.random.default_rng(seed)
    shape = (blocks, BLOCK, MONITORS)
    if kind == "delay":
        values = random.exponential(7.0 * (1 + shift), shape)
        return {"total": values.sum(1), "squares": (values**2).sum(1), "rows": _full(blocks)}
    if kind == "odds":
        sides = (random.random((blocks, BLOCK, 2)) < 0.4).astype(float)
        moved = 0.7 * shift * np.where(sides == 1, 1, -1)
        rates = np.clip(0.3 + moved, 0, 1)
        hits = (random.random((blocks, BLOCK, 2)) < rates).astype(float)
        sums = [odds_contrasts(hits[..., [i]], sides[..., [i]]) for i in (0, 1)]
        fields = ("total", "squares", "rows", "first")
        return {n: np.concatenate([getattr(s, n) for s in sums] * 2, axis=1) for n in fields}
    logits = random.standard_normal(shape) - 1
    said, true = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits - 3 * shift))
    outcomes = (random.random(shape) < true).astype(float)
    sums = calibration_blocks(outcomes, said, calibration_tilts(RATE))
    return {n: getattr(sums, n) for n in ("total", "squares", "rows", "cumulants")}


def _full(blocks):
    return np.full((blocks, MONITORS), float(BLOCK))


def _shifting(kind, seed):
    before, after = _blocks(kind, seed, 30), _blocks(kind, seed + 1, 40, shift=0.3)
    return {name: np.concatenate([before[name], after[name]]) for name in before}


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_is_found_and_told_once_at_first(kind):
    bank = _bank(kind)
    assert not bank.steps(**_blocks(kind, 6, 80)).any()
    alarms = bank.steps(**_blocks(kind, 2, 40, shift=0.3))
    assert (alarms.sum(axis=0) == 1).all()
    assert (bank.shifted == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_downwards_is_found(kind):
    bank = _bank(kind)
    bank.steps(**_blocks(kind, 1, 80))
    assert bank.steps(**_blocks(kind, 3, 60, shift=-0.3)).any(axis=0).all()
    assert (bank.shifted == -1).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 30), max_size=8), st.booleans())
def test_grouping_and_restarts_change_no_bit(kind, seed, sizes, seasonal):
    given_ = _shifting(kind, seed)
    if seasonal:
        hours = np.zeros((70, 24))
        hours[np.arange(70), np.arange(70) % 24] = BLOCK
        given_["hours"] = hours
    whole = _bank(kind)
    expected = whole.steps(**given_)
    bank, parts, at = _bank(kind), [], 0
    for size in [*sizes, len(expected)]:
        again = _bank(kind, monitors=1)
        again.load(bank.state())
        bank = again
        parts.append(bank.steps(**{n: array[at : at + size] for n, array in given_.items()}))
        at += size
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(bank.state()[name], array, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_block_by_block_is_as_all_at_once(kind):
    given_, bank = _shifting(kind, 5), _bank(kind)
    found = [bank.step(**{name: array[at] for name, array in given_.items()}) for at in range(70)]
    np.testing.assert_array_equal(np.stack(found), _bank(kind).steps(**given_))


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_leave_a_monitor_as_it_is(kind):
    bank = _bank(kind)
    bank.steps(**_blocks(kind, 14, 9))
    level = bank.level
    none = {name: np.zeros_like(array) for name, array in _blocks(kind, 14, 3).items()}
    assert not bank.steps(**none).any()
    np.testing.assert_array_equal(bank.level, level)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bank_grows(kind):
    bank = _bank(kind, 1)
    bank.append(_bank(kind, MONITORS - 1))
    assert bank.steps(**_shifting(kind, 8)).any(axis=0).all()


def test_rows_without_a_probability_or_an_outcome_are_left_out():
    outcomes, said = np.ones((1, BLOCK, 1)), np.full((1, BLOCK, 1), 0.5)
    said[0, :4, 0] = [-0.1, 1.1, np.nan, np.inf]
    outcomes[0, 4, 0] = np.nan
    blocks = calibration_blocks(outcomes, said, calibration_tilts(np.array([0.5])))
    assert blocks.rows[0, 0] == BLOCK - 5
    assert blocks.total[0, 0] == 0.5 * (BLOCK - 5)
    assert np.isfinite(blocks.cumulants).all()


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50)
def test_the_expected_ratio_of_every_tilt_is_one(p, rate):
    tilts = calibration_tilts(np.array([rate]))
    ratios = []
    for outcome in (0.0, 1.0):
        blocks = calibration_blocks(np.full((1, 1, 1), outcome), np.full((1, 1, 1), p), tilts)
        ratios.append(np.exp(tilts * blocks.total - blocks.cumulants[0]))
    np.testing.assert_allclose((1 - p) * ratios[0] + p * ratios[1], 1.0, rtol=1e-9)


def test_probabilities_that_are_sure_and_right_are_no_miscalibration():
    random, bank = np.random.default_rng(3), _bank("calibration")
    outcomes = (random.random((400, BLOCK, MONITORS)) < 0.3).astype(float)
    blocks = calibration_blocks(outcomes, outcomes, calibration_tilts(RATE))
    assert not bank.steps(blocks.total, blocks.squares, blocks.rows, None, blocks.cumulants).any()


def test_calibration_without_cumulants_is_refused():
    with pytest.raises(ValueError, match="ψ"):
        _bank("calibration").steps(*np.ones((3, 1, MONITORS)))


@given(st.floats(1e-9, 1e9))
@settings(max_examples=20, deadline=None)
def test_units_of_a_delay_do_not_matter(unit):
    known = np.full(MONITORS, 4000.0)
    blocks = _shifting("delay", 4)
    scaled = {"total": blocks["total"] * unit, "squares": blocks["squares"] * unit**2}
    bank = Bank.delay(np.full(MONITORS, 7.0 * unit), known, 1e5)
    alarms = bank.steps(**scaled, rows=blocks["rows"])
    assert (alarms.argmax(axis=0) == _bank("delay").steps(**blocks).argmax(axis=0)).all()
