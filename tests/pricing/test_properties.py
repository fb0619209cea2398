"""What must hold for all inputs (specification §10.4). `ORTOO_TEST_EXAMPLES` sets the cases of each; `make bench-pricing` runs 1,000."""

from __future__ import annotations

import math
import os

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from pricing.advice.listed import best_first_come, listed_with_bidding
from pricing.advice.reserve import english_outcome, optimal_reserve
from pricing.advice.steps import increment, ladder, ladder_step
from pricing.approaches.comparables import Comparable, market_value
from pricing.approaches.cost import CostInputs, Spending, cost_value
from pricing.approaches.income import IncomeInputs, income_value
from pricing.approaches.pooling import Estimate, pool
from pricing.integrity.across import discoveries
from pricing.integrity.fairness import fairness
from pricing.learning.conformal import conformal_quantile
from pricing.learning.explaining import contributions, in_fen
from pricing.learning.posterior import Regression
from pricing.lognormal import LogNormal

many = settings(max_examples=int(os.environ.get("ORTOO_TEST_EXAMPLES", "25")), deadline=None)
share = st.floats(0.01, 0.99)
sigma = st.floats(0.15, 1.2)
money = st.floats(1.0, 1e6)
factors = st.sampled_from((1e-4, 0.5, 3.0, 1e4))
"""1e-4 and 1e4: yuan and units of 10,000 yuan."""


def values(mu, s):
    return LogNormal(mu, s)


@many
@given(st.lists(money, min_size=1, max_size=8), share, share, share, factors)
def test_income_scales_rises_in_sales_royalty_and_chance_and_falls_in_the_rate(
    sales, royalty, discount, success, factor
):
    one = IncomeInputs(sales=tuple(sales), royalty=royalty, tax=0.15, discount=discount, success=success)
    base = income_value(one).value
    from msgspec.structs import replace

    assert math.isclose(
        income_value(replace(one, sales=tuple(s * factor for s in sales))).value, base * factor, rel_tol=1e-9
    )
    assert income_value(replace(one, royalty=royalty * 1.01)).value > base
    assert income_value(replace(one, success=success * 1.01)).value > base
    assert income_value(replace(one, discount=discount + 0.01)).value < base


@many
@given(money, share, factors)
def test_cost_scales_and_rises_in_the_capital_rate(amount, rate, factor):
    def cost(spent, capital):
        return cost_value(
            CostInputs(spent=(Spending(amount=spent, index=100, years_ago=2),), index_now=104, capital_rate=capital)
        ).value

    assert math.isclose(cost(amount * factor, rate), cost(amount, rate) * factor, rel_tol=1e-9)
    assert cost(amount, rate + 0.01) > cost(amount, rate)


@many
@given(st.lists(st.tuples(money, st.floats(0, 5), st.floats(0, 1)), min_size=3, max_size=12), factors, st.randoms())
def test_comparables_do_not_depend_on_order_and_scale(rows, factor, random):
    def market(deals, by=1.0):
        found = tuple(
            Comparable(price=p * by, age_years=a, index_ratio=1, features=(), distance=d) for p, a, d in deals
        )
        return market_value(found, (), (), bandwidth=0.5, yearly_decay=0.8)

    one = market(rows)
    mixed = list(rows)
    random.shuffle(mixed)
    if one is None:
        return
    assert math.isclose(market(mixed).median, one.median, rel_tol=1e-9)
    assert math.isclose(market(rows, factor).median, one.median * factor, rel_tol=1e-6)
    assert one.n_eff <= len(rows) + 1e-9


@many
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 2)), min_size=1, max_size=4))
def test_pooled_weights_are_bounded_and_the_middle_lies_between_the_approaches(rows):
    found = pool([Estimate(name=str(i), log_value=m, log_sd=s) for i, (m, s) in enumerate(rows)])
    assert math.isclose(sum(found.weights), 1.0, abs_tol=1e-9)
    assert all(-1e-12 <= w <= (0.8 if len(rows) > 1 else 1.0) + 1e-9 for w in found.weights)
    assert min(m for m, _ in rows) - 1e-9 <= found.log_value <= max(m for m, _ in rows) + 1e-9


@many
@given(sigma, st.floats(0, 1.2), factors)
def test_the_reserve_rises_in_the_own_value_and_scales(s, own, factor):
    base = optimal_reserve(values(0, s), own)
    assert optimal_reserve(values(0, s), own + 0.05) > base >= own - 1e-9
    assert math.isclose(optimal_reserve(values(math.log(factor), s), own * factor), base * factor, rel_tol=1e-9)


@many
@given(sigma, st.integers(1, 8), st.floats(0, 1.0), st.floats(0.05, 3.0))
def test_no_reserve_beats_the_best_one_and_more_bidders_bring_more(s, n, own, other):
    v = values(0, s)
    reserve = optimal_reserve(v, own)
    best = english_outcome(v, n, reserve, own).revenue
    assert best >= english_outcome(v, n, other, own).revenue - 1e-7
    assert (
        english_outcome(v, n + 1, other, own).revenue >= english_outcome(v, n, other, own).revenue - 1e-7 or own > other
    )


@many
@given(sigma, st.integers(1, 7))
def test_one_more_bidder_is_worth_more_than_the_best_reserve(s, n):
    v = values(0, s)
    reserve = optimal_reserve(v, 0.0)
    if english_outcome(v, n, reserve).sold > 0 and s <= 1.0:
        assert english_outcome(v, n + 1).revenue >= english_outcome(v, n, reserve).revenue - 1e-6


@many
@given(sigma, st.floats(0.3, 8), st.floats(0, 0.8))
def test_a_listing_that_turns_into_bidding_is_never_worse_than_first_come_at_its_best_price(s, visitors, own):
    v = values(0, s)
    listed = best_first_come(v, visitors, own)
    assert listed_with_bidding(v, visitors, listed.price, own).revenue >= listed.revenue - 1e-7


@many
@given(st.lists(st.floats(0, 5), max_size=30), share)
def test_a_conformal_range_is_endless_exactly_where_the_deals_cannot_hold_the_promise(scores, alpha):
    needed = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    found = conformal_quantile(scores, alpha)
    assert math.isinf(found) == (needed > len(scores))
    if not math.isinf(found):
        assert sum(score <= found for score in scores) >= needed


@many
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-3, 3)), min_size=1, max_size=10), st.randoms())
def test_learning_in_any_order_is_learning_at_once(rows, random):
    def fresh():
        return Regression((0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)), 3.0, 1.0)

    whole, single = fresh(), fresh()
    whole.update([[1.0, x] for x, _ in rows], [y for _, y in rows])
    mixed = list(rows)
    random.shuffle(mixed)
    for x, y in mixed:
        single.update([[1.0, x]], [y])
    assert np.allclose(whole.mean, single.mean, atol=1e-8) and math.isclose(
        whole.b, single.b, rel_tol=1e-7, abs_tol=1e-8
    )


@many
@given(money, st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(-1.5, 1.5), min_size=1, max_size=9))
def test_the_bars_of_a_waterfall_add_up_to_the_fen(base, effects):
    price, parts = contributions(base, effects)
    assert math.isclose(base + sum(part.money for part in parts), price, rel_tol=1e-6, abs_tol=1e-6)
    low, high = round(base * 100), round(price * 100)
    assert sum(in_fen(low, high, parts)) == high - low


@many
@given(st.integers(1, 10**12), st.floats(1.0, 5.0))
def test_increments_are_whole_and_round_and_grow_with_the_price(start, rise):
    step = increment(start, round(start * rise))
    assert step >= 1 and str(step).rstrip("0") in ("1", "2", "5")
    assert ladder_step(start) <= ladder_step(start * 10)
    table = ladder(start, round(start * rise) + 1)
    assert [row[0] for row in table] == sorted({row[0] for row in table})


@many
@given(st.lists(st.floats(1e-9, 1), max_size=40))
def test_the_list_for_people_keeps_the_strongest_and_never_a_weaker_one_without_a_stronger(p_values):
    chosen = discoveries(p_values)
    taken = [p for p, one in zip(p_values, chosen, strict=True) if one]
    left = [p for p, one in zip(p_values, chosen, strict=True) if not one]
    assert not taken or not left or max(taken) <= min(left)


def test_percentiles_of_honest_deals_are_even():
    forecast = LogNormal(5.0, 0.45)
    prices = np.exp(np.random.default_rng(3).normal(5.0, 0.45, 3_000))
    assert kstest([fairness(forecast, float(p)).percentile for p in prices], "uniform").pvalue > 0.01
