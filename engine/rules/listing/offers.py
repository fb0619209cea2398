"""Offers and counter-offers beside a posted price.

An offer binds until it is taken back, displaced, refused or expired; acceptance makes the deal (民法典 arts. 471-489). A
counter-offer is a new offer of the seller, so the buyer's own stands no more (art. 488).
"""

from __future__ import annotations

from typing import Final

from engine.calendar import Calendar
from engine.rules.auction.terms import DURATION_MAX, Admission
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import (
    REASON_LENGTH_MAX,
    free_seat,
    holds_deal,
    in_range,
    is_text,
    no,
    off_the_market,
    ok,
)
from engine.rules.listing.deals import struck
from engine.rules.listing.posted import may_buy_now
from engine.rules.listing.qualification import is_admitted
from engine.rules.listing.state import (
    ListingDecision,
    ListingPhase,
    ListingRejected,
    ListingState,
    Offer,
    OfferPhase,
)
from engine.rules.listing.terms import OfferTerms
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, PartyId

_STANDS: Final = (OfferPhase.STANDING,)
_LIVE: Final = (OfferPhase.STANDING, OfferPhase.COUNTERED)


def make(state: ListingState, command: c.MakeOffer, at_us: InstantUs) -> ListingDecision:
    """A buyer offers a price. Where one offer stands at a time, the new one displaces it; else it replaces his own."""
    refused = may_buy_now(state, command.buyer_id, at_us, foreign=command.foreign)
    if refused is not None:
        return refused
    if command.amount is None or not in_range(command.amount):
        return no(Reject.AMOUNT_OUT_OF_RANGE)
    offers = state.terms.offers
    if offers is None:
        return no(Reject.OFFERS_NOT_TAKEN)
    replaced = _replaced(state, offers, command)
    if offers.must_rise and replaced is not None and command.amount <= replaced.amount:
        return no(Reject.OFFER_NOT_HIGHER, standing=str(replaced.amount))
    if offers.lowest is not None and command.amount < offers.lowest:
        return no(Reject.OFFER_TOO_LOW, minimum=str(offers.lowest))
    expires_at_us = _expiry(offers, command.expires_at_us, at_us)
    if isinstance(expires_at_us, ListingRejected):
        return expires_at_us
    return ok(
        e.OfferMade(
            offer_no=len(state.offers) + 1,
            buyer_id=command.buyer_id,
            amount=command.amount,
            expires_at_us=expires_at_us,
            displaces=None if replaced is None else replaced.no,
        )
    )


def take_back(state: ListingState, command: c.WithdrawOffer) -> ListingDecision:
    """The buyer takes his offer back; he may while the listing is suspended, too."""
    if _is_anothers(state, command.offer_no, command.buyer_id):
        return no(Reject.NOT_THIS_BUYER)
    found = _offer(state, command.offer_no, _LIVE, suspended=True)
    if isinstance(found, ListingRejected):
        return found
    return ok(e.OfferWithdrawn(offer_no=found.no))


def reject(state: ListingState, command: c.RejectOffer) -> ListingDecision:
    """The seller says no, or takes his counter-offer back. He owes no reason."""
    found = _offer(state, command.offer_no, _LIVE, suspended=True)
    if isinstance(found, ListingRejected):
        return found
    if len(command.reason) > REASON_LENGTH_MAX or not is_text(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(e.OfferRejected(offer_no=found.no, reason=command.reason))


def counter(state: ListingState, command: c.CounterOffer, at_us: InstantUs) -> ListingDecision:
    """The seller names the price for which this buyer can have it."""
    found = _offer(state, command.offer_no, _STANDS)
    if isinstance(found, ListingRejected):
        return found
    offers = state.terms.offers
    if command.amount is None or not in_range(command.amount):
        return no(Reject.AMOUNT_OUT_OF_RANGE)
    if offers is None or not offers.counter_offers:
        return no(Reject.OFFERS_NOT_TAKEN)
    if command.amount <= found.amount:
        return no(Reject.OFFER_NOT_HIGHER, standing=str(found.amount))
    expires_at_us = _expiry(offers, command.expires_at_us, at_us)
    if isinstance(expires_at_us, ListingRejected):
        return expires_at_us
    return ok(e.CounterOffered(offer_no=found.no, amount=command.amount, expires_at_us=expires_at_us))


def accept(state: ListingState, command: c.AcceptOffer, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """The seller accepts the offer that he saw."""
    found = _offer(state, command.offer_no, _STANDS)
    if isinstance(found, ListingRejected):
        return found
    if command.amount != found.amount:
        return no(Reject.PRICE_CHANGED, price=str(found.amount))
    return _deal(state, found, found.amount, e.DealWay.OFFER, at_us, calendar)


def accept_counter(
    state: ListingState, command: c.AcceptCounter, at_us: InstantUs, calendar: Calendar
) -> ListingDecision:
    """The buyer accepts the seller's counter-offer that he saw."""
    gone = off_the_market(state, at_us)
    if gone is not None:
        return gone
    if _is_anothers(state, command.offer_no, command.buyer_id):
        return no(Reject.NOT_THIS_BUYER)
    found = _offer(state, command.offer_no, (OfferPhase.COUNTERED,))
    if isinstance(found, ListingRejected):
        return found
    assert found.counter is not None
    if command.amount != found.counter:
        return no(Reject.PRICE_CHANGED, price=str(found.counter))
    return _deal(state, found, found.counter, e.DealWay.COUNTER_OFFER, at_us, calendar)


def _deal(
    state: ListingState, offer: Offer, price: Amount, way: e.DealWay, at_us: InstantUs, calendar: Calendar
) -> ListingDecision:
    # A second licence for the same party would be no use to anybody (he may have taken one at the posted price meanwhile).
    if holds_deal(state, offer.buyer_id):
        return no(Reject.ALREADY_REGISTERED)
    if free_seat(state) is None:
        return no(Reject.SOLD_OUT)
    if state.terms.admission is Admission.APPROVED and not is_admitted(state, offer.buyer_id):
        return no(Reject.NOT_ADMITTED)
    return ok(struck(state, offer.buyer_id, price, way, at_us, calendar, offer.no))


def _replaced(state: ListingState, offers: OfferTerms, command: c.MakeOffer) -> Offer | None:
    return next(
        (
            offer
            for offer in reversed(state.offers)
            if offer.phase is OfferPhase.STANDING and (offers.one_standing or offer.buyer_id == command.buyer_id)
        ),
        None,
    )


def _is_anothers(state: ListingState, offer_no: int, buyer_id: PartyId) -> bool:
    """Whose an offer is comes before where it stands: nobody learns how another's fares."""
    return 1 <= offer_no <= len(state.offers) and state.offers[offer_no - 1].buyer_id != buyer_id


def _expiry(offers: OfferTerms, wished_us: InstantUs | None, at_us: InstantUs) -> InstantUs | ListingRejected | None:
    last_us = InstantUs(at_us + (offers.expires_after_us or DURATION_MAX))
    if wished_us is None:
        return None if offers.expires_after_us is None else last_us
    if not at_us < wished_us <= last_us:
        return no(Reject.EXPIRY_OUT_OF_RANGE, latest_us=last_us)
    return wished_us


def _offer(
    state: ListingState, offer_no: int, phases: tuple[OfferPhase, ...], *, suspended: bool = False
) -> Offer | ListingRejected:
    if not 1 <= offer_no <= len(state.offers):
        return no(Reject.NO_SUCH_OFFER)
    if state.phase is ListingPhase.SUSPENDED and not suspended:
        return no(Reject.PAUSED)
    if state.phase not in (ListingPhase.LISTED, ListingPhase.SUSPENDED):
        return no(Reject.ENDED) if state.phase.is_final else no(Reject.WRONG_PHASE)
    offer = state.offers[offer_no - 1]
    return offer if offer.phase in phases else no(Reject.NO_SUCH_OFFER)
