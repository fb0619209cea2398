"""From technology readiness (TRL) to the probability of success: a prior per level that real outcomes correct."""

from __future__ import annotations

from msgspec import Struct
from scipy.special import betaincinv


class Success(Struct, frozen=True):
    """Beta(alpha, beta) over the probability that the achievement reaches the market."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """Expected probability."""
        return self.alpha / (self.alpha + self.beta)

    def interval(self, share: float) -> tuple[float, float]:
        """Return the central interval that holds the share."""
        tail = (1 - share) / 2
        low, high = (float(betaincinv(self.alpha, self.beta, q)) for q in (tail, 1 - tail))
        return low, high

    def after(self, successes: int, failures: int) -> Success:
        """Return what is believed after outcomes were seen (worked example WE-07)."""
        return Success(self.alpha + successes, self.beta + failures)


def success_prior(mean: float, strength: float = 10.0) -> Success:
    """Return the prior of a level: its mean, worth `strength` observed outcomes."""
    return Success(strength * mean, strength * (1 - mean))


def shifted(mean: float, *, factor: float = 1.0, plus: float = 0.0) -> float:
    """Return the mean of a level in a category whose chances differ (medicine: factor 0.5; software: plus 0.1)."""
    return min(max(mean * factor + plus, 0.01), 0.99)
