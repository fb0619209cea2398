"""Real option (选择权, 先使用后付费): the right to wait. Only for option contracts and early technology, never added to a
cash flow that already counts the upside.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct

from pricing.lognormal import NORMAL

TRL_MAX: Final = 5
"""Later technology is not priced as an option, except where the contract is one."""
STEPS: Final = 1_000


class OptionInputs(Struct, frozen=True, kw_only=True):
    """`leakage` is the yearly share of value lost by waiting (competitors, term of the patent)."""

    value: float
    cost: float
    years: float
    volatility: float
    risk_free: float
    leakage: float = 0.0


class OptionValue(Struct, frozen=True, kw_only=True):
    """The value of investing now, of the option at the end, and of the option at any time."""

    now: float
    d1: float
    d2: float
    european: float
    american: float


def option_value(inputs: OptionInputs, steps: int = STEPS) -> OptionValue:
    """Return Black-Scholes and the binomial tree of Cox, Ross and Rubinstein (worked example WE-06)."""
    root = inputs.volatility * math.sqrt(inputs.years)
    drift = inputs.risk_free - inputs.leakage + inputs.volatility**2 / 2
    d1 = (math.log(inputs.value / inputs.cost) + drift * inputs.years) / root
    d2 = d1 - root
    european = inputs.value * math.exp(-inputs.leakage * inputs.years) * NORMAL.cdf(d1) - inputs.cost * math.exp(
        -inputs.risk_free * inputs.years
    ) * NORMAL.cdf(d2)
    return OptionValue(
        now=inputs.value - inputs.cost, d1=d1, d2=d2, european=european, american=american_value(inputs, steps)
    )


def tree_parameters(inputs: OptionInputs, steps: int) -> tuple[float, float]:
    """Return the factor of a step up and its risk-neutral probability."""
    step = inputs.years / steps
    up = math.exp(inputs.volatility * math.sqrt(step))
    growth = math.exp((inputs.risk_free - inputs.leakage) * step)
    return up, (growth - 1 / up) / (up - 1 / up)


def american_value(inputs: OptionInputs, steps: int) -> float:
    """Return the value of the right to invest at any time until the end."""
    up, chance = tree_parameters(inputs, steps)
    discount = math.exp(-inputs.risk_free * inputs.years / steps)
    exponents = np.arange(-steps, steps + 1, 2, dtype=np.float64)
    values = np.maximum(inputs.value * up**exponents - inputs.cost, 0.0)
    for step in range(steps - 1, -1, -1):
        waiting = discount * (chance * values[1:] + (1 - chance) * values[:-1])
        exponents = np.arange(-step, step + 1, 2, dtype=np.float64)
        values = np.maximum(waiting, inputs.value * up**exponents - inputs.cost)
    return float(values[0])
