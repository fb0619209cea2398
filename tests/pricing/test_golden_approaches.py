"""Worked examples WE-01 .. WE-11 and WE-27 .. WE-33 of the specification: exact numbers of every approach."""

from __future__ import annotations

import math

import pytest

from pricing.approaches.comparables import Comparable, market_value
from pricing.approaches.cost import CostInputs, Spending, cost_value
from pricing.approaches.discount import DiscountRate
from pricing.approaches.income import (
    IncomeInputs,
    InputProblem,
    check_income,
    income_value,
    royalty_rate,
    tornado,
)
from pricing.approaches.option import OptionInputs, american_value, option_value, tree_parameters
from pricing.approaches.payments import PaymentPlan, present_value
from pricing.approaches.pooling import Estimate, pool
from pricing.approaches.price_index import RepeatSale, repeat_sales_index
from pricing.approaches.readiness import success_prior
from pricing.approaches.simulation import UncertainIncome, moments, simulate
from pricing.learning.conformal import adapted_alpha, conformal_quantile, credible_quantile
from pricing.learning.explaining import contributions, in_fen
from pricing.learning.posterior import Regression, shrink
from pricing.learning.scores import crps_normal, modified_z, pinball, winkler


def near(value, *, abs=None):
    return pytest.approx(value, rel=1e-6 if abs is None else 0, abs=abs or 1e-6)


INCOME = IncomeInputs(sales=(200, 500, 900, 1200, 1100, 700), royalty=0.045, tax=0.15, discount=0.135, success=0.55)


def test_we01_cost_is_replacement_and_capital_with_margin_less_obsolescence():
    found = cost_value(
        CostInputs(
            spent=(
                Spending(amount=60, index=100, years_ago=3.5),
                Spending(amount=90, index=102, years_ago=2.5),
                Spending(amount=50, index=103, years_ago=1.5),
            ),
            index_now=104, capital_rate=0.05, margin=0.15, fees=1.2, functional_loss=0.2, economic_loss=0.1,
        )
    )  # fmt: skip
    assert (found.replacement, found.capital, found.gross, found.value) == near(
        (204.650143, 27.357317, 268.008579, 192.966177)
    )


def test_we02_comparables_are_adjusted_weighted_and_counted_by_what_they_say():
    rows = zip(
        (120, 200, 90, 310, 150), (0.5, 1, 2, 1.5, 3), (1.01, 1.02, 1.05, 1.03, 1.08), (6, 7, 5, 8, 6),
        (14, 12, 16, 10, 15), (0.2, 0.5, 0.4, 0.9, 0.3), (1, 1, 0.8, 1, 0.6), strict=True,
    )  # fmt: skip
    deals = tuple(
        Comparable(price=p, age_years=a, index_ratio=i, features=(t, y), distance=d, quality=q)
        for p, a, i, t, y, d, q in rows
    )
    found = market_value(deals, (7, 13), (0.15, 0.04), bandwidth=0.5, yearly_decay=0.8)
    assert found is not None
    assert found.adjusted == near((135.2929, 212.3254, 113.1370, 309.8633, 173.7463), abs=6e-5)
    assert found.weights == near((0.396786, 0.233183, 0.178669, 0.068051, 0.123311), abs=6e-7)
    assert found.median == near(158.8275, abs=6e-5)
    assert found.n_eff == near(3.7940, abs=6e-5)
    assert (found.spread, found.predictive_sd) == near((0.333291, 0.374648), abs=6e-7)
    assert (found.p10, found.p90) == near((84.9299, 297.0233), abs=6e-5)
    assert found.usable


def test_fewer_than_three_effective_comparables_carry_no_weight():
    twins = tuple(Comparable(price=p, age_years=0, index_ratio=1, features=(), distance=0) for p in (100, 130))
    found = market_value(twins, (), (), bandwidth=0.5, yearly_decay=0.8)
    assert found is not None and found.n_eff == near(2) and not found.usable
    assert market_value(twins[:1], (), (), bandwidth=0.5, yearly_decay=0.8) is None


def test_we03_income_is_the_royalty_that_need_not_be_paid():
    found = income_value(INCOME)
    assert found.yearly == near((7.180646, 15.816400, 25.083278, 29.466406, 23.798125, 13.342962), abs=6e-7)
    assert found.if_it_works == near(114.687818)
    assert found.value == near(63.078300)
    assert found.value - 12 == near(51.078300)
    assert royalty_rate(0.02, 0.06, (0.3, 0.5, 0.2), (80, 70, 60)) == near(0.0484)


def test_we04_discount_is_built_up_and_risk_is_not_counted_twice():
    rate = DiscountRate(risk_free=0.0185, technical=0.04, market=0.032, funding=0.025, management=0.021)
    assert rate.rate == near(0.1365)
    assert rate.out_of_range == ()
    twice = IncomeInputs(sales=(1,), royalty=0.05, tax=0, discount=0.26, success=0.9)
    assert check_income(twice) == (InputProblem.RISK_DOUBLE_COUNT,)
    assert check_income(IncomeInputs(sales=(1,), royalty=0.05, tax=0, discount=0.26)) == ()


UNCERTAIN = UncertainIncome(
    sales_median=800, sales_log_sd=0.4, royalty_a=9, royalty_b=191, success=0.55, years=6, discount=0.135, tax=0.15
)


def test_we05_monte_carlo_agrees_with_the_exact_mean_and_repeats_itself():
    exact = moments(UNCERTAIN)
    assert (exact.annuity, exact.sales, exact.royalty) == near((4.200202, 866.629654, 0.045))
    assert (exact.mean, exact.sd) == near((76.576905, 89.268256))
    found = simulate(UNCERTAIN, 200_000, 20260101)
    assert abs(found.mean - exact.mean) < 4 * found.standard_error
    assert (found.mean, found.standard_error) == near((76.4926, 0.1992), abs=6e-5)
    assert (found.p50, found.p90, found.worthless) == near((60.3349, 195.2879, 0.4506), abs=6e-5)
    assert (found.works_p10, found.works_p50, found.works_p90) == near((62.3411, 122.8476, 235.5606), abs=6e-5)
    assert simulate(UNCERTAIN, 5_000, 7) == simulate(UNCERTAIN, 5_000, 7)


def test_we06_option_to_wait_by_formula_and_by_tree():
    inputs = OptionInputs(value=1000, cost=900, years=3, volatility=0.45, risk_free=0.02, leakage=0.05)
    found = option_value(inputs)
    assert (found.now, found.d1, found.d2) == near((100, 0.409419, -0.370004))
    assert found.european == near(265.628189)
    assert tree_parameters(inputs, 3) == near((1.568312, 0.357605))
    assert [american_value(inputs, steps) for steps in (3, 100)] == near([295.033641, 287.031917])
    assert found.american == near(286.730934)


def test_we07_readiness_is_a_prior_that_outcomes_correct():
    after = success_prior(0.45).after(3, 7)
    assert after.mean == near(0.375)
    assert after.interval(0.8) == near((0.2406, 0.5152), abs=6e-5)


def test_we08_a_group_with_few_deals_leans_on_the_prior():
    found = shrink(4, 5.2, noise=0.81, prior_mean=4.5, prior_variance=0.36)
    assert (found.weight, found.mean, found.variance) == near((0.64, 4.948, 0.1296))
    assert found.predictive_sd == near(0.969330)
    assert [found.quantile(q) for q in (0.5, 0.1, 0.9)] == near([140.8929, 40.6807, 487.9661], abs=6e-5)


def test_we09_regression_learns_deal_by_deal_what_it_learns_at_once():
    x, y = [[1, 0], [1, 1], [1, -1]], [4.2, 5.0, 4.1]
    model = Regression((4.5, 0.15), ((0.36, 0), (0, 0.01)), 3, 1.62)
    model.update(x, y)
    assert tuple(model.mean) == near((4.465385, 0.155882))
    assert (model.a, model.b) == near((4.5, 1.752274))
    found = model.predict((1, 1))
    assert (found.df, found.loc, found.scale) == near((9, 4.621267, 0.678680))
    assert [found.quantile(q) for q in (0.1, 0.5, 0.9)] == near([39.7509, 101.6227, 259.7972], abs=6e-5)
    for order in ((0, 1, 2), (2, 0, 1)):
        single = Regression((4.5, 0.15), ((0.36, 0), (0, 0.01)), 3, 1.62)
        for row in order:
            single.update([x[row]], [y[row]])
        assert single.b == pytest.approx(model.b, rel=1e-12)
        assert tuple(single.mean) == pytest.approx(tuple(model.mean), rel=1e-12)


def test_we10_approaches_are_pooled_with_their_correlation_and_tested_for_contradiction():
    def estimates(cost):
        values = (("market", 300, 0.35), ("income", 420, 0.6), ("cost", cost, 0.5))
        return [Estimate(name=n, log_value=math.log(v), log_sd=s) for n, v, s in values]

    found = pool(estimates(250))
    assert found.weights == near((0.670644, 0.106175, 0.223181))
    assert found.median == near(298.5139, abs=6e-5)
    assert found.log_sd == near(0.317112)
    assert (found.p10, found.p90) == near((198.8243, 448.1875), abs=6e-5)
    assert found.statistic == near(0.628659)
    assert found.p_value == near(0.7303, abs=6e-5)
    assert not found.disagree
    apart = pool(estimates(20))
    assert apart.disagree
    assert apart.log_sd == near(found.log_sd * math.sqrt(apart.statistic / 2))


def test_weights_of_approaches_stay_within_their_bounds():
    pair = [Estimate(name="a", log_value=5, log_sd=0.1), Estimate(name="b", log_value=5.1, log_sd=1.5)]
    assert pool(pair).weights == near((0.8, 0.2))


def test_we11_conformal_quantile_promises_only_what_the_deals_can_hold():
    scores = (0.05, 0.12, 0.18, 0.22, 0.31, 0.35, 0.44, 0.52, 0.80)
    q = conformal_quantile(scores, 0.2)
    assert q == 0.52
    assert (200 * math.exp(-q), 200 * math.exp(q)) == near((118.9041, 336.4055), abs=6e-5)
    assert conformal_quantile(scores[:3], 0.2) == math.inf
    assert 1.1 < credible_quantile(scores[:3], 0.2) < 1.5
    assert adapted_alpha(0.2, 0.2, (False, False, True, False, True, True)) == near(0.164)


def test_we27_a_value_that_does_not_belong_is_seen_without_being_pulled_by_it():
    assert modified_z((5.0, 5.2, 4.9, 5.1, 5.3, 7.4))[-1] == near(10.1173, abs=6e-5)


def test_we28_index_from_repeated_sales():
    pairs = ((0, 1, 0.05), (0, 2, 0.12), (1, 2, 0.06), (1, 3, 0.10), (2, 3, 0.02), (0, 3, 0.16))
    found = repeat_sales_index(tuple(RepeatSale(*pair) for pair in pairs))
    assert found == near((100, 105.6541, 113.0319, 116.4742), abs=6e-5)


def test_we29_scores_of_forecasts():
    assert crps_normal(math.log(300), 0.45, math.log(250)) == near(0.134236)
    assert winkler(math.log(180), math.log(420), math.log(500)) == near(2.590832)
    assert (pinball(180, 150, 0.1), pinball(180, 200, 0.1)) == near((27.0, 2.0))


def test_we30_contributions_add_up_to_the_price():
    effects = {"trl": 0.15, "life": 0.12, "family": 0.08, "field": 0.22, "seller": -0.05}
    price, parts = contributions(120, effects)
    assert price == near(201.843318)
    assert [part.money for part in parts] == near([23.608649, 18.886920, 12.591280, 34.626019, -7.869550])
    assert sum(part.money for part in parts) == pytest.approx(price - 120, abs=1e-9)
    fen = in_fen(12_000_000, 20_184_332, parts)
    assert sum(fen) == 20_184_332 - 12_000_000
    assert all(abs(a - b.money * 1e5) < 2 for a, b in zip(fen, parts, strict=True))


def test_we32_tornado_moves_one_input_at_a_time():
    bounds = {"sales": (0.7, 1.3), "royalty": (0.03, 0.06), "discount": (0.18, 0.10), "success": (0.4, 0.7)}
    found = {swing.name: (swing.low, swing.high) for swing in tornado(INCOME, bounds)}
    assert found["sales"] == near((44.154810, 82.001790))
    assert found["royalty"] == near((42.052200, 84.104400))
    assert found["discount"] == near((55.655626, 69.921509))
    assert found["success"] == near((45.875127, 80.281472))
    assert next(swing.name for swing in tornado(INCOME, bounds)) == "royalty"


def test_we33_a_plan_of_payments_is_worth_a_lump_sum():
    plan = PaymentPlan(entry=30, royalty=0.05, sales=(200, 400, 600, 600, 400))
    assert present_value(plan, 0.12) == near(111.108084)
