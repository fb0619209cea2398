"""Intervals that hold what they promise: conformal quantiles of past misses, mixed with a prior while misses are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

PRIOR_DF: Final = 6.0
UNIT_PRIOR: Final = 8.0
SCORE_CUT: Final = 3.0
CREDIBILITY: Final = 40.0
"""So many deals weigh as much as the prior on the shape of misses."""


def conformal_quantile(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float:
    """Return the miss that is exceeded with probability `alpha` at most (worked example WE-11).

    Infinite when the deals are too few to promise it: three deals cannot give 80 %.
    """
    k = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    if k > len(scores):
        return math.inf
    return float(np.partition(np.asarray(scores, dtype=np.float64), k - 1)[k - 1])


def credible_quantile(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float:
    """Return the quantile of normalised misses, mixed with Student's t on six degrees of freedom while there are few."""
    n = len(scores)
    prior = float(stdtrit(PRIOR_DF, 1 - alpha / 2)) * _unit(np.asarray(scores, dtype=np.float64))
    learned = conformal_quantile(scores, alpha)
    if math.isinf(learned):
        return prior
    weight = n / (n + CREDIBILITY)
    return (1 - weight) * prior + weight * learned


def _unit(scores: NDArray[np.float64]) -> float:
    """Return how large misses are beside what was expected, drawn to 1 while they are few; single large ones are cut."""
    square = float((np.minimum(scores, SCORE_CUT) ** 2).sum())
    return math.sqrt((UNIT_PRIOR + square) / (UNIT_PRIOR + len(scores)))


def adapted_alpha(alpha: float, target: float, missed: Sequence[bool], rate: float = 0.02) -> float:
    """Return the level after a sequence of hits and misses: it falls when intervals missed too often."""
    for miss in missed:
        alpha += rate * (target - miss)
    return min(max(alpha, 0.001), 0.999)
