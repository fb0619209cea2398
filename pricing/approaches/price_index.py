"""Index of prices over time from repeated sales (Bailey, Muth, Nourse)."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

DEALS_A_PERIOD_MIN: Final = 30
"""A period with fewer sold deals is not published by itself; it is drawn towards the one before."""


class RepeatSale(Struct, frozen=True):
    """The same thing sold in two periods; `log_change` is ln(second price / first price)."""

    first: int
    second: int
    log_change: float


def repeat_sales_index(pairs: tuple[RepeatSale, ...], base: float = 100.0) -> tuple[float, ...]:
    """Return the index by period, `base` in period 0 (worked example WE-28).

    Raises:
        ValueError: the pairs do not tie every period to the first one.
    """
    last = max(pair.second for pair in pairs)
    design = np.zeros((len(pairs), last))
    for row, pair in enumerate(pairs):
        if pair.first:
            design[row, pair.first - 1] -= 1
        design[row, pair.second - 1] += 1
    change = np.array([pair.log_change for pair in pairs])
    levels, _, rank, _ = np.linalg.lstsq(design, change, rcond=None)
    if rank < last:
        raise ValueError("a period is not tied to the first one")
    return (base, *(base * float(np.exp(level)) for level in levels))


class Level(Struct, frozen=True, kw_only=True):
    """The index of one period: log level, its variance, how many deals it rests on, whether it stands by itself."""

    log_level: float
    variance: float
    deals: int
    published: bool


def smoothed_index(
    means: tuple[float, ...], counts: tuple[int, ...], *, noise: float, drift: float
) -> tuple[Level, ...]:
    """Return a local-level Kalman filter over mean residual logs by period: thin periods lean on the one before.

    Args:
        means: Mean log residual of the deals of each period; not read where the count is 0.
        counts: Deals in each period.
        noise: Variance of one deal.
        drift: Variance of the level from one period to the next.
    """
    level, variance = 0.0, noise
    found = []
    for mean, count in zip(means, counts, strict=True):
        variance += drift
        if count:
            gain = variance / (variance + noise / count)
            level += gain * (mean - level)
            variance *= 1 - gain
        found.append(Level(log_level=level, variance=variance, deals=count, published=count >= DEALS_A_PERIOD_MIN))
    return tuple(found)
