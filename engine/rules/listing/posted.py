"""Taking at the posted price: seats go to whoever takes first among those who may (domain.md §3.5)."""

from __future__ import annotations

from engine.calendar import Calendar
from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing.answers import free_seat, holds_deal, is_full, may_not_buy, no, off_the_market, ok
from engine.rules.listing.deals import struck
from engine.rules.listing.events import DealWay
from engine.rules.listing.qualification import is_admitted
from engine.rules.listing.state import ListingDecision, ListingRejected, ListingState
from engine.rules.listing.terms import SaleWay
from engine.rules.rejections import Reject
from engine.values import InstantUs, PartyId


def take(state: ListingState, command: c.TakeListing, at_us: InstantUs, calendar: Calendar) -> ListingDecision:
    """Buy at the posted price, if it is still the one that the buyer saw (电子商务法 art. 50: no surprise at confirming)."""
    refused = may_buy_now(state, command.buyer_id, at_us, foreign=command.foreign)
    if refused is not None:
        return refused
    if state.price is None or command.price != state.price:
        return no(Reject.PRICE_CHANGED, price="" if state.price is None else str(state.price))
    return ok(struck(state, command.buyer_id, state.price, DealWay.POSTED, at_us, calendar))


def may_buy_now(state: ListingState, buyer_id: PartyId, at_us: InstantUs, *, foreign: bool) -> ListingRejected | None:
    """Return why this party can neither take nor offer under a posted price now."""
    gone = off_the_market(state, at_us)
    if gone is not None:
        return gone
    if state.terms.way is not SaleWay.POSTED:
        return no(Reject.WRONG_PHASE)
    kept = may_not_buy(state, buyer_id, foreign=foreign)
    if kept is not None:
        return kept
    if holds_deal(state, buyer_id):
        return no(Reject.ALREADY_REGISTERED)
    if free_seat(state) is None:
        return no(Reject.SOLD_OUT)
    if is_full(state):
        return no(Reject.LISTING_FULL)
    if state.terms.admission is Admission.APPROVED and not is_admitted(state, buyer_id):
        return no(Reject.NOT_ADMITTED)
    return None
