"""Open licences (开放许可): the taker notifies in writing and pays, and is licensed (专利法 arts. 50-52; 实施细则 arts. 85-88).

The fee cap and the conflict with exclusive or sole licences are checked with the terms; a withdrawal does not touch earlier takers.
"""

from __future__ import annotations

from engine.calendar import Calendar
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import (
    TEXT_LENGTH_MAX,
    free_seat,
    holds_deal,
    is_full,
    is_reason,
    is_text,
    may_not_buy,
    no,
    off_the_market,
    ok,
)
from engine.rules.listing.deals import struck
from engine.rules.listing.state import ListingDecision, ListingPhase, ListingState
from engine.rules.listing.terms import SaleWay
from engine.rules.rejections import Reject
from engine.values import InstantUs


def notify(state: ListingState, command: c.NotifyTaking, at_us: InstantUs) -> ListingDecision:
    """The notice with proof of payment comes in."""
    gone = off_the_market(state, at_us)
    if gone is not None:
        return gone
    if state.terms.way is not SaleWay.OPEN_LICENCE:
        return no(Reject.WRONG_PHASE)
    kept = may_not_buy(state, command.buyer_id, foreign=command.foreign)
    if kept is not None:
        return kept
    waits = any(taking.open and taking.buyer_id == command.buyer_id for taking in state.takings)
    if waits or holds_deal(state, command.buyer_id):
        return no(Reject.ALREADY_REGISTERED)
    if free_seat(state) is None:
        return no(Reject.SOLD_OUT)
    if is_full(state):
        return no(Reject.LISTING_FULL)
    proof = command.payment_proof
    if not proof.strip() or len(proof) > TEXT_LENGTH_MAX or not is_text(proof):
        return no(Reject.TERMS_INVALID, problems="payment_proof: malformed")
    return ok(e.TakingNotified(taking_no=len(state.takings) + 1, buyer_id=command.buyer_id, payment_proof=proof))


def confirm(state: ListingState, command: c.ConfirmTaking, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """The fee came in, and the licence stands; or no payment was found."""
    if not 1 <= command.taking_no <= len(state.takings):
        return no(Reject.NO_SUCH_OFFER)
    taking = state.takings[command.taking_no - 1]
    if state.phase.is_final:
        return no(Reject.ENDED)
    if not taking.open:
        return no(Reject.WRONG_PHASE)
    if not command.paid:
        if not is_reason(command.reason):
            return no(Reject.REASON_REQUIRED)
        return ok(e.TakingRefused(taking_no=taking.no, reason=command.reason))
    if state.phase is ListingPhase.SUSPENDED:
        return no(Reject.PAUSED)
    if state.phase is not ListingPhase.LISTED or free_seat(state) is None:
        return no(Reject.SOLD_OUT)
    assert state.price is not None, "an open licence without a fee"
    return ok(struck(state, taking.buyer_id, state.price, e.DealWay.OPEN_LICENCE, at_us, calendar))
