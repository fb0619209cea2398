"""Sealed bids of one unit (一次报价): first price, second price, and lowest price of a procurement (揭榜).

First price: the highest bid at or above the reserve wins and pays itself. Second price (Vickrey 1961): the same bidder wins and pays the
highest of the other bids and the reserve, which counts as a bid. Lowest: the lowest bid within [floor, ceiling] that was not refused
wins and is paid itself. Equal bids: the earlier one, or by lot, as the terms say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from engine.rules.auction.clearing.lottery import drawn
from engine.values import Amount


class Tie(StrEnum):
    """How equal best bids are told apart."""

    EARLIEST = "earliest"
    LOT = "lot"


class SealedBid(Struct, frozen=True, kw_only=True):
    """An opened bid. `seq` is its place in the order of arrival; of a bidder's bids only the one in force is here."""

    code: str
    seq: int
    amount: Amount


class Excluded(StrEnum):
    """Why an opened bid does not count."""

    BELOW_RESERVE = "below_reserve"
    ABOVE_CEILING = "above_ceiling"
    BELOW_FLOOR = "below_floor"
    REFUSED = "refused"


class Cleared(Struct, frozen=True, kw_only=True):
    """The outcome. `ranked` holds the codes of the bids that count, best first; `excluded` the others with the reason."""

    winner: str | None
    price: Amount | None
    ranked: tuple[str, ...]
    excluded: dict[str, Excluded]
    tied: tuple[str, ...] = ()
    """The codes that were equal at the top, when there were several."""


def first_price(bids: Sequence[SealedBid], reserve: Amount | None, tie: Tie, digest: bytes) -> Cleared:
    """Return who wins at his own bid. `digest` decides a tie by lot."""
    return _highest(bids, reserve, tie, digest, second=False)


def second_price(bids: Sequence[SealedBid], reserve: Amount | None, tie: Tie, digest: bytes) -> Cleared:
    """Return who wins at the highest of the other bids and the reserve; a single bid without a reserve pays nothing."""
    return _highest(bids, reserve, tie, digest, second=True)


def lowest_price(
    bids: Sequence[SealedBid],
    *,
    ceiling: Amount | None,
    floor: Amount | None,
    refused: Mapping[str, str],
    tie: Tie,
    digest: bytes,
) -> Cleared:
    """Return who wins a procurement at his own bid.

    Args:
        bids: The opened bids.
        ceiling: The most that is paid; a bid of exactly this counts.
        floor: Bids below it do not count (a price at which nobody can deliver).
        refused: Codes whose bids were refused before the opening of prices, with the published reason.
        tie: How equal lowest bids are told apart.
        digest: The published commitment.
    """
    excluded: dict[str, Excluded] = {}
    counting: list[SealedBid] = []
    for bid in bids:
        if bid.code in refused:
            excluded[bid.code] = Excluded.REFUSED
        elif ceiling is not None and bid.amount > ceiling:
            excluded[bid.code] = Excluded.ABOVE_CEILING
        elif floor is not None and bid.amount < floor:
            excluded[bid.code] = Excluded.BELOW_FLOOR
        else:
            counting.append(bid)
    ranked = _in_order(counting, tie, digest, highest_first=False)
    best = ranked[0] if ranked else None
    return _cleared(ranked, excluded, None if best is None else best.amount)


def _highest(bids: Sequence[SealedBid], reserve: Amount | None, tie: Tie, digest: bytes, *, second: bool) -> Cleared:
    floor = reserve or Amount(0)
    excluded = {bid.code: Excluded.BELOW_RESERVE for bid in bids if bid.amount < floor}
    ranked = _in_order([bid for bid in bids if bid.code not in excluded], tie, digest, highest_first=True)
    if not ranked:
        return _cleared(ranked, excluded, None)
    price = ranked[0].amount
    if second:
        price = max(floor, ranked[1].amount) if len(ranked) > 1 else floor
    return _cleared(ranked, excluded, Amount(price))


def _in_order(bids: Sequence[SealedBid], tie: Tie, digest: bytes, *, highest_first: bool) -> list[SealedBid]:
    places = {code: place for place, code in enumerate(drawn(digest, (bid.code for bid in bids)))}

    def rank(bid: SealedBid) -> tuple[int, int]:
        return (-bid.amount if highest_first else bid.amount, bid.seq if tie is Tie.EARLIEST else places[bid.code])

    return sorted(bids, key=rank)


def _cleared(ranked: Sequence[SealedBid], excluded: dict[str, Excluded], price: Amount | None) -> Cleared:
    tied = [bid.code for bid in ranked if bid.amount == ranked[0].amount]
    return Cleared(
        winner=ranked[0].code if ranked else None,
        price=price,
        ranked=tuple(bid.code for bid in ranked),
        excluded=excluded,
        tied=tuple(tied) if len(tied) > 1 else (),
    )
