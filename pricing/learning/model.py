"""The model: a process and a forest over the market's deals, with intervals that were tried on deals they had not seen.

A model is a pure function of its deals, its prior and its seed: fitted twice, on any number of threads, it gives the same bytes.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from functools import cache
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from threadpoolctl import ThreadpoolController

from pricing.learning.censored import site
from pricing.learning.conformal import adapted_alpha, credible_quantile
from pricing.learning.deals import Deals, Lots, joined
from pricing.learning.encoding import Encoder, fit_encoder
from pricing.learning.forest import DEALS_MIN, Forest
from pricing.learning.kernel import Array, Rows, Shape, components, covariance, unpack, variance
from pricing.learning.level import Level, Prior, fit_level
from pricing.learning.process import SUSPECT_Z, Posterior, fit_robustly, posterior

NEIGHBOURS: Final = 400
"""So many deals are weighed for one quote; a market with more is looked at around the lot."""
FITTED_MAX: Final = 400
"""Parameters are fitted on so many deals at most."""
UNSOLD_MAX: Final = 1_000
"""In a market with more deals than one neighbourhood the newest unsold lots speak; each takes a look around of its own."""
FOREST_MAX: Final = 3_000
CALIBRATION_MAX: Final = 300
INFLUENCE_MAX: Final = 0.25
"""A deal that is not proven to be independent moves a forecast by this share of its own distance from the start at most."""
VALUED_PRIOR_DEALS: Final = 10.0
"""Where most deals have a valuation, so many deals speak for the valuation alone against what the process adds to it."""
VALUED_ALONE: Final = 8
"""Up to so many deals the valuation with the market's markup speaks alone."""
FOREST_PRIOR_SHARE: Final = 0.2
FOREST_PRIOR_DEALS: Final = 30.0
REACH: Final = 0.5
ALPHA, ALPHA_RATE = 0.2, 0.02
LEVELS: Final = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


class Forecast(Struct, frozen=True, kw_only=True):
    """Log price of one lot: middle, unit of its misses, and what each share of them needs (see `reach`)."""

    log_median: float
    sd: float
    reach_50: float
    reach_80: float
    reach_90: float
    n_eff: float
    far: bool

    def quantiles(self) -> tuple[float, ...]:
        """Return log prices at 5, 10, 25, 50, 75, 90 and 95 %."""
        m = self.log_median
        wide, usual, narrow = self.sd * self.reach_90, self.sd * self.reach_80, self.sd * self.reach_50
        return m - wide, m - usual, m - narrow, m, m + narrow, m + usual, m + wide


class Explanation(Struct, frozen=True, kw_only=True):
    """Where a forecast comes from: `start` plus the log effects is its log median; weights name the deals behind it."""

    start: float
    effects: tuple[tuple[str, float], ...]
    weights: tuple[tuple[int, float], ...]


class Beside(Struct, frozen=True, kw_only=True):
    """A deal beside the lot: its weight, its log price, the model's way from it to the lot, the lot's log median without it."""

    place: int
    weight: float
    paid: float
    moved: float
    without: float | None


class Look(Struct, frozen=True, kw_only=True):
    """Everything about one lot, worked out around it once."""

    forecast: Forecast
    explanation: Explanation
    beside: tuple[Beside, ...]


class Settings(Struct, frozen=True, kw_only=True):
    """What a fit depends on besides the deals. Names are those of the encoded columns, for explanations."""

    prior: Prior
    seed: int
    number_names: tuple[str, ...] = ()
    category_names: tuple[str, ...] = ()
    has_text: bool = False
    has_time: bool = False


class Model:
    """A fitted model. `update` learns one more deal at once; `fit` is done again at night."""

    def __init__(self, deals: Deals, settings: Settings) -> None:
        with _one_thread():
            self._fit(deals, settings)

    def _fit(self, deals: Deals, settings: Settings) -> None:
        self.settings, self.deals = settings, deals
        self.level: Level = fit_level(deals, settings.prior)
        self.encoder: Encoder = fit_encoder(deals.lots.full())
        self.rows: Rows = self.encoder.encode(deals.lots.full())
        self.shape = Shape(self.rows.z.shape[1], self.rows.codes.shape[1], settings.has_text, settings.has_time)
        self.y: Array = (deals.log_price - self.level.start(deals.lots)) / self.level.spread
        self.scale = deals.scale.copy()
        self.theta, _ = self.shape.prior()
        self.used: NDArray[np.bool_] = ~deals.unsold
        self.quarantined: NDArray[np.bool_] = np.zeros(len(deals), dtype=bool)
        self.scores: list[float] = []
        self.forest: Forest | None = None
        self._learnt: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.forest_share, self.trust = 0.0, 1.0
        self.left_out: dict[int, tuple[float, float]] = {}
        """Forecast of each deal by the others, as the fit found it: log median and unit of misses."""
        self.alpha = ALPHA
        self._known: Posterior | None = None
        if self.used.sum() >= 3:
            self._fit_parameters()
        self._condition()
        self._learn_unsold()
        self._calibrate()
        self._spread_prices()

    def _fit_parameters(self) -> None:
        sold = np.flatnonzero(self.used)
        if len(sold) > FITTED_MAX:
            sold = np.sort(np.random.default_rng(self.settings.seed).choice(sold, FITTED_MAX, replace=False))
        found = fit_robustly(self.shape, self.rows.take(sold), self.y[sold], self.scale[sold])
        self.theta = found.theta
        self.quarantined[sold[~found.kept]] = True
        self.used[sold[~found.kept]] = False

    def _learn_unsold(self) -> None:
        """Give unsold lots the place that the sold ones leave them, then let all of them speak."""
        places = np.flatnonzero(self.deals.unsold)
        if not len(places):
            return
        if self._known is None:
            places = places[-UNSOLD_MAX:]
        noise = unpack(self.shape, self.theta).noise
        for chunk in np.array_split(places, math.ceil(len(places) / 2_000)):
            mean, sd = self._process(self.rows.take(chunk))
            value, spread = site(mean, sd, self.y[chunk])
            self.y[chunk], self.scale[chunk] = value, np.maximum(spread / noise, 1.0)
        self.used[places] = True
        self._condition()

    def _condition(self) -> None:
        """Condition the process once where all deals fit into one neighbourhood."""
        self._known = None
        if self.used.sum() <= NEIGHBOURS:
            inside = np.flatnonzero(self.used)
            self._inside = inside
            if len(inside):
                self._known = posterior(
                    self.shape, self.theta, self.rows.take(inside), self.y[inside], self.scale[inside]
                )

    def _around(self, row: Rows, leave_out: frozenset[int] = frozenset()) -> tuple[Posterior | None, NDArray[np.int64]]:
        """Return the process conditioned on the deals nearest to a row, and which they are."""
        if self._known is not None and not leave_out:
            return self._known, self._inside
        used = np.flatnonzero(self.used)
        if leave_out:
            used = used[~np.isin(used, list(leave_out))]
        if not len(used):
            return None, used
        if len(used) > NEIGHBOURS:
            near = -covariance(self.shape, unpack(self.shape, self.theta), row, self.rows)[0]
            used = np.sort(used[np.argpartition(near[used], NEIGHBOURS)[:NEIGHBOURS]])
        return posterior(self.shape, self.theta, self.rows.take(used), self.y[used], self.scale[used]), used

    def _process(self, rows: Rows) -> tuple[Array, Array]:
        """Return mean and sd of the process at each row."""
        if self._known is not None:
            return self._capped(self._known, self._inside, rows)
        mean, sd = np.zeros(len(rows)), np.sqrt(self._unknown_variance(rows))
        if self.used.any():
            for place in range(len(rows)):
                row = rows.take(slice(place, place + 1))
                near, inside = self._around(row)
                assert near is not None, "some deals are used"
                one_mean, one_sd = self._capped(near, inside, row)
                mean[place], sd[place] = one_mean[0], one_sd[0]
        return mean, sd

    def _unknown_variance(self, rows: Rows) -> Array:
        at = unpack(self.shape, self.theta)
        return variance(self.shape, at, rows) + at.noise

    def _doubtful(self, known: Posterior, inside: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which deals may be worth less than they say. An unsold lot is none: what its cap would cut off is what nobody paid,
        and cutting it could raise a price.
        """
        return np.asarray((known.scale > 1) & ~self.deals.unsold[inside])

    def _capped(self, known: Posterior, inside: NDArray[np.int64], rows: Rows) -> tuple[Array, Array]:
        """Return mean and sd; deals of doubtful quality are kept from moving a forecast by more than their cap."""
        mean, sd = known.predict(rows)
        doubtful = self._doubtful(known, inside)
        if doubtful.any():
            weights = known.weights(rows)[:, doubtful]
            mean = mean + (_cap(weights) - weights) @ known.y[doubtful]
        return mean, sd

    def _calibrate(self) -> None:
        """Find out how wrong forecasts of known deals are when the deal itself is left out."""
        sold = np.flatnonzero(self.used & ~self.deals.unsold)
        if len(sold) < 3:
            return
        generator = np.random.default_rng(self.settings.seed + 1)
        learnt = sold if len(sold) <= FOREST_MAX else np.sort(generator.choice(sold, FOREST_MAX, replace=False))
        self._learnt = learnt
        if len(learnt) >= DEALS_MIN:
            self.forest = Forest(self.rows.take(learnt), self.y[learnt], self.scale[learnt], self.settings.seed % 2**31)
        chosen = np.arange(len(learnt))
        if self._known is None and len(learnt) > CALIBRATION_MAX:
            chosen = np.sort(generator.choice(len(learnt), CALIBRATION_MAX, replace=False))
        places = learnt[chosen]
        mean, sd = self._left_out(places)
        self.trust = self._trust(self.y[places], mean)
        mean, sd = self._trusted(mean, sd)
        if self.forest is not None:
            seen = self.forest.out_of_bag[chosen]
            self.forest_share = _share(self.y[places], mean, seen)
            mean = (1 - self.forest_share) * mean + self.forest_share * seen
        self.scores = [float(s) for s in np.abs(self.y[places] - mean) / sd]
        start = self.level.start(self.deals.lots.take(places))
        self.left_out = {
            int(place): (float(from_log + self.level.spread * m), float(self.level.spread * s))
            for place, from_log, m, s in zip(places, start, mean, sd, strict=True)
        }

    def _trust(self, y: Array, left_out: Array) -> float:
        """Return what the process's departure from the start is worth: all of it, or less where valuations say most."""
        valued = ~np.isnan(self.deals.lots.log_valuation[self.used])
        if valued.mean() <= 0.5:
            return 1.0
        shares = np.linspace(0.0, 1.0, 21)
        best = float(shares[int(np.argmin([float(np.abs(y - s * left_out).mean()) for s in shares]))])
        heard = max(len(y) - VALUED_ALONE, 0)
        return heard * best / (heard + VALUED_PRIOR_DEALS)

    def _trusted(self, mean: Array, sd: Array) -> tuple[Array, Array]:
        """Return what is taken of the process's departure from the start; what is not taken may be true, and widens the unit of misses."""
        return self.trust * mean, np.asarray(np.hypot(sd, (1 - self.trust) * mean))

    def _left_out(self, places: NDArray[np.int64]) -> tuple[Array, Array]:
        if self._known is not None:
            mean, sd = self._known.left_out()
            at = np.searchsorted(self._inside, places)
            return mean[at], sd[at]
        mean, sd = np.zeros(len(places)), np.zeros(len(places))
        for i, place in enumerate(places):
            row = self.rows.take(slice(place, place + 1))
            near, inside = self._around(row, leave_out=frozenset((int(place),)))
            assert near is not None, "there are more deals than one neighbourhood"
            one_mean, one_sd = self._capped(near, inside, row)
            mean[i], sd[i] = one_mean[0], one_sd[0]
        return mean, sd

    def _spread_prices(self) -> None:
        """Bound how far from its start a forecast may go: half an sd beyond what was ever seen."""
        sold = self.y[self.used & ~self.deals.unsold]
        self._bounds = (-math.inf, math.inf)
        if len(sold) >= DEALS_MIN:
            reach = REACH * float(sold.std())
            self._bounds = float(sold.min()) - reach, float(sold.max()) + reach

    def forecast(self, lots: Lots) -> list[Forecast]:
        """Forecast the prices of lots."""
        with _one_thread():
            middle, sd, far = self._middles(lots)
            reaches = [credible_quantile(self.scores, alpha * self.alpha / ALPHA) for alpha in (0.5, 0.2, 0.1)]
            n_eff = self._effective(lots)
            return [
                Forecast(
                    log_median=float(m), sd=float(s), reach_50=reaches[0], reach_80=reaches[1], reach_90=reaches[2],
                    n_eff=float(n), far=bool(f),
                )
                for m, s, n, f in zip(middle, sd, n_eff, far, strict=True)
            ]  # fmt: skip

    def _middles(self, lots: Lots) -> tuple[Array, Array, NDArray[np.bool_]]:
        full = lots.full()
        rows = self.encoder.encode(full)
        mean, sd = self._together(rows)
        middle = self.level.start(lots) + self.level.spread * np.clip(mean, *self._bounds)
        return middle, sd * self.level.spread, self.encoder.far(full)

    def _together(self, rows: Rows) -> tuple[Array, Array]:
        """Return the mean of process and forest, and the unit of misses."""
        mean, sd = self._trusted(*self._process(rows))
        if self.forest is not None:
            mean = (1 - self.forest_share) * mean + self.forest_share * self.forest.predict(rows)
        return mean, sd

    def _effective(self, lots: Lots) -> Array:
        """Return how many equally weighted deals each forecast rests on."""
        if not self.used.any():
            return np.zeros(len(lots))
        rows = self.encoder.encode(lots.full())
        found = np.zeros(len(lots))
        for place in range(len(lots)):
            row = rows.take(slice(place, place + 1))
            near, _ = self._around(row)
            assert near is not None, "some deals are used"
            found[place] = self._count(near, row)
        return found

    def _count(self, near: Posterior, row: Rows) -> float:
        k = covariance(self.shape, unpack(self.shape, self.theta), row, near.rows)[0] - 1.0
        k = np.maximum(k, 0.0) / near.scale
        return float(k.sum()) ** 2 / float((k**2).sum()) if k.any() else 0.0

    def look(self, lots: Lots, shown: int, removed: int, left_out: frozenset[int] = frozenset()) -> Look:
        """Forecast one lot and say what it rests on, looking around it once.

        Args:
            lots: One lot.
            shown: Deals to compare it with.
            removed: Of those, the first ones for which the forecast without them is worked out.
            left_out: Places of deals that must not speak. Parameters, start and intervals stay those of all deals.
        """
        with _one_thread():
            full = lots.full()
            rows = self.encoder.encode(full)
            start = float(self.level.start(lots)[0])
            near, inside = self._around(rows, left_out) if self.used.any() else (None, np.zeros(0, dtype=np.int64))
            tree = self._tree(rows, left_out)
            share = (1 - self.forest_share) * self.trust
            reaches = [credible_quantile(self.scores, alpha * self.alpha / ALPHA) for alpha in (0.5, 0.2, 0.1)]
            mean, sd, n_eff = 0.0, float(np.sqrt(self._unknown_variance(rows))[0]), 0.0
            others: tuple[Beside, ...] = ()
            if near is not None:
                means, sds = self._capped(near, inside, rows)
                mean, sd, n_eff = float(means[0]), float(self._trusted(means, sds)[1][0]), self._count(near, rows)
                others = self._beside(near, inside, rows, mean, shown, removed)
            unit = self.level.spread
            middle = start + unit * float(np.clip(share * mean + tree, *self._bounds))
            forecast = Forecast(
                log_median=middle, sd=sd * unit, reach_50=reaches[0], reach_80=reaches[1], reach_90=reaches[2],
                n_eff=n_eff, far=bool(self.encoder.far(full)[0]),
            )  # fmt: skip
            explanation = self._explained(near, inside, rows, start, tree)
            lifted = tuple(
                replace(
                    one, paid=float(self.deals.log_price[one.place]), moved=share * unit * one.moved,
                    without=None if one.without is None else start + unit * float(
                        np.clip(share * one.without + self._tree(rows, left_out | {one.place}), *self._bounds)
                    ),
                )
                for one in others
            )  # fmt: skip
            return Look(forecast=forecast, explanation=explanation, beside=lifted)

    def _tree(self, rows: Rows, left_out: frozenset[int]) -> float:
        """Return the forest's part of one forecast; deals that it never learnt cannot be left out of it."""
        if self.forest is None:
            return 0.0
        without = np.flatnonzero(np.isin(self._learnt, list(left_out))) if left_out else ()
        return self.forest_share * float(self.forest.predict(rows, [int(place) for place in without])[0])

    def _beside(
        self, near: Posterior, inside: NDArray[np.int64], rows: Rows, mean: float, shown: int, removed: int
    ) -> tuple[Beside, ...]:
        """Compare with the deals of greatest weight: how far the model moves from theirs to this lot, and the mean without each."""
        raw = near.weights(rows)[0]
        doubtful = self._doubtful(near, inside)
        weights = np.where(doubtful, _cap(raw), raw)
        order = np.argsort(-np.abs(weights), kind="stable")[:shown]
        theirs, _ = near.predict(near.rows.take(order))
        found = []
        for rank, at in enumerate(order):
            without = None
            if rank < removed:
                unit = np.zeros(len(weights))
                unit[at] = 1.0
                column = cho_solve((near.factor, True), unit)
                left = raw - column * (
                    raw[at] / column[at]
                )  # weights of the others once this one is gone (block inverse)
                without = float(np.where(doubtful, _cap(left), left) @ near.y)
            found.append(
                Beside(
                    place=int(inside[at]), weight=float(weights[at]), paid=0.0, moved=mean - float(theirs[rank]), without=without
                )
            )  # fmt: skip
        return tuple(found)

    def explain(self, lots: Lots) -> Explanation:
        """Take the forecast of one lot apart; the parts add up to it exactly."""
        return self.look(lots, 0, 0).explanation

    def _explained(
        self, near: Posterior | None, inside: NDArray[np.int64], rows: Rows, start: float, tree: float
    ) -> Explanation:
        unit, share = self.level.spread, (1 - self.forest_share) * self.trust
        if near is None:
            return Explanation(start=start, effects=(), weights=())
        parts = components(self.shape, unpack(self.shape, self.theta), rows, near.rows)
        effects = [(self._name(name), share * unit * float(k[0] @ near.alpha)) for name, k in parts.items()]
        weights = near.weights(rows)[0]
        capped = np.where(self._doubtful(near, inside), _cap(weights), weights)
        effects.append(("influence_cap", share * unit * float((capped - weights) @ near.y)))
        effects.append(("forest", unit * tree))
        whole = sum(effect for _, effect in effects) / unit
        effects.append(("bounds", (float(np.clip(whole, *self._bounds)) - whole) * unit))
        order = np.argsort(-np.abs(capped), kind="stable")
        named = tuple((int(inside[i]), float(capped[i])) for i in order)
        return Explanation(start=start, effects=tuple(e for e in effects if e[1] != 0.0), weights=named)

    def _name(self, part: str) -> str:
        kind, _, number = part.partition(".")
        if kind == "slope":
            names = (*self.settings.number_names, "valuation")
            return names[int(number)] if int(number) < len(names) else part
        if kind == "group":
            names = (*self.settings.category_names, "valued")
            return names[int(number)] if int(number) < len(names) else part
        return part

    def without(self, lots: Lots, place: int) -> float:
        """Return the log median that one lot would have if a deal had not been made."""
        return self.look(lots, 0, 0, frozenset((place,))).forecast.log_median

    def update(self, deal: Deals) -> bool:
        """Learn one more deal without fitting again; tell whether it was set aside as hardly possible."""
        with _one_thread():
            rows = self.encoder.encode(deal.lots.full())
            mean, sd = self._together(rows)
            y = (deal.log_price - self.level.start(deal.lots)) / self.level.spread
            scale = deal.scale
            strange = False
            if deal.unsold[0]:
                y, spread = site(mean, sd, y)
                scale = np.maximum(spread / unpack(self.shape, self.theta).noise, 1.0)
            else:
                score = float(abs(y[0] - mean[0]) / sd[0])
                strange = bool(score > SUSPECT_Z and self.used.sum() >= DEALS_MIN)
                if not strange:
                    self._adapt(score)
            self.deals, self.rows = joined(self.deals, deal), self.rows.joined(rows)
            self.y, self.scale = np.append(self.y, y), np.append(self.scale, scale)
            self.used, self.quarantined = np.append(self.used, not strange), np.append(self.quarantined, strange)
            self._condition()
            self._spread_prices()
            return strange

    def _adapt(self, score: float) -> None:
        """Widen intervals that missed too often lately, and narrow them again: the market moves between two fits."""
        missed = score > credible_quantile(self.scores, self.alpha)
        self.alpha = min(max(adapted_alpha(self.alpha, ALPHA, (missed,), ALPHA_RATE), 0.1), 0.3)
        self.scores.append(score)


@cache
def _libraries() -> ThreadpoolController:
    """Look through the libraries of this process once: it takes longer than a forecast."""
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[object]:
    """Keep linear algebra to one thread: sums in another order would be other bytes."""
    return _libraries().limit(limits=1)  # type: ignore[no-any-return]


def _cap(weights: Array) -> Array:
    return np.asarray(np.clip(weights, -INFLUENCE_MAX, INFLUENCE_MAX), dtype=np.float64)


def _share(y: Array, process: Array, forest: Array) -> float:
    """Return how much the forest counts: what would have been best on deals left out, drawn to a fifth while they are few."""
    shares = np.linspace(0.0, 1.0, 21)
    losses = [float(np.abs(y - (1 - s) * process - s * forest).mean()) for s in shares]
    best = float(shares[int(np.argmin(losses))])
    n = len(y)
    return (n * best + FOREST_PRIOR_DEALS * FOREST_PRIOR_SHARE) / (n + FOREST_PRIOR_DEALS)
