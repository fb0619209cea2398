"""Simulated bidders: simple on purpose, and the page says what they do.

Values are independent and lognormal. Who pays his own sealed bid bids (n-1)/n of his value, in a procurement (n+1)/n of his cost;
else he bids his value. A falling price is taken as soon as it is worth it; an open price is outbid up to the value. In a hybrid sale
the others seal their value, and the taker answers while it is worth it. Plans score around 75. Of several lots a bidder values each
by itself and the whole a tenth more than its parts. Nobody exercises a right of priority.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from msgspec import Struct

from engine.replay.formats import envelope_of
from engine.replay.stage import Stage, party
from engine.rules.auction import commands as c
from engine.rules.auction.clearing.descending import Clock, price_at, steps_of
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.commands import GiveScores, PlaceBestBid, SubmitEnvelope, TakePrice
from engine.rules.auction.formats.results import is_challenged
from engine.rules.auction.formats.sealing import Part, closed_codes
from engine.rules.auction.increments import minimum_bid
from engine.rules.auction.state import Phase
from engine.values import Amount

BIDS_MAX: Final = 2_000
"""Of one open session; beyond it the steps are too small to rehearse."""
PLAN_MEAN: Final = 75
PLAN_DEVIATION: Final = 10
ASSESSOR_DEVIATION: Final = 3
WHOLE_PERCENT: Final = 110
"""What all lots together are worth to a bidder, of the sum of his values for each."""


Bid = tuple[int, tuple[Part, ...]]
"""A sealed bid: amount (0: none), and its parts in a sale of several lots."""


class Crowd(Struct, frozen=True, kw_only=True):
    """Who bids: so many, with values around `middle` fen; `spread` is the standard deviation of their logarithm."""

    bidders: int
    middle: int
    spread: float
    seed: int

    def values(self, draw: Random, middle: int | None = None) -> list[int]:
        """Draw what the thing is worth to each bidder, in fen."""
        around = self.middle if middle is None else middle
        return [max(1, round(around * math.exp(draw.gauss(0.0, self.spread)))) for _ in range(self.bidders)]


def act(stage: Stage, crowd: Crowd, draw: Random) -> None:
    """Let the crowd and those who open do what they do in a session of this format."""
    match stage.play.format:
        case ft.Falling(clock=clock):
            _take(stage, clock, crowd.values(draw))
        case ft.Ascending():
            _outbid(stage, crowd.values(draw))
        case ft.Hybrid() as kind:
            _hybrid(stage, kind, crowd.values(draw))
        case ft.Weighted() as kind:
            _seal(stage, [(_less(value, crowd.bidders), ()) for value in crowd.values(draw)])
            _score(stage, kind, draw)
            stage.open()
        case ft.Packages() as kind:
            _seal(stage, _package_bids(kind, crowd, draw))
            stage.open()
        case kind:
            _seal(stage, [(_sealed_bid(kind, value, crowd.bidders), ()) for value in crowd.values(draw)])
            stage.open()


def _sealed_bid(kind: ft.Sealed | ft.Units, value: int, bidders: int) -> int:
    if isinstance(kind, ft.Sealed) and kind.pricing is ft.SealedPricing.LOWEST:
        asked = value * (bidders + 1) // bidders
        if kind.ceiling is not None and value <= kind.ceiling:
            asked = min(asked, kind.ceiling)  # a little is better than nothing
        return max(asked, kind.floor or 0)
    own = kind.pricing in (ft.SealedPricing.FIRST, Pricing.PAY_AS_BID)
    return _less(value, bidders) if own else value


def _less(value: int, bidders: int) -> int:
    return max(1, value * (bidders - 1) // bidders) if bidders > 1 else value


def _take(stage: Stage, clock: Clock, values: list[int]) -> None:
    for number, value in sorted(enumerate(values), key=lambda one: -one[1]):
        if value < clock.floor:
            break
        falls = min(steps_of(clock), max(0, -(-(clock.start - value) // clock.step)))
        price = price_at(clock, falls * clock.step_us)
        assert price is not None, "the clock runs through all its steps"
        at_us = stage.opens_at_us + falls * clock.step_us
        stage.send(TakePrice(bidder_id=party(number), shown=price), at_us)
        if stage.state.phase is not Phase.OPEN:
            break


def _hybrid(stage: Stage, kind: ft.Hybrid, values: list[int]) -> None:
    _take(stage, kind.clock, values)
    play = stage.state.play
    if play is None or not play.takings:
        return
    taker, price = play.takings[0].bidder_id, play.takings[0].price
    others: list[Bid] = [
        (value if party(number) != taker and value > price else 0, ()) for number, value in enumerate(values)
    ]
    _seal(stage, others)
    stage.open()
    state = stage.state
    if state.phase is Phase.BEST_BID and state.play is not None:
        least = is_challenged(state, state.play.bids)
        worth = next(value for number, value in enumerate(values) if party(number) == taker)
        if least is not None and least <= worth:
            stage.send(PlaceBestBid(bidder_id=taker, amount=least), state.last_at_us)


def _outbid(stage: Stage, values: list[int]) -> None:
    at_us, silent = int(stage.opens_at_us), 0
    stage.reach(at_us)
    for bid in range(BIDS_MAX):
        number = bid % len(values)
        state = stage.state
        silent += 1
        if silent > len(values) or not state.phase.is_bidding:
            break
        minimum = minimum_bid(state)
        if state.leader != party(number) and minimum <= values[number]:
            stage.send(c.PlaceBid(bidder_id=party(number), amount=Amount(minimum)), at_us)
            at_us, silent = at_us + 1_000, 0


def _package_bids(kind: ft.Packages, crowd: Crowd, draw: Random) -> list[Bid]:
    each = crowd.middle // len(kind.lots)
    worth = [crowd.values(draw, each) for _ in kind.lots]
    names, bids = [one.name for one in kind.lots], []
    for number in range(crowd.bidders):
        whole = sum(values[number] for values in worth) * WHOLE_PERCENT // 100
        parts = [Part(lots=tuple(names), amount=str(_less(whole, crowd.bidders)))]
        for name, values in sorted(zip(names, worth, strict=True), key=lambda one: -one[1][number]):  # used at once
            parts.append(Part(lots=(name,), amount=str(_less(values[number], crowd.bidders))))
        bids.append((_less(whole, crowd.bidders), tuple(parts[: kind.bids_each_max])))
    return bids


def _seal(stage: Stage, bids: list[Bid]) -> None:
    """Seal a bid for each bidder (0: none), let the round end."""
    stage.reach(stage.opens_at_us)
    for number, (amount, parts) in enumerate(bids):
        if amount:
            envelope = envelope_of(stage.state, party(number), Amount(amount), 1, number, parts)
            stage.send(SubmitEnvelope(bidder_id=party(number), envelope=envelope), stage.state.last_at_us)
    closes_at_us = stage.state.closes_at_us
    assert closes_at_us is not None, "sealed rounds have a fixed end"
    stage.reach(closes_at_us)


def _score(stage: Stage, kind: ft.Weighted, draw: Random) -> None:
    """Let the assessors score every plan, all near what the plan is worth."""
    codes = closed_codes(stage.state)
    worth = {code: {one.name: draw.gauss(PLAN_MEAN, PLAN_DEVIATION) for one in kind.criteria} for code in codes}
    for assessor in kind.assessors:
        scores = {
            code: {name: _points(draw.gauss(mean, ASSESSOR_DEVIATION)) for name, mean in plan.items()}
            for code, plan in worth.items()
        }
        stage.send(GiveScores(assessor_id=assessor, scores=scores), stage.state.last_at_us)


def _points(drawn: float) -> int:
    return max(0, min(100, round(drawn)))
