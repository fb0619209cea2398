"""The falling price (减价, Dutch): from a start by a step at each interval down to a floor; the first to accept wins at that price.

With several units the price falls on until all are taken; each taker pays the price at which he took.
"""

from __future__ import annotations

from msgspec import Struct

from engine.values import Amount, DurationUs


class Clock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the price falls. `step_us`: how long each price stands. The floor itself stands for one interval, then the clock ends."""

    start: Amount
    step: Amount
    step_us: DurationUs
    floor: Amount


def steps_of(clock: Clock) -> int:
    """Return how many times the price falls; the last fall ends on the floor exactly."""
    return -(-(clock.start - clock.floor) // clock.step)


def price_at(clock: Clock, elapsed_us: int) -> Amount | None:
    """Return the price that stands after so much running time; None once the floor has stood its interval."""
    fallen = elapsed_us // clock.step_us
    if fallen > steps_of(clock):
        return None
    return Amount(max(clock.floor, clock.start - fallen * clock.step))


def runs_us(clock: Clock) -> DurationUs:
    """Return how long the clock runs when nobody accepts."""
    return DurationUs((steps_of(clock) + 1) * clock.step_us)
