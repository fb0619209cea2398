"""T1 .. T4 and T11: how near and how honest forecasts are on real prices, by the protocol of random training sets."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

from loadtests.pricing.datasets import SETS, Array, Prices, computers, timber
from pricing.learning.conformal import credible_quantile
from pricing.learning.deals import Deals, Lots, sold_deals
from pricing.learning.encoding import fit_encoder, table
from pricing.learning.level import Prior
from pricing.learning.model import Model, Settings
from pricing.learning.scores import winkler

Places = NDArray[np.int64]
SIZES: Final = (20, 50, 100, 200, 400)
TESTED: Final = 400
Z80: Final = 1.2815515655446004


class Cell(NamedTuple):
    """One run: median and mean absolute percentage error, coverage of 80 % intervals, interval score; and those of rivals."""

    name: str
    n: int
    mdape: float
    mape: float
    coverage: float
    score: float
    rivals: dict[str, tuple[float, float]]


@cache
def loaded() -> tuple[Prices, ...]:
    """Return the five sets, read once a process."""
    return tuple(load() for load in SETS)


def lots_of(prices: Prices, places: Places, years: Array | None = None) -> Lots:
    """Return lots of a set."""
    valuation = np.full(len(prices.price), np.nan) if prices.valuation is None else np.log(prices.valuation)
    whole = table(prices.numbers, prices.categories, years=years)
    return Lots(whole.take(places), valuation[places])


def settings_for(prices: Prices, log_price: Array, seed: int, has_time: bool = False) -> Settings:
    """Return settings with a prior that a market of such things would have."""
    prior = Prior(log_median=float(np.median(log_price)), log_sd=1.0, valued_log_sd=0.5)
    return Settings(prior=prior, seed=seed, has_time=has_time)


def run(task: tuple[int, int, int]) -> Cell:
    """Fit on n random deals, test on 400 others."""
    which, n, rep = task
    prices = loaded()[which]
    order = np.random.default_rng(1_000 * n + rep).permutation(len(prices.price))
    train, test = order[:n], order[n : n + TESTED]
    y = np.log(prices.price)
    model = Model(sold_deals(lots_of(prices, train), y[train]), settings_for(prices, y[train], rep))
    found = model.forecast(lots_of(prices, test))
    middle = np.array([one.log_median for one in found])
    reach = np.array([one.sd * one.reach_80 for one in found])
    error = np.abs(np.expm1(middle - y[test]))
    return Cell(
        prices.name, n, float(np.median(error)), float(np.mean(np.minimum(error, 1e6))),
        float(np.mean(np.abs(y[test] - middle) <= reach)), _score(middle, reach, y[test]),
        _rivals(prices, train, test, y),
    )  # fmt: skip


def _score(middle: Array, reach: Array, y: Array) -> float:
    return float(np.mean([winkler(m - r, m + r, a) for m, r, a in zip(middle, reach, y, strict=True)]))


def _rivals(prices: Prices, train: Places, test: Places, y: Array) -> dict[str, tuple[float, float]]:
    """Return interval score and mean error of ridge with jackknife, forest out of bag, and the median of the market."""
    encoder = fit_encoder(lots_of(prices, train).full())
    a, b = encoder.encode(lots_of(prices, train).full()), encoder.encode(lots_of(prices, test).full())
    counts = [max(int(codes.max(initial=0)), 0) + 1 for codes in a.codes.T]

    def wide(z: Array, codes: Places) -> Array:
        hot = [np.eye(k + 1)[np.where(c < 0, k, c)][:, :k] for c, k in zip(codes.T, counts, strict=True)]
        return np.hstack((z, *hot))

    x, q = wide(a.z, a.codes), wide(b.z, b.codes)
    found: dict[str, tuple[float, float]] = {}
    ridge = RidgeCV(np.logspace(-2, 3, 16), store_cv_results=True).fit(x, y[train])
    best = int(np.argmin((ridge.cv_results_**2).mean(axis=0)))
    misses = np.abs(ridge.cv_results_[:, best])
    found["ridge"] = _rival(ridge.predict(q), _reach(misses), y[test])
    if len(train) >= 20:
        forest = RandomForestRegressor(
            200, min_samples_leaf=2, max_features=0.5, oob_score=True, n_jobs=1, random_state=1
        )
        forest.fit(x, y[train])
        found["forest"] = _rival(forest.predict(q), _reach(np.abs(y[train] - forest.oob_prediction_)), y[test])
    middle = float(np.median(y[train]))
    found["median"] = _rival(np.full(len(test), middle), _reach(np.abs(y[train] - middle)), y[test])
    return found


def _reach(misses: Array) -> float:
    scale = float(np.sqrt(np.mean(misses**2))) or 1e-9
    return credible_quantile(misses / scale, 0.2) * scale


def _rival(middle: Array, reach: float, y: Array) -> tuple[float, float]:
    error = np.minimum(np.abs(np.expm1(middle - y)), 1e6)
    return _score(middle, np.full(len(y), reach), y), float(error.mean())


def cells(reps: int, workers: int) -> list[Cell]:
    """Run everything on all cores."""
    tasks = [(which, n, rep) for n in reversed(SIZES) for which in range(len(SETS)) for rep in range(reps)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(run, tasks, chunksize=1))


def cold_start(reps: int) -> dict[int, tuple[float, float]]:
    """T4: error and coverage on timber with five and with fifty deals."""
    prices = timber()
    y = np.log(prices.price)
    found = {}
    for n in (5, 50):
        errors, hits = [], []
        for rep in range(reps):
            order = np.random.default_rng(1_000 * n + rep).permutation(len(y))
            train, test = order[:n], order[n : n + TESTED]
            prior = Prior(log_median=float(np.median(y[train])), log_sd=1.0, valued_log_sd=0.5)
            model = Model(sold_deals(lots_of(prices, train), y[train]), Settings(prior=prior, seed=rep))
            forecasts = model.forecast(lots_of(prices, test))
            middle = np.array([one.log_median for one in forecasts])
            reach = np.array([one.sd * one.reach_80 for one in forecasts])
            errors.append(float(np.median(np.abs(np.expm1(middle - y[test])))))
            hits.append(float(np.mean(np.abs(middle - y[test]) <= reach)))
        found[n] = float(np.mean(errors)), float(np.mean(hits))
    return found


def drift(sales: int = 800, start: int = 100, refit: int = 50) -> tuple[float, float]:
    """T11: computers in the order of time, each forecast before it is learnt: error, and coverage of the worst hundred."""
    prices = computers()
    places = np.sort(np.random.default_rng(11).choice(len(prices.price), sales, replace=False))
    y = np.log(prices.price)
    years = prices.numbers[:, 5] / 12
    model: Model | None = None
    errors, hits = [], []
    for at in range(start, sales):
        known = places[:at]
        if model is None or (at - start) % refit == 0:
            deals = sold_deals(lots_of(prices, known, years), y[known])
            model = Model(deals, settings_for(prices, y[known], 1, has_time=True))
        lot = lots_of(prices, places[at : at + 1], years)
        one = model.forecast(lot)[0]
        miss = y[places[at]] - one.log_median
        errors.append(abs(math.expm1(-miss)))
        hits.append(abs(miss) <= one.sd * one.reach_80)
        model.update(Deals(lot, y[places[at : at + 1]], np.zeros(1, dtype=bool), np.ones(1)))
    rolling = np.convolve(np.array(hits, dtype=float), np.ones(100) / 100, mode="valid")
    return float(np.median(errors)), float(rolling.min())
