"""Banks of monitors: what they find and do not mind; how blocks are grouped does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.detector import BLOCK, Bank

MONITORS = 6
KINDS = ("location", "scale", "rate")


def _bank(kind: str, monitors: int = MONITORS, rows: float = 2000.0) -> Bank:
    known = np.full(monitors, rows)
    if kind == "rate":
        return Bank.rate(np.full(monitors, 0.1), known, 1e5)
    if kind == "scale":
        return Bank.scale(np.ones(monitors), known, 1e5)
    return Bank.location(np.zeros(monitors), np.ones(monitors), known, 1e5)


def _blocks(kind, seed, blocks, monitors=MONITORS, shift=0.0):
    random = np.random.default_rng(seed)
    shape = (blocks, BLOCK, monitors)
    if kind == "rate":
        values = (random.random(shape) < 0.1 + shift / 5).astype(float)
    elif kind == "scale":
        values = random.standard_normal(shape) * (1 + shift)
    else:
        values = random.standard_normal(shape) + shift
    values[random.random(shape) < 0.05] = np.nan
    rows = np.isfinite(values).sum(axis=1).astype(float)
    values = np.nan_to_num(values)
    return values.sum(axis=1), (values**2).sum(axis=1), rows


def _hours(blocks):
    hours = np.zeros((blocks, 24))
    hours[np.arange(blocks), np.arange(blocks) // 3 % 24] = BLOCK
    return hours


def _shifting(kind, seed):
    before, after = _blocks(kind, seed, 60), _blocks(kind, seed + 1, 80, shift=0.5)
    return tuple(np.concatenate(pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_is_found_and_told_once_at_first(kind):
    bank = _bank(kind)
    assert not bank.steps(*_blocks(kind, 1, 80)).any()
    assert not bank.shifted.any()
    alarms = bank.steps(*_blocks(kind, 2, 40, shift=0.5))
    assert (alarms.sum(axis=0) == 1).all()
    assert (bank.shifted == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_that_lasts_is_told_again_ever_more_seldom(kind):
    bank = _bank(kind)
    bank.steps(*_blocks(kind, 1, 80))
    alarms = bank.steps(*_blocks(kind, 3, 400, shift=0.8)).sum(axis=0)
    assert (alarms >= 2).all()
    assert (alarms <= 4).all()


def test_a_shift_downwards_is_found():
    bank = _bank("location")
    bank.steps(*_blocks("location", 1, 80))
    alarms = bank.steps(*_blocks("location", 4, 40, shift=-0.6))
    assert alarms.any(axis=0).all()
    assert (bank.shifted == -1).all()


@pytest.mark.parametrize(("shift", "blocks"), [(0.5, 40), (3.0, 4)])
def test_a_shift_from_the_first_row_on_is_found(shift, blocks):
    assert _bank("location").steps(*_blocks("location", 4, blocks, shift=shift)).any(axis=0).all()


def test_a_shift_that_is_over_is_no_longer_there():
    bank = _bank("location")
    bank.steps(*_blocks("location", 5, 20, shift=1.0))
    bank.steps(*_blocks("location", 6, 60))
    assert (bank.shifted == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_does_not_become_the_reference(kind):
    bank = _bank(kind)
    bank.steps(*_blocks(kind, 1, 80))
    mean = bank.reference_mean
    bank.steps(*_blocks(kind, 7, 200, shift=1.5))
    np.testing.assert_allclose(bank.reference_mean, mean, rtol=0.3, atol=0.2)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 40), max_size=12), st.booleans())
def test_grouping_and_restarts_change_no_bit(kind, seed, sizes, seasonal):
    given_ = _shifting(kind, seed)
    hours = _hours(len(given_[0])) if seasonal else None
    whole = _bank(kind)
    expected = whole.steps(*given_, hours)
    bank, parts, at = _bank(kind), [], 0
    for size in [*sizes, len(expected)]:
        now = slice(at, at + size)
        again = _bank(kind, monitors=1)
        again.load(bank.state())
        bank = again
        parts.append(
            bank.steps(*(array[now] for array in given_), None if hours is None else hours[now])
        )
        at += size
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(bank.state()[name], array, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.permutations(range(MONITORS)))
def test_monitors_do_not_depend_on_their_order(kind, seed, order):
    given_ = _shifting(kind, seed)
    plain, permuted = _bank(kind), _bank(kind)
    expected = plain.steps(*given_)[:, order]
    np.testing.assert_array_equal(permuted.steps(*(a[:, order] for a in given_)), expected)
    np.testing.assert_array_equal(permuted.level, plain.level[order])


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 139), st.sampled_from([np.nan, np.inf, -np.inf]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_what_is_not_finite_counts_as_no_rows(kind, at, bad, squares):
    total, squared, rows = _shifting(kind, 11)
    spoiled, spoiled_squares, none = total.copy(), squared.copy(), rows.copy()
    (spoiled_squares if squares else spoiled)[at, 2] = bad
    none[at, 2] = 0
    bank, other = _bank(kind), _bank(kind)
    np.testing.assert_array_equal(
        bank.steps(spoiled, spoiled_squares, rows), other.steps(total, squared, none)
    )
    assert all(np.isfinite(v).all() or k.startswith("hold") for k, v in bank.state().items())


@pytest.mark.parametrize("kind", KINDS)
def test_monitors_added_later_go_on_as_in_a_bank_of_their_own(kind):
    bank, alone = _bank(kind, 2), _bank(kind, 3)
    bank.steps(*_blocks(kind, 12, 16, 2))
    bank.append(_bank(kind, 3))
    more = _blocks(kind, 13, 40, 5, shift=0.5)
    expected = alone.steps(*(array[:, 2:] for array in more))
    np.testing.assert_array_equal(bank.steps(*more)[:, 2:], expected)


def test_a_bank_of_no_monitors_steps_and_grows():
    bank = _bank("rate", 0)
    assert bank.steps(*_blocks("rate", 1, 11, 0)).shape == (11, 0)
    bank.load(bank.state())
    bank.append(_bank("rate", 2))
    assert bank.level.shape == (2,)


def test_no_rows_leave_a_monitor_as_it_is():
    bank = _bank("location")
    bank.steps(*_blocks("location", 14, 9))
    level, rows = bank.level, bank.rows
    zero = np.zeros(MONITORS)
    assert not bank.step(zero, zero, zero).any()
    np.testing.assert_array_equal(bank.level, level)
    np.testing.assert_array_equal(bank.rows, rows)


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="expected a state"):
        _bank("rate").load(_bank("location").state())
    state = _bank("rate").state()
    with pytest.raises(ValueError, match="one number of monitors"):
        _bank("rate").load(state | {"mass": state["mass"][:, :2]})


def test_a_longer_run_length_needs_more_rows():
    strict, usual = _bank("location"), _bank("location")
    strict.set_run_length(1e9)
    for bank in (strict, usual):
        bank.steps(*_blocks("location", 1, 80))
    blocks = _blocks("location", 15, 80, shift=0.5)
    first = usual.steps(*blocks).argmax(axis=0)
    assert (strict.steps(*blocks).argmax(axis=0) > first).all()


def test_autocorrelation_is_no_shift_after_the_start():
    random = np.random.default_rng(16)
    values, now = np.empty((40_000, 40)), random.standard_normal(40)
    for row in range(values.shape[0]):
        now = 0.7 * now + random.standard_normal(40) * np.sqrt(1 - 0.49)
        values[row] = now
    blocks = values.reshape(-1, BLOCK, 40)
    total, squares = blocks.sum(axis=1), (blocks**2).sum(axis=1)
    alarms = _bank("location", 40).steps(total, squares, np.full(total.shape, float(BLOCK)))
    assert alarms[200:].sum() <= 20  # 1.4 million rows at .1 per 10,000 would give 14


def test_a_daily_cycle_is_learned_and_a_shift_in_it_found():
    random = np.random.default_rng(17)
    rows, day = 24_000, 2400
    wave = np.sin(2 * np.pi * np.arange(rows) / day)
    values = random.standard_normal((20, rows)) * np.sqrt(0.5) + wave
    values[:, 16 * 1200 :] += 0.6
    blocks = values.reshape(20, -1, BLOCK).transpose(1, 0, 2)
    hours = np.zeros((rows // BLOCK, 24))
    hours[np.arange(rows // BLOCK), np.arange(rows)[::BLOCK] % day * 24 // day] = BLOCK
    total, squares = blocks.sum(axis=2), (blocks**2).sum(axis=2)
    alarms = _bank("location", 20).steps(total, squares, np.full(total.shape, 25.0), hours)
    change = 16 * 1200 // BLOCK
    assert alarms[4 * day // BLOCK : change].sum() <= 3
    assert alarms[change : change + 20].any(axis=0).all()


def test_cumulants_of_each_row_take_the_place_of_the_usual():
    blocks = _blocks("location", 18, 30, shift=0.5)
    usual = np.broadcast_to(
        _bank("location").state()["score.cumulants"] * blocks[2][:, None, :], (30, 14, MONITORS)
    )
    plain, given_ = _bank("location"), _bank("location")
    expected = plain.steps(*blocks)
    np.testing.assert_array_equal(given_.steps(*blocks, None, usual), expected)


def test_what_never_happens_is_no_fall_of_a_rate_however_long_it_does_not() -> None:
    random, rates = np.random.default_rng(11), np.array([0.0, 0.0002, 0.999, 1.0])
    bank = Bank.rate(rates, np.full(4, 4000.0), 1e5)
    alarms = np.zeros(4)
    for _ in range(10):
        happened = random.binomial(25, rates, size=(2000, 4)).astype(float)
        alarms += bank.steps(happened, happened, np.full((2000, 4), 25.0)).sum(axis=0)
    assert (alarms[[0, 3]] == 0).all()
    assert (alarms <= 10).all()  # of 500,000 rows, at one in 100,000
    begun = np.full((40, 4), 25.0) * np.array([0.04, 0.04, 0.96, 0.96])
    assert bank.steps(begun, begun, np.full((40, 4), 25.0)).any(axis=0).all()
