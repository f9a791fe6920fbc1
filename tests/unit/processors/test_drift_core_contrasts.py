"""Contrasts of groups: what they sum up, what they are immune to, what they find."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditspine.processors.drift.bank import Bank
from auditspine.processors.drift.contrast import numeric_contrasts, odds_contrasts
from auditspine.processors.drift.detector import BLOCK
from auditspine.processors.drift.odds import OddsRatio
from auditspine.processors.drift.scores import Blocks

SHARE = 0.2
SPREAD = np.array([SHARE * (1 - SHARE)])


def _sides(random, blocks, share=SHARE, contrasts=1):
    return (random.random((blocks, BLOCK, contrasts)) < share).astype(float)


def _fields(blocks):
    return {
        "total": blocks.total,
        "squares": blocks.squares,
        "rows": blocks.rows,
        "cumulants": blocks.cumulants,
        "first": blocks.first,
    }


def _numeric(monitors=1, run_length=1e5):
    rows = np.full(monitors, 10_000.0)
    return Bank.location(np.zeros(monitors), np.ones(monitors), rows, run_length)


def _odds(ratio=1.0, rate=0.2, monitors=1, rows=1e4, run_length=1e5):
    full = (np.full(monitors, given_) for given_ in (ratio, rate, SHARE, rows))
    return Bank.odds(*full, run_length)


@given(st.integers(0, 10_000), st.floats(-1e6, 1e6), st.floats(0.02, 0.9))
@settings(max_examples=50, deadline=None)
def test_a_number_added_to_every_row_of_a_block_changes_nothing(seed, constant, share):
    random = np.random.default_rng(seed)
    values, sides = random.standard_normal((6, BLOCK, 3)), _sides(random, 6, share, 2)
    values[random.random(values.shape) < 0.1] = np.nan
    sides[random.random(sides.shape) < 0.3] = np.nan
    spread = np.full(2, share * (1 - share))
    plain = numeric_contrasts(values, sides, spread)
    moved = numeric_contrasts(values + constant * np.arange(6)[:, None, None], sides, spread)
    for name in ("total", "squares", "rows"):
        np.testing.assert_allclose(_fields(moved)[name], _fields(plain)[name], atol=1e-6, rtol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_sums_are_those_of_rows_that_have_value_and_side(seed):
    random = np.random.default_rng(seed)
    values, sides = random.standard_normal((2, BLOCK, 2)), _sides(random, 2, 0.4, 2)
    values[random.random(values.shape) < 0.2] = np.nan
    sides[random.random(sides.shape) < 0.3] = np.nan
    found = numeric_contrasts(values, sides, np.array([0.25, 0.24]))
    for block in range(2):
        for place, (contrast, feature) in enumerate(np.ndindex(2, 2)):
            z, s = values[block, :, feature], sides[block, :, contrast]
            both = np.isfinite(z) & np.isfinite(s)
            z, s, spread = z[both], s[both], (0.25, 0.24)[contrast]
            rows = ((s - s.mean()) ** 2).sum() / spread
            total = ((s - s.mean()) * z).sum() / np.sqrt(spread)
            np.testing.assert_allclose(found.rows[block, place], rows)
            np.testing.assert_allclose(found.total[block, place], total, atol=1e-12)
            np.testing.assert_allclose(found.squares[block, place], rows * z.var(ddof=1))


def test_the_mean_of_a_row_is_the_correlation():
    random = np.random.default_rng(1)
    sides = _sides(random, 4000)
    unit = (sides - SHARE) / np.sqrt(SPREAD)
    values = 0.25 * unit + np.sqrt(1 - 0.25**2) * random.standard_normal(sides.shape)
    blocks = numeric_contrasts(values, sides, SPREAD)
    assert blocks.total.sum() / blocks.rows.sum() == pytest.approx(0.25, abs=0.01)
    assert blocks.rows.mean() == pytest.approx(BLOCK - 1, rel=0.02)


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_counts_are_those_of_rows_that_are_known(seed):
    random = np.random.default_rng(seed)
    hits = (random.random((3, BLOCK, 2)) < 0.4).astype(float)
    sides = _sides(random, 3, 0.4, 2)
    hits[random.random(hits.shape) < 0.2] = np.nan
    sides[random.random(sides.shape) < 0.3] = np.nan
    found = odds_contrasts(hits, sides)
    for block in range(3):
        for place, (contrast, thing) in enumerate(np.ndindex(2, 2)):
            h, s = hits[block, :, thing], sides[block, :, contrast]
            both = np.isfinite(h) & np.isfinite(s)
            h, s = h[both], s[both]
            counts = ((h * s).sum(), h.sum(), h.size, s.sum())
            says = 0 < s.sum() < s.size and 0 < h.sum() < h.size
            expected = counts if says else (0, 0, 0, 0)
            fields = (found.total, found.squares, found.rows, found.first)
            assert tuple(each[block, place] for each in fields) == expected


@given(st.integers(0, 25), st.integers(0, 25), st.data())
@settings(max_examples=60, deadline=None)
def test_the_expected_ratio_of_every_tilt_is_one_given_rows_and_hits(n1, n2, data):
    t = data.draw(st.integers(0, n1 + n2))
    ratio = data.draw(st.floats(0.02, 50))
    k = np.arange(max(0, t - n2), min(n1, t) + 1)
    chances = np.array([math.comb(n1, i) * math.comb(n2, t - i) * ratio**i for i in k.tolist()])
    score = OddsRatio(*(np.array([each]) for each in (ratio, 0.3, 0.4, 1e12)))
    sums = [np.full((k.size, 1), float(each)) for each in (t, n1 + n2, n1)]
    blocks = Blocks(k[:, None].astype(float), sums[0], sums[1], first=sums[2])
    ratios = np.exp(score.exponents(score.sums(blocks), blocks))[..., 0]
    np.testing.assert_allclose(chances @ ratios / chances.sum(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(chances @ score.sums(blocks), 0.0, atol=1e-6 * chances.sum())


def test_odds_stay_quiet_whatever_path_all_groups_take_together():
    random, monitors, blocks = np.random.default_rng(2), 40, 1600
    ratio, alarms = 0.5, 0
    bank = _odds(ratio, 0.3, monitors)
    walk = np.clip(np.cumsum(random.normal(0, 0.3, (blocks, 1, monitors)), axis=0), -4, 4)
    jumps = 2.0 * (np.arange(blocks) // 37 % 2)[:, None, None]
    for at in range(0, blocks, 400):
        now = slice(at, at + 400)
        sides = (random.random((400, BLOCK, monitors)) < SHARE).astype(float)
        odds = np.exp(walk[now] + jumps[now] - 1 + np.log(ratio) * sides)
        hits = (random.random(sides.shape) < odds / (1 + odds)).astype(float)
        alarms += bank.steps(**_fields(_paired(hits, sides))).sum()
    assert alarms <= 27  # of 1.6 million rows at one in 100,000: 16, and 2.5 deviations


def _paired(hits, sides):
    """Take each thing with a contrast of its own: runs side by side."""
    parts = [odds_contrasts(hits[..., [i]], sides[..., [i]]) for i in range(hits.shape[2])]
    return type(parts[0])(
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("total", "squares", "rows")
        ),
        first=np.concatenate([part.first for part in parts], axis=1),
    )


def test_groups_dealt_at_random_differ_in_nothing_however_odd_the_stream():
    random, rows = np.random.default_rng(3), 200_000
    wave = np.sin(np.arange(rows) / 700)
    values = (wave + random.standard_t(3, rows)).clip(-3.3, 3.3)
    hits = (random.random(rows) < 0.3 + 0.25 * wave).astype(float)
    base = np.repeat([0.0, 1.0], [int(rows * 0.8), rows - int(rows * 0.8)])
    sides = np.stack([random.permutation(base) for _ in range(8)], axis=1).reshape(-1, BLOCK, 8)
    spread = np.full(8, SHARE * (1 - SHARE))
    numeric = numeric_contrasts(values.reshape(-1, BLOCK, 1), sides, spread)
    rows_known = np.full(8, 10_000.0)
    location = Bank.location(np.zeros(8), np.full(8, values.var()), rows_known, 1e7)
    odds = _odds(1.0, 0.3, 8, run_length=1e7)
    assert not location.steps(**_fields(numeric)).any()
    assert not odds.steps(**_fields(odds_contrasts(hits.reshape(-1, BLOCK, 1), sides))).any()


@pytest.mark.parametrize("factor", [4.0, 1 / 4.0])
def test_a_gap_in_odds_is_found_on_its_side_and_told_once(factor):
    random, monitors = np.random.default_rng(4), 12
    bank, found = _odds(1.0, 0.5, monitors), []
    for ratio, blocks in ((1.0, 80), (factor, 39)):
        sides = (random.random((blocks, BLOCK, monitors)) < SHARE).astype(float)
        odds = ratio**sides
        hits = (random.random(sides.shape) < odds / (1 + odds)).astype(float)
        found.append(bank.steps(**_fields(_paired(hits, sides))))
    assert not found[0].any()
    assert (found[1].sum(axis=0) == 1).all()
    assert (bank.shifted == np.sign(factor - 1)).all()


def test_the_reference_learns_the_ratio():
    random = np.random.default_rng(5)
    bank = _odds(1.0, 0.3, rows=400.0, run_length=1e9)
    sides = _sides(random, 4000)
    odds = 0.5 * 1.3**sides
    hits = (random.random(sides.shape) < odds / (1 + odds)).astype(float)
    bank.steps(**_fields(odds_contrasts(hits, sides)))
    state = bank.state()
    assert state["score.agreeing"] / state["score.opposed"] == pytest.approx(1.3, rel=0.06)


_ODD_SIDES = {
    "no group": np.full(BLOCK, np.nan),
    "the first alone": np.ones(BLOCK),
    "the second alone": np.zeros(BLOCK),
}


@pytest.mark.parametrize("name", _ODD_SIDES)
@pytest.mark.parametrize("kind", ["numeric", "odds"])
def test_a_block_without_two_groups_leaves_a_monitor_as_it_is(name, kind):
    random = np.random.default_rng(6)
    sides = np.broadcast_to(_ODD_SIDES[name], (1, BLOCK))[..., None]
    _leaves_as_it_is(kind, random.integers(0, 2, (1, BLOCK, 1)).astype(float), sides)


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_block_of_rows_all_alike_says_nothing_of_odds(value):
    sides = _sides(np.random.default_rng(7), 1)
    _leaves_as_it_is("odds", np.full((1, BLOCK, 1), value), sides)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_block_without_a_number_leaves_a_monitor_as_it_is(value):
    sides = _sides(np.random.default_rng(7), 1)
    _leaves_as_it_is("numeric", np.full((1, BLOCK, 1), value), sides)


def _leaves_as_it_is(kind, values, sides):
    random = np.random.default_rng(8)
    bank, usual = (_odds() if kind == "odds" else _numeric()), _sides(random, 8)
    if kind == "odds":
        hits = (random.random(usual.shape) < 0.2).astype(float)
        before, blocks = odds_contrasts(hits, usual), odds_contrasts(values, sides)
    else:
        before = numeric_contrasts(random.standard_normal(usual.shape), usual, SPREAD)
        blocks = numeric_contrasts(values, sides, SPREAD)
    bank.steps(**_fields(before))
    state = {name: array for name, array in bank.state().items() if name != "steps"}
    assert not bank.steps(**_fields(blocks)).any()
    for name, array in bank.state().items():
        if name != "steps":
            np.testing.assert_array_equal(array, state[name], err_msg=name)


def test_counts_that_are_not_finite_count_as_no_rows():
    random = np.random.default_rng(9)
    blocks = odds_contrasts((random.random((20, BLOCK, 1)) < 0.3) * 1.0, _sides(random, 20))
    for name in ("total", "squares", "rows", "first"):
        spoiled = _fields(blocks)
        spoiled[name] = spoiled[name].copy()
        spoiled[name][11] = np.nan
        bank = _odds()
        assert not bank.steps(**spoiled).any()
        assert all(np.isfinite(v).all() or k.startswith("hold") for k, v in bank.state().items())


def test_odds_without_the_rows_of_the_first_group_are_refused():
    with pytest.raises(ValueError, match="first group"):
        _odds().steps(*np.ones((3, 1, 1)))
