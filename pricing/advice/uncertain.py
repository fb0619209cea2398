"""The reserve when the valuation itself may be wrong (use this one): revenue is averaged over the error of the valuation and
over the number of bidders, instead of believing the estimate. A poor reserve is worse than none.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, roots_hermitenorm, roots_legendre

NEAR_BEST: Final = 0.01
"""By default the highest chance of a sale within 1 % of the greatest revenue is taken: public sellers care about the sale too."""
_BIDDERS_MAX: Final = 40
_Z, _ZW = roots_hermitenorm(31)
_ZW = _ZW / _ZW.sum()
_Q, _QW = roots_legendre(64)

Array = NDArray[np.float64]


class Belief(Struct, frozen=True, kw_only=True):
    """What is known before the auction. `mu` is the log median value, `sigma` the spread between bidders,
    `tau` how wrong `mu` may be, `bidders` the expected number, `dispersion` the gamma shape of that number (0: Poisson).
    """

    mu: float
    sigma: float
    tau: float
    bidders: float
    dispersion: float = 0.0
    own_value: float = 0.0


class Point(Struct, frozen=True, kw_only=True):
    """One reserve and what is expected of it: a point of the frontier."""

    reserve: float
    revenue: float
    sold: float


class ReserveAdvice(Struct, frozen=True, kw_only=True):
    """The best reserve, the one with the best chance of a sale near it, and the frontier between revenue and sale."""

    best: Point
    advised: Point
    none: Point
    frontier: tuple[Point, ...]


def bidder_chances(belief: Belief) -> Array:
    """Return the probability of 0, 1, 2, ... bidders."""
    n = np.arange(_BIDDERS_MAX + 1, dtype=np.float64)
    if belief.dispersion > 0:
        shape = belief.dispersion
        p = shape / (shape + belief.bidders)
        logs = gammaln(n + shape) - gammaln(shape) - gammaln(n + 1) + shape * math.log(p) + n * math.log1p(-p)
    else:
        logs = n * math.log(max(belief.bidders, 1e-12)) - belief.bidders - gammaln(n + 1)
    chances = np.exp(logs)
    return np.asarray(chances / chances.sum(), dtype=np.float64)


def outcome_grid(z: Array, sigma: float, chances: Array) -> tuple[Array, Array, Array]:
    """Return, for reserves at `z` sds above the median, revenue over the median, chance unsold, for random bidder numbers.

    The first array leaves out the seller's own value; add `own_value * unsold`. The third is the chance of exactly one above.
    """
    below = ndtr(z)
    n = np.arange(len(chances))
    unsold = (below[:, None] ** n) @ chances
    one = ((n * below[:, None] ** np.maximum(n - 1, 0)) @ chances) * (1 - below)
    return np.exp(sigma * z) * one + _above(z, sigma, chances), unsold, one


def _above(z: Array, sigma: float, chances: Array) -> Array:
    """Integrate the second value from z upwards, for all z at once on one cumulative grid."""
    fine = np.linspace(-8.0, 8.0 + sigma, 1601)
    n = np.arange(len(chances))
    share = ndtr(fine)
    pairs = chances * n * (n - 1)
    second = (share[:, None] ** np.maximum(n - 2, 0)) @ pairs
    density = second * ndtr(-fine) * np.exp(sigma * fine - fine**2 / 2) / math.sqrt(2 * math.pi)
    step = fine[1] - fine[0]
    pieces = (density[1:] + density[:-1]) * step / 2
    tail = np.concatenate((np.cumsum(pieces[::-1])[::-1], [0.0]))
    return np.asarray(np.interp(z, fine, tail), dtype=np.float64)


def advise_reserve(belief: Belief, unsold_cost: float = 0.0) -> ReserveAdvice:
    """Return the reserve of greatest revenue averaged over the error of the valuation (worked example WE-14).

    Revenue counts in proportion to what the lot is truly worth, so that lots that were valued too low do not outweigh the others;
    it is shown in money at the scale of the estimate.
    """
    multiples = np.exp(np.linspace(math.log(0.05), math.log(6.0), 241))
    logs = np.log(multiples)
    chances = bidder_chances(belief)
    median = math.exp(belief.mu)
    own = belief.own_value / median
    shifts = belief.tau * _Z
    brings, unsold, _ = outcome_grid(((logs - shifts[:, None]) / belief.sigma).ravel(), belief.sigma, chances)
    brings, unsold = brings.reshape(len(_Z), -1), unsold.reshape(len(_Z), -1)
    revenue = _ZW @ (brings + (own - unsold_cost / median) * np.exp(-shifts)[:, None] * unsold)
    sold = _ZW @ (1 - unsold)
    points = [
        Point(reserve=float(m) * median, revenue=float(r) * median, sold=float(s))
        for m, r, s in zip(multiples, revenue, sold, strict=True)
    ]
    best = int(np.argmax(revenue))
    near = np.flatnonzero(revenue >= revenue[best] - NEAR_BEST * abs(revenue[best]))
    advised = int(near[np.argmax(sold[near])])
    return ReserveAdvice(
        best=points[best], advised=points[advised], none=points[0], frontier=tuple(points[:: max(1, len(points) // 60)])
    )
