"""Evolving a session of another format: the state after one more of its events."""

from __future__ import annotations

from typing import Any, assert_never

from msgspec.structs import replace

from engine.rules.auction.clearing.priority import Exercise
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.play import Held, Play, Taking
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.formats.terms import Hybrid
from engine.rules.auction.state import LotState, Phase
from engine.values import InstantUs

BIDDING = frozenset({Phase.OPEN, Phase.LIMITED, Phase.SEALING, Phase.BEST_BID, Phase.PRIORITY})
FORMAT_FOLLOWS: dict[Any, frozenset[Phase]] = {
    fe.PriceTaken: frozenset({Phase.OPEN}),
    fe.EnvelopeTaken: frozenset({Phase.OPEN, Phase.SEALING}),
    fe.SealingClosed: frozenset({Phase.OPEN, Phase.SEALING}),
    fe.BidRefusedUnopened: frozenset({Phase.CLOSED}),
    fe.ScoresGiven: frozenset({Phase.CLOSED}),
    fe.SharesContributed: frozenset({Phase.CLOSED}),
    fe.OpeningLate: frozenset({Phase.CLOSED}),
    fe.BidsOpened: frozenset({Phase.CLOSED}),
    fe.BestBidPlaced: frozenset({Phase.BEST_BID}),
    fe.PriorityOpened: frozenset(
        {Phase.OPEN, Phase.LIMITED, Phase.CLOSED, Phase.SEALING, Phase.BEST_BID, Phase.PRIORITY}
    ),
    fe.PriorityExercised: frozenset({Phase.OPEN, Phase.LIMITED, Phase.PRIORITY}),
    fe.PriorityWaived: frozenset({Phase.PRIORITY}),
    fe.LotExtended: BIDDING,
    fe.LotAllocated: frozenset({Phase.OPEN, Phase.CLOSED}),
}


def evolve_format(state: LotState, event: fe.FormatEvent, seq: int, at_us: InstantUs) -> LotState:
    """Return the state after an event of a format took the place `seq`."""
    state = replace(state, seq=seq, last_at_us=at_us)
    match event:
        case fe.BidderExcluded():
            return replace(state, excluded=state.excluded | {event.bidder_id})
        case fe.LotExtended():
            return replace(
                state,
                free_ends_at_us=event.free_ends_at_us,
                closes_at_us=event.closes_at_us,
                hard_end_us=event.hard_end_us,
            )
    return _play_event(state, play_of(state), event, at_us)


def _play_event(state: LotState, play: Play, event: fe.FormatEvent, at_us: InstantUs) -> LotState:
    match event:
        case fe.PriceTaken():
            return _taken(state, play, event)
        case fe.EnvelopeTaken():
            held = Held(seq=state.seq, at_us=at_us, envelope=event.envelope, digest=event.digest)
            return _with(state, replace(play, envelopes={**play.envelopes, event.bidder_id: held}))
        case fe.BestBidPlaced():
            return _with(state, replace(play, best_bid=event.amount))
        case fe.PriorityOpened() | fe.PriorityExercised() | fe.PriorityWaived():
            return _right(state, play, event, at_us)
        case fe.LotAllocated():
            return replace(
                state,
                phase=Phase.SOLD,
                price=event.price,
                play=replace(play, allocated=event.shares),
                ended_at_us=event.ended_at_us,
            )
        case fe.BidderExcluded() | fe.LotExtended():
            raise AssertionError("handled for every session")
        case _:
            return _opening(state, play, event)


def _opening(
    state: LotState,
    play: Play,
    event: fe.SealingClosed
    | fe.BidRefusedUnopened
    | fe.ScoresGiven
    | fe.SharesContributed
    | fe.OpeningLate
    | fe.BidsOpened,
) -> LotState:
    match event:
        case fe.SealingClosed():
            closed = replace(play, commitment=event.commitment, due_us=event.due_us, last_us=event.last_us)
            return replace(state, phase=Phase.CLOSED, play=closed)
        case fe.BidRefusedUnopened():
            return _with(state, replace(play, refused={**play.refused, event.code: event.reason}))
        case fe.ScoresGiven():
            return _with(state, replace(play, scores={**play.scores, event.assessor_id: event.scores}))
        case fe.SharesContributed():
            return _with(state, replace(play, shares={**play.shares, str(event.place): event.shares}))
        case fe.OpeningLate():
            return _with(state, replace(play, late=True))
        case fe.BidsOpened():
            shown = replace(play, opened=True, bids=event.bids, broken=event.broken, totals=event.totals)
            phase = Phase.CLOSED if event.closes_at_us is None else Phase.BEST_BID
            return replace(state, phase=phase, play=shown, closes_at_us=event.closes_at_us or state.closes_at_us)
        case _:
            assert_never(event)


def _right(
    state: LotState,
    play: Play,
    event: fe.PriorityOpened | fe.PriorityExercised | fe.PriorityWaived,
    at_us: InstantUs,
) -> LotState:
    match event:
        case fe.PriorityOpened():
            leader = next(party for party, code in state.codes.items() if code == event.code)
            waived = (
                play.waived if event.price == state.price else frozenset()
            )  # no to another price is no answer to this
            return replace(
                state,
                phase=Phase.PRIORITY,
                leader=leader,
                price=event.price,
                closes_at_us=event.closes_at_us,
                play=replace(play, waived=waived),
            )
        case fe.PriorityExercised():
            return _exercised(state, play, event, at_us)
        case fe.PriorityWaived():
            return _with(state, replace(play, waived=play.waived | {event.bidder_id}))


def _taken(state: LotState, play: Play, event: fe.PriceTaken) -> LotState:
    taking = Taking(bidder_id=event.bidder_id, price=event.price, quantity=event.quantity)
    hybrid = isinstance(play.terms.format, Hybrid)
    return replace(
        state,
        phase=Phase.SEALING if hybrid else state.phase,
        leader=event.bidder_id,
        price=event.price,
        bids=state.bids + 1,
        reserve_met=True,
        closes_at_us=event.closes_at_us if hybrid else state.closes_at_us,
        play=replace(play, takings=(*play.takings, taking)),
    )


def _exercised(state: LotState, play: Play, event: fe.PriorityExercised, at_us: InstantUs) -> LotState:
    said = Exercise(code=event.code, rank=event.rank, seq=state.seq, price=event.price, at_us=at_us)
    return replace(
        state,
        closes_at_us=event.closes_at_us,
        extensions=state.extensions + event.extended,
        play=replace(play, exercises=(*play.exercises, said)),
    )


def _with(state: LotState, play: Play) -> LotState:
    return replace(state, play=play)
