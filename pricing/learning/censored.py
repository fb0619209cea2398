"""Unsold lots are data: nobody paid the amount that was asked. Leaving them out would push every estimate up."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from pricing.learning.kernel import Array


def site(mean: Array, sd: Array, bound: Array) -> tuple[Array, Array]:
    """Return, per unsold lot, the price and noise variance that stand for "below the bound" in a Gaussian model.

    Moments of the forecast cut off above the bound are matched; what they add to the forecast is the site.
    """
    z = (bound - mean) / sd
    hazard = np.exp(-(z**2) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
    cut_mean = mean - sd * hazard
    cut_variance = sd**2 * np.maximum(1 - z * hazard - hazard**2, 1e-6)
    precision = np.maximum(1 / cut_variance - 1 / sd**2, 1e-9)
    value = (cut_mean / cut_variance - mean / sd**2) / precision
    return np.asarray(value), np.asarray(1 / precision)
