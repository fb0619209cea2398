"""Deciding: one command against one session. Changes nothing, reads no clock; the first code in `Reject` order is the answer.

The writer fires every deadline due at or before `at_us` (as `ReachDeadline`) before it asks for anything else decided at `at_us`.
"""

from __future__ import annotations

from msgspec.structs import astuple

from engine.rules.auction import commands as c
from engine.rules.auction import events as e
from engine.rules.auction.bidding import decide_bid
from engine.rules.auction.closing import (
    HAND_OVER_MAX_US,
    Deadlines,
    at_opening,
    at_resumption,
    capped,
    is_past,
    is_touched_by_outage,
    next_deadline,
    shifted,
)
from engine.rules.auction.codes import code_for
from engine.rules.auction.formats.deciding import decide_format, decide_open_bid, reach_stage_end
from engine.rules.auction.formats.terms import session_problems
from engine.rules.auction.state import Accepted, Decision, LotState, Phase, Rejected
from engine.rules.auction.terms import Admission, terms_problems
from engine.rules.rejections import Reject
from engine.values import InstantUs, LotId, is_lot_id

REASON_LENGTH_MAX = 500


def decide(state: LotState | None, lot_id: LotId, command: c.Command, at_us: InstantUs) -> Decision:
    """Judge one command.

    Args:
        state: The lot after its event `state.seq`; None if there is no such lot.
        lot_id: The lot that is meant.
        command: What is asked.
        at_us: Decision time; never before `state.last_at_us`.

    Returns:
        `Accepted(event)`, or `Rejected(code, data, event)` with the refusal to put on record, if any.
    """
    if state is None:
        return _begin(lot_id, command, at_us)
    assert at_us >= state.last_at_us, "a decision before the last event"
    if isinstance(command, c.PlaceBid):
        return decide_bid(state, command, at_us) if state.play is None else decide_open_bid(state, command, at_us)
    match command:
        case c.PublishLot() | c.PublishSession():
            return Rejected(Reject.LOT_EXISTS)
        case c.ReachDeadline():
            return _reach_deadline(state, command, at_us)
        case c.AdmitBidder():
            return _admit(state, command)
        case c.ShiftClosing():
            return _shift(state, command)
        case c.RecordOutage():
            return _record_outage(state, command)
        case c.PauseLot():
            return _pause(state, command)
        case c.ResumeLot():
            return _resume(state, command, at_us)
        case c.WithdrawLot():
            return _withdraw(state, command)
        case c.VoidLot():
            return _void(state, command)
        case _:
            return decide_format(state, command, at_us)


def _begin(lot_id: LotId, command: c.Command, at_us: InstantUs) -> Decision:
    if isinstance(command, (c.PublishLot, c.PublishSession)):
        return _publish(lot_id, command, at_us)
    return Rejected(Reject.NO_SUCH_LOT)


def _publish(lot_id: LotId, command: c.PublishLot | c.PublishSession, at_us: InstantUs) -> Decision:
    play = command.play if isinstance(command, c.PublishSession) else None
    problems = terms_problems(command.terms) if play is None else session_problems(command.terms, play)
    if not is_lot_id(lot_id):
        problems.append("lot_id: malformed")
    if any(not _is_text(text) for text in astuple(command.subject) if isinstance(text, str)):
        problems.append("subject: control_characters")
    if is_past(command.terms.closing, at_us):
        problems.append("closing: closes_in_the_past")
    if problems:
        return Rejected(Reject.TERMS_INVALID, {"problems": "; ".join(problems)})
    if play is not None:
        return Accepted(
            e.SessionPublished(
                terms=command.terms, play=play, subject=command.subject, seller_id=command.seller_id,
                achievement=command.achievement,
            )
        )  # fmt: skip
    published = e.LotPublished(
        terms=command.terms, subject=command.subject, seller_id=command.seller_id, achievement=command.achievement
    )
    return Accepted(published)


def _reach_deadline(state: LotState, command: c.ReachDeadline, at_us: InstantUs) -> Decision:
    if next_deadline(state) != command.due_us or command.due_us > at_us:
        return Rejected(Reject.WRONG_PHASE)
    if state.phase is Phase.SCHEDULED:
        free_ends_at_us, closes_at_us = at_opening(
            state.terms.closing,
            Deadlines(state.opens_at_us, state.free_ends_at_us, state.closes_at_us, state.hard_end_us),
        )
        return Accepted(e.LotOpened(free_ends_at_us=free_ends_at_us, closes_at_us=closes_at_us))
    if state.phase.is_halted:
        return Accepted(_resumed(state, state.halted_reason, InstantUs(max(at_us, command.due_us))))
    if state.phase is Phase.OPEN and state.free_ends_at_us is not None:
        return _end_free_period(state, state.free_ends_at_us)
    if state.play is not None:
        return reach_stage_end(state, command.due_us, at_us)
    return Accepted(_end(state, command.due_us))


def _end_free_period(state: LotState, free_ends_at_us: InstantUs) -> Decision:
    closing = state.terms.closing
    if state.leader is None and not closing.limited_if_no_free_bid:
        return Accepted(e.LotPassed(reason=e.PassReason.NO_BID, ended_at_us=free_ends_at_us))
    assert closing.limited_cycle_us is not None
    closes_at_us = capped(free_ends_at_us + closing.limited_cycle_us, state.hard_end_us)
    return Accepted(e.LimitedPeriodStarted(closes_at_us=closes_at_us))


def _end(state: LotState, ended_at_us: InstantUs) -> e.LotSold | e.LotPassed:
    if state.leader is None or state.price is None:
        return e.LotPassed(reason=e.PassReason.NO_BID, ended_at_us=ended_at_us)
    if state.leader in state.excluded:
        return e.LotPassed(reason=e.PassReason.EXCLUDED, ended_at_us=ended_at_us)
    if not state.reserve_met:
        return e.LotPassed(reason=e.PassReason.RESERVE_NOT_MET, ended_at_us=ended_at_us)
    return e.LotSold(winner_id=state.leader, code=state.codes[state.leader], price=state.price, ended_at_us=ended_at_us)


def _admit(state: LotState, command: c.AdmitBidder) -> Decision:
    if state.phase.is_final:
        return Rejected(Reject.ENDED)
    if command.bidder_id == state.seller_id:
        return Rejected(Reject.SELLER_MAY_NOT_BID)
    if command.bidder_id in state.codes:
        return Rejected(Reject.ALREADY_ADMITTED, {"code": state.codes[command.bidder_id]})
    if state.seq >= state.terms.events_max:
        return Rejected(Reject.LOT_FULL)
    if command.code is None and state.terms.admission is Admission.LISTING:
        return Rejected(Reject.NOT_ADMITTED)
    if command.code is not None and command.code in state.codes.values():
        return Rejected(Reject.ALREADY_ADMITTED, {"code": command.code})
    code = command.code or code_for(len(state.codes), state.terms.code_seed)
    return Accepted(e.BidderAdmitted(bidder_id=command.bidder_id, code=code))


def _shift(state: LotState, command: c.ShiftClosing) -> Decision:
    if state.phase.is_final or (state.closes_at_us is None and state.free_ends_at_us is None):
        return Rejected(Reject.WRONG_PHASE)
    moved = shifted(state, command.by_us)
    return Accepted(
        e.ClosingShifted(
            by_us=command.by_us,
            cause_lot_id=command.cause_lot_id,
            cause_seq=command.cause_seq,
            free_ends_at_us=moved.free_ends_at_us,
            closes_at_us=moved.closes_at_us,
            hard_end_us=moved.hard_end_us,
        )
    )


def _record_outage(state: LotState, command: c.RecordOutage) -> Decision:
    from_us = InstantUs(max(command.from_us, state.last_at_us))
    if state.phase is Phase.SCHEDULED:
        by_us = command.to_us - state.opens_at_us
        return _compensate(state, command, by_us) if by_us > 0 else Rejected(Reject.WRONG_PHASE)
    if not state.phase.is_bidding or command.to_us <= from_us or next_deadline(state) is None:
        return Rejected(Reject.WRONG_PHASE)
    length_us = command.to_us - from_us
    if command.handed_over and length_us <= HAND_OVER_MAX_US:
        return _compensate(state, command, length_us)
    if is_touched_by_outage(state, command.to_us) or length_us > state.terms.outage_shift_max_us:
        return Accepted(e.LotInterrupted(from_us=from_us, to_us=command.to_us))
    return _compensate(state, command, length_us)


def _compensate(state: LotState, command: c.RecordOutage, by_us: int) -> Decision:
    moved = shifted(state, by_us)
    return Accepted(
        e.OutageCompensated(
            from_us=command.from_us,
            to_us=command.to_us,
            opens_at_us=moved.opens_at_us,
            free_ends_at_us=moved.free_ends_at_us,
            closes_at_us=moved.closes_at_us,
            hard_end_us=moved.hard_end_us,
        )
    )


def _pause(state: LotState, command: c.PauseLot) -> Decision:
    if state.phase.is_final or state.phase.is_halted or state.phase is Phase.CLOSED:
        return Rejected(Reject.WRONG_PHASE)
    if not _is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    return Accepted(e.LotPaused(reason=command.reason, kind=command.kind))


def _resume(state: LotState, command: c.ResumeLot, at_us: InstantUs) -> Decision:
    if not state.phase.is_halted:
        return Rejected(Reject.WRONG_PHASE)
    if not _is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    earliest_us = at_us
    if state.halted_kind is c.PauseKind.FAULT:
        earliest_us = InstantUs(at_us + state.terms.resume_notice_us)
    if (command.resumes_at_us or at_us) < earliest_us:
        return Rejected(Reject.NOTICE_TOO_SHORT, {"earliest_us": earliest_us})
    if command.resumes_at_us is not None and command.resumes_at_us > at_us:
        return Accepted(e.ResumeScheduled(reason=command.reason, resumes_at_us=command.resumes_at_us))
    return Accepted(_resumed(state, command.reason, at_us))


def _resumed(state: LotState, reason: str, resumes_at_us: InstantUs) -> e.LotResumed:
    given = at_resumption(state, resumes_at_us)
    return e.LotResumed(
        reason=reason,
        opens_at_us=given.opens_at_us,
        free_ends_at_us=given.free_ends_at_us,
        closes_at_us=given.closes_at_us,
        hard_end_us=given.hard_end_us,
    )


def _withdraw(state: LotState, command: c.WithdrawLot) -> Decision:
    if state.phase is not Phase.SCHEDULED and state.halted_phase is not Phase.SCHEDULED:
        return Rejected(Reject.WRONG_PHASE)
    if not _is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    return Accepted(e.LotWithdrawn(reason=command.reason))


def _void(state: LotState, command: c.VoidLot) -> Decision:
    if state.phase.is_final:
        return Rejected(Reject.WRONG_PHASE)
    if not _is_reason(command.reason):
        return Rejected(Reject.REASON_REQUIRED)
    return Accepted(e.LotVoided(reason=command.reason))


def _is_text(text: str) -> bool:
    """Tell whether a published text has no control characters but line breaks and tabs."""
    return all(character.isprintable() or character in "\n\t\r" or ord(character) > 0x9F for character in text)


def _is_reason(text: str) -> bool:
    return len(text.strip()) > 0 and len(text) <= REASON_LENGTH_MAX
