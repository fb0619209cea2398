"""How much more a bid must be: the increment at a price, the minimum next bid, the integer-multiple rule.

Source: 网络司法拍卖规定 art. 20 (fixed by the organiser), tiered increments 加价幅度分组, multiples as in Huizhou's rules.
"""

from __future__ import annotations

from engine.rules.auction.state import LotState
from engine.rules.auction.terms import FixedIncrement, Increment, LadderIncrement, PercentIncrement, Terms
from engine.values import Amount, ceil_div

PPM = 1_000_000


def increment_at(increment: Increment, price: Amount) -> Amount:
    """Return the increment that applies when `price` stands; at least one minor unit."""
    if isinstance(increment, FixedIncrement):
        return increment.step
    match increment:
        case PercentIncrement(rate_ppm=rate_ppm):
            return Amount(max(1, ceil_div(price * rate_ppm, PPM)))
        case LadderIncrement(steps=steps):
            step = steps[0][1]
            for from_price, step_there in steps:
                if from_price > price:
                    break
                step = step_there
            return step


def opening_price(terms: Terms) -> Amount:
    """Return the price from which the first bid is measured: the start price, or the public reserve where that is higher."""
    if terms.reserve is not None and terms.reserve.public:
        return Amount(max(terms.start_price, terms.reserve.amount))
    return terms.start_price


def minimum_bid(state: LotState) -> Amount:
    """Return the least amount that is accepted now: price + increment, or what the first bid must reach; at least 1."""
    if state.price is not None:
        return Amount(state.price + increment_at(state.terms.increment, state.price))
    first = opening_price(state.terms)
    if not state.terms.first_bid_at_start:
        first = Amount(first + increment_at(state.terms.increment, first))
    return Amount(max(1, first))


def is_multiple(state: LotState, amount: Amount) -> bool:
    """Tell whether the excess of `amount` over the standing price is a whole multiple of the increment there."""
    standing = state.price if state.price is not None else opening_price(state.terms)
    return (amount - standing) % increment_at(state.terms.increment, standing) == 0


def jump_limit(state: LotState) -> Amount | None:
    """Return the amount above which a bid needs confirmation, None where the terms set no bound."""
    steps = state.terms.jump_confirm_steps
    if steps is None:
        return None
    least = minimum_bid(state)
    return Amount(least + steps * increment_at(state.terms.increment, least))
