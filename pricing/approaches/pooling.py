"""One range from several approaches: minimum variance with correlation, and a test whether they contradict each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.special import chdtrc

from pricing.lognormal import Z_90

WEIGHT_MAX: Final = 0.8
DISAGREE_P: Final = 0.05


class Estimate(Struct, frozen=True, kw_only=True):
    """What one approach says: log of the value and how unsure it is."""

    name: str
    log_value: float
    log_sd: float


class Pooled(Struct, frozen=True, kw_only=True):
    """The common range. `statistic` and `p_value` are those of the test of disagreement."""

    weights: tuple[float, ...]
    log_value: float
    log_sd: float
    statistic: float
    p_value: float

    @property
    def disagree(self) -> bool:
        """The approaches contradict each other: the range was widened."""
        return self.p_value < DISAGREE_P

    @property
    def median(self) -> float:
        """Middle of the range."""
        return math.exp(self.log_value)

    @property
    def p10(self) -> float:
        """Lower end of the 80 % range."""
        return math.exp(self.log_value - Z_90 * self.log_sd)

    @property
    def p90(self) -> float:
        """Upper end of the 80 % range."""
        return math.exp(self.log_value + Z_90 * self.log_sd)


def pool(
    estimates: Sequence[Estimate], correlation: float = 0.3, closer: Mapping[tuple[str, str], float] | None = None
) -> Pooled:
    """Pool the estimates (worked example WE-10). Weights stay within 0..0.8; contradiction widens the range.

    Args:
        estimates: What each approach says.
        correlation: Of the errors of any two approaches.
        closer: Pairs, by name, whose errors hang together more than that: they rest on the same deals.
    """
    m = np.array([one.log_value for one in estimates])
    sd = np.array([one.log_sd for one in estimates])
    k = len(m)
    if k == 1:
        return Pooled(weights=(1.0,), log_value=float(m[0]), log_sd=float(sd[0]), statistic=0.0, p_value=1.0)
    together = correlation + (1 - correlation) * np.eye(k)
    names = [one.name for one in estimates]
    for (first, second), value in (closer or {}).items():
        if first in names and second in names:
            i, j = names.index(first), names.index(second)
            together[i, j] = together[j, i] = value
    covariance = np.outer(sd, sd) * together
    precision = np.linalg.inv(covariance)
    free = precision.sum(1) / precision.sum()
    weights = _clipped(free)
    mean = float(weights @ m)
    spread = math.sqrt(float(weights @ covariance @ weights))
    deviations = m - float(free @ m)
    statistic = float(deviations @ precision @ deviations)
    p_value = float(chdtrc(k - 1, statistic))
    if p_value < DISAGREE_P:
        spread *= math.sqrt(max(statistic / (k - 1), 1.0))
    return Pooled(
        weights=tuple(float(w) for w in weights),
        log_value=mean,
        log_sd=spread,
        statistic=statistic,
        p_value=p_value,
    )


def _clipped(weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return weights within [0, 0.8] that add up to 1; what is cut off goes to the others in proportion."""
    for _ in range(len(weights)):
        weights = np.maximum(weights, 0.0)
        weights = weights / weights.sum()
        over = weights > WEIGHT_MAX
        if not over.any():
            break
        rest = weights[~over].sum()
        share = (1 - WEIGHT_MAX * over.sum()) / rest if rest > 0 else 0.0
        weights = np.where(over, WEIGHT_MAX, weights * share)
        if rest <= 0:
            weights = np.where(over, WEIGHT_MAX, (1 - WEIGHT_MAX) / (~over).sum())
    return weights
