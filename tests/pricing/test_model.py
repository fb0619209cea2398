"""The statistical core: what it learns, what it does not believe, and that it is a function of its deals."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from pricing.learning.deals import Deals, Lots, sold_deals
from pricing.learning.encoding import table
from pricing.learning.level import Prior
from pricing.learning.model import Model, Settings

PRIOR = Prior(log_median=math.log(100), log_sd=1.3, valued_log_sd=0.5)


def market(n=40, seed=3, factor=1.0, valued=False):
    """A made-up market: price by TRL and field, with noise; the last lots are for testing."""
    rng = np.random.default_rng(seed)
    trl, life = rng.integers(1, 10, n).astype(float), rng.uniform(1, 20, n)
    field = rng.integers(0, 3, n)
    y = 4 + 0.2 * trl + 0.03 * life + 0.4 * (field == 1) + 0.25 * rng.standard_normal(n) + math.log(factor)
    valuation = y + 0.3 * rng.standard_normal(n) - 0.2 if valued else np.full(n, np.nan)
    lots = Lots(table(np.column_stack((trl, life)), field.astype(str)[:, None]), valuation)
    return lots, y


def fitted(lots, y, **changes):
    return Model(
        sold_deals(lots, y),
        Settings(prior=PRIOR, seed=5, number_names=("trl", "life"), category_names=("field",), **changes),
    )


@pytest.fixture(scope="module")
def known():
    lots, y = market(70)
    return fitted(lots.take(slice(0, 40)), y[:40]), lots, y


def test_with_no_deals_the_prior_speaks_and_says_how_little_it_knows():
    lots, _ = market(3)
    none = sold_deals(lots.take(slice(0, 0)), np.zeros(0))
    model = Model(none, Settings(prior=PRIOR, seed=1))
    one = model.forecast(lots.take(slice(0, 1)))[0]
    assert one.log_median == pytest.approx(math.log(100))
    assert one.n_eff == 0
    assert one.quantiles()[5] - one.quantiles()[1] > 2.5


def test_a_valuation_is_the_start_and_the_markup_is_learnt():
    lots, y = market(12, valued=True)
    none = Model(sold_deals(lots.take(slice(0, 0)), np.zeros(0)), Settings(prior=PRIOR, seed=1))
    one = none.forecast(lots.take(slice(0, 1)))[0]
    assert one.log_median == pytest.approx(float(lots.log_valuation[0]))
    some = fitted(lots, y)
    assert 0.05 < some.level.markup < 0.4


def test_forecasts_follow_what_matters_and_intervals_hold(known):
    model, lots, y = known
    found = model.forecast(lots.take(slice(40, 70)))
    middle = np.array([one.log_median for one in found])
    assert np.corrcoef(middle, y[40:])[0, 1] > 0.75
    inside = [abs(m - a) <= one.sd * one.reach_80 for m, a, one in zip(middle, y[40:], found, strict=True)]
    assert 0.6 <= np.mean(inside) <= 0.97
    for one in found:
        assert list(one.quantiles()) == sorted(one.quantiles())


def test_the_parts_of_an_explanation_add_up_to_the_forecast(known):
    model, lots, _ = known
    for place in range(40, 50):
        lot = lots.take(slice(place, place + 1))
        found = model.explain(lot)
        whole = found.start + sum(effect for _, effect in found.effects)
        assert whole == pytest.approx(model.forecast(lot)[0].log_median, abs=1e-9)
        names = {name for name, _ in found.effects}
        assert {"trl", "life", "field", "level"} <= names


def test_the_deals_behind_a_forecast_reproduce_it(known):
    model, lots, _ = known
    lot = lots.take(slice(61, 62))
    found = model.explain(lot)
    by_deals = sum(weight * float(model.y[place]) for place, weight in found.weights)
    process = float(model._process(model.encoder.encode(lot.full()))[0][0])
    assert by_deals == pytest.approx(process, abs=1e-9)


def test_a_price_multiplied_for_all_multiplies_every_forecast():
    lots, y = market(40)
    shift = math.log(1_000_000)
    one, two = (
        fitted(lots, y),
        Model(
            sold_deals(lots, y + shift),
            Settings(prior=Prior(log_median=PRIOR.log_median + shift, log_sd=1.3, valued_log_sd=0.5), seed=5),
        ),
    )
    a, b = (m.forecast(lots.take(slice(0, 5))) for m in (one, two))
    assert [x.log_median + shift for x in a] == pytest.approx([x.log_median for x in b], abs=1e-3)


def test_the_order_of_deals_does_not_matter():
    lots, y = market(19)
    order = np.random.default_rng(1).permutation(19)
    one, two = fitted(lots, y), fitted(lots.take(order), y[order])
    a, b = (m.forecast(lots.take(slice(0, 5))) for m in (one, two))
    assert [x.log_median for x in a] == pytest.approx([x.log_median for x in b], abs=1e-4)


def test_one_error_of_entry_is_set_aside_and_does_not_move_the_others():
    lots, y = market(60)
    wrong = y.copy()
    wrong[10] += math.log(10_000)
    clean, soiled = fitted(lots, y), fitted(lots, wrong)
    assert soiled.quarantined[10] and soiled.quarantined.sum() <= 3
    a, b = (m.forecast(lots.take(slice(20, 40))) for m in (clean, soiled))
    assert max(abs(x.log_median - z.log_median) for x, z in zip(a, b, strict=True)) < 0.25


def unsold(lots, bound):
    n = len(lots)
    return Deals(lots, np.full(n, bound), np.ones(n, dtype=bool), np.ones(n))


def test_unsold_lots_lower_the_estimate_and_a_high_reserve_says_little():
    from pricing.learning.deals import joined

    lots, y = market(40)
    lot = lots.take(slice(0, 1))
    plain = fitted(lots, y)
    middle = plain.forecast(lot)[0].log_median
    settings = plain.settings
    low = Model(joined(sold_deals(lots, y), unsold(lot, middle - 0.5)), settings).forecast(lot)[0].log_median
    high = Model(joined(sold_deals(lots, y), unsold(lot, middle + 5)), settings).forecast(lot)[0].log_median
    assert low < middle - 0.02
    assert high == pytest.approx(middle, abs=0.02)
    plain.update(unsold(lot, middle - 0.5))
    assert plain.forecast(lot)[0].log_median < middle - 0.02


def test_learning_deal_by_deal_comes_near_learning_at_once_and_strange_deals_wait_for_a_person():
    lots, y = market(60)
    model = fitted(lots.take(slice(0, 40)), y[:40])
    for place in range(40, 60):
        here = slice(place, place + 1)
        assert not model.update(sold_deals(lots.take(here), y[here]))
    whole = fitted(lots, y)
    a, b = (m.forecast(lots.take(slice(0, 10))) for m in (model, whole))
    assert [x.log_median for x in a] == pytest.approx([x.log_median for x in b], abs=0.12)
    assert model.update(sold_deals(lots.take(slice(0, 1)), y[:1] + 9))
    assert model.quarantined[-1] and not model.used[-1]


def test_a_price_without_one_deal_is_the_price_of_a_model_that_never_saw_it():
    lots, y = market(15)
    model = fitted(lots, y)
    lot = lots.take(slice(3, 4))
    without = model.without(lot, 3)
    assert without != pytest.approx(model.forecast(lot)[0].log_median, abs=1e-6)
    kept = np.arange(15) != 3
    other = fitted(lots.take(kept), y[kept])
    other.level, other.theta, other.encoder, other.trust = model.level, model.theta, model.encoder, model.trust
    other.rows, other.y = model.rows.take(kept), model.y[kept]
    other._condition()
    other._bounds = model._bounds
    assert other.forecast(lot)[0].log_median == pytest.approx(without, abs=1e-9)


def test_a_doubtful_deal_moves_a_forecast_by_its_cap_at_most():
    lots, y = market(6)
    scale = np.ones(6)
    scale[0] = 1.01
    model = Model(Deals(lots, y, np.zeros(6, dtype=bool), scale), Settings(prior=PRIOR, seed=5))
    found = dict(model.explain(lots.take(slice(0, 1))).weights)
    assert abs(found[0]) <= 0.25 + 1e-12


def test_a_lot_unlike_all_others_is_said_to_be_so(known):
    model, lots, _ = known
    strange = Lots(table(np.array([[900.0, 5.0]]), np.array([["0"]])), np.array([np.nan]))
    assert model.forecast(strange)[0].far
    assert not model.forecast(lots.take(slice(60, 61)))[0].far


PRINTED = """
import numpy as np
from tests.pricing.test_model import fitted, market
lots, y = market(60)
for one in fitted(lots, y).forecast(lots.take(slice(0, 20))):
    print(one)
from tests.pricing.test_properties import asked, quote_of, small_market
from pricing.market import Market
from pricing.priors.tables import packaged_priors
from pricing.quotes import quote_text
whole = Market(small_market(8, 60), packaged_priors(), 1)
for seed in range(3):
    print(quote_text(quote_of(whole, asked(seed))))
"""


def test_the_same_deals_give_the_same_bytes_on_two_runs_and_two_thread_counts():
    digests = set()
    for threads in ("1", "1", "2", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        out = subprocess.run(
            [sys.executable, "-c", PRINTED], capture_output=True, check=True, env=environment, timeout=120
        )
        digests.add(sha256(out.stdout).hexdigest())
    assert len(digests) == 1 and out.stdout


def test_a_market_with_more_deals_than_one_neighbourhood_is_looked_at_around_the_lot():
    lots, y = market(420)
    model = fitted(lots, y)
    assert model._known is None
    lot = lots.take(slice(0, 1))
    found = model.explain(lot)
    assert len(found.weights) == 400
    assert found.start + sum(e for _, e in found.effects) == pytest.approx(model.forecast(lot)[0].log_median, abs=1e-9)
    assert 0.7 < np.mean(np.array(model.scores) < model.forecast(lot)[0].reach_80) < 0.9
