"""How many bidders will come: a gamma-Poisson count that learns from past lots."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

WANTED: int = 3
"""Below so many expected bidders another qualified bidder is worth more than any reserve (Bulow and Klemperer)."""


class Demand(Struct, frozen=True):
    """Gamma(shape, rate) over the mean number of qualified bidders."""

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        """Expected number of bidders."""
        return self.shape / self.rate

    def after(self, counts: Sequence[int]) -> Demand:
        """Return what is believed after lots with these numbers of bidders (worked example WE-34)."""
        return Demand(self.shape + sum(counts), self.rate + len(counts))

    def chance(self, count: int) -> float:
        """Return the probability of exactly `count` bidders at the next lot."""
        p = self.rate / (self.rate + 1)
        log_count = math.lgamma(count + self.shape) - math.lgamma(self.shape) - math.lgamma(count + 1)
        return math.exp(log_count + self.shape * math.log(p) + count * math.log1p(-p))

    @property
    def competition(self) -> float:
        """Probability of two bidders or more."""
        return 1 - self.chance(0) - self.chance(1)
