"""What each clearing rule says, said again as naively as possible: whole searches and single steps, fit for small cases only.

Used against random cases beside this file, and by the watcher of the simulated market (tests/simulation/witness.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.clearing.lottery import ticket
from engine.rules.auction.clearing.multi_unit import Pricing, UnitBid
from engine.rules.auction.clearing.packages import PackageBid
from engine.rules.auction.clearing.priority import Exercise
from engine.rules.auction.clearing.sealed import SealedBid
from engine.rules.auction.clearing.weighted import Criterion


def highest(bids: Sequence[SealedBid], least: int, draw: bytes | None) -> SealedBid | None:
    """Walk once and keep the best so far; equal bids: the earlier, or the smaller ticket of `draw`."""
    best: SealedBid | None = None
    for bid in sorted(bids, key=lambda one: one.seq):
        if bid.amount < least:
            continue
        if best is None or bid.amount > best.amount or (bid.amount == best.amount and _drawn(bid, best, draw)):
            best = bid
    return best


def lowest(bids: Sequence[SealedBid], draw: bytes | None) -> SealedBid | None:
    """The same downwards."""
    best: SealedBid | None = None
    for bid in sorted(bids, key=lambda one: one.seq):
        if best is None or bid.amount < best.amount or (bid.amount == best.amount and _drawn(bid, best, draw)):
            best = bid
    return best


def _drawn(bid: SealedBid, best: SealedBid, draw: bytes | None) -> bool:
    return draw is not None and ticket(draw, bid.code) < ticket(draw, best.code)


def second_price(bids: Sequence[SealedBid], winner: SealedBid, least: int) -> int:
    """The highest of all other bids and the reserve."""
    return max([least, *(bid.amount for bid in bids if bid is not winner)])


def units(bids: Sequence[UnitBid], many: int, least: int) -> dict[int, int]:
    """Units by the bid's `seq`: price level after price level, each shared by trying every way to share it."""
    won: dict[int, int] = {}
    left = many
    for price in sorted({bid.amount for bid in bids if bid.amount >= least}, reverse=True):
        level = sorted((bid for bid in bids if bid.amount == price), key=lambda one: one.seq)
        shares = _level(level, left)
        left -= sum(shares.values())
        won |= {seq: share for seq, share in shares.items() if share}
    return won


def _level(level: list[UnitBid], left: int) -> dict[int, int]:
    asked = sum(bid.quantity for bid in level)
    if asked <= left:
        return {bid.seq: bid.quantity for bid in level}
    fair = [Fraction(bid.quantity * left, asked) for bid in level]

    def distance(shares: tuple[int, ...]) -> tuple[Fraction, tuple[int, ...]]:
        apart = sum(((share - ideal) ** 2 for share, ideal in zip(shares, fair, strict=True)), Fraction(0))
        return apart, tuple(-share for share in shares)  # as near to proportion as whole units allow, the earlier first

    ways = itertools.product(*(range(bid.quantity + 1) for bid in level))
    best = min((way for way in ways if sum(way) == left), key=distance)
    short = [bid for bid, share in zip(level, best, strict=True) if share < bid.quantity and not bid.partly]
    if short:
        return _level([bid for bid in level if bid is not short[-1]], left)
    return {bid.seq: share for bid, share in zip(level, best, strict=True)}


def unit_price(bids: Sequence[UnitBid], won: Mapping[int, int], bid: UnitBid, least: int, pricing: Pricing) -> int:
    """What the winner of `bid` pays for each unit."""
    if pricing is Pricing.PAY_AS_BID:
        return bid.amount
    lowest_won = min(one.amount for one in bids if won.get(one.seq))
    if pricing is Pricing.LOWEST_ACCEPTED:
        return lowest_won
    refused = [one.amount for one in bids if one.amount >= least and won.get(one.seq, 0) < one.quantity]
    return min(lowest_won, max(refused, default=least))


def packages(bids: Sequence[PackageBid], reserves: Mapping[str, int]) -> tuple[int, set[int]]:
    """Worth and `seq` of the best combination, of all combinations."""
    best, winners = (0, 0), set[int]()
    allowed = [bid for bid in bids if bid.amount >= sum(reserves.get(lot, 0) for lot in bid.lots)]
    for size in range(len(allowed) + 1):
        for some in itertools.combinations(allowed, size):
            taken = [lot for bid in some for lot in bid.lots]
            groups = [(bid.code, bid.group) for bid in some if bid.group]
            if len(taken) > len(set(taken)) or len(groups) > len(set(groups)):
                continue
            value = (sum(bid.amount for bid in some), -sum(1 << bid.seq for bid in some))
            if value > best:
                best, winners = value, {bid.seq for bid in some}
    return best[0], winners


def weighted(
    bids: Sequence[SealedBid],
    price_weight: int,
    criteria: Sequence[Criterion],
    scores: Mapping[str, Mapping[str, Sequence[int]]],
    least: int,
) -> list[str]:
    """Codes best first, by the published formula in exact fractions cut to a millionth of a point."""
    counting = [bid for bid in bids if bid.amount >= least]
    top = max((bid.amount for bid in counting), default=0)

    def total(bid: SealedBid) -> Fraction:
        points = Fraction(price_weight * bid.amount, top)
        for criterion in criteria:
            given = sorted(scores[bid.code][criterion.name])
            given = given[1:-1] if len(given) >= 5 else given
            points += Fraction(criterion.weight * sum(given), 100 * len(given))
        return points

    def key(bid: SealedBid) -> tuple[int, int, int]:
        return -int(total(bid) * 1_000_000), -bid.amount, bid.seq

    return [bid.code for bid in sorted(counting, key=key)]


def ticking(clock: Clock, ran_us: int) -> int | None:
    """The price after so much running time, one interval after another; None once the floor has stood."""
    price, ran_us = clock.start, max(0, ran_us)
    while ran_us >= clock.step_us:
        if price == clock.floor:
            return None
        price, ran_us = max(clock.floor, price - clock.step), ran_us - clock.step_us  # type: ignore[assignment]
    return price


def hybrid(taker: str, mark: int, step: int, sealed: Sequence[SealedBid], best_bid: int | None) -> tuple[str, int]:
    """Who wins at what: the rule read aloud."""
    valid = [bid for bid in sealed if bid.amount >= mark + step]
    if not valid:
        return taker, mark
    top = max(bid.amount for bid in valid)
    if best_bid is not None and best_bid >= top + step:
        return taker, best_bid
    return min((bid for bid in valid if bid.amount == top), key=lambda bid: bid.seq).code, top


def priority(exercises: Sequence[Exercise], price: int, draw: bytes | None) -> str | None:
    """Who of the holders buys: one rank is asked after another; of one rank the earlier, or by lot."""
    for rank in sorted({one.rank for one in exercises}):
        said = [one for one in sorted(exercises, key=lambda one: one.seq) if one.rank == rank and one.price == price]
        if said and draw is not None:
            return min((one.code for one in said), key=lambda code: ticket(draw, code))
        if said:
            return said[0].code
    return None
