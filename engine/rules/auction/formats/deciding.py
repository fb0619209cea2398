"""Deciding in a session of another format: bids by format, stages at their deadlines, the result."""

from __future__ import annotations

from typing import assert_never

from engine.rules.auction import events as e
from engine.rules.auction.bidding import decide_bid
from engine.rules.auction.closing import next_deadline, shifted
from engine.rules.auction.commands import PlaceBid
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.falling import decide_taking
from engine.rules.auction.formats.refusing import is_reason, on_record, play_of, refuse_outsider, refuse_phase
from engine.rules.auction.formats.results import Outcome, is_challenged, mark_of, outcome_of, totals_of
from engine.rules.auction.formats.rights import (
    by_priority,
    decide_exercise,
    decide_waiver,
    exercise_in_room,
    window_after,
)
from engine.rules.auction.formats.sealing import (
    close_sealing,
    decide_envelope,
    decide_refusal,
    decide_scores,
    decide_shares,
    is_ready,
    opened,
)
from engine.rules.auction.formats.terms import Ascending, Hybrid, clock_of, takes_envelopes
from engine.rules.auction.state import Accepted, Decision, LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import DurationUs, InstantUs

EXTEND_MAX_US = DurationUs(30 * 86_400 * 1_000_000)


def decide_format(state: LotState, command: fc.FormatCommand, at_us: InstantUs) -> Decision:
    """Judge a command that belongs to a format, to rights of priority, or to the operator's hand during a session."""
    match command:
        case fc.ExcludeBidder():
            return _exclude(state, command)
        case fc.ExtendLot():
            return _extend(state, command)
    if state.play is None:
        return Rejected(Reject.WRONG_FORMAT)
    match command:
        case fc.TakePrice():
            return decide_taking(state, command, at_us)
        case fc.SubmitEnvelope():
            return decide_envelope(state, command, at_us)
        case fc.GiveScores():
            return decide_scores(state, command)
        case fc.RefuseBid():
            return decide_refusal(state, command)
        case fc.ContributeShares():
            return decide_shares(state, command)
        case fc.PlaceBestBid():
            return _best_bid(state, command, at_us)
        case fc.ExercisePriority():
            return decide_exercise(state, command, at_us)
        case fc.WaivePriority():
            return decide_waiver(state, command, at_us)
        case _:
            assert_never(command)


def decide_open_bid(state: LotState, bid: PlaceBid, at_us: InstantUs) -> Decision:
    """Judge an open bid: a bid as in every ascending session, or a holder's at equal price; other formats take none."""
    play = play_of(state)
    if not isinstance(play.terms.format, Ascending):
        outsider = refuse_outsider(state, bid.bidder_id)
        if outsider is not None:
            return Rejected(outsider)
        return on_record(state, bid.bidder_id, bid.amount, (Reject.WRONG_FORMAT, {}))
    exercised = exercise_in_room(state, bid, at_us)
    return decide_bid(state, bid, at_us) if exercised is None else Accepted(exercised)


def reach_stage_end(state: LotState, due_us: InstantUs, at_us: InstantUs) -> Decision:
    """Judge a deadline of a stage that runs, due at `due_us` and decided at `at_us`.

    A window that it opens counts from the decision: while nobody served, nobody could have used it.
    """
    play = play_of(state)
    if state.phase is Phase.CLOSED and not play.opened:
        if is_ready(state) or not play.envelopes:
            return Accepted(_opened(state, at_us))
        if not play.late and play.last_us is not None:
            return Accepted(fe.OpeningLate(last_us=play.last_us))
        return Accepted(e.LotPassed(reason=e.PassReason.NOT_OPENED, ended_at_us=due_us))
    sealed = takes_envelopes(play.terms)
    hybrid = isinstance(play.terms.format, Hybrid)
    if sealed and (state.phase is Phase.SEALING or (state.phase is Phase.OPEN and not hybrid)) and play.envelopes:
        return Accepted(close_sealing(state, due_us))
    return Accepted(_result(state, due_us, at_us))


def _opened(state: LotState, from_us: InstantUs) -> fe.BidsOpened:
    bids, broken = opened(state)
    kind = play_of(state).terms.format
    challenged = isinstance(kind, Hybrid) and is_challenged(state, bids) is not None
    closes_at_us = InstantUs(from_us + kind.best_bid_us) if challenged and isinstance(kind, Hybrid) else None
    return fe.BidsOpened(bids=bids, broken=broken, totals=totals_of(state, bids), closes_at_us=closes_at_us)


def _result(state: LotState, due_us: InstantUs, from_us: InstantUs) -> e.Event:
    outcome = outcome_of(state)
    # Who would have bought was excluded while holders were asked: they are asked again at what the others make.
    made_anew = (outcome.winner, outcome.price) != (state.leader, state.price)
    if state.phase is not Phase.PRIORITY or made_anew:
        window = window_after(state, outcome, from_us)
        if window is not None:
            return window
    return _final(state, outcome, due_us)


def _final(state: LotState, outcome: Outcome, ended_at_us: InstantUs) -> e.Event:
    if outcome.shares:
        return fe.LotAllocated(
            shares=outcome.shares, price=outcome.price, unsold=outcome.unsold, ended_at_us=ended_at_us
        )
    if outcome.winner is None or outcome.price is None:
        return e.LotPassed(reason=outcome.reason or e.PassReason.NO_BID, ended_at_us=ended_at_us)
    winner = by_priority(state, outcome.winner, outcome.price)
    return e.LotSold(winner_id=winner, code=state.codes[winner], price=outcome.price, ended_at_us=ended_at_us)


def _best_bid(state: LotState, wish: fc.PlaceBestBid, at_us: InstantUs) -> Decision:
    outsider = refuse_outsider(state, wish.bidder_id)
    if outsider is not None:
        return Rejected(outsider)
    play = play_of(state)
    refusal = refuse_phase(state, at_us, Phase.BEST_BID)
    if refusal is None and wish.bidder_id != mark_of(play)[0]:
        refusal = Reject.NOT_THE_TAKER, {}
    if refusal is None and play.best_bid is not None:
        refusal = Reject.ALREADY_SUBMITTED, {}
    least = is_challenged(state, play.bids)
    if refusal is None and least is not None and wish.amount < least:
        refusal = Reject.BID_BELOW_MINIMUM, {"minimum": str(least)}
    if refusal is not None:
        return on_record(state, wish.bidder_id, wish.amount, refusal)
    return Accepted(fe.BestBidPlaced(bidder_id=wish.bidder_id, code=state.codes[wish.bidder_id], amount=wish.amount))


def _exclude(state: LotState, command: fc.ExcludeBidder) -> Decision:
    if state.phase.is_final:
        return Rejected(Reject.ENDED)
    if command.bidder_id not in state.codes:
        return Rejected(Reject.NOT_ADMITTED)
    if command.bidder_id in state.excluded:
        return Rejected(Reject.EXCLUDED)
    if not is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    code = state.codes[command.bidder_id]
    return Accepted(fe.BidderExcluded(bidder_id=command.bidder_id, code=code, reason=command.reason))


def _extend(state: LotState, command: fc.ExtendLot) -> Decision:
    clock_runs = state.play is not None and clock_of(state.play.terms) is not None and state.phase is Phase.OPEN
    if not state.phase.is_bidding or next_deadline(state) is None or clock_runs:
        return Rejected(Reject.WRONG_PHASE)  # a falling clock is paused, not lengthened: more time would lift its price
    if not 0 < command.by_us <= EXTEND_MAX_US:
        return Rejected(Reject.NOTICE_TOO_SHORT)
    if not is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    moved = shifted(state, command.by_us)
    return Accepted(
        fe.LotExtended(
            reason=command.reason,
            by_us=command.by_us,
            free_ends_at_us=moved.free_ends_at_us,
            closes_at_us=moved.closes_at_us,
            hard_end_us=moved.hard_end_us,
        )
    )
