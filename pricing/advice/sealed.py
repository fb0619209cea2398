"""Sealed first-price and Dutch auctions: bidders ask for less than their value."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, roots_legendre

from pricing.lognormal import LogNormal

_NODES, _WEIGHTS = roots_legendre(120)


def sealed_bid(value: float, values: LogNormal, bidders: int, reserve: float = 0.0) -> float:
    """Return the equilibrium bid of a bidder with this value (worked example WE-16); 0 below the reserve."""
    if value < reserve:
        return 0.0
    x = reserve + (value - reserve) * (_NODES + 1) / 2
    z = (np.log(np.maximum(x, 1e-300)) - values.mu) / values.sigma
    area = float(np.sum(_WEIGHTS * ndtr(z) ** (bidders - 1))) * (value - reserve) / 2
    return value - area / values.cdf(value) ** (bidders - 1)
