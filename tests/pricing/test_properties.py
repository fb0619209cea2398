"""What must hold for all inputs (specification §10.4). `ORTOO_TEST_EXAMPLES` sets the cases of each; `make bench-pricing` runs 1,000."""

from __future__ import annotations

import math
import os
from copy import deepcopy
from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import kstest

from gateway.pages.pricing_report import report_data
from gateway.pages.pricing_words import rough
from pricing.advice.listed import best_first_come, listed_with_bidding
from pricing.advice.reserve import english_outcome, optimal_reserve
from pricing.advice.steps import increment, ladder, ladder_step
from pricing.approaches.comparables import Comparable, market_value
from pricing.approaches.cost import CostInputs, Spending, cost_value
from pricing.approaches.income import IncomeInputs, income_value
from pricing.approaches.option import OptionInputs, option_value
from pricing.approaches.pooling import Estimate, pool
from pricing.comparing import compare
from pricing.integrity.across import discoveries
from pricing.integrity.fairness import fairness
from pricing.learning.conformal import conformal_quantile
from pricing.learning.explaining import contributions, in_fen
from pricing.learning.posterior import Regression
from pricing.lognormal import LogNormal
from pricing.market import Market
from pricing.observations import Observation, Observed
from pricing.priors.tables import packaged_priors
from pricing.quotes import Facts, Origin, Wish, quote_text, read_quote
from pricing.store import StoredQuote
from pricing.valuing import value

PRIORS = packaged_priors()
DAY_US = 86_400_000_000
MARKETS = 50
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


def small_market(seed, count=14, factor=1.0):
    """A market of a few sold and unsold lots of one field; the same seed is the same market."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        trl = int(rng.integers(2, 10))
        price = math.exp(math.log(6e9) + 0.15 * trl + 0.5 * float(rng.standard_normal()))
        one = Observation(
            sold=bool(number < 3 or rng.random() > 0.25), price_fen=max(round(price * factor), 3_000_000),
            mode=("english", "listing", "agreement")[int(rng.integers(3))], industry="software", trl=trl, remaining_years=float(rng.integers(2, 19)),
            title=f"成果{int(rng.integers(5))}", bidders=int(rng.integers(1, 6)), licence=("assign", "exclusive")[int(rng.integers(2))],
        )  # fmt: skip
        found.append(
            Observed(
                seq=number + 1, ref=f"lot/x{number}", at_us=1_700_000_000_000_000 + number * 9 * DAY_US, observation=one
            )
        )
    return found


@lru_cache(maxsize=600)
def market_of(seed, factor=1.0, turned=0):
    """One of fifty markets, fitted once; with another unit, or its deals in another order."""
    deals = small_market(seed % MARKETS, factor=factor)
    return Market(deals[turned:] + deals[:turned], PRIORS, 1)


def asked(seed):
    rng = np.random.default_rng(seed + 1)
    facts = Facts(
        industry="software", trl=int(rng.integers(1, 10)), sales_fen=int(rng.integers(1, 10**11)), spent_fen=int(rng.integers(1, 10**10)),
        remaining_years=float(rng.integers(2, 19)), title=f"成果{int(rng.integers(5))}", completion_fen=int(rng.integers(1, 10**9)),
    )  # fmt: skip
    return Wish(facts=facts, as_of_us=1_800_000_000_000_000)


def quote_of(market, wish):
    return value(
        market, wish, Origin(fit=1, fit_head=0, head=0, snapshot="", edits=0, priors=PRIORS.version, code="", seed=5)
    )


@many
@given(st.integers(0, 10**6))
def test_leaving_a_deal_out_moves_the_middle_by_what_was_shown_before(seed):
    market, wish = market_of(seed % MARKETS), asked(seed)
    first = market.look(wish.facts, "english", wish.as_of_us, 12, 3)
    beside = first.beside[seed % min(3, len(first.beside))]
    other = market.look(wish.facts, "english", wish.as_of_us, 12, 3, frozenset((beside.place,)))
    assert math.isclose(other.forecast.log_median, beside.without, rel_tol=1e-9)
    assert beside.place not in {one.place for one in other.beside}


@many
@given(st.integers(0, 10**6), st.floats(0.05, 3.0))
def test_an_unsold_lot_never_raises_the_forecast_of_the_same_thing(seed, below):
    market = deepcopy(market_of(seed % MARKETS))
    facts = asked(seed).facts
    before = market.look(facts, "english", 1_800_000_000_000_000, 0, 0).forecast.log_median
    failed = Observation(
        sold=False, price_fen=max(round(math.exp(before - below)), 2_000_001), mode="english", industry="software", trl=facts.trl,
        remaining_years=facts.remaining_years, title=facts.title,
    )  # fmt: skip
    market.learn(Observed(seq=99, ref="lot/failed", at_us=1_799_000_000_000_000, observation=failed))
    assert market.look(facts, "english", 1_800_000_000_000_000, 0, 0).forecast.log_median <= before + 1e-9


@many
@given(st.integers(0, 10**6), st.sampled_from((2.0, 100.0)), st.integers(1, 3))
def test_the_comparison_follows_the_unit_and_not_the_order(seed, factor, turned):
    def compared(market):
        facts = replace(asked(seed).facts, valuation_fen=None)
        return compare(market, facts, "english", 1_800_000_000_000_000, (), 12)

    markets = market_of(seed % MARKETS), market_of(seed % MARKETS, factor), market_of(seed % MARKETS, 1.0, turned)
    base, large, other = (compared(market) for market in markets)
    if base is None or large is None or other is None:
        assert base is large is other is None
        return
    assert {one.ref for one in base.deals} == {one.ref for one in other.deals} or len(base.deals) == 12
    assert math.isclose(other.value.median, base.value.median, rel_tol=1e-5)
    if {one.ref for one in base.deals} == {one.ref for one in large.deals}:
        assert math.isclose(large.value.median, base.value.median * factor, rel_tol=0.02)


@many
@given(st.floats(10, 1e6), st.floats(10, 1e6), st.floats(0.25, 8), st.floats(0.1, 0.9), st.floats(0, 0.2))
def test_the_right_to_wait_is_worth_no_less_than_acting_now_or_only_at_the_end_and_rises_with_volatility(
    worth, cost, years, sigma, leakage
):
    def at(**changes):
        values = {
            "value": worth,
            "cost": cost,
            "years": years,
            "volatility": sigma,
            "risk_free": 0.02,
            "leakage": leakage,
        }
        return option_value(OptionInputs(**{**values, **changes}), 200)

    base = at()
    slack = 0.01 * worth + 1e-9
    assert base.american >= max(base.now, 0.0) - 1e-9 and base.american >= base.european - slack
    assert at(volatility=sigma + 0.1).american >= base.american - slack
    assert at(value=worth * 1.1).american >= base.american - 1e-9
    assert at(cost=cost * 1.1).american <= base.american + 1e-9


@many
@given(st.integers(0, 10**6))
def test_the_report_says_the_numbers_of_the_interface_and_no_others(seed):
    wish = asked(seed)
    quote = quote_of(market_of(seed % MARKETS), wish)
    kept = StoredQuote(
        id="q0000000000000001", number=1, owner="p1", subject="", wish=wish, quote=quote, body=quote_text(quote), digest=b"\0" * 32, quoted_at_us=1
    )  # fmt: skip
    told = read_quote(kept.body)
    data = report_data(kept, lambda name, **values: f"{name} {values}", "en")
    assert [row[1:4] for row in data["approaches"]["rows"]] == [
        [rough(fen, "en") for fen in (one.p10_fen, one.p50_fen, one.p90_fen)] for one in told.approaches
    ]
    assert [row[2] for row in data["comparables"]["rows"]] == [f"{100 * one.weight:.1f} %" for one in told.comparables]
    assert [row[1] for row in data["modes"]["rows"]] == [rough(one.net_fen, "en") for one in told.modes]
    assert rough(told.range.p10, "en") in data["headline"] and rough(told.range.p90, "en") in data["headline"]


def test_percentiles_of_honest_deals_are_even():
    forecast = LogNormal(5.0, 0.45)
    prices = np.exp(np.random.default_rng(3).normal(5.0, 0.45, 3_000))
    assert kstest([fairness(forecast, float(p)).percentile for p in prices], "uniform").pvalue > 0.01
