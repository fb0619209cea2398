"""How good a forecast was, once the price is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pricing.lognormal import NORMAL


def crps_normal(mean: float, sd: float, actual: float) -> float:
    """Return the continuous ranked probability score of N(mean, sd²); 0 is perfect (worked example WE-29)."""
    z = (actual - mean) / sd
    return sd * (z * (2 * NORMAL.cdf(z) - 1) + 2 * NORMAL.pdf(z) - 1 / math.sqrt(math.pi))


def winkler(low: float, high: float, actual: float, alpha: float = 0.2) -> float:
    """Return the interval score: width, and what the miss costs. Arguments are logs."""
    miss = max(low - actual, actual - high, 0.0)
    return high - low + 2 / alpha * miss


def pinball(predicted: float, actual: float, share: float) -> float:
    """Return the loss of a quantile forecast."""
    return share * (actual - predicted) if actual >= predicted else (1 - share) * (predicted - actual)


def ks_uniform(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov distance to the uniform distribution and its p-value."""
    from scipy.stats import kstest

    found = kstest(np.asarray(values, dtype=np.float64), "uniform")
    return float(found.statistic), float(found.pvalue)


def modified_z(values: Sequence[float]) -> tuple[float, ...]:
    """Return the robust z of each value (worked example WE-27); above 3.5 it does not belong to the others."""
    array = np.asarray(values, dtype=np.float64)
    median = float(np.median(array))
    mad = float(np.median(np.abs(array - median)))
    if mad == 0:
        return tuple(0.0 if value == median else math.inf for value in array)
    return tuple(float(0.67449 * (value - median) / mad) for value in array)
