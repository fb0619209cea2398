"""The lognormal distribution of values: prices of technology are spread by factors, not by sums."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from msgspec import Struct

NORMAL: Final = NormalDist()
Z_90: Final = NORMAL.inv_cdf(0.9)
_TAIL: Final = 6.0
"""From here on the continued fraction is used: 1 - Phi loses its digits."""


class LogNormal(Struct, frozen=True):
    """`exp(N(mu, sigma²))`. The unit of the price is the unit of `exp(mu)`."""

    mu: float
    sigma: float

    @property
    def median(self) -> float:
        """Half of the values are below."""
        return math.exp(self.mu)

    def quantile(self, share: float) -> float:
        """Return the value below which the share of values lies."""
        return math.exp(self.mu + self.sigma * NORMAL.inv_cdf(share))

    def cdf(self, value: float) -> float:
        """Return the share of values at or below `value`."""
        return 0.0 if value <= 0 else NORMAL.cdf((math.log(value) - self.mu) / self.sigma)

    def pdf(self, value: float) -> float:
        """Return the density at `value`."""
        if value <= 0:
            return 0.0
        return NORMAL.pdf((math.log(value) - self.mu) / self.sigma) / (value * self.sigma)


def mills_ratio(z: float) -> float:
    """Return (1 - Phi(z)) / phi(z), to full precision in the far tail too."""
    if z < _TAIL:
        return 0.5 * math.erfc(z / math.sqrt(2)) / NORMAL.pdf(z)
    fraction = z
    for k in range(60, 0, -1):
        fraction = z + k / fraction
    return 1 / fraction


def log_mean(first: float, second: float) -> float:
    """Return the logarithmic mean, the weight that turns log effects into money without a remainder."""
    if math.isclose(first, second, rel_tol=1e-12):
        return first
    return (second - first) / math.log(second / first)
