"""Market approach: prices of like achievements, adjusted to this one and weighted by likeness, age and quality of the data."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct
from scipy.special import stdtrit

COMPARABLES_MIN: Final = 3.0
"""Below so many effective comparables the approach is shown but has no weight."""

EXPONENT_MAX: Final = 700.0
"""Little more than one effective deal bounds nothing: the range is as wide as numbers go."""


class Comparable(Struct, frozen=True, kw_only=True):
    """A deal beside the achievement. `features` stand in the order of the coefficients; `distance` 0 is the same thing."""

    price: float
    age_years: float
    index_ratio: float
    features: tuple[float, ...]
    distance: float
    quality: float = 1.0


class MarketValue(Struct, frozen=True, kw_only=True):
    """Weighted mean of adjusted log prices and the spread of a next price around it."""

    adjusted: tuple[float, ...]
    weights: tuple[float, ...]
    median: float
    n_eff: float
    spread: float
    predictive_sd: float
    p10: float
    p90: float

    @property
    def usable(self) -> bool:
        """Enough comparables to weigh it against the other approaches."""
        return self.n_eff >= COMPARABLES_MIN


def market_value(
    found: tuple[Comparable, ...],
    features: tuple[float, ...],
    coefficients: tuple[float, ...],
    *,
    bandwidth: float,
    yearly_decay: float,
) -> MarketValue | None:
    """Return the market value (worked example WE-02); None with fewer than two comparables, which have no spread.

    Report `n_eff`, the number of equally weighted deals that would say as much, never the count.
    """
    if len(found) < 2:
        return None
    logs = [_adjusted(one, features, coefficients) for one in found]
    raw = [_weight(one, bandwidth, yearly_decay) for one in found]
    total = sum(raw)
    if total <= 0:
        return None
    weights = [weight / total for weight in raw]
    mean = sum(w * z for w, z in zip(weights, logs, strict=True))
    n_eff = 1 / sum(w * w for w in weights)
    if n_eff <= 1 + 1e-9:
        return None
    square = sum(w * (z - mean) ** 2 for w, z in zip(weights, logs, strict=True)) * n_eff / (n_eff - 1)
    spread = math.sqrt(square)
    predictive = spread * math.sqrt(1 + 1 / n_eff)
    reach = float(stdtrit(n_eff - 1, 0.9)) * predictive
    return MarketValue(
        adjusted=tuple(math.exp(z) for z in logs),
        weights=tuple(weights),
        median=math.exp(mean),
        n_eff=n_eff,
        spread=spread,
        predictive_sd=predictive,
        p10=math.exp(max(mean - reach, -EXPONENT_MAX)),
        p90=math.exp(min(mean + reach, EXPONENT_MAX)),
    )


def _adjusted(one: Comparable, features: tuple[float, ...], coefficients: tuple[float, ...]) -> float:
    moved = sum(b * (x - y) for b, x, y in zip(coefficients, features, one.features, strict=True))
    return math.log(one.price * one.index_ratio) + moved


def _weight(one: Comparable, bandwidth: float, yearly_decay: float) -> float:
    return float(math.exp(-(one.distance**2) / (2 * bandwidth**2)) * yearly_decay**one.age_years * one.quality)
