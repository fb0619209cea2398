"""Log effects turned into money without a remainder: the bars of the waterfall add up to the price."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from pricing.lognormal import log_mean


class Contribution(Struct, frozen=True, kw_only=True):
    """What one factor did to the price."""

    factor: str
    log: float
    money: float


def contributions(base: float, effects: Mapping[str, float]) -> tuple[float, tuple[Contribution, ...]]:
    """Return the price and what each effect adds to the base; exact (worked example WE-30)."""
    price = base * math.exp(sum(effects.values()))
    weight = log_mean(base, price)
    return price, tuple(
        Contribution(factor=name, log=effect, money=effect * weight) for name, effect in effects.items()
    )


def in_fen(base_fen: int, price_fen: int, parts: tuple[Contribution, ...]) -> tuple[int, ...]:
    """Round contributions to whole fen so that they still add up to price minus base (largest remainder)."""
    total = sum(part.log for part in parts)
    if not parts:
        return ()
    exact = (
        [part.money for part in parts] if total == 0 else [(price_fen - base_fen) * part.log / total for part in parts]
    )
    floors = [math.floor(value) for value in exact]
    missing = price_fen - base_fen - sum(floors)
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for place in range(missing):
        floors[order[place % len(order)]] += 1
    return tuple(floors)
