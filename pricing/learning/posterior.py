"""Small conjugate models: shrinking a mean, a regression that learns deal by deal, and the market's markup on valuations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from pricing.lognormal import NORMAL

Vector = NDArray[np.float64]


class Shrunk(Struct, frozen=True, kw_only=True):
    """Posterior of a group's mean log price; `weight` is what its own deals count, the rest is the prior."""

    weight: float
    mean: float
    variance: float
    predictive_sd: float

    def quantile(self, share: float) -> float:
        """Return the price below which the next deal of the group falls with this probability."""
        return math.exp(self.mean + self.predictive_sd * NORMAL.inv_cdf(share))


def shrink(count: int, mean: float, *, noise: float, prior_mean: float, prior_variance: float) -> Shrunk:
    """Return the posterior of a group's mean (worked example WE-08). Variances are those of log prices."""
    weight = count * prior_variance / (count * prior_variance + noise)
    variance = prior_variance * (1 - weight)
    return Shrunk(
        weight=weight,
        mean=weight * mean + (1 - weight) * prior_mean,
        variance=variance,
        predictive_sd=math.sqrt(variance + noise),
    )


class Student(Struct, frozen=True, kw_only=True):
    """A Student t distribution of a log price."""

    df: float
    loc: float
    scale: float

    def quantile(self, share: float) -> float:
        """Return the price at a share of the distribution."""
        return math.exp(self.loc + self.scale * float(stdtrit(self.df, share)))

    def cdf(self, price: float) -> float:
        """Return the probability of a price at or below `price`."""
        return float(stdtr(self.df, (math.log(price) - self.loc) / self.scale))


class Regression:
    """Normal-inverse-gamma regression (worked example WE-09). One deal at a time gives the same as all at once."""

    def __init__(self, mean: Sequence[float], covariance: Sequence[Sequence[float]], a: float, b: float) -> None:
        self.precision: Vector = np.asarray(np.linalg.inv(np.asarray(covariance, dtype=np.float64)), dtype=np.float64)
        self.mean: Vector = np.asarray(mean, dtype=np.float64)
        self.a, self.b = a, b

    def update(self, features: Sequence[Sequence[float]], logs: Sequence[float]) -> None:
        """Learn from deals: one row of features and one log price each."""
        x, y = np.asarray(features, dtype=np.float64), np.asarray(logs, dtype=np.float64)
        before, mean = self.precision, self.mean
        self.precision = before + x.T @ x
        self.mean = np.asarray(np.linalg.solve(self.precision, before @ mean + x.T @ y), dtype=np.float64)
        self.a += len(y) / 2
        self.b += float(y @ y + mean @ before @ mean - self.mean @ self.precision @ self.mean) / 2

    def predict(self, features: Sequence[float]) -> Student:
        """Return the predictive distribution of a next deal."""
        x = np.asarray(features, dtype=np.float64)
        spread = 1 + float(x @ np.linalg.solve(self.precision, x))
        return Student(df=2 * self.a, loc=float(x @ self.mean), scale=math.sqrt(self.b / self.a * spread))


MARKUP_PRIOR_VARIANCE = 0.25
MARKUP_A, MARKUP_B = 3.0, 1.08


def markup(log_ratios: Sequence[float]) -> Student:
    """Return the predictive ln(price / valuation) of a next deal: the cold start of a market that has valuations.

    The mean and the spread share one conjugate prior, N(0, 0.25) around no markup and an inverse gamma (3, 1.08).
    """
    spread = MARKUP_B / (MARKUP_A - 1)
    model = Regression((0.0,), ((MARKUP_PRIOR_VARIANCE / spread,),), MARKUP_A, MARKUP_B)
    if log_ratios:
        model.update([[1.0]] * len(log_ratios), log_ratios)
    return model.predict((1.0,))
