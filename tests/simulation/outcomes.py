"""What a session of another format must come to, by the naive oracles: before any right of priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.rules.auction.clearing.multi_unit import UnitBid
from engine.rules.auction.clearing.packages import PackageBid
from engine.rules.auction.clearing.sealed import SealedBid, Tie
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import LotState
from engine.values import Amount
from tests.engine.rules.clearing import oracles
from tests.simulation import formats

if TYPE_CHECKING:
    from tests.simulation.witness import Seen


class Sale(NamedTuple):
    """One buyer."""

    code: str
    price: int


class NoSale(NamedTuple):
    """Nobody buys."""

    reason: str


class Allotted(NamedTuple):
    """Several buyers: (code, lots, quantity, price), sorted."""

    shares: tuple[tuple[str, tuple[str, ...], int, int], ...]


Result = Sale | NoSale | Allotted


def outcome_of(seen: Seen, state: LotState) -> Result:
    """Return what the bids alone come to."""
    assert state.play is not None
    out = {state.codes[party] for party in seen.excluded if party in state.codes}
    least = max(state.terms.start_price, 0 if state.terms.reserve is None else state.terms.reserve.amount)
    sealed = [
        SealedBid(code=code, seq=bid["seq"], amount=Amount(int(bid["amount"])))
        for code, bid in seen.bids.items()
        if code not in out
    ]
    match state.play.terms.format:
        case ft.Ascending():
            return _ascending(seen, state)
        case ft.Falling(units=units):
            return _falling(seen, state, units)
        case ft.Sealed() as kind:
            return _sealed(seen, sealed, kind, least)
        case ft.Hybrid():
            return _hybrid(seen, state, sealed)
        case ft.Weighted() as weights:
            return _weighted(seen, sealed, weights, least)
        case ft.Units() as several:
            return _units(seen, out, several, least)
        case ft.Packages() as packages:
            return _packages(seen, out, packages)


def _nothing(seen: Seen) -> NoSale:
    return NoSale("reserve_not_met" if seen.bids else "no_bid")


def _ascending(seen: Seen, state: LotState) -> Result:
    """Who leads at what price is watched bid by bid; here only whether that is enough."""
    if state.leader is None or state.price is None:
        return NoSale("no_bid")
    if state.leader in seen.excluded:
        return NoSale("excluded")
    reserve = state.terms.reserve
    enough = reserve is None or state.price >= reserve.amount
    return Sale(state.codes[state.leader], state.price) if enough else NoSale("reserve_not_met")


def _falling(seen: Seen, state: LotState, units: int) -> Result:
    takings = [one for one in seen.takings if one.bidder_id not in seen.excluded]
    if not takings:
        return NoSale("excluded" if seen.takings else "no_bid")
    if units == 1:
        return Sale(takings[0].code, takings[0].price)
    return Allotted(tuple(sorted((one.code, (), one.quantity, int(one.price)) for one in takings)))


def _sealed(seen: Seen, bids: list[SealedBid], kind: ft.Sealed, least: int) -> Result:
    draw = bytes.fromhex(seen.commitment) if kind.tie is Tie.LOT and seen.commitment else None
    if kind.pricing is ft.SealedPricing.LOWEST:
        fair = [
            bid
            for bid in bids
            if bid.code not in seen.refused
            and (kind.ceiling is None or bid.amount <= kind.ceiling)
            and (kind.floor is None or bid.amount >= kind.floor)
        ]
        best = oracles.lowest(fair, draw)
    else:
        best = oracles.highest(bids, least, draw)
    if best is None:
        return _nothing(seen)
    second = kind.pricing is ft.SealedPricing.SECOND
    return Sale(best.code, oracles.second_price(bids, best, least) if second else best.amount)


def _hybrid(seen: Seen, state: LotState, bids: list[SealedBid]) -> Result:
    if not seen.takings:
        return NoSale("no_bid")
    taker = seen.takings[0]
    if taker.bidder_id in seen.excluded:
        return NoSale("excluded")
    return Sale(*oracles.hybrid(taker.code, taker.price, formats.STEP, bids, seen.best_bid))


def _weighted(seen: Seen, bids: list[SealedBid], kind: ft.Weighted, least: int) -> Result:
    scores = {
        bid.code: {one.name: [given[bid.code][one.name] for given in seen.scores.values()] for one in kind.criteria}
        for bid in bids
    }
    order = oracles.weighted(bids, kind.price_weight, kind.criteria, scores, least)
    prices = {bid.code: bid.amount for bid in bids}
    return Sale(order[0], prices[order[0]]) if order else _nothing(seen)


def _units(seen: Seen, out: set[str], kind: ft.Units, least: int) -> Result:
    bids = [
        UnitBid(code=code, seq=bid["seq"], amount=Amount(int(bid["amount"])), quantity=bid["quantity"], partly=bid["partly"])
        for code, bid in seen.bids.items()
        if code not in out
    ]  # fmt: skip
    won = oracles.units(bids, kind.units, least)
    shares = [
        (bid.code, (), won[bid.seq], oracles.unit_price(bids, won, bid, least, kind.pricing))
        for bid in bids
        if won.get(bid.seq)
    ]
    return Allotted(tuple(sorted(shares))) if shares else _nothing(seen)


def _packages(seen: Seen, out: set[str], kind: ft.Packages) -> Result:
    bids, number = list[PackageBid](), 0
    for code, bid in sorted(seen.bids.items(), key=lambda one: one[1]["seq"]):
        for part in bid["parts"] if code not in out else ():
            number += 1
            amount, lots = Amount(int(part["amount"])), frozenset(part["lots"])
            bids.append(PackageBid(code=code, seq=number, lots=lots, amount=amount, group=part["group"]))
    _, winners = oracles.packages(bids, {one.name: one.reserve for one in kind.lots if one.reserve is not None})
    shares = [(bid.code, tuple(sorted(bid.lots)), 1, int(bid.amount)) for bid in bids if bid.seq in winners]
    return Allotted(tuple(sorted(shares))) if shares else _nothing(seen)
