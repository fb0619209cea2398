"""Rehearsing a session: its terms are run with the real rules against simulated bidders, many times, to see how outcomes spread.

What bidders are taken to do is simple and said on the page: values are independent and lognormal; who pays his own sealed bid bids
(n-1)/n of his value, else his value; a falling price is taken as soon as it is worth it; an open price is outbid up to the value.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.envelopes import public_text
from engine.replay.formats import envelope_of, officer_key, shares_of
from engine.rules.auction import commands as c
from engine.rules.auction.clearing.descending import price_at, steps_of
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.deciding import decide
from engine.rules.auction.evolving import evolve
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.commands import SubmitEnvelope, TakePrice
from engine.rules.auction.increments import minimum_bid
from engine.rules.auction.state import Accepted, LotState
from engine.rules.auction.terms import Admission
from engine.values import Amount, InstantUs, LotId, PartyId

RUNS: Final = 200
BIDDERS_MAX: Final = 50
BIDS_MAX: Final = 2_000
"""Of one open session; beyond it the steps are too small to rehearse."""
LOT: Final = LotId("rehearsal")
_DAY_US: Final = 86_400_000_000


class Crowd(Struct, frozen=True, kw_only=True):
    """Who bids: so many, with values around `middle` fen; `spread` is the standard deviation of their logarithm."""

    bidders: int
    middle: int
    spread: float
    seed: int


def can_rehearse(play: ft.SessionTerms) -> bool:
    """Tell whether bidders of this format can be simulated: of one price that follows from one value."""
    sealed = isinstance(play.format, ft.Sealed) and play.format.pricing is not ft.SealedPricing.LOWEST
    return sealed or isinstance(play.format, (ft.Falling, ft.Units, ft.Ascending))


def rehearse_once(session: c.PublishSession, crowd: Crowd, run: int) -> int | None:
    """Return what one rehearsal brings, in fen; None without a sale. The same crowd and run give the same."""
    draw = Random(f"{crowd.seed} {run}")  # noqa: S311  # made-up bidders, nothing secret
    values = [max(1, round(crowd.middle * math.exp(draw.gauss(0.0, crowd.spread)))) for _ in range(crowd.bidders)]
    stage = _Stage(session)
    for number in range(crowd.bidders):
        stage.send(c.AdmitBidder(bidder_id=_party(number)), stage.published_at_us)
    match stage.play.format:
        case ft.Falling() as kind:
            _take(stage, kind, values)
        case ft.Ascending():
            _outbid(stage, values)
        case _:
            _seal(stage, values)
    stage.end()
    return stage.proceeds()


def _party(number: int) -> PartyId:
    return PartyId(f"simulated {number}")


class _Stage:
    """One session as the writer would run it: deadlines first, then what is asked."""

    def __init__(self, session: c.PublishSession) -> None:
        play = session.play
        if play.opening is not None:
            people = [
                ft.Officer(party=PartyId(f"replay officer {place}"), key=public_text(officer_key(LOT, place)))
                for place in range(3)
            ]
            opening = replace(play.opening, officers=(people[0], people[1]), recovery=people[2])
            play = replace(play, opening=opening)
        self.play = play
        self.opens_at_us = session.terms.closing.opens_at_us
        self.published_at_us = InstantUs(self.opens_at_us - _DAY_US)
        self._state: LotState | None = None
        terms = replace(session.terms, admission=Admission.OPEN)
        self.send(replace(session, terms=terms, play=play), self.published_at_us)

    @property
    def state(self) -> LotState:
        assert self._state is not None, "the terms were found good before they are rehearsed"
        return self._state

    def send(self, command: c.Command, at_us: int) -> None:
        """Decide a command at an instant."""
        self.reach(at_us)
        self._decide(command, InstantUs(at_us))

    def reach(self, at_us: int) -> None:
        """Let time pass."""
        while self._state is not None and (due_us := next_deadline(self._state)) is not None and due_us <= at_us:
            self._decide(c.ReachDeadline(due_us=due_us), due_us)

    def end(self) -> None:
        """Let time pass until nothing more happens by itself."""
        while (due_us := next_deadline(self.state)) is not None:
            self._decide(c.ReachDeadline(due_us=due_us), due_us)

    def _decide(self, command: c.Command, at_us: InstantUs) -> None:
        decision = decide(self._state, LOT, command, at_us)
        if isinstance(decision, Accepted):
            self._state = evolve(self._state, LOT, decision.event, at_us)

    def proceeds(self) -> int | None:
        """Return what was paid for all that was sold."""
        state = self.state
        if state.play is not None and state.play.allocated:
            return sum(one.price * (1 if one.lots else one.quantity) for one in state.play.allocated)
        return None if state.winner is None else state.price


def _take(stage: _Stage, kind: ft.Falling, values: list[int]) -> None:
    clock = kind.clock
    for number, value in sorted(enumerate(values), key=lambda one: -one[1]):
        if value < clock.floor:
            break
        falls = min(steps_of(clock), max(0, -(-(clock.start - value) // clock.step)))
        price = price_at(clock, falls * clock.step_us)
        assert price is not None, "the clock runs through all its steps"
        at_us = stage.opens_at_us + falls * clock.step_us
        stage.send(TakePrice(bidder_id=_party(number), shown=price), at_us)


def _outbid(stage: _Stage, values: list[int]) -> None:
    at_us, silent = int(stage.opens_at_us), 0
    stage.reach(at_us)
    for bid in range(BIDS_MAX):
        number = bid % len(values)
        state = stage.state
        silent += 1
        if silent > len(values) or not state.phase.is_bidding:
            break
        minimum = minimum_bid(state)
        if state.leader != _party(number) and minimum <= values[number]:
            stage.send(c.PlaceBid(bidder_id=_party(number), amount=Amount(minimum)), at_us)
            at_us, silent = at_us + 1_000, 0


def _seal(stage: _Stage, values: list[int]) -> None:
    kind, count = stage.play.format, len(values)
    own = (isinstance(kind, ft.Sealed) and kind.pricing is ft.SealedPricing.FIRST) or (
        isinstance(kind, ft.Units) and kind.pricing is Pricing.PAY_AS_BID
    )
    stage.reach(stage.opens_at_us)
    for number, value in enumerate(values):
        amount = Amount(max(1, value * (count - 1) // count)) if own and count > 1 else Amount(value)
        envelope = envelope_of(stage.state, _party(number), amount, 1, number)
        stage.send(SubmitEnvelope(bidder_id=_party(number), envelope=envelope), stage.opens_at_us)
    closes_at_us = stage.state.closes_at_us
    assert closes_at_us is not None, "sealed rounds have a fixed end"
    stage.reach(closes_at_us)
    for place in (0, 1):
        stage.send(shares_of(stage.state, LOT, place), closes_at_us)
