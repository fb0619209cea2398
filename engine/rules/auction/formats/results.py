"""Who wins in each format, from a session whose bids are all known."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.auction.clearing.hybrid import clear_hybrid, least_best_bid
from engine.rules.auction.clearing.multi_unit import UnitBid, clear_units
from engine.rules.auction.clearing.packages import BIDS_MAX, PackageBid, clear_packages
from engine.rules.auction.clearing.sealed import Cleared, SealedBid, first_price, lowest_price, second_price
from engine.rules.auction.clearing.weighted import Total, clear_weighted
from engine.rules.auction.events import PassReason
from engine.rules.auction.formats.events import OpenedBid, Share
from engine.rules.auction.formats.play import Play
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.formats.terms import (
    Ascending,
    Falling,
    Hybrid,
    Packages,
    Sealed,
    SealedPricing,
    Units,
    Weighted,
)
from engine.rules.auction.increments import increment_at
from engine.rules.auction.state import LotState
from engine.values import Amount, PartyId


class Outcome(Struct, frozen=True, kw_only=True):
    """A winner at a price, or shares of several, or the reason why there is no sale."""

    winner: PartyId | None = None
    price: Amount | None = None
    shares: tuple[Share, ...] = ()
    unsold: tuple[str, ...] = ()
    reason: PassReason | None = None


NOTHING = Outcome(reason=PassReason.NO_BID)
TOO_LOW = Outcome(reason=PassReason.RESERVE_NOT_MET)


def outcome_of(state: LotState) -> Outcome:
    """Return the outcome before any right of priority."""
    play = play_of(state)
    match play.terms.format:
        case Ascending():
            return _ascending(state)
        case Falling(units=units):
            return _taken(state, play, units)
        case Sealed() as kind:
            return _sealed(state, play, kind)
        case Hybrid():
            return _hybrid(state, play)
        case Weighted():
            totals = totals_of(state, play.bids)  # anew: the highest may have been excluded since the opening
            best = totals[0] if totals else None
            return _won(state, play, None if best is None else best.code, None if best is None else best.amount)
        case Units() as kind:
            return _units(state, play, kind)
        case Packages() as kind:
            return _packages(state, play, kind)


def counting(state: LotState) -> list[OpenedBid]:
    """Return the opened bids of those who were not excluded."""
    out = _excluded_codes(state)
    return [bid for bid in play_of(state).bids if bid.code not in out]


def _excluded_codes(state: LotState) -> set[str]:
    return {state.codes[party] for party in state.excluded if party in state.codes}


def totals_of(state: LotState, bids: tuple[OpenedBid, ...]) -> tuple[Total, ...]:
    """Return the totals of a session with scores, best first; empty in every other format."""
    play = play_of(state)
    kind = play.terms.format
    if not isinstance(kind, Weighted):
        return ()
    out = _excluded_codes(state)
    scores = {
        bid.code: {one.name: [given[bid.code][one.name] for given in play.scores.values()] for one in kind.criteria}
        for bid in bids
    }
    one_unit = [SealedBid(code=bid.code, seq=bid.seq, amount=bid.amount) for bid in bids if bid.code not in out]
    return clear_weighted(one_unit, kind.price_weight, kind.criteria, scores, floor_of(state))


def floor_of(state: LotState) -> Amount:
    """Return the least that a bid must offer to win: the start price, or the reserve where that is higher."""
    reserve = state.terms.reserve
    return Amount(max(state.terms.start_price, 0 if reserve is None else reserve.amount))


def mark_of(play: Play) -> tuple[PartyId | None, Amount]:
    """Return who took the falling price of a hybrid sale, and at what price."""
    return (play.takings[0].bidder_id, play.takings[0].price) if play.takings else (None, Amount(0))


def is_challenged(state: LotState, bids: tuple[OpenedBid, ...]) -> Amount | None:
    """Return the least best bid of the taker, None where no sealed bid challenges him."""
    _, mark = mark_of(play_of(state))
    out = _excluded_codes(state)
    return least_best_bid(
        _one_unit([bid for bid in bids if bid.code not in out]), mark, increment_at(state.terms.increment, mark)
    )


def _ascending(state: LotState) -> Outcome:
    if state.leader is None or state.price is None:
        return NOTHING
    if state.leader in state.excluded:
        return Outcome(reason=PassReason.EXCLUDED)
    return Outcome(winner=state.leader, price=state.price) if state.reserve_met else TOO_LOW


def _taken(state: LotState, play: Play, units: int) -> Outcome:
    takings = [one for one in play.takings if one.bidder_id not in state.excluded]
    if not takings:
        return Outcome(reason=PassReason.EXCLUDED) if play.takings else NOTHING
    if units == 1:
        return Outcome(winner=takings[0].bidder_id, price=takings[0].price)
    shares = tuple(
        Share(bidder_id=one.bidder_id, code=state.codes[one.bidder_id], quantity=one.quantity, price=one.price)
        for one in takings
    )
    return Outcome(shares=shares, price=min(one.price for one in takings))


def _sealed(state: LotState, play: Play, kind: Sealed) -> Outcome:
    bids, digest = _one_unit(counting(state)), bytes.fromhex(play.commitment)
    cleared: Cleared
    match kind.pricing:
        case SealedPricing.FIRST:
            cleared = first_price(bids, floor_of(state), kind.tie, digest)
        case SealedPricing.SECOND:
            cleared = second_price(bids, floor_of(state), kind.tie, digest)
        case SealedPricing.LOWEST:
            cleared = lowest_price(
                bids, ceiling=kind.ceiling, floor=kind.floor, refused=play.refused, tie=kind.tie, digest=digest
            )
    return _won(state, play, cleared.winner, cleared.price)


def _hybrid(state: LotState, play: Play) -> Outcome:
    taker, mark = mark_of(play)
    code = None if taker is None or taker in state.excluded else state.codes[taker]
    if code is None:
        return NOTHING if taker is None else Outcome(reason=PassReason.EXCLUDED)
    step = increment_at(state.terms.increment, mark)
    cleared = clear_hybrid(code, mark, step, _one_unit(counting(state)), play.best_bid)
    return _won(state, play, cleared.winner, cleared.price)


def _units(state: LotState, play: Play, kind: Units) -> Outcome:
    bids = [
        UnitBid(code=bid.code, seq=bid.seq, amount=bid.amount, quantity=bid.quantity, partly=bid.partly)
        for bid in counting(state)
    ]
    cleared = clear_units(bids, kind.units, floor_of(state), kind.pricing)
    if not cleared.allocations:
        return TOO_LOW if play.bids else NOTHING
    parties = {code: party for party, code in state.codes.items()}
    shares = tuple(
        Share(bidder_id=parties[one.code], code=one.code, quantity=one.quantity, price=one.price)
        for one in cleared.allocations
    )
    return Outcome(shares=shares, price=cleared.clearing_price)


def _packages(state: LotState, play: Play, kind: Packages) -> Outcome:
    reserves = {one.name: one.reserve for one in kind.lots if one.reserve is not None}
    bids, number = list[PackageBid](), 0
    for bid in sorted(counting(state), key=lambda one: one.seq):
        for lots, amount, group in bid.parts:
            number += 1
            bids.append(PackageBid(code=bid.code, seq=number, lots=frozenset(lots), amount=amount, group=group))
    cleared = clear_packages([one.name for one in kind.lots], bids[:BIDS_MAX], reserves)
    if not cleared.winners:
        return TOO_LOW if play.bids else NOTHING
    parties = {code: party for party, code in state.codes.items()}
    shares = tuple(
        Share(bidder_id=parties[one.code], code=one.code, quantity=1, price=one.amount, lots=tuple(sorted(one.lots)))
        for one in cleared.winners
    )
    return Outcome(shares=shares, unsold=tuple(sorted(cleared.unsold)))


def _won(state: LotState, play: Play, code: str | None, price: Amount | None) -> Outcome:
    if code is None:
        return TOO_LOW if play.bids else NOTHING
    return Outcome(winner=next(party for party, one in state.codes.items() if one == code), price=price)


def _one_unit(bids: list[OpenedBid] | tuple[OpenedBid, ...]) -> list[SealedBid]:
    return [SealedBid(code=bid.code, seq=bid.seq, amount=bid.amount) for bid in bids]
