"""Evolving: the state after one more event. Total over events that `decide` can make; anything else is a corrupt log."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from engine.rules.auction import events as e
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import PauseKind
from engine.rules.auction.formats.events import FormatEvent
from engine.rules.auction.formats.evolving import BIDDING, FORMAT_FOLLOWS, evolve_format
from engine.rules.auction.formats.play import Play
from engine.rules.auction.proxy import ceiling_of
from engine.rules.auction.state import LIMITED, OPEN, LotState, Phase
from engine.values import Amount, InstantUs, LotId

FAULT_REASON = "fault"


class IllegalTransition(Exception):
    """An event that cannot follow this state: the log is corrupt, or there is a bug. Never a user's error."""


def evolve(state: LotState | None, lot_id: LotId, event: e.Event, at_us: InstantUs) -> LotState:
    """Return the state after `event`, decided at `at_us`, took the next place in the lot's sequence.

    Raises:
        IllegalTransition: the event cannot follow `state`.
    """
    if state is not None and type(event) is e.BidAccepted and (state.phase is OPEN or state.phase is LIMITED):
        return _after_bid(state, event, state.seq + 1, at_us if at_us > state.last_at_us else state.last_at_us)
    if isinstance(event, (e.LotPublished, e.SessionPublished)):
        if state is not None:
            raise IllegalTransition("published twice")
        return _published(lot_id, event, at_us)
    if state is None:
        raise IllegalTransition("an event before publication")
    if not isinstance(event, e.BidRejected) and (state.phase.is_final or not _may_follow(state.phase, event)):
        raise IllegalTransition(f"{type(event).__name__} while {state.phase}")
    return _next(state, event, max(at_us, state.last_at_us))


def _published(lot_id: LotId, event: e.LotPublished | e.SessionPublished, at_us: InstantUs) -> LotState:
    closing = event.terms.closing
    free_us = closing.free_period_us
    return LotState(
        lot_id=lot_id,
        seq=1,
        last_at_us=at_us,
        phase=Phase.SCHEDULED,
        terms=event.terms,
        subject=event.subject,
        seller_id=event.seller_id,
        achievement=event.achievement,
        published_at_us=at_us,
        opens_at_us=closing.opens_at_us,
        free_ends_at_us=None if free_us is None else InstantUs(closing.opens_at_us + free_us),
        closes_at_us=closing.closes_at_us,
        hard_end_us=closing.hard_end_us,
        play=Play(terms=event.play) if isinstance(event, e.SessionPublished) else None,
    )


# Which phases an event may follow; absent: every phase that is not final.
FOLLOWS: dict[type[e.Event], frozenset[Phase]] = {
    e.LotWithdrawn: frozenset({Phase.SCHEDULED, Phase.PAUSED}),
    e.LotOpened: frozenset({Phase.SCHEDULED}),
    e.LimitedPeriodStarted: frozenset({Phase.OPEN}),
    e.BidAccepted: frozenset({Phase.OPEN, Phase.LIMITED}),
    e.LotPaused: frozenset({Phase.SCHEDULED, *BIDDING}),
    e.LotInterrupted: BIDDING,
    e.OutageCompensated: frozenset({Phase.SCHEDULED, *BIDDING}),
    e.ResumeScheduled: frozenset({Phase.PAUSED, Phase.INTERRUPTED}),
    e.LotResumed: frozenset({Phase.PAUSED, Phase.INTERRUPTED}),
    e.LotSold: frozenset({Phase.CLOSED, *BIDDING}),
    e.LotPassed: frozenset({Phase.CLOSED, *BIDDING}),
    **FORMAT_FOLLOWS,
}


def _may_follow(phase: Phase, event: e.Event) -> bool:
    allowed = FOLLOWS.get(type(event))
    return allowed is None or phase in allowed


def _next(state: LotState, event: e.Event, at_us: InstantUs) -> LotState:
    seq = state.seq + 1
    if isinstance(event, FormatEvent):
        return evolve_format(state, event, seq, at_us)
    match event:
        case e.BidAccepted():
            raise IllegalTransition(f"a bid while {state.phase}")
        case e.BidRejected():
            return replace(state, seq=seq, last_at_us=at_us, rejected=state.rejected + 1)
        case e.BidderAdmitted():
            return replace(state, seq=seq, last_at_us=at_us, codes={**state.codes, event.bidder_id: event.code})
        case e.LotOpened():
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                phase=Phase.OPEN,
                free_ends_at_us=event.free_ends_at_us,
                closes_at_us=event.closes_at_us,
            )
        case e.LimitedPeriodStarted():
            return replace(state, seq=seq, last_at_us=at_us, phase=Phase.LIMITED, closes_at_us=event.closes_at_us)
        case e.ClosingShifted():
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                free_ends_at_us=event.free_ends_at_us,
                closes_at_us=event.closes_at_us,
                hard_end_us=event.hard_end_us,
            )
        case e.OutageCompensated():
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                opens_at_us=event.opens_at_us,
                free_ends_at_us=event.free_ends_at_us,
                closes_at_us=event.closes_at_us,
                hard_end_us=event.hard_end_us,
            )
        case e.LotPaused() | e.LotInterrupted() | e.ResumeScheduled() | e.LotResumed():
            return _halt_or_resume(state, event, seq, at_us)
        case e.LotSold() | e.LotPassed() | e.LotVoided() | e.LotWithdrawn():
            return _ended(state, event, seq, at_us)
        case e.LotPublished() | e.SessionPublished():
            raise IllegalTransition("published twice")
        case _:
            assert_never(event)


def _after_bid(state: LotState, event: e.BidAccepted, seq: int, at_us: InstantUs) -> LotState:
    ceiling = ceiling_of(event.amount, event.maximum)
    leader, held, rival = state.leader, state.leader_maximum, state.runner_up_maximum
    if event.automatic:
        rival = Amount(max(rival or 0, ceiling))
    elif event.bidder_id != leader:
        leader, held, rival = event.bidder_id, ceiling, held
    elif event.kind is e.BidKind.LOWER_MAXIMUM:
        held = ceiling
    else:
        held = Amount(max(held or 0, ceiling))
    free_bidders = state.free_bidders
    if state.terms.closing.require_free_bid and state.phase is OPEN and event.bidder_id not in free_bidders:
        free_bidders = free_bidders | {event.bidder_id}
    reserve = state.terms.reserve
    return replace(
        state,
        seq=seq,
        last_at_us=at_us,
        leader=leader,
        price=event.price,
        leader_maximum=held,
        runner_up_maximum=rival,
        reserve_met=reserve is None or event.price >= reserve.amount,
        bids=state.bids + event.price_changed,
        extensions=state.extensions + event.extended,
        closes_at_us=event.closes_at_us,
        free_bidders=free_bidders,
    )


def _halt_or_resume(
    state: LotState,
    event: e.LotPaused | e.LotInterrupted | e.ResumeScheduled | e.LotResumed,
    seq: int,
    at_us: InstantUs,
) -> LotState:
    match event:
        case e.LotPaused():
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                phase=Phase.PAUSED,
                halted_at_us=at_us,
                halted_phase=state.phase,
                halted_kind=event.kind,
                halted_reason=event.reason,
            )
        case e.LotInterrupted():
            deadline_us = next_deadline(state)
            halted_at_us = event.from_us if deadline_us is None else min(event.from_us, deadline_us)
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                phase=Phase.INTERRUPTED,
                halted_at_us=halted_at_us,
                halted_phase=state.phase,
                halted_kind=PauseKind.FAULT,
                halted_reason=FAULT_REASON,
            )
        case e.ResumeScheduled():
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                resumes_at_us=event.resumes_at_us,
                halted_reason=event.reason,
            )
        case e.LotResumed():
            if state.halted_phase is None:
                raise IllegalTransition("resumed without a halt")
            return replace(
                state,
                seq=seq,
                last_at_us=at_us,
                phase=state.halted_phase,
                opens_at_us=event.opens_at_us,
                free_ends_at_us=event.free_ends_at_us,
                closes_at_us=event.closes_at_us,
                hard_end_us=event.hard_end_us,
                halted_at_us=None,
                halted_phase=None,
                halted_kind=None,
                halted_reason="",
                resumes_at_us=None,
            )


def _ended(
    state: LotState,
    event: e.LotSold | e.LotPassed | e.LotVoided | e.LotWithdrawn,
    seq: int,
    at_us: InstantUs,
) -> LotState:
    ended = replace(
        state,
        seq=seq,
        last_at_us=at_us,
        ended_at_us=at_us,
        resumes_at_us=None,
        halted_at_us=None,
        halted_phase=None,
        halted_kind=None,
        halted_reason="",
    )
    match event:
        case e.LotSold():
            return replace(
                ended, phase=Phase.SOLD, winner=event.winner_id, price=event.price, ended_at_us=event.ended_at_us
            )
        case e.LotPassed():
            return replace(ended, phase=Phase.PASSED, pass_reason=event.reason, ended_at_us=event.ended_at_us)
        case e.LotVoided():
            return replace(ended, phase=Phase.VOIDED, end_reason=event.reason)
        case e.LotWithdrawn():
            return replace(ended, phase=Phase.WITHDRAWN, end_reason=event.reason)
