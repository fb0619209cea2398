"""Deciding: one command against one listing. Changes nothing, reads no clock; the first code in `Reject` order is the answer.

The writer fires every deadline due at or before `at_us` (as `ReachDeadline`) before it asks for anything else decided at `at_us`.
"""

from __future__ import annotations

from typing import Any, Final, assert_never

from engine.calendar import Calendar
from engine.rules.auction.terms import Admission
from engine.rules.listing import closing, deals, offers, open_licence, posted, publication, qualification
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import EVENTS_MAX, has_standing, no, ok
from engine.rules.listing.periods import made_up, recounted
from engine.rules.listing.state import ListingDecision, ListingRejected, ListingState
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, ListingId

BuyerCommand = (
    c.RegisterIntent
    | c.CorrectIntent
    | c.WithdrawIntent
    | c.TakeListing
    | c.NotifyTaking
    | c.MakeOffer
    | c.WithdrawOffer
    | c.AcceptCounter
)
_APPROACHES: Final = (c.TakeListing, c.NotifyTaking, c.MakeOffer)
"""By what a party deals with a listing that needs no admission."""


def decide(
    state: ListingState | None,
    listing_id: ListingId,
    command: c.ListingCommand,
    at_us: InstantUs,
    calendar: Calendar,
) -> ListingDecision:
    """Judge one command.

    Args:
        state: The listing after its event `state.seq`; None if there is no such listing.
        listing_id: The listing that is meant.
        command: What is asked.
        at_us: Decision time; never before `state.last_at_us`.
        calendar: The statutory days that periods are counted by.

    Returns:
        `ListingAccepted(event)`, or `ListingRejected(code, data, event)` with the refusal to put on record, if any.
    """
    if isinstance(command, c.SubmitListing):
        return publication.submit(state, listing_id, command)
    if state is None:
        return no(Reject.NO_SUCH_LISTING)
    assert at_us >= state.last_at_us, "a decision before the last event"
    if isinstance(command, BuyerCommand):
        return _on_record(state, command, _of_buyer(state, command, at_us, calendar))
    return _of_others(state, command, at_us, calendar)


def _of_buyer(state: ListingState, command: BuyerCommand, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    match command:
        case c.RegisterIntent():
            return qualification.register(state, command, at_us)
        case c.CorrectIntent():
            return qualification.correct(state, command)
        case c.WithdrawIntent():
            return qualification.step_back(state, command)
        case c.TakeListing():
            return posted.take(state, command, at_us, calendar)
        case c.NotifyTaking():
            return open_licence.notify(state, command, at_us)
        case c.MakeOffer():
            return offers.make(state, command, at_us)
        case c.WithdrawOffer():
            return offers.take_back(state, command)
        case c.AcceptCounter():
            return offers.accept_counter(state, command, at_us, calendar)
        case _:
            assert_never(command)


# One row for each command of the seller, the operator, settlement and the machine: what decides it.
_DECIDES: Final[dict[type[Any], Any]] = {
    c.ReturnListing: lambda s, x, _t, _k: publication.send_back(s, x),
    c.ResubmitListing: lambda s, x, _t, _k: publication.resubmit(s, x),
    c.RefuseListing: lambda s, x, _t, _k: publication.refuse(s, x),
    c.PublishListing: lambda s, _x, t, k: publication.publish(s, t, k),
    c.ChangePrice: publication.change_price,
    c.ReviseListing: publication.revise,
    c.SuspendListing: lambda s, x, t, _k: publication.suspend(s, x, t),
    c.ResumeListing: publication.resume,
    c.WithdrawListing: lambda s, x, _t, _k: publication.withdraw(s, x),
    c.TerminateListing: lambda s, x, _t, _k: publication.terminate(s, x),
    c.ReviewIntent: qualification.review,
    c.AnswerIntent: qualification.answer,
    c.SettleIntent: qualification.settle,
    c.ConfirmDeposit: lambda s, x, _t, _k: qualification.confirm_deposit(s, x),
    c.DisqualifyBuyer: lambda s, x, _t, _k: qualification.disqualify(s, x),
    c.ConfirmTaking: open_licence.confirm,
    c.RejectOffer: lambda s, x, _t, _k: offers.reject(s, x),
    c.CounterOffer: lambda s, x, t, _k: offers.counter(s, x, t),
    c.AcceptOffer: offers.accept,
    c.RecordSession: lambda s, x, _t, _k: closing.record_session(s, x),
    c.RecordSigning: lambda s, x, _t, _k: deals.sign(s, x),
    c.RecordDefault: lambda s, x, _t, _k: deals.default(s, x),
    c.ReachDeadline: closing.reach_deadline,
    c.RecordOutage: lambda s, x, t, k: _outage(s, x, t, k),
    c.RecountPeriod: lambda s, x, _t, k: _recount(s, x, k),
}


def _of_others(state: ListingState, command: c.ListingCommand, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    decision: ListingDecision = _DECIDES[type(command)](state, command, at_us, calendar)
    return decision


def _outage(state: ListingState, command: c.RecordOutage, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """Time in which nobody served is not a buyer's loss. An outage ends at the latest when it is recorded."""
    from_us = max(command.from_us, state.last_at_us)
    lengthened = made_up(state, calendar, from_us, min(command.to_us, at_us))
    return no(Reject.WRONG_PHASE) if lengthened is None else ok(lengthened)


def _recount(state: ListingState, command: c.RecountPeriod, calendar: Calendar) -> ListingDecision:
    counted = recounted(state, calendar) if command.calendar_version == calendar.version else None
    return no(Reject.WRONG_PHASE) if counted is None else ok(counted)


def _on_record(state: ListingState, command: BuyerCommand, decision: ListingDecision) -> ListingDecision:
    """Put the refusal of somebody who deals with this listing on record ("sold out 12 ms before" settles a dispute).

    The noise of outsiders is not: who was never admitted where admission is asked for, and what comes after the end. Being too
    late to apply is.
    """
    if not isinstance(decision, ListingRejected) or state.phase.is_final or state.seq >= EVENTS_MAX:
        return decision
    if decision.code in (Reject.NO_SUCH_LISTING, Reject.LISTING_FULL):
        return decision
    deals_openly = state.terms.admission is Admission.OPEN and isinstance(command, _APPROACHES)
    if not (deals_openly or decision.code is Reject.LATE or has_standing(state, command.buyer_id)):
        return decision
    refusal = e.ListingRefusal(
        party_id=command.buyer_id,
        command=_WORDS[type(command)],
        amount=_amount(command),
        reject=decision.code.value,
        data=decision.data,
    )
    return ListingRejected(decision.code, decision.data, refusal)


_WORDS: Final[dict[type[Any], str]] = {
    c.RegisterIntent: "register_intent",
    c.CorrectIntent: "correct_intent",
    c.WithdrawIntent: "withdraw_intent",
    c.TakeListing: "take",
    c.NotifyTaking: "notify_taking",
    c.MakeOffer: "make_offer",
    c.WithdrawOffer: "withdraw_offer",
    c.AcceptCounter: "accept_counter",
}


def _amount(command: BuyerCommand) -> Amount | None:
    match command:
        case c.TakeListing():
            return command.price
        case c.MakeOffer() | c.AcceptCounter():
            return command.amount
        case c.RegisterIntent() | c.CorrectIntent():
            return command.quote
        case _:
            return None
