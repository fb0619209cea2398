"""Screens within one auction: the pattern of its bids. They rank, they prove nothing, and they travel badly between markets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

BIDS_MIN: Final = 4


class BidPattern(Struct, frozen=True, kw_only=True):
    """Figures of an auction in which the highest bid wins, bids sorted downwards."""

    variation: float
    spread: float
    lead: float
    relative_distance: float
    gap_ratio: float
    skewness: float
    kurtosis: float
    uniform_distance: float


def bid_pattern(bids: Sequence[float]) -> BidPattern | None:
    """Return the figures (worked example WE-25); None with fewer than four bids."""
    b = sorted(bids, reverse=True)
    n = len(b)
    if n < BIDS_MIN:
        return None
    mean = sum(b) / n
    sd = math.sqrt(sum((x - mean) ** 2 for x in b) / (n - 1))
    losers = b[1:]
    loser_mean = sum(losers) / len(losers)
    loser_sd = math.sqrt(sum((x - loser_mean) ** 2 for x in losers) / (len(losers) - 1))
    gap = b[0] - b[1]
    other_gap = (b[1] - b[-1]) / (n - 2)
    if sd == 0:
        return None
    return BidPattern(
        variation=sd / mean,
        spread=(b[0] - b[-1]) / b[-1],
        lead=gap / b[1],
        relative_distance=gap / loser_sd if loser_sd else math.inf,
        gap_ratio=gap / other_gap if other_gap else math.inf,
        skewness=_skewness(b, mean),
        kurtosis=_kurtosis(b, mean),
        uniform_distance=_uniform_distance(b),
    )


def _skewness(b: Sequence[float], mean: float) -> float:
    n = len(b)
    m2, m3 = (sum((x - mean) ** k for x in b) / n for k in (2, 3))
    return float(math.sqrt(n * (n - 1)) / (n - 2) * m3 / m2**1.5)


def _kurtosis(b: Sequence[float], mean: float) -> float:
    n = len(b)
    m2, m4 = (sum((x - mean) ** k for x in b) / n for k in (2, 4))
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / m2**2 - 3) + 6)


def _uniform_distance(b: Sequence[float]) -> float:
    """Return the distance between the bids and equally likely bids between the lowest and the highest."""
    low, width = b[-1], b[0] - b[-1]
    n = len(b)
    shares = sorted((x - low) / width for x in b)
    return max(max((i + 1) / n - s, s - i / n) for i, s in enumerate(shares))
