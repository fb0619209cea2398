"""Falling price, then a sealed round, then one best bid (as in Ukraine's sales of state assets, Prozorro.Sale).

1. The price falls; the first to accept is the taker and his price is the mark. 2. Everybody else may leave one sealed bid of at least
the mark and one step. 3. The taker sees the highest sealed bid and may once bid at least one step above it. The highest of all wins;
without a sealed bid the taker wins at his mark.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.rules.auction.clearing.sealed import SealedBid
from engine.values import Amount


class HybridCleared(Struct, frozen=True, kw_only=True):
    """The outcome: `ranked` codes best first; `excluded` are sealed bids below the least that counted."""

    winner: str | None
    price: Amount | None
    ranked: tuple[str, ...]
    excluded: tuple[str, ...] = ()


def least_sealed(mark: Amount, step: Amount) -> Amount:
    """Return the least sealed bid after a mark."""
    return Amount(mark + step)


def least_best_bid(sealed: Sequence[SealedBid], mark: Amount, step: Amount) -> Amount | None:
    """Return the least best bid of the taker, None where nothing challenges his mark."""
    challengers = [bid.amount for bid in sealed if bid.amount >= least_sealed(mark, step)]
    return Amount(max(challengers) + step) if challengers else None


def clear_hybrid(
    taker: str | None, mark: Amount, step: Amount, sealed: Sequence[SealedBid], best_bid: Amount | None
) -> HybridCleared:
    """Return who wins. `best_bid`: the taker's, None if he left it; one that is too low does not count."""
    if taker is None:
        return HybridCleared(winner=None, price=None, ranked=())
    least = least_sealed(mark, step)
    counting = sorted((bid for bid in sealed if bid.amount >= least), key=lambda bid: (-bid.amount, bid.seq))
    excluded = tuple(bid.code for bid in sealed if bid.amount < least)
    needed = least_best_bid(sealed, mark, step)
    others = tuple(bid.code for bid in counting)
    if needed is None or (best_bid is not None and best_bid >= needed):
        price = mark if needed is None or best_bid is None else best_bid
        return HybridCleared(winner=taker, price=price, ranked=(taker, *others), excluded=excluded)
    return HybridCleared(winner=counting[0].code, price=counting[0].amount, ranked=(*others, taker), excluded=excluded)
