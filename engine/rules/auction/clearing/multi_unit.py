"""Several equal units (n licence seats) to the highest bids: pay-as-bid, or one uniform price for all.

Bids are filled from the highest price down. At the price where the units run out the rest is shared in proportion to what was asked
there, whole units by largest remainder, the earlier bid first where remainders are equal. A bidder who wants all or nothing is
passed over where less than all is left for him; what he leaves is shared among the others at that price, then goes on downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby

from msgspec import Struct

from engine.values import Amount


class Pricing(StrEnum):
    """What the winners pay for a unit."""

    PAY_AS_BID = "pay_as_bid"
    """Each his own bid."""
    LOWEST_ACCEPTED = "lowest_accepted"
    """All the lowest price at which a unit was sold."""
    HIGHEST_REJECTED = "highest_rejected"
    """All the highest price at which a unit was refused, at least the reserve."""


class UnitBid(Struct, frozen=True, kw_only=True):
    """So many units at up to so much each. A bidder may have several bids at different prices."""

    code: str
    seq: int
    amount: Amount
    quantity: int
    partly: bool = True
    """Fewer units are welcome too."""


class Allocation(Struct, frozen=True, kw_only=True):
    """So many units for one bid, at a price each."""

    code: str
    seq: int
    quantity: int
    price: Amount


class UnitsCleared(Struct, frozen=True, kw_only=True):
    """The outcome. `clearing_price` is the lowest price at which a unit was sold; `rationed` says that not everybody got all there."""

    allocations: tuple[Allocation, ...]
    clearing_price: Amount | None
    sold: int
    rationed: bool


def clear_units(bids: Sequence[UnitBid], units: int, reserve: Amount | None, pricing: Pricing) -> UnitsCleared:
    """Return who gets how many units at which price.

    Args:
        bids: All bids in force; quantities are positive.
        units: How many there are.
        reserve: Least price of a unit; lower bids get nothing.
        pricing: What winners pay.
    """
    floor = reserve or Amount(0)
    standing = sorted((bid for bid in bids if bid.amount >= floor), key=lambda bid: (-bid.amount, bid.seq))
    left, won, rationed = units, dict[int, int](), False
    for _, level in groupby(standing, key=lambda bid: bid.amount):
        at_price = list(level)
        shares = _shared(at_price, left)
        rationed = rationed or (left > 0 and sum(shares.values()) < sum(bid.quantity for bid in at_price))
        left -= sum(shares.values())
        won.update(shares)
        if left == 0:
            break
    winners = [bid for bid in standing if won.get(bid.seq)]
    lowest = min((bid.amount for bid in winners), default=None)
    uniform = _uniform_price(standing, won, floor, lowest, pricing)
    return UnitsCleared(
        allocations=tuple(
            Allocation(
                code=bid.code, seq=bid.seq, quantity=won[bid.seq], price=bid.amount if uniform is None else uniform
            )
            for bid in winners
        ),
        clearing_price=lowest,
        sold=units - left,
        rationed=rationed,
    )


def _uniform_price(
    standing: Sequence[UnitBid], won: dict[int, int], floor: Amount, lowest: Amount | None, pricing: Pricing
) -> Amount | None:
    """Return the price of all, None where each pays his own."""
    if pricing is Pricing.PAY_AS_BID or lowest is None:
        return None
    if pricing is Pricing.LOWEST_ACCEPTED:
        return lowest
    # Somebody passed over because he wanted all or nothing may have bid more than a winner: no winner pays more than he bid.
    refused = [bid.amount for bid in standing if won.get(bid.seq, 0) < bid.quantity]
    return Amount(min(lowest, max(refused, default=floor)))


def _shared(bids: Sequence[UnitBid], left: int) -> dict[int, int]:
    """Return seq -> units for bids at one price, when `left` units are to be had."""
    while True:
        asked = sum(bid.quantity for bid in bids)
        if asked <= left:
            return {bid.seq: bid.quantity for bid in bids}
        shares = {bid.seq: bid.quantity * left // asked for bid in bids}
        remainders = sorted(bids, key=lambda bid: (-(bid.quantity * left % asked), bid.seq))
        for bid in remainders[: left - sum(shares.values())]:
            shares[bid.seq] += 1
        # The latest of those who want all or nothing and would get less steps back first; then it is shared again.
        short = [bid for bid in bids if not bid.partly and shares[bid.seq] < bid.quantity]
        if not short:
            return shares
        bids = [bid for bid in bids if bid is not short[-1]]
