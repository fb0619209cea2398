"""Prices of listings: first come first served, or bidding among all who qualify; and agreement with one buyer."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, roots_legendre

from pricing.advice.reserve import Outcome, optimal_reserve, posted_revenue
from pricing.lognormal import LogNormal

_NODES, _WEIGHTS = roots_legendre(200)


class ListedPrice(Struct, frozen=True, kw_only=True):
    """An asking price and what is expected of it."""

    price: float
    revenue: float
    sold: float


def first_come(values: LogNormal, visitors: float, price: float, own_value: float = 0.0) -> Outcome:
    """Return what a listing brings that the first buyer at the price takes; `visitors` is the expected number of them."""
    nobody = math.exp(-visitors * (1 - values.cdf(price)))
    return Outcome(revenue=price * (1 - nobody) + own_value * nobody, sold=1 - nobody)


def best_first_come(values: LogNormal, visitors: float, own_value: float = 0.0) -> ListedPrice:
    """Return the best asking price of such a listing (worked example WE-20)."""
    start = math.log(optimal_reserve(values, own_value))
    found = minimize_scalar(
        lambda log_price: -first_come(values, visitors, math.exp(log_price), own_value).revenue,
        bounds=(start - 2.0, start + 3.0), method="bounded", options={"xatol": 1e-11},
    )  # fmt: skip
    price = math.exp(float(found.x))
    outcome = first_come(values, visitors, price, own_value)
    return ListedPrice(price=price, revenue=outcome.revenue, sold=outcome.sold)


def listed_with_bidding(values: LogNormal, visitors: float, price: float, own_value: float = 0.0) -> Outcome:
    """Return what a listing brings that turns into bidding when two or more qualify: an auction with the price as reserve.

    It is never worse than first come first served at the same price, and asks for less.
    """
    start = (math.log(price) - values.mu) / values.sigma
    nobody = math.exp(-visitors * float(ndtr(-start)))
    end = max(9.0 + values.sigma, start + 1.0)
    z = start + (end - start) * (_NODES + 1) / 2
    mean = visitors * ndtr(-z)
    two = 1 - np.exp(-mean) * (1 + mean)
    step = np.exp(values.mu + values.sigma * z) * values.sigma
    above = float(np.sum(_WEIGHTS * two * step)) * (end - start) / 2
    return Outcome(revenue=price * (1 - nobody) + above + own_value * nobody, sold=1 - nobody)


class Agreement(Struct, frozen=True, kw_only=True):
    """One buyer: what he brings if he is told a price, and if the surplus is split."""

    take_it_or_leave_it: float
    split: float
    deal_chance: float


def agreement(values: LogNormal, own_value: float) -> Agreement:
    """Return what negotiation with one buyer brings (worked example WE-21); split the difference is what people do."""
    told = posted_revenue(values, optimal_reserve(values, own_value), own_value)
    if own_value <= 0:
        return Agreement(take_it_or_leave_it=told, split=math.exp(values.mu + values.sigma**2 / 2) / 2, deal_chance=1.0)
    z = (math.log(own_value) - values.mu) / values.sigma
    chance = float(ndtr(-z))
    upper = math.exp(values.mu + values.sigma**2 / 2) * float(ndtr(values.sigma - z))
    return Agreement(
        take_it_or_leave_it=told,
        split=own_value * (1 - chance) + (own_value * chance + upper) / 2,
        deal_chance=chance,
    )
