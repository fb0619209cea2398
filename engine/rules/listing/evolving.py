"""Evolving: the listing after one more event. Total over events that `decide` can make; anything else is a corrupt log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.listing import events as e
from engine.rules.listing import evolving_intents as intents
from engine.rules.listing import evolving_offers as offers
from engine.rules.listing.commands import SessionOutcome
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState, OfferPhase
from engine.values import InstantUs, ListingId

P = ListingPhase
_OPEN: Final = frozenset({P.LISTED, P.DECIDING})
_REVIEWED: Final = frozenset({P.LISTED, P.DECIDING, P.SUSPENDED})
_FORM: Final = frozenset({P.SUBMITTED, P.CORRECTION})

# Which phases an event may follow. A recorded refusal follows every phase.
FOLLOWS: Final[dict[type[Any], frozenset[ListingPhase]]] = {
    e.ListingReturned: frozenset({P.SUBMITTED}),
    e.ListingResubmitted: frozenset({P.CORRECTION}),
    e.ListingRefused: _FORM,
    e.ListingPublished: frozenset({P.SUBMITTED}),
    e.PriceChanged: frozenset({P.LISTED}),
    e.ListingRevised: frozenset({P.LISTED}),
    e.ListingSuspended: _OPEN,
    e.ListingResumed: frozenset({P.SUSPENDED}),
    e.PeriodLengthened: _REVIEWED,
    e.PeriodRecounted: _OPEN,
    e.IntakeClosed: frozenset({P.LISTED}),
    e.IntentRegistered: frozenset({P.LISTED}),
    e.IntentReturned: _OPEN,
    e.IntentCorrected: _OPEN,
    e.IntentPassed: _OPEN,
    e.IntentRefused: _OPEN,
    e.IntentDisputed: _OPEN,
    e.IntentQualified: _OPEN,
    e.BuyerAdmitted: _REVIEWED,
    e.IntentWithdrawn: _REVIEWED,
    e.IntentLapsed: _OPEN,
    e.BuyerDisqualified: _REVIEWED,
    e.SessionOrdered: frozenset({P.DECIDING}),
    e.SessionRecorded: frozenset({P.BIDDING}),
    e.DealStruck: frozenset({P.LISTED, P.DECIDING, P.BIDDING}),
    e.DealSigned: frozenset({P.DEAL, P.LISTED, P.SUSPENDED}),
    e.DealDefaulted: frozenset({P.DEAL, P.LISTED, P.SUSPENDED}),
    e.TakingNotified: frozenset({P.LISTED}),
    e.TakingRefused: frozenset({P.LISTED, P.SUSPENDED, P.DEAL}),
    e.OfferMade: frozenset({P.LISTED}),
    e.OfferWithdrawn: frozenset({P.LISTED, P.SUSPENDED}),
    e.OfferRejected: frozenset({P.LISTED, P.SUSPENDED}),
    e.OfferExpired: frozenset({P.LISTED}),
    e.CounterOffered: frozenset({P.LISTED}),
    e.ListingEnded: _REVIEWED,
    e.ListingWithdrawn: frozenset({P.SUBMITTED, P.CORRECTION, P.LISTED, P.SUSPENDED, P.DECIDING}),
    e.ListingTerminated: frozenset({P.SUBMITTED, P.CORRECTION, P.LISTED, P.SUSPENDED, P.DECIDING}),
    e.ListingRefusal: frozenset(P),
}


def evolve(state: ListingState | None, listing_id: ListingId, event: e.ListingEvent, at_us: InstantUs) -> ListingState:
    """Return the state after `event`, decided at `at_us`, took the next place in the listing's sequence.

    Raises:
        IllegalTransition: the event cannot follow `state`.
    """
    if isinstance(event, e.ListingSubmitted):
        if state is not None:
            raise IllegalTransition("submitted twice")
        return _submitted(listing_id, event, at_us)
    if state is None:
        raise IllegalTransition("an event before submission")
    if state.phase not in FOLLOWS[type(event)]:
        raise IllegalTransition(f"{type(event).__name__} while {state.phase}")
    begun = replace(state, seq=state.seq + 1, last_at_us=InstantUs(max(at_us, state.last_at_us)))
    return _EVOLVE[type(event)](begun, event)


def _submitted(listing_id: ListingId, event: e.ListingSubmitted, at_us: InstantUs) -> ListingState:
    return ListingState(
        listing_id=listing_id,
        seq=1,
        last_at_us=at_us,
        phase=P.SUBMITTED,
        terms=event.terms,
        subject=event.subject,
        seller_id=event.seller_id,
        submitted_at_us=at_us,
        price=event.terms.list_price,
    )


def _returned(state: ListingState, event: e.ListingReturned) -> ListingState:
    return replace(state, phase=P.CORRECTION, reason=event.reason)


def _resubmitted(state: ListingState, event: e.ListingResubmitted) -> ListingState:
    return replace(
        state, phase=P.SUBMITTED, terms=event.terms, subject=event.subject, price=event.terms.list_price, reason=""
    )


def _published(state: ListingState, event: e.ListingPublished) -> ListingState:
    return replace(_round(state, event, 1), phase=P.LISTED, first_published_at_us=state.last_at_us, reason="")


def _price_changed(state: ListingState, event: e.PriceChanged) -> ListingState:
    # Where nothing is disclosed nothing starts again: applications and offers stand.
    begun = _round(intents.all_over(state), event, event.round_no) if event.round_no != state.round_no else state
    return replace(begun, price=event.price)


def _revised(state: ListingState, event: e.ListingRevised) -> ListingState:
    over = offers.all_over(intents.all_over(state), OfferPhase.DISPLACED)
    begun = _round(over, event, event.round_no)
    return replace(begun, terms=event.terms, subject=event.subject, price=event.terms.list_price)


def _round(
    state: ListingState, event: e.ListingPublished | e.PriceChanged | e.ListingRevised, round_no: int
) -> ListingState:
    return replace(
        state,
        round_no=round_no,
        discloses_from_us=state.last_at_us,
        discloses_until_us=event.discloses_until_us,
        decides_at_us=None,
        certain=event.certain,
        calendar_version=event.calendar_version,
        counted_from_us=state.last_at_us if event.working_days else None,
        counted_days=event.working_days,
        cycles=0,
        session_outcome=None,
    )


def _suspended(state: ListingState, event: e.ListingSuspended) -> ListingState:
    return replace(
        state,
        phase=P.SUSPENDED,
        suspended_phase=state.phase,
        suspended_at_us=state.last_at_us,
        suspended_until_us=event.until_us,
        certain=True,
        reason=event.reason,
    )


def _resumed(state: ListingState, event: e.ListingResumed) -> ListingState:
    if state.suspended_phase is None:
        raise IllegalTransition("resumed without a suspension")
    return replace(
        intents.shifted(state, event.shift_us),
        phase=state.suspended_phase,
        suspended_phase=None,
        suspended_at_us=None,
        suspended_until_us=None,
        discloses_until_us=event.discloses_until_us,
        decides_at_us=event.decides_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
        counted_from_us=event.counted_from_us,
        counted_days=event.working_days,
        reason="",
    )


def _lengthened(state: ListingState, event: e.PeriodLengthened) -> ListingState:
    moved = replace(
        state,
        discloses_until_us=event.discloses_until_us,
        decides_at_us=event.decides_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
        counted_from_us=event.counted_from_us,
        counted_days=event.working_days,
        cycles=event.cycle,
    )
    if event.cause is e.LengthenCause.NO_BUYER:
        return replace(moved, phase=P.LISTED, session_outcome=None)
    if event.due_not_before_us is None:
        return moved
    if moved.suspended_until_us is not None:
        moved = replace(moved, suspended_until_us=max(moved.suspended_until_us, event.due_not_before_us))
    return intents.due_not_before(moved, event.due_not_before_us)


def _recounted(state: ListingState, event: e.PeriodRecounted) -> ListingState:
    return replace(
        state,
        discloses_until_us=event.discloses_until_us,
        decides_at_us=event.decides_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
    )


def _intake_closed(state: ListingState, event: e.IntakeClosed) -> ListingState:
    return replace(
        intents.due_not_after(state, event.decides_at_us),
        phase=P.DECIDING,
        decides_at_us=event.decides_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
        counted_from_us=event.counted_from_us,
        counted_days=event.working_days,
    )


def _session_ordered(state: ListingState, event: e.SessionOrdered) -> ListingState:
    return replace(
        state,
        phase=P.BIDDING,
        certain=True,
        lot_id=event.lot_id,
        session_opens_at_us=event.opens_at_us,
        session_start_price=event.start_price,
        sessions=state.sessions + 1,
        session_outcome=None,
    )


def _session_recorded(state: ListingState, event: e.SessionRecorded) -> ListingState:
    recorded = replace(state, session_outcome=event.outcome, session_winner=event.winner_id, session_price=event.price)
    match event.outcome:
        case SessionOutcome.SOLD:
            return recorded
        case SessionOutcome.PASSED:
            return replace(intents.all_over(recorded), phase=P.DECIDING)
        case SessionOutcome.VOIDED:
            return replace(
                recorded,
                phase=P.SUSPENDED,
                suspended_phase=P.DECIDING,
                suspended_at_us=state.last_at_us,
                suspended_until_us=InstantUs(state.last_at_us + state.terms.suspension_max_us),
                reason="",
            )


def _ended(state: ListingState, event: e.ListingEnded) -> ListingState:
    return replace(_closed(state, P.ENDED), end_reason=event.reason)


def _withdrawn(state: ListingState, event: e.ListingWithdrawn) -> ListingState:
    return replace(_closed(state, P.WITHDRAWN), reason=event.reason)


def _terminated(state: ListingState, event: e.ListingTerminated) -> ListingState:
    return replace(_closed(state, P.TERMINATED), reason=event.reason)


def _refused(state: ListingState, event: e.ListingRefused) -> ListingState:
    return replace(state, phase=P.REFUSED, reason=event.reason)


def _closed(state: ListingState, final: ListingPhase) -> ListingState:
    """Close to buyers for good. Deals that await signing go on: what was sold stays sold."""
    over = offers.all_over(intents.all_over(state), OfferPhase.EXPIRED)
    over = replace(
        offers.takings_over(over), suspended_phase=None, suspended_at_us=None, suspended_until_us=None, certain=True
    )
    if offers.has_open_deal(over):
        return replace(over, phase=P.DEAL, ending=final)
    return replace(over, phase=final)


def _unchanged(state: ListingState, _event: e.ListingRefusal) -> ListingState:
    return state


_EVOLVE: Final[dict[type[Any], Callable[[ListingState, Any], ListingState]]] = {
    e.ListingReturned: _returned,
    e.ListingResubmitted: _resubmitted,
    e.ListingRefused: _refused,
    e.ListingPublished: _published,
    e.PriceChanged: _price_changed,
    e.ListingRevised: _revised,
    e.ListingSuspended: _suspended,
    e.ListingResumed: _resumed,
    e.PeriodLengthened: _lengthened,
    e.PeriodRecounted: _recounted,
    e.IntakeClosed: _intake_closed,
    e.IntentRegistered: intents.registered,
    e.IntentReturned: intents.phase_with_reason(IntentPhase.CORRECTION),
    e.IntentCorrected: intents.corrected,
    e.IntentPassed: intents.passed,
    e.IntentRefused: intents.phase_with_reason(IntentPhase.REFUSED),
    e.IntentDisputed: intents.phase_with_reason(IntentPhase.DISPUTED),
    e.IntentQualified: intents.qualified,
    e.BuyerAdmitted: intents.admitted,
    e.IntentWithdrawn: intents.withdrawn,
    e.IntentLapsed: intents.lapsed,
    e.BuyerDisqualified: intents.phase_with_reason(IntentPhase.DISQUALIFIED),
    e.SessionOrdered: _session_ordered,
    e.SessionRecorded: _session_recorded,
    e.DealStruck: offers.struck,
    e.DealSigned: offers.signed,
    e.DealDefaulted: offers.defaulted,
    e.TakingNotified: offers.notified,
    e.TakingRefused: offers.taking_refused,
    e.OfferMade: offers.made,
    e.OfferWithdrawn: offers.offer_phase(OfferPhase.WITHDRAWN),
    e.OfferRejected: offers.offer_phase(OfferPhase.REJECTED),
    e.OfferExpired: offers.offer_phase(OfferPhase.EXPIRED),
    e.CounterOffered: offers.countered,
    e.ListingEnded: _ended,
    e.ListingWithdrawn: _withdrawn,
    e.ListingTerminated: _terminated,
    e.ListingRefusal: _unchanged,
}
