"""What past auctions say about the values behind them: bounds, likelihoods, and how far bidders differ from our estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaincinv, log_ndtr, logsumexp, roots_hermitenorm

from pricing.lognormal import LogNormal

_NODES, _WEIGHTS = roots_hermitenorm(25)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)


def button_share(bidders: int, price_share: float) -> float:
    """Return F(x) of one value from the share of prices at or below x: an English price is the second highest value."""
    return float(betaincinv(bidders - 1, 2, price_share))


def value_bounds(bidders: int, shares: Sequence[float], with_increment: float) -> tuple[float, float]:
    """Return the bounds of Haile and Tamer on F(x) (worked example WE-18): bidders bid no more than their value, and no bidder lets
    another win at a price he would have beaten.

    Args:
        bidders: Number of bidders.
        shares: Share of auctions in which the highest, second, ... bid is at or below x, from the highest down.
        with_increment: The same of the highest bid plus the increment.
    """
    n = bidders
    upper = min(float(betaincinv(n - place, place + 1, share)) for place, share in enumerate(_ascending(shares)))
    return float(betaincinv(n - 1, 2, with_increment)), upper


def _ascending(shares: Sequence[float]) -> list[float]:
    return sorted(shares)


class Ended(StrEnum):
    """How an auction ended, as its likelihood sees it."""

    COMPETED = "competed"
    AT_RESERVE = "at_reserve"
    UNSOLD = "unsold"


class Record(Struct, frozen=True):
    """One past auction: number of bidders, how it ended, and the price or the reserve."""

    bidders: int
    ended: Ended
    amount: float


class Fitted(Struct, frozen=True, kw_only=True):
    """The lognormal distribution of values and the negative log likelihood."""

    values: LogNormal
    negative_log_likelihood: float


def fit_values(records: Sequence[Record], sigma_prior: tuple[float, float] | None = None) -> Fitted:
    """Return the distribution of values by maximum likelihood, unsold lots counted as what they are (worked example WE-19).

    `sigma_prior` is the mean and sd of ln sigma, for few records.
    """
    logs = np.log([record.amount for record in records])

    def loss(at: NDArray[np.float64]) -> float:
        mu, sigma = float(at[0]), math.exp(float(at[1]))
        total = -sum(_log_likelihood(record, (math.log(record.amount) - mu) / sigma, sigma) for record in records)
        if sigma_prior is not None:
            total += ((float(at[1]) - sigma_prior[0]) / sigma_prior[1]) ** 2 / 2
        return total

    start = np.array([float(logs.mean()), math.log(0.5)])
    found = _minimum(loss, start)
    values = LogNormal(float(found[0]), math.exp(float(found[1])))
    plain = -sum(_log_likelihood(r, (math.log(r.amount) - values.mu) / values.sigma, values.sigma) for r in records)
    return Fitted(values=values, negative_log_likelihood=plain)


def _log_likelihood(record: Record, z: float, sigma: float) -> float:
    n = record.bidders
    below, above = float(log_ndtr(z)), float(log_ndtr(-z))
    if record.ended is Ended.UNSOLD:
        return n * below
    if record.ended is Ended.AT_RESERVE:
        return math.log(n) + (n - 1) * below + above
    density = -z * z / 2 - _HALF_LOG_2PI - math.log(record.amount * sigma)
    return math.log(n * (n - 1)) + (n - 2) * below + above + density


class Spread(Struct, frozen=True, kw_only=True):
    """`sigma`: how far bidders differ from each other. `tau`: how far our estimate is off for all of them."""

    sigma: float
    tau: float


def lot_log_likelihood(dropped: Sequence[float], sigma: float, tau: float) -> float:
    """Return the log likelihood of one English lot: logs of the losers' last bids minus our log median (worked example WE-35).

    The error of the estimate is common to a lot and is integrated out with 25 nodes.
    """
    x = np.asarray(dropped, dtype=np.float64)
    z = (x[:, None] - tau * _NODES) / sigma
    inside = (-(z**2) / 2 - _HALF_LOG_2PI - math.log(sigma)).sum(axis=0)
    winner = log_ndtr(-(float(x.max()) - tau * _NODES) / sigma)
    return float(logsumexp(inside + winner + _LOG_WEIGHTS))


def fit_spread(lots: Sequence[Sequence[float]]) -> Spread:
    """Return sigma and tau from past lots by maximum posterior; with no lots the prior's centre."""
    if not lots:
        return Spread(sigma=0.6, tau=0.5)
    width = max(len(lot) for lot in lots)
    x = np.full((len(lots), width), np.nan)
    for row, lot in enumerate(lots):
        x[row, : len(lot)] = lot
    top, counts = np.nanmax(x, axis=1), np.sum(~np.isnan(x), axis=1)

    def loss(at: NDArray[np.float64]) -> float:
        sigma, tau = math.exp(float(at[0])), math.exp(float(at[1]))
        z = (x[:, :, None] - tau * _NODES) / sigma
        inside = np.nansum(-(z**2) / 2, axis=1) - counts[:, None] * (_HALF_LOG_2PI + math.log(sigma))
        winner = log_ndtr(-(top[:, None] - tau * _NODES) / sigma)
        likelihood = float(logsumexp(inside + winner + _LOG_WEIGHTS, axis=1).sum())
        prior = ((at[0] - math.log(0.6)) / 0.5) ** 2 / 2 + ((at[1] - math.log(0.5)) / 0.5) ** 2 / 2
        return float(prior) - likelihood

    found = _minimum(loss, np.array([math.log(0.6), math.log(0.5)]))
    return Spread(sigma=math.exp(float(found[0])), tau=math.exp(float(found[1])))


def sealed_value(bid: float, share: float, density: float, bidders: int) -> float:
    """Return the value behind a sealed first-price bid (Guerre, Perrigne, Vuong; worked example WE-17)."""
    return bid + share / ((bidders - 1) * density)


def _minimum(loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> NDArray[np.float64]:
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2_000, "maxfev": 4_000}
    return np.asarray(minimize(loss, start, method="Nelder-Mead", options=options).x, dtype=np.float64)
