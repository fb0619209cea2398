"""Worked examples WE-12 .. WE-26, WE-34, WE-35: reserve, modes, fairness and screens."""

from __future__ import annotations

import itertools
import math

import pytest

from pricing.advice.demand import Demand
from pricing.advice.estimating import (
    Ended,
    Record,
    button_share,
    fit_values,
    lot_log_likelihood,
    sealed_value,
    value_bounds,
)
from pricing.advice.listed import agreement, best_first_come, first_come, listed_with_bidding
from pricing.advice.reserve import (
    dutch_loss,
    english_outcome,
    optimal_reserve,
    posted_revenue,
    relisting_plan,
    relisting_value,
    sale_chance,
    second_value_factor,
)
from pricing.advice.sealed import sealed_bid
from pricing.advice.steps import deposit, dutch_terms, increment, ladder, ladder_step
from pricing.advice.uncertain import Belief, advise_reserve
from pricing.integrity.across import always_loses, no_repeat, rotation, together
from pricing.integrity.bids import bid_pattern
from pricing.integrity.fairness import Light, fairness, power, rolling
from pricing.lognormal import LogNormal

VALUES = LogNormal(math.log(100), 0.6)
YUAN = 100


def near(value, *, abs=None):
    return pytest.approx(value, rel=1e-6 if abs is None else 0, abs=abs or 1e-6)


@pytest.mark.parametrize(
    ("sigma", "own", "expected"),
    [
        (0.3, (0.7482, 0.8039, 0.8808, 0.9854, 1.1193), (0, 0.2, 0.4, 0.6, 0.8)),
        (0.45, (0.7569, 0.8533, 0.9753, 1.1219, 1.2882), (0, 0.2, 0.4, 0.6, 0.8)),
        (0.6, (0.8201, 0.9622, 1.1278, 1.3114, 1.5075), (0, 0.2, 0.4, 0.6, 0.8)),
        (0.9, (1.1511, 1.3998, 1.6574, 1.9195, 2.1837), (0, 0.2, 0.4, 0.6, 0.8)),
        (1.2, (2.0054, 2.3874, 2.7604, 3.1259, 3.4849), (0, 0.2, 0.4, 0.6, 0.8)),
    ],
)
def test_we12_table_of_reserves_over_the_median(sigma, own, expected):
    found = [optimal_reserve(LogNormal(0.0, sigma), v) for v in expected]
    assert found == near(list(own), abs=6e-5)


def test_we12_the_reserve_does_not_depend_on_the_number_of_bidders_but_its_sale_does():
    assert optimal_reserve(VALUES) == near(82.006085)
    reserve = optimal_reserve(VALUES, 40)
    assert reserve == near(112.782839)
    assert [sale_chance(VALUES, n, reserve) for n in range(1, 6)] == near(
        [0.420549, 0.664236, 0.805441, 0.887263, 0.934674], abs=6e-7
    )


def test_we13_revenue_of_an_english_auction_with_and_without_reserve():
    own_zero, own_forty = optimal_reserve(VALUES), optimal_reserve(VALUES, 40)
    rows = [
        (lambda n: english_outcome(VALUES, n), (80.377970, 108.415238, 142.445437, 174.233114)),
        (lambda n: english_outcome(VALUES, n, own_zero), (85.537391, 109.633832, 142.545101, 174.236308)),
        (lambda n: english_outcome(VALUES, n, 40, 40), (81.427471, 108.472943, 142.445647, 174.233114)),
        (lambda n: english_outcome(VALUES, n, own_forty, 40), (94.694126, 114.119916, 143.668647, 174.390180)),
    ]
    for outcome, expected in rows:
        assert [outcome(n).revenue for n in (2, 3, 5, 8)] == near(list(expected))
    unsold = [1 - english_outcome(VALUES, n, own_forty, 40).sold for n in (2, 3, 5, 8)]
    assert unsold == near([0.3358, 0.1946, 0.0653, 0.0127], abs=6e-5)
    assert [posted_revenue(VALUES, r, v) for r, v in ((own_zero, 0), (own_forty, 40))] == near([51.625882, 70.608727])


def test_we13_one_more_bidder_is_worth_more_than_the_best_reserve():
    assert english_outcome(VALUES, 3).revenue > english_outcome(VALUES, 2, optimal_reserve(VALUES)).revenue


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        (0.4, (0.842036, 1.036553, 1.159279, 1.249989, 1.322193, 1.433723, 1.518823)),
        (0.6, (0.803780, 1.084152, 1.275873, 1.424454, 1.546730, 1.742331, 1.896895)),
        (0.9, (0.786412, 1.199497, 1.514639, 1.775555, 2.000606, 2.379061, 2.693456)),
    ],
)
def test_an_english_price_is_a_second_value(sigma, expected):
    assert [second_value_factor(sigma, n) for n in (2, 3, 4, 5, 6, 8, 10)] == near(list(expected), abs=6e-7)


@pytest.mark.parametrize(
    ("tau", "bidders", "multiple", "sold"),
    [
        (0.25, 1.5, 1.11, 0.47), (0.25, 3, 1.05, 0.73), (0.25, 6, 1.00, 0.92), (0.5, 1.5, 1.05, 0.47),
        (0.5, 3, 0.95, 0.72), (0.5, 6, 0.82, 0.92), (0.8, 3, 0.86, 0.70), (0.8, 6, 0.70, 0.88),
    ],
)  # fmt: skip
def test_we14_the_less_sure_the_valuation_and_the_more_bidders_the_lower_the_reserve(tau, bidders, multiple, sold):
    found = advise_reserve(Belief(mu=math.log(100), sigma=0.6, tau=tau, bidders=bidders, own_value=40))
    assert found.best.reserve / 100 == near(multiple, abs=0.021)
    assert found.best.sold == near(sold, abs=0.011)
    assert found.advised.sold >= found.best.sold
    assert found.advised.revenue >= 0.99 * found.best.revenue - 1e-9


def test_we15_endless_relisting_is_a_fixed_point_and_the_plan_stops_after_two():
    for decay, expected in (
        (0.7, (130.0674, 88.0472, 158.8999, 0.4744)),
        (0.9, (167.0054, 147.3049, 221.4865, 0.7473)),
    ):
        found = relisting_value(VALUES, 3, decay, 3)
        assert (found.value, found.own_value, found.reserve, found.unsold) == near(expected, abs=6e-5)
    plan = relisting_plan(VALUES, 3, 0.7, 3)
    assert len(plan) == 3
    assert all(later.reserve >= 0.9 * sooner.reserve - 1e-9 for sooner, later in itertools.pairwise(plan))
    assert plan[0].value < relisting_value(VALUES, 3, 0.7, 3).value


def test_we16_sealed_bids_are_shaded():
    assert [sealed_bid(v, VALUES, 3) for v in (100, 150)] == near([77.372620, 103.305637])
    assert sealed_bid(100, VALUES, 3, reserve=optimal_reserve(VALUES)) == near(86.167348)
    assert sealed_bid(50, VALUES, 3, reserve=82) == 0


def test_we17_a_sealed_bid_tells_its_value():
    assert sealed_value(0.5, 0.75, 1.5, 3) == near(0.75)


def test_we18_jump_bids_bound_the_distribution_of_values():
    assert (button_share(3, 0.5), button_share(4, 0.5)) == near((0.5, 0.614272))
    low, high = value_bounds(3, (0.35, 0.6, 0.9), 0.30)
    assert (low, high) == near((0.363257, 0.535841))


def test_we19_unsold_lots_are_data():
    sold = [(3, 80), (3, 100), (4, 130), (5, 140)]
    records = [Record(n, Ended.COMPETED, x) for n, x in sold]
    censored = [*records, Record(2, Ended.UNSOLD, 90), Record(2, Ended.AT_RESERVE, 85)]
    found = fit_values(censored)
    assert found.values.mu == near(4.567473, abs=2e-6)
    assert found.values.median == near(96.3004, abs=2e-4)
    assert found.values.sigma == near(0.368891, abs=2e-6)
    assert found.negative_log_likelihood == near(20.207635)
    assert fit_values(records).values.mu > found.values.mu


@pytest.mark.parametrize(
    ("visitors", "price", "revenue", "sold"),
    [
        (1.5, 131.561914, 75.224515, 0.384707),
        (3, 147.143763, 98.009884, 0.541421),
        (6, 170.895836, 127.987962, 0.672198),
    ],
)
def test_we20_best_price_of_a_first_come_listing(visitors, price, revenue, sold):
    found = best_first_come(VALUES, visitors, 40)
    assert found.price == pytest.approx(price, rel=1e-6)
    assert (found.revenue, found.sold) == near((revenue, sold))


@pytest.mark.parametrize(
    ("visitors", "revenue", "sold"), [(1.5, 79.508680, 0.467846), (3, 109.193312, 0.716813), (6, 150.747026, 0.919805)]
)
def test_we20_a_listing_that_turns_into_bidding_beats_first_come_and_asks_less(visitors, revenue, sold):
    found = listed_with_bidding(VALUES, visitors, optimal_reserve(VALUES, 40), 40)
    assert (found.revenue, found.sold) == near((revenue, sold))
    best = best_first_come(VALUES, visitors, 40)
    assert found.revenue > best.revenue and optimal_reserve(VALUES, 40) < best.price
    assert first_come(VALUES, visitors, best.price, 40).revenue == near(best.revenue)


def test_we21_the_price_of_not_competing():
    found = agreement(VALUES, 40)
    assert (found.take_it_or_leave_it, found.split, found.deal_chance) == near((70.608727, 80.128201, 0.936638))


def test_we22_increments_in_round_steps():
    cases = [(300_000, 500_000, 10_000), (50_000, 90_000, 1_000), (2_000_000, 2_600_000, 20_000)]
    assert [increment(a * YUAN, b * YUAN) for a, b, _ in cases] == [c * YUAN for _, _, c in cases]
    prices = {8_000: 100, 30_000: 500, 120_000: 2_000, 450_000: 5_000, 1_800_000: 20_000, 7_000_000: 100_000}
    assert {price: ladder_step(price * YUAN) // YUAN for price in prices} == prices


def test_the_ladder_as_a_table_is_the_ladder_as_a_function():
    table = ladder(8_000 * YUAN, 7_000_000 * YUAN)
    for price in range(8_000 * YUAN, 7_000_000 * YUAN, 77_777):
        assert next(step for start, step in reversed(table) if price > start) == ladder_step(price)


def test_we23_a_falling_clock_loses_half_a_step():
    losses = [100 * dutch_loss(VALUES, 3, step) for step in (1, 2, 5, 10, 20)]
    assert losses == near([0.46, 0.92, 2.30, 4.62, 9.26], abs=0.04)
    terms = dutch_terms(10_000_000, 32_000_000, 8_000_000)
    assert (terms.step_fen, terms.floor_fen, terms.tick_s) == (200_000, 8_000_000, 5)


def test_a_deposit_is_five_per_cent_or_what_a_default_costs():
    assert deposit(100_000, 200_000, 190_000, 0.02) == 5_000
    assert deposit(100_000, 1_000_000, 500_000, 0.05) == 26_316


def test_we24_fairness_of_one_price_and_of_a_row_of_deals():
    forecast = LogNormal(math.log(300), 0.45)
    assert [forecast.quantile(q) for q in (0.1, 0.2, 0.25, 0.75, 0.9)] == near(
        [168.5250, 205.4192, 221.4645, 406.3858, 534.0453], abs=6e-5
    )
    found = [fairness(forecast, p) for p in (220, 180, 150)]
    assert [one.percentile for one in found] == near([0.245338, 0.128152, 0.061740], abs=6e-7)
    assert [one.light for one in found] == [Light.AMBER, Light.AMBER, Light.RED]
    assert fairness(forecast, 300).light is Light.GREEN
    assert fairness(forecast, 300, related=True).light is Light.AMBER
    assert fairness(forecast, 700).light is Light.HIGH
    row = rolling((-0.69, -1.14, -0.90, -0.40))
    assert (row.z, row.p_value) == near((-1.565, 0.0588), abs=6e-5)
    assert [round(power(s, 0.4), 2) for s in (0.3, 0.45, 0.6, 0.9)] == [0.66, 0.44, 0.33, 0.24]
    assert [round(power(s, 0.4, 5), 2) for s in (0.3, 0.45, 0.6, 0.9)] == [0.99, 0.90, 0.73, 0.50]


def test_we25_pattern_of_bids_within_one_auction():
    cover, close = bid_pattern((150, 132, 130, 129)), bid_pattern((120, 150, 95, 149))
    assert cover is not None and close is not None
    assert (cover.variation, cover.spread, cover.lead) == near((0.073287, 0.162791, 0.136364), abs=6e-7)
    assert (cover.relative_distance, cover.gap_ratio) == near((11.783766, 12.0), abs=6e-7)
    assert (cover.skewness, cover.kurtosis, cover.uniform_distance) == near((1.907091, 3.672643, 0.607143), abs=6e-7)
    assert (close.variation, close.lead) == near((0.204764, 0.006711), abs=6e-7)
    assert (close.relative_distance, close.gap_ratio) == near((0.037003, 0.037037), abs=6e-7)
    assert (close.skewness, close.kurtosis) == near((-0.719335, -1.991116), abs=6e-7)
    assert bid_pattern((1, 2, 3)) is None


def test_we26_patterns_across_auctions():
    assert together(40, 12, 15, 9) == near(0.00222791, abs=6e-9)
    assert rotation(3, 12) == near(1.129e-05, abs=6e-9)
    assert no_repeat(3, 12) == near(0.011561, abs=6e-7)
    assert always_loses(9, 9, 0.3) == near(0.040354, abs=6e-7)


def test_we34_bidders_are_counted_and_expected():
    found = Demand(2, 1).after((1, 3, 2))
    assert (found.shape, found.rate, found.mean) == (8, 4, 2)
    assert (found.chance(0), found.chance(1)) == near((0.167772, 0.268435), abs=6e-7)
    assert found.competition == near(0.563792, abs=6e-7)


def test_we35_the_error_of_our_estimate_is_told_from_the_spread_of_bidders():
    lots = ((-0.3, 0.1), (0.2,), (-0.5, -0.1, 0.05))
    assert sum(lot_log_likelihood(lot, 0.6, 0.5) for lot in lots) == near(-6.790802, abs=2e-6)
