"""Which mode of sale: every permitted one is played through on the same random markets, and the law and good sense come first.

An idealised market (private values, everybody plays well): the ranking is what it is good for, the amounts are a guide.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pricing.advice.listed import best_first_come
from pricing.advice.reserve import optimal_reserve
from pricing.advice.uncertain import Belief, advise_reserve, bidder_chances
from pricing.lognormal import LogNormal

DRAWS: Final = 8_000
WANTED_COMPETITION, SOME_COMPETITION = 0.6, 0.3
PERISHABLE_YEARS: Final = 2.0
_BIDDERS_MAX: Final = 20
SMOOTHED: Final = 100

Array = NDArray[np.float64]


class Mode(StrEnum):
    """Modes of sale as the market offers them."""

    ENGLISH = "english"
    SEALED_FIRST = "sealed_first"
    DUTCH = "dutch"
    LISTING = "listing"
    LISTING_BIDDING = "listing_bidding"
    AGREEMENT = "agreement"


DAYS: Final = {
    Mode.ENGLISH: 35, Mode.SEALED_FIRST: 35, Mode.DUTCH: 35, Mode.LISTING: 45, Mode.LISTING_BIDDING: 45, Mode.AGREEMENT: 30,
}  # fmt: skip
"""Usual days from notice to deal: versioned with the code, shown as a guide, not used in money."""


class Situation(Struct, frozen=True, kw_only=True):
    """What decides between modes besides the numbers."""

    permitted: tuple[Mode, ...] = tuple(Mode)
    complex_contract: bool = False
    single_buyer: bool = False
    ring_risk: bool = False
    remaining_years: float = 20.0


class ModeOutcome(Struct, frozen=True, kw_only=True):
    """What is expected of a mode; `behind` is what it loses against the best one, as a share."""

    mode: Mode
    net: float
    p10: float
    sold: float
    best_chance: float
    behind: float
    days: int
    asking: float


class ModeAdvice(Struct, frozen=True, kw_only=True):
    """The advised mode, why (a code of the rule that decided), and every permitted mode with its figures."""

    advised: Mode
    rule: str
    competition: float
    outcomes: tuple[ModeOutcome, ...]


def advise_mode(
    belief: Belief, situation: Situation, seed: int, draws: int = DRAWS, reserve: float | None = None
) -> ModeAdvice:
    """Play the permitted modes through with common random numbers and apply the rules that override.

    `reserve` is the best one for the belief, where it is known already.
    """
    market = _Market(belief, seed, draws, advise_reserve(belief).best.reserve if reserve is None else reserve)
    played = {mode: market.play(mode) for mode in Mode if mode in situation.permitted}
    table = np.stack([revenue for revenue, _, _ in played.values()])
    means = table.mean(axis=1)
    best = float(means.max())
    firsts = _best_chances(table)
    outcomes = tuple(
        ModeOutcome(
            mode=mode, net=float(means[row]), p10=float(np.quantile(table[row], 0.1)), sold=sold,
            best_chance=firsts[row], behind=1 - float(means[row]) / best if best > 0 else 0.0, days=DAYS[mode],
            asking=asking,
        )
        for row, (mode, (_, sold, asking)) in enumerate(played.items())
    )  # fmt: skip
    advised, rule = _decide(outcomes, market.competition, situation)
    return ModeAdvice(advised=advised, rule=rule, competition=market.competition, outcomes=outcomes)


class _Market:
    """One set of random markets, the same for every mode."""

    def __init__(self, belief: Belief, seed: int, draws: int, reserve: float) -> None:
        self.belief, self.reserve = belief, reserve
        generator = np.random.default_rng(seed)
        chances = bidder_chances(belief)[: _BIDDERS_MAX + 1]
        self.count = generator.choice(len(chances), size=draws, p=chances / chances.sum())
        self.shift = belief.tau * generator.standard_normal(draws)
        z = generator.standard_normal((draws, _BIDDERS_MAX))
        z[np.arange(_BIDDERS_MAX) >= self.count[:, None]] = -np.inf
        self.first_in_line = np.exp(belief.mu + self.shift[:, None] + belief.sigma * z)
        top = np.partition(self.first_in_line, _BIDDERS_MAX - 2, axis=1)[:, -2:]
        self.high, self.second = top[:, 1], top[:, 0]
        self.competition = float(1 - chances[:2].sum())
        self.predictive = LogNormal(belief.mu, math.hypot(belief.sigma, belief.tau))

    def play(self, mode: Mode) -> tuple[Array, float, float]:
        """Return revenue by draw, the chance of a sale, and the price that is asked."""
        match mode:
            case Mode.ENGLISH | Mode.LISTING_BIDDING:
                return self._auction(self.reserve)
            case Mode.SEALED_FIRST:
                return self._first_price(self.reserve, 0.0)
            case Mode.DUTCH:
                return self._first_price(self.reserve, 0.02 * math.exp(self.belief.mu))
            case Mode.LISTING:
                return self._first_come()
            case Mode.AGREEMENT:
                return self._agreement()

    def _auction(self, reserve: float) -> tuple[Array, float, float]:
        sold = self.high >= reserve
        revenue = np.where(sold, np.maximum(self.second, reserve), self.belief.own_value)
        return revenue, float(sold.mean()), reserve

    def _first_price(self, reserve: float, step: float) -> tuple[Array, float, float]:
        """Bid what the second value is expected to be: the mean of an English auction, with less spread.

        That is the equilibrium with private values. The expectation is taken over the markets of about the same highest value; a
        falling clock costs half a step besides.
        """
        english, share, _ = self._auction(reserve)
        sold = self.high >= reserve
        order = np.argsort(self.high[sold], kind="stable")
        paid = np.empty(len(order))
        if len(order):
            blocks = np.array_split(english[sold][order], max(1, len(order) // SMOOTHED))
            paid[order] = np.concatenate([np.full(len(block), block.mean()) for block in blocks])
        revenue = english.copy()
        revenue[sold] = np.maximum(paid - step / 2, 0.0)
        return revenue, share, reserve

    def _first_come(self) -> tuple[Array, float, float]:
        price = best_first_come(self.predictive, self.belief.bidders, self.belief.own_value).price
        sold = self.high >= price
        return np.where(sold, price, self.belief.own_value), float(sold.mean()), price

    def _agreement(self) -> tuple[Array, float, float]:
        value, own = self.first_in_line[:, 0], self.belief.own_value
        sold = value > own
        asking = optimal_reserve(self.predictive, own)
        return np.where(sold, (value + own) / 2, own), float(sold.mean()), asking


def _best_chances(table: Array, markets: int = 200) -> list[float]:
    """Return how often each mode has the greatest mean over resampled blocks of markets."""
    draws = table.shape[1] // markets * markets
    means = table[:, :draws].reshape(table.shape[0], markets, -1).mean(axis=2)
    winners = np.argmax(means, axis=0)
    return [float(np.mean(winners == row)) for row in range(table.shape[0])]


def _decide(outcomes: tuple[ModeOutcome, ...], competition: float, situation: Situation) -> tuple[Mode, str]:
    """Apply the rules in their order; a mode that the law does not permit is never advised."""

    def first(*modes: Mode) -> Mode | None:
        return next((mode for mode in modes if mode in situation.permitted), None)

    best = max(outcomes, key=lambda one: one.net)
    if situation.complex_contract and situation.single_buyer and (mode := first(Mode.AGREEMENT)):
        return mode, "complex_single_buyer"
    if situation.ring_risk and (mode := first(Mode.SEALED_FIRST)):
        return mode, "ring_risk"
    if situation.remaining_years < PERISHABLE_YEARS and (mode := first(Mode.DUTCH, Mode.ENGLISH)):
        return mode, "perishable"
    if competition >= WANTED_COMPETITION and (mode := first(Mode.ENGLISH)):
        return mode, "competition"
    if competition >= SOME_COMPETITION and (mode := first(Mode.LISTING_BIDDING)):
        return mode, "some_competition"
    return best.mode, "best_expected"
