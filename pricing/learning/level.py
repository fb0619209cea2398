"""Where a forecast starts before any likeness: the valuation with the market's markup, or the mean of the market."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct

from pricing.learning.deals import Deals, Lots
from pricing.learning.kernel import Array
from pricing.learning.posterior import MARKUP_A, MARKUP_B

MARKUP_VARIANCE: Final = 0.25
MARKUP_NOISE: Final = MARKUP_B / (MARKUP_A - 1)
"""Prior mean of the variance of ln(price / valuation) around the markup: that of `posterior.markup` (specification §4.2)."""
SPREAD_WEIGHT: Final = 1.0
"""The prior spread counts as so many deals."""


class Prior(Struct, frozen=True, kw_only=True):
    """What is believed with no deals: log median and log sd without a valuation, log sd around a valuation."""

    log_median: float
    log_sd: float
    valued_log_sd: float


class Level(Struct, frozen=True, kw_only=True):
    """Start and unit of a model: residuals over `spread` are what the process learns."""

    markup: float
    mean: float
    spread: float

    def start(self, lots: Lots) -> Array:
        """Return the log price to start from."""
        known = ~np.isnan(lots.log_valuation)
        return np.where(known, np.nan_to_num(lots.log_valuation) + self.markup, self.mean)


def fit_level(deals: Deals, prior: Prior) -> Level:
    """Return markup and mean, both drawn to the prior while deals are few."""
    sold = deals.take(~deals.unsold)
    valued = ~np.isnan(sold.lots.log_valuation)
    ratios = sold.log_price[valued] - sold.lots.log_valuation[valued]
    others = sold.log_price[~valued]
    markup = _shrunk(ratios, 0.0, MARKUP_VARIANCE, MARKUP_NOISE)
    mean = _shrunk(others, prior.log_median, prior.log_sd**2, prior.log_sd**2 / 4)
    squares = np.concatenate(((ratios - markup) ** 2, (others - mean) ** 2))
    base = prior.valued_log_sd if valued.sum() * 2 > len(sold) else prior.log_sd
    fitted = _weight(len(ratios), MARKUP_VARIANCE, MARKUP_NOISE) + _weight(
        len(others), prior.log_sd**2, prior.log_sd**2 / 4
    )
    variance = SPREAD_WEIGHT * base**2 + _trimmed(squares) * len(sold)
    variance /= SPREAD_WEIGHT + len(sold) - fitted  # residuals around fitted middles are smaller than around true ones
    return Level(markup=markup, mean=mean, spread=math.sqrt(variance))


def _shrunk(values: Array, centre: float, variance: float, noise: float) -> float:
    """Return the posterior of a mean; the sample enters by its median, against single errors."""
    if not len(values):
        return centre
    weight = _weight(len(values), variance, noise)
    middle = float(np.median(values))
    return weight * middle + (1 - weight) * centre


def _weight(count: int, variance: float, noise: float) -> float:
    """Return what `count` values weigh beside the prior of their mean, 0 to 1."""
    return count * variance / (count * variance + noise)


def _trimmed(squares: Array) -> float:
    """Return the mean square without the largest two per cent."""
    if not len(squares):
        return 0.0
    ordered = np.sort(squares)
    return float(ordered[: max(1, len(ordered) - len(ordered) // 50)].mean())
