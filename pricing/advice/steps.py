"""Increments, Dutch steps, start price and deposit, in whole fen: pure functions of prices."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from engine.values import ceil_div

ROUNDS: Final = 30
"""An increment is chosen so that bidding from the start to the expected price takes about so many rounds."""
LEAST_BPS, MOST_BPS = 50, 500
"""An increment is within 0.5 % and 5 % of the price."""
DUTCH_STEP_MAX_BPS: Final = 200
DUTCH_TICK_MIN_S: Final = 5
LADDER_TOP_FEN: Final = 10**13


def round_step(at_least_fen: int) -> int:
    """Return the next of 1, 2, 5 times a power of ten, not below `at_least_fen`."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= at_least_fen:
                return digit * power
        power *= 10


def increment(start_fen: int, expected_fen: int) -> int:
    """Return the increment for a start and an expected price (worked example WE-22)."""
    rate = math.log(max(expected_fen / start_fen, 1.0)) / ROUNDS
    wanted = min(
        max(math.ceil(rate * start_fen - 1e-9), ceil_div(start_fen * LEAST_BPS, 10_000)), start_fen * MOST_BPS // 10_000
    )
    return round_step(max(wanted, 1))


def ladder_step(price_fen: int) -> int:
    """Return the increment at a price: one per cent, rounded up to 1, 2, 5 times a power of ten."""
    return round_step(max(ceil_div(price_fen, 100), 1))


def ladder(from_fen: int, to_fen: int) -> tuple[tuple[int, int], ...]:
    """Return pairs of (from price, increment) that cover the range: the table that a session's terms hold."""
    steps: list[tuple[int, int]] = [(0, ladder_step(from_fen))]
    step = steps[0][1]
    while step * 100 < min(to_fen, LADDER_TOP_FEN):
        above = step * 100
        step = ladder_step(above + 1)
        steps.append((above, step))
    return tuple(steps)


class DutchTerms(Struct, frozen=True, kw_only=True):
    """Start, step, floor in fen; the clock falls every `tick_s` seconds."""

    start_fen: int
    step_fen: int
    floor_fen: int
    tick_s: int


def dutch_terms(median_fen: int, p975_fen: int, reserve_fen: int) -> DutchTerms:
    """Return terms of a falling price: from the 97.5 % quantile to the reserve, a step of 2 % of the median at most (WE-23)."""
    return DutchTerms(
        start_fen=p975_fen,
        step_fen=round_step_down(max(median_fen * DUTCH_STEP_MAX_BPS // 10_000, 1)),
        floor_fen=min(reserve_fen, p975_fen),
        tick_s=DUTCH_TICK_MIN_S,
    )


def round_step_down(at_most_fen: int) -> int:
    """Return the greatest of 1, 2, 5 times a power of ten that is not above `at_most_fen`."""
    found = 1
    power = 1
    while power <= at_most_fen:
        for digit in (1, 2, 5):
            if digit * power <= at_most_fen:
                found = digit * power
        power *= 10
    return found


def deposit(start_fen: int, price_fen: int, second_fen: int, default_chance: float) -> int:
    """Return the deposit: 5 % of the start at least, and what a default is expected to cost, in fen, rounded up."""
    expected = default_chance * max(price_fen - second_fen, 0) / (1 - default_chance)
    return max(ceil_div(start_fen * 500, 10_000), math.ceil(expected))
