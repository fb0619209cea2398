"""What a listing does by itself: its next deadline, and what each deadline leads to.

A follow-up of one event (the last buyer decided, so the deal) is a deadline at the instant of that event: every fact is an event of
its own, and a crash in between changes nothing. Sources: domain.md §3.3; 2009 exchange rules arts. 20-24.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from engine.calendar import Calendar, period_end
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import admitted, live_intents, no, ok
from engine.rules.listing.deals import struck
from engine.rules.listing.periods import follows, made_up, session_opening
from engine.rules.listing.qualification import admission, qualified
from engine.rules.listing.sessions import SESSIONS_MAX, lot_of
from engine.rules.listing.state import (
    Intent,
    IntentPhase,
    ListingDecision,
    ListingPhase,
    ListingState,
    OfferPhase,
)
from engine.rules.listing.terms import SaleWay
from engine.rules.rejections import Reject
from engine.values import InstantUs


class Cause(IntEnum):
    """What falls due; of one instant the smaller comes first."""

    ADMISSION = 1
    """Qualified without a deposit to pay: admitted at once."""
    DEAL = 2
    """The session was won: the deal at once."""
    ANSWER = 3
    DEPOSIT = 4
    OFFER = 5
    COUNTER_OFFER = 6
    DECISION = 7
    """Nobody is undecided any more."""
    LATEST_DECISION = 8
    DISCLOSURE = 9
    SUSPENSION = 10
    TOO_LONG = 11


class Due(NamedTuple):
    """One thing that falls due; `number` is the application or offer."""

    at_us: InstantUs
    cause: Cause
    number: int = 0


_MADE_UP: Final = frozenset({Cause.ANSWER, Cause.DEPOSIT, Cause.LATEST_DECISION, Cause.DISCLOSURE, Cause.SUSPENSION})
"""What nobody may lose because nobody served."""


def next_deadline(state: ListingState) -> InstantUs | None:
    """Return the next instant at which the listing changes by itself, None if only people can change it."""
    due = next_due(state)
    return None if due is None else due.at_us


def next_due(state: ListingState) -> Due | None:
    """Return what falls due next, None if only people can change the listing."""
    match state.phase:
        case ListingPhase.LISTED | ListingPhase.DECIDING:
            return min(_dues(state), default=None)
        case ListingPhase.SUSPENDED if state.suspended_until_us is not None:
            return Due(state.suspended_until_us, Cause.SUSPENSION)
        case ListingPhase.BIDDING if state.session_outcome is c.SessionOutcome.SOLD:
            return Due(state.last_at_us, Cause.DEAL)
        case _:
            return None


def _dues(state: ListingState) -> list[Due]:
    found = [due for intent in state.intents if (due := _of_intent(state, intent)) is not None]
    for offer in state.offers:
        if offer.phase is OfferPhase.STANDING and offer.expires_at_us is not None:
            found.append(Due(offer.expires_at_us, Cause.OFFER, offer.no))
        elif offer.phase is OfferPhase.COUNTERED and offer.counter_expires_at_us is not None:
            found.append(Due(offer.counter_expires_at_us, Cause.COUNTER_OFFER, offer.no))
    if state.phase is ListingPhase.DECIDING:
        if not any(intent.phase.is_open for intent in state.intents):
            found.append(Due(state.last_at_us, Cause.DECISION))
        elif state.decides_at_us is not None:
            found.append(Due(state.decides_at_us, Cause.LATEST_DECISION))
        return found
    if state.discloses_until_us is not None:
        found.append(Due(state.discloses_until_us, Cause.DISCLOSURE))
    # "Without a buyer" (32号令 art. 19): who has applied to a disclosed listing in time is heard first.
    if state.first_published_at_us is not None and not (state.terms.way is SaleWay.DISCLOSED and live_intents(state)):
        limit_us = InstantUs(state.first_published_at_us + state.terms.longest_us)
        found.append(Due(max(limit_us, state.last_at_us), Cause.TOO_LONG))
    return found


def _of_intent(state: ListingState, intent: Intent) -> Due | None:
    match intent.phase:
        case IntentPhase.DEPOSIT_DUE if intent.deposit is None:
            return Due(state.last_at_us, Cause.ADMISSION, intent.no)
        case IntentPhase.DEPOSIT_DUE if intent.due_us is not None:
            return Due(intent.due_us, Cause.DEPOSIT, intent.no)
        case IntentPhase.SELLER_ASKED if intent.due_us is not None:
            return Due(intent.due_us, Cause.ANSWER, intent.no)
        case _:
            return None


def reach_deadline(
    state: ListingState, command: c.ReachDeadline, at_us: InstantUs, calendar: Calendar
) -> ListingDecision:
    """Decide what falls due. If nobody served when it did, the time is given back first."""
    due = next_due(state)
    if due is None or due.at_us != command.due_us or due.at_us > at_us:
        return no(Reject.WRONG_PHASE)
    if due.cause in _MADE_UP and at_us - due.at_us > state.terms.outage_max_us:
        lengthened = made_up(state, calendar, due.at_us, at_us)
        assert lengthened is not None, "an outage over a deadline"
        return ok(lengthened)
    return ok(_reached(state, due, at_us, calendar))


def _reached(state: ListingState, due: Due, at_us: InstantUs, calendar: Calendar) -> e.ListingEvent:
    match due.cause:
        case Cause.ADMISSION:
            return admission(state, state.intents[due.number - 1], None)
        case Cause.DEAL:
            assert state.session_winner is not None and state.session_price is not None
            return struck(state, state.session_winner, state.session_price, e.DealWay.SESSION, at_us, calendar)
        case Cause.ANSWER:
            return _silence(state, state.intents[due.number - 1], at_us, calendar)
        case Cause.DEPOSIT:
            return _lapsed(state.intents[due.number - 1])
        case Cause.OFFER | Cause.COUNTER_OFFER:
            return e.OfferExpired(offer_no=due.number, counter=due.cause is Cause.COUNTER_OFFER)
        case Cause.DECISION:
            return _decision(state, at_us, calendar)
        case Cause.LATEST_DECISION:
            return _lapsed(next(intent for intent in state.intents if intent.phase.is_open))
        case Cause.DISCLOSURE:
            return _disclosed(state, due.at_us, calendar)
        case Cause.SUSPENSION:
            return e.ListingEnded(reason=e.EndReason.SUSPENDED_TOO_LONG)
        case Cause.TOO_LONG:
            return e.ListingEnded(reason=e.EndReason.TOO_LONG)


def _silence(state: ListingState, intent: Intent, at_us: InstantUs, calendar: Calendar) -> e.ListingEvent:
    if state.terms.seller_silence_agrees:
        return qualified(state, intent, e.QualifiedBy.SILENCE, at_us, calendar)
    return e.IntentLapsed(intent_no=intent.no, buyer_id=intent.buyer_id, cause=e.LapseCause.UNDECIDED)


def _lapsed(intent: Intent) -> e.IntentLapsed:
    causes = {
        IntentPhase.DEPOSIT_DUE: e.LapseCause.DEPOSIT_UNPAID,
        IntentPhase.CORRECTION: e.LapseCause.NOT_CORRECTED,
    }
    cause = causes.get(intent.phase, e.LapseCause.UNDECIDED)
    return e.IntentLapsed(intent_no=intent.no, buyer_id=intent.buyer_id, cause=cause)


def _disclosed(state: ListingState, due_us: InstantUs, calendar: Calendar) -> e.ListingEvent:
    if not live_intents(state):
        return _nobody(state, follows(due_us), calendar)
    days = state.terms.decide_working_days
    end = period_end(calendar, follows(due_us), working_days=days)
    return e.IntakeClosed(
        decides_at_us=end.ends_at_us,
        certain=end.certain,
        calendar_version=calendar.version,
        counted_from_us=follows(due_us),
        working_days=days,
    )


def _decision(state: ListingState, at_us: InstantUs, calendar: Calendar) -> e.ListingEvent:
    """One buyer: the deal at his quote, at least the list price. Several: bidding (企业国有资产法 art. 54). None: see `_nobody`."""
    buyers = admitted(state)
    if not buyers:
        return _nobody(state, at_us, calendar)
    assert state.price is not None, "a disclosed listing without a price"
    if len(buyers) == 1 and not state.terms.always_bid:
        price = max(state.price, buyers[0].quote or state.price)
        return struck(state, buyers[0].buyer_id, price, e.DealWay.SOLE_BUYER, at_us, calendar)
    if state.sessions >= SESSIONS_MAX:
        return e.ListingEnded(reason=e.EndReason.SESSION_PASSED)
    return e.SessionOrdered(
        lot_id=lot_of(state.listing_id, state.sessions + 1),
        opens_at_us=session_opening(state.terms, calendar, at_us),
        start_price=state.price,
        bidders=tuple((buyer.buyer_id, buyer.code or "") for buyer in buyers),
    )


def _nobody(state: ListingState, from_us: InstantUs, calendar: Calendar) -> e.ListingEvent:
    """Nobody bought: another cycle if the notice announced cycles and one is left, otherwise it ends by itself."""
    extension = state.terms.extension
    if extension is None or state.cycles >= extension.cycles_max:
        passed = state.session_outcome is c.SessionOutcome.PASSED
        return e.ListingEnded(reason=e.EndReason.SESSION_PASSED if passed else e.EndReason.NO_BUYER)
    end = period_end(calendar, from_us, working_days=extension.cycle_working_days)
    return e.PeriodLengthened(
        cause=e.LengthenCause.NO_BUYER,
        cycle=state.cycles + 1,
        discloses_until_us=end.ends_at_us,
        certain=end.certain,
        calendar_version=calendar.version,
        counted_from_us=from_us,
        working_days=extension.cycle_working_days,
    )


def record_session(state: ListingState, command: c.RecordSession) -> ListingDecision:
    """The session has ended; its winner is one of the buyers who were admitted to it."""
    if state.phase is not ListingPhase.BIDDING or command.lot_id != state.lot_id or state.session_outcome is not None:
        return no(Reject.WRONG_PHASE)
    if command.outcome is not c.SessionOutcome.SOLD:
        return ok(e.SessionRecorded(lot_id=command.lot_id, outcome=command.outcome, winner_id=None, price=None))
    if all(intent.buyer_id != command.winner_id for intent in admitted(state)):
        return no(Reject.NOT_ADMITTED)
    if command.price is None:
        return no(Reject.AMOUNT_MISSING)
    if state.price is None or command.price < state.price:
        return no(Reject.BELOW_LIST_PRICE, price=str(state.price))
    return ok(
        e.SessionRecorded(
            lot_id=command.lot_id, outcome=command.outcome, winner_id=command.winner_id, price=command.price
        )
    )
