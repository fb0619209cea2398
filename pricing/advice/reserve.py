"""Reserve prices for known values (Myerson; Riley and Samuelson), and what an English auction brings in.

Values are lognormal and private; `own_value` is what the seller has if the lot is not sold. All closed forms.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.special import ndtr, roots_legendre

from pricing.lognormal import LogNormal, mills_ratio

_NODES, _WEIGHTS = roots_legendre(200)
_REACH: Final = 9.0
RELISTS_MAX: Final = 2
RELIST_FLOOR: Final = 0.9
"""A second listing may not fall below 90 % of the first price without a new approval."""


def optimal_reserve(values: LogNormal, own_value: float = 0.0) -> float:
    """Return the reserve of greatest expected revenue (worked example WE-12). It does not depend on the number of bidders."""
    low, high = -8.0, 8.0
    for _ in range(200):
        z = (low + high) / 2
        virtual = math.exp(values.mu + values.sigma * z) * (1 - values.sigma * mills_ratio(z))
        if virtual < own_value:
            low = z
        else:
            high = z
    return math.exp(values.mu + values.sigma * (low + high) / 2)


class Outcome(Struct, frozen=True, kw_only=True):
    """What is expected of an auction: revenue (with the own value when unsold) and the probability of a sale."""

    revenue: float
    sold: float


def english_outcome(values: LogNormal, bidders: int, reserve: float = 0.0, own_value: float = 0.0) -> Outcome:
    """Return the expected outcome of an English (or second-price) auction with a reserve (worked example WE-13)."""
    if bidders == 0:
        return Outcome(revenue=own_value, sold=0.0)
    below = values.cdf(reserve)
    unsold = below**bidders
    at_reserve = bidders * below ** (bidders - 1) * (1 - below)
    above = _second_value_above(values, bidders, reserve)
    return Outcome(revenue=own_value * unsold + reserve * at_reserve + above, sold=1 - unsold)


def _second_value_above(values: LogNormal, bidders: int, reserve: float) -> float:
    """Integrate x times the density of the second value from the reserve upwards, over z = (ln x - mu) / sigma."""
    if bidders < 2:
        return 0.0
    start = -_REACH if reserve <= 0 else (math.log(reserve) - values.mu) / values.sigma
    end = max(_REACH + values.sigma, start + 1.0)
    z = start + (end - start) * (_NODES + 1) / 2
    share = ndtr(z)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    second = bidders * (bidders - 1) * share ** (bidders - 2) * ndtr(-z) * density
    return float(np.sum(_WEIGHTS * np.exp(values.mu + values.sigma * z) * second) * (end - start) / 2)


def second_value_factor(sigma: float, bidders: int) -> float:
    """Return kappa, the expected second highest value over the median: an English price is a second value."""
    return _second_value_above(LogNormal(0.0, sigma), bidders, 0.0)


class Relisting(Struct, frozen=True, kw_only=True):
    """The fixed point of selling again and again: value of the lot, own value and reserve now, chance to stay unsold."""

    value: float
    own_value: float
    reserve: float
    unsold: float


def relisting_value(values: LogNormal, bidders: int, decay: float, cost: float) -> Relisting:
    """Return the value with endless relisting (worked example WE-15): too high for technology that ages, a bound only."""
    low, high = 0.0, values.median * 1_000
    for _ in range(200):
        value = (low + high) / 2
        own_value = max(decay * value - cost, 0.0)
        reserve = optimal_reserve(values, own_value)
        if english_outcome(values, bidders, reserve, own_value).revenue > value:
            low = value
        else:
            high = value
    return Relisting(value=value, own_value=own_value, reserve=reserve, unsold=values.cdf(reserve) ** bidders)


def relisting_plan(values: LogNormal, bidders: int, decay: float, cost: float) -> tuple[Relisting, ...]:
    """Return reserves for a first listing and at most two more, from the last one backwards; each at least 90 % of the one before."""
    plan: list[Relisting] = []
    ahead = 0.0
    for turn in range(RELISTS_MAX, -1, -1):
        own_value = max(decay * ahead - cost, 0.0) if turn < RELISTS_MAX else 0.0
        reserve = optimal_reserve(values, own_value)
        ahead = english_outcome(values, bidders, reserve, own_value).revenue
        plan.append(Relisting(value=ahead, own_value=own_value, reserve=reserve, unsold=values.cdf(reserve) ** bidders))
    return _with_floor(values, bidders, tuple(reversed(plan)))


def _with_floor(values: LogNormal, bidders: int, plan: tuple[Relisting, ...]) -> tuple[Relisting, ...]:
    kept: list[Relisting] = []
    for one in plan:
        reserve = one.reserve if not kept else max(one.reserve, RELIST_FLOOR * kept[-1].reserve)
        kept.append(
            Relisting(value=one.value, own_value=one.own_value, reserve=reserve, unsold=values.cdf(reserve) ** bidders)
        )
    return tuple(kept)


def sale_chance(values: LogNormal, bidders: int, reserve: float) -> float:
    """Return the probability that at least one of the bidders would pay the reserve."""
    return 1 - values.cdf(reserve) ** bidders


def posted_revenue(values: LogNormal, price: float, own_value: float = 0.0) -> float:
    """Return what one buyer brings at a posted price: he takes it or leaves it."""
    share = values.cdf(price)
    return price * (1 - share) + own_value * share


def dutch_loss(values: LogNormal, bidders: int, step: float) -> float:
    """Return the share of revenue that the grid of a falling clock costs: half a step on average (worked example WE-23)."""
    return step / 2 / english_outcome(values, bidders).revenue
