"""Proxy (maximum) bids: who leads and at what price, as on the best-known consumer auction site.

The price is the second-highest maximum plus one increment, capped by the winner's maximum; equal maxima go to the earlier one;
a maximum at or above the reserve lifts the price to the reserve; nobody bids against himself. An open bid is a maximum equal to
its amount whose whole amount shows.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.auction.increments import increment_at, minimum_bid
from engine.rules.auction.state import LotState
from engine.values import Amount

NOTHING: Final = Amount(0)


class Standing(Struct, frozen=True, gc=False):
    """The outcome of a challenge: the new price, and whether the old leader's maximum answered it."""

    price: Amount
    automatic: bool


def ceiling_of(amount: Amount | None, maximum: Amount | None) -> Amount:
    """Return the most that a bid authorises: its maximum, or its open amount."""
    if maximum is None or (amount is not None and amount > maximum):
        return amount or NOTHING
    return maximum


def challenge(state: LotState, amount: Amount | None, maximum: Amount | None) -> Standing:
    """Judge a valid bid by somebody who does not lead.

    `ceiling` is at least `minimum_bid(state)`. The price always rises.
    """
    ceiling = ceiling_of(amount, maximum)
    held = state.leader_maximum
    if held is None:
        return Standing(_lifted(state, ceiling, max(amount or NOTHING, minimum_bid(state))), automatic=False)
    increment = state.terms.increment
    if ceiling <= held:
        answer = held if ceiling == held else min(held, ceiling + increment_at(increment, ceiling))
        return Standing(Amount(answer), automatic=True)
    price = Amount(held + increment_at(increment, held))
    if ceiling < price:
        price = ceiling
    if amount is not None and amount > price:
        price = amount
    return Standing(_lifted(state, ceiling, price), automatic=False)


def price_after_raise(state: LotState, maximum: Amount) -> Amount:
    """Return the price after the leader raised his maximum: a price capped by the old one rises to the full increment,
    a secret reserve now covered becomes the price; otherwise nothing changes.
    """
    assert state.price is not None
    price = state.price
    rival = state.runner_up_maximum
    if rival is not None:
        price = Amount(max(price, min(maximum, rival + increment_at(state.terms.increment, rival))))
    return _lifted(state, maximum, price)


def _lifted(state: LotState, ceiling: Amount, price: Amount) -> Amount:
    reserve = state.terms.reserve
    if reserve is not None and ceiling >= reserve.amount:
        return Amount(max(price, reserve.amount))
    return price
