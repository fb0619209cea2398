"""What events do to offers, notices of open licences, and deals."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.listing import events as e
from engine.rules.listing import evolving_intents as intents
from engine.rules.listing.state import (
    Deal,
    DealPhase,
    ListingPhase,
    ListingState,
    Offer,
    OfferPhase,
    Taking,
)
from engine.rules.listing.terms import SaleWay

_LIVE = frozenset({OfferPhase.STANDING, OfferPhase.COUNTERED})


def made(state: ListingState, event: e.OfferMade) -> ListingState:
    """An offer stands; the one it replaces does not any more."""
    if event.offer_no != len(state.offers) + 1:
        raise IllegalTransition(f"offer {event.offer_no} out of turn")
    before = state.offers
    if event.displaces is not None:
        before = _put(before, replace(_offer(state, event.displaces), phase=OfferPhase.DISPLACED))
    offer = Offer(
        no=event.offer_no,
        buyer_id=event.buyer_id,
        amount=event.amount,
        phase=OfferPhase.STANDING,
        made_at_us=state.last_at_us,
        expires_at_us=event.expires_at_us,
    )
    return replace(state, offers=(*before, offer))


def offer_phase(
    phase: OfferPhase,
) -> Callable[[ListingState, e.OfferWithdrawn | e.OfferRejected | e.OfferExpired], ListingState]:
    """Return what an event does that ends an offer."""

    def moved(state: ListingState, event: e.OfferWithdrawn | e.OfferRejected | e.OfferExpired) -> ListingState:
        return replace(state, offers=_put(state.offers, replace(_offer(state, event.offer_no), phase=phase)))

    return moved


def countered(state: ListingState, event: e.CounterOffered) -> ListingState:
    """The seller named his price: the offer itself stands no more (民法典 art. 488)."""
    offer = replace(
        _offer(state, event.offer_no),
        phase=OfferPhase.COUNTERED,
        counter=event.amount,
        counter_expires_at_us=event.expires_at_us,
    )
    return replace(state, offers=_put(state.offers, offer))


def notified(state: ListingState, event: e.TakingNotified) -> ListingState:
    """A taker of an open licence notified."""
    taking = Taking(no=event.taking_no, buyer_id=event.buyer_id, payment_proof=event.payment_proof)
    return replace(state, takings=(*state.takings, taking))


def taking_refused(state: ListingState, event: e.TakingRefused) -> ListingState:
    """No payment was found."""
    return replace(
        state,
        takings=tuple(
            replace(taking, open=False) if taking.no == event.taking_no else taking for taking in state.takings
        ),
    )


def struck(state: ListingState, event: e.DealStruck) -> ListingState:
    """A deal. The last seat closes the listing to other buyers, whose deposits go back and whose offers stand no more."""
    deal = Deal(
        no=event.deal_no,
        buyer_id=event.buyer_id,
        price=event.price,
        way=event.way,
        struck_at_us=state.last_at_us,
        sign_by_us=event.sign_by_us,
        intent_no=event.intent_no,
        seat_no=event.seat_no,
    )
    after = replace(state, deals=(*state.deals, deal))
    if event.intent_no is not None:
        after = intents.won(after, event.intent_no)
    if event.way in (e.DealWay.OFFER, e.DealWay.COUNTER_OFFER):
        after = replace(after, offers=_accepted(after, event))
    if event.way is e.DealWay.OPEN_LICENCE:
        after = replace(
            after,
            takings=tuple(
                replace(taking, open=False) if taking.open and taking.buyer_id == event.buyer_id else taking
                for taking in after.takings
            ),
        )
    if _seats_left(after):
        return after
    return replace(all_over(intents.all_over(after), OfferPhase.DISPLACED), phase=ListingPhase.DEAL, certain=True)


def _accepted(state: ListingState, event: e.DealStruck) -> tuple[Offer, ...]:
    wanted = OfferPhase.STANDING if event.way is e.DealWay.OFFER else OfferPhase.COUNTERED
    return tuple(
        replace(offer, phase=OfferPhase.ACCEPTED) if offer.no == event.offer_no and offer.phase is wanted else offer
        for offer in state.offers
    )


def signed(state: ListingState, event: e.DealSigned) -> ListingState:
    """Both sides signed."""
    return _settled(_deal_phase(state, event.deal_no, DealPhase.SIGNED))


def defaulted(state: ListingState, event: e.DealDefaulted) -> ListingState:
    """A side refused. Under a posted price the seat is free again; a disclosed listing has failed."""
    after = _deal_phase(state, event.deal_no, DealPhase.DEFAULTED)
    if state.terms.way is SaleWay.DISCLOSED:
        return replace(after, phase=ListingPhase.DEFAULTED)
    if after.ending is None and after.phase is ListingPhase.DEAL:
        return replace(after, phase=ListingPhase.LISTED)
    return _settled(after)


def all_over(state: ListingState, phase: OfferPhase) -> ListingState:
    """Every offer and counter-offer that still stood has come to an end."""
    return replace(
        state,
        offers=tuple(replace(offer, phase=phase) if offer.phase in _LIVE else offer for offer in state.offers),
    )


def takings_over(state: ListingState) -> ListingState:
    """Every notice that was not confirmed has come to an end."""
    return replace(state, takings=tuple(replace(taking, open=False) for taking in state.takings))


def has_open_deal(state: ListingState) -> bool:
    """Tell whether a deal awaits signing."""
    return any(deal.phase is DealPhase.STRUCK for deal in state.deals)


def _settled(state: ListingState) -> ListingState:
    if state.phase is not ListingPhase.DEAL or has_open_deal(state):
        return state
    return replace(state, phase=ListingPhase.SIGNED if state.ending is None else state.ending)


def _seats_left(state: ListingState) -> bool:
    if state.terms.way is SaleWay.DISCLOSED:
        return False
    return state.terms.seats is None or sum(deal.phase.is_live for deal in state.deals) < state.terms.seats


def _deal_phase(state: ListingState, deal_no: int, phase: DealPhase) -> ListingState:
    if not 1 <= deal_no <= len(state.deals):
        raise IllegalTransition(f"no deal {deal_no}")
    place = deal_no - 1
    deal = replace(state.deals[place], phase=phase)
    return replace(state, deals=(*state.deals[:place], deal, *state.deals[place + 1 :]))


def _offer(state: ListingState, offer_no: int) -> Offer:
    if not 1 <= offer_no <= len(state.offers):
        raise IllegalTransition(f"no offer {offer_no}")
    return state.offers[offer_no - 1]


def _put(offers: tuple[Offer, ...], offer: Offer) -> tuple[Offer, ...]:
    place = offer.no - 1
    return (*offers[:place], offer, *offers[place + 1 :])
