"""T5 .. T7: what advice on reserves and modes is worth, against an oracle that knows the market."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from loadtests.pricing.datasets import Array
from pricing.advice.estimating import fit_spread
from pricing.advice.modes import Mode, Situation, advise_mode
from pricing.advice.uncertain import Belief, advise_reserve, bidder_chances, outcome_grid

SIGMA: Final = 0.6
OWN: Final = 0.4
BIDDERS: Final = (1.5, 3.0, 6.0)
ERRORS: Final = 801


class Regret(NamedTuple):
    """Loss against the oracle, as a share; and what no reserve at all would have lost."""

    tau: float
    bidders: float
    ours: float
    none: float


def _regret(multiple: float, sigma: float, tau: float, bidders: float) -> float:
    """Return the loss of the reserve `multiple * estimate`, the truth being 1 and the estimate off by N(0, tau²) in logs."""
    chances = bidder_chances(Belief(mu=0.0, sigma=sigma, tau=tau, bidders=bidders))
    shares = (np.arange(ERRORS) + 0.5) / ERRORS
    from scipy.special import ndtri

    error = tau * ndtri(shares) if tau > 0 else np.zeros(1)
    grid = np.linspace(-4, 4, 801)
    own = OWN * np.exp(error)
    brings, unsold, _ = outcome_grid(grid / sigma, sigma, chances)
    best = np.array([float((brings + v * unsold).max()) for v in own])
    at = np.log(multiple) + error
    got, lost, _ = outcome_grid(at / sigma, sigma, chances)
    return 1 - float((got + own * lost).mean() / best.mean())


def reserves_known() -> list[Regret]:
    """T5: spread and number of bidders are known, the valuation is not."""
    found = []
    for tau in (0.0, 0.25, 0.5, 0.8):
        for bidders in BIDDERS:
            belief = Belief(mu=0.0, sigma=SIGMA, tau=tau, bidders=bidders, own_value=OWN)
            advice = advise_reserve(belief)
            ours = _regret(advice.best.reserve, SIGMA, tau, bidders)
            found.append(Regret(tau, bidders, ours, _regret(1e-3, SIGMA, tau, bidders)))
    return found


def reserves_estimated(reps: int) -> list[Regret]:
    """T6: spread, error and number of bidders are estimated from thirty past English lots."""
    found = []
    for tau in (0.25, 0.5, 0.8):
        for bidders in BIDDERS:
            for rep in range(reps):
                rng = np.random.default_rng(int(tau * 100) * 1_000 + int(bidders * 10) * 10 + rep)
                lots, counts = _past(rng, tau, bidders)
                spread = fit_spread(lots)
                expected = (2 + sum(counts)) / (1 + len(counts))
                belief = Belief(mu=0.0, sigma=spread.sigma, tau=spread.tau, bidders=expected, own_value=OWN)
                ours = _regret(advise_reserve(belief).best.reserve, SIGMA, tau, bidders)
                found.append(Regret(tau, bidders, ours, 0.0))
    return found


def _past(rng: np.random.Generator, tau: float, bidders: float) -> tuple[list[tuple[float, ...]], list[int]]:
    lots: list[tuple[float, ...]] = []
    counts = []
    while len(lots) < 30:
        n = int(rng.poisson(bidders))
        counts.append(n)
        if n < 2:
            continue
        values = np.sort(SIGMA * rng.standard_normal(n)) - tau * rng.standard_normal()
        lots.append(tuple(float(x) for x in values[:-1]))
    return lots, counts


class Chosen(NamedTuple):
    """What the advised mode loses against the best permitted one in a market."""

    loss: float


def modes(markets: int) -> list[float]:
    """T7: losses of the advised mode on random markets, measured on other random draws than the advice saw."""
    rng = np.random.default_rng(7)
    losses = []
    for market in range(markets):
        permitted = tuple(mode for mode in Mode if rng.random() < 0.8) or (Mode.ENGLISH,)
        belief = Belief(
            mu=math.log(100), sigma=float(rng.uniform(0.3, 0.9)), tau=float(rng.uniform(0.1, 0.8)),
            bidders=float(rng.uniform(0.5, 8)), dispersion=float(rng.choice([0.0, 2.0, 5.0])), own_value=float(rng.uniform(0, 60)),
        )  # fmt: skip
        situation = Situation(permitted=permitted)
        advised = advise_mode(belief, situation, seed=market, draws=8_000).advised
        truth = advise_mode(belief, situation, seed=100_000 + market, draws=20_000)
        nets = {one.mode: one.net for one in truth.outcomes}
        best = max(nets.values())
        losses.append(1 - nets[advised] / best if best > 0 else 0.0)
    return losses


def shares(values: list[float] | Array, at_most: float) -> float:
    """Return the share of values that are at most a bound."""
    return float(np.mean(np.asarray(values) <= at_most))
