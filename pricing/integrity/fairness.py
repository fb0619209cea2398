"""Fairness of an agreed price: where it stands in the range that was forecast before the deal, and a test over many deals.

One deal proves little: 40 % under-pricing is seen at the 10 % line in 44 of 100 cases (log sd 0.45), and one honest deal in ten is
below it by construction. The rolling test over the deals of a pair is what has power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from pricing.lognormal import NORMAL, LogNormal

AMBER_BELOW, RED_BELOW, HIGH_ABOVE = 0.25, 0.10, 0.95
STRICTER: Final = {"green": "amber", "amber": "red", "red": "red", "high": "high"}


class Light(StrEnum):
    """Green: as forecast. Amber: a written reason and one more quote. Red: committee and third-party valuation, or list it openly.
    High: above what was forecast, which matters where a state body buys.
    """

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    HIGH = "high"


class Fairness(Struct, frozen=True, kw_only=True):
    """The verdict on one price. `z` feeds the rolling test."""

    percentile: float
    z: float
    light: Light


def fairness(forecast: LogNormal, price: float, *, related: bool = False) -> Fairness:
    """Return where a price stands in the forecast (worked example WE-24). Related parties: one band stricter."""
    percentile = forecast.cdf(price)
    if percentile < RED_BELOW:
        light = Light.RED
    elif percentile < AMBER_BELOW:
        light = Light.AMBER
    elif percentile > HIGH_ABOVE:
        light = Light.HIGH
    else:
        light = Light.GREEN
    if related:
        light = Light(STRICTER[light.value])
    return Fairness(percentile=percentile, z=(math.log(price) - forecast.mu) / forecast.sigma, light=light)


class Rolling(Struct, frozen=True, kw_only=True):
    """The deals of one seller, buyer, agent or pair together."""

    deals: int
    z: float
    p_value: float


def rolling(scores: Sequence[float]) -> Rolling:
    """Return Stouffer's test that prices are low together (worked example WE-24)."""
    z = sum(scores) / math.sqrt(len(scores))
    return Rolling(deals=len(scores), z=z, p_value=NORMAL.cdf(z))


def power(log_sd: float, under_pricing: float, deals: int = 1, level: float = 0.10) -> float:
    """Return the chance that the test at `level` notices prices that are this share too low."""
    shift = -math.log(1 - under_pricing) / log_sd * math.sqrt(deals)
    return NORMAL.cdf(NORMAL.inv_cdf(level) + shift)
