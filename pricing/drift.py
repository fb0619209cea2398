"""Alarms when the market moves away from its forecasts. No numbers are crunched: the public record shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pricing.lognormal import NORMAL

WINDOW: Final = 50
ALARM_LOW, ALARM_HIGH = 0.66, 0.92
"""Binomial 99 % bounds of fifty outcomes that fall into 80 % ranges."""


def drift_alarms(covered: Sequence[bool], pits: Sequence[float]) -> tuple[str, ...]:
    """Return what the newest fifty outcomes say against the model: `coverage` outside of its binomial bounds, `shift` of the middle."""
    found = []
    newest, last_pits = covered[-WINDOW:], pits[-WINDOW:]
    if len(newest) == WINDOW:
        share = sum(newest) / WINDOW
        if not ALARM_LOW <= share <= ALARM_HIGH:
            found.append("coverage")
    if len(last_pits) == WINDOW:
        z = (sum(last_pits) / WINDOW - 0.5) * math.sqrt(12 * WINDOW)
        if abs(z) > NORMAL.inv_cdf(0.995):
            found.append("shift")
    return tuple(found)
