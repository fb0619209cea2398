"""Discount rate by build-up, and the stage table it is checked against."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PREMIUM_MAX: Final = 0.05
"""A single risk premium of the scored checklist is at most 5 points (common practice of Chinese appraisal)."""


class DiscountRate(Struct, frozen=True, kw_only=True):
    """Shares: 0.0185 is 1.85 %."""

    risk_free: float
    technical: float
    market: float
    funding: float
    management: float

    @property
    def rate(self) -> float:
        """The sum (worked example WE-04)."""
        return self.risk_free + self.technical + self.market + self.funding + self.management

    @property
    def out_of_range(self) -> tuple[str, ...]:
        """Premiums outside 0..5 %."""
        names = ("technical", "market", "funding", "management")
        return tuple(name for name in names if not 0 <= getattr(self, name) <= PREMIUM_MAX)


def premium_of(score: float) -> float:
    """Return the premium of a checklist score 0 (no risk) .. 100."""
    return PREMIUM_MAX * min(max(score, 0.0), 100.0) / 100
