"""What every decision about a listing is made of: answers, reasons, bounds, and who stands where."""

from __future__ import annotations

from typing import Final

from engine.rules.listing.events import ListingEvent
from engine.rules.listing.state import (
    Deal,
    Intent,
    IntentPhase,
    ListingAccepted,
    ListingPhase,
    ListingRejected,
    ListingState,
    OfferPhase,
)
from engine.rules.listing.terms import SaleWay
from engine.rules.rejections import Reject
from engine.values import AMOUNT_MAX, Amount, InstantUs, PartyId

REASON_LENGTH_MAX: Final = 500
TEXT_LENGTH_MAX: Final = 4_000
"""Characters of a buyer's statement or proof of payment."""
JOINT_MAX: Final = 10
"""Further members of a consortium."""
EVENTS_MAX: Final = 100_000
"""From here on buyers are refused with `listing_full`; deadlines, operators and settlement go on."""
LIVES_MAX: Final = 2_000
"""Applications, and likewise offers, notices and deals, of one listing."""


def ok(event: ListingEvent) -> ListingAccepted:
    """Accept with this event."""
    return ListingAccepted(event)


def no(code: Reject, **data: str | int) -> ListingRejected:
    """Refuse with this code."""
    return ListingRejected(code, data)


def is_reason(text: str) -> bool:
    """Tell whether a reason is given and not too long."""
    return len(text.strip()) > 0 and len(text) <= REASON_LENGTH_MAX and is_text(text)


def is_text(text: str) -> bool:
    """Tell whether a text has no control characters but line breaks and tabs."""
    return all(character.isprintable() or character in "\n\t\r" or ord(character) > 0x9F for character in text)


def in_range(amount: Amount | None) -> bool:
    """Tell whether an amount that is given is positive and within the bound."""
    return amount is None or 0 < amount <= AMOUNT_MAX


def intent_of(state: ListingState, intent_no: int) -> Intent | None:
    """Return an application by its number."""
    return state.intents[intent_no - 1] if 1 <= intent_no <= len(state.intents) else None


def live_intents(state: ListingState) -> list[Intent]:
    """Return the applications of this round that are open or admitted, in order."""
    return [intent for intent in state.intents if intent.phase.is_live]


def admitted(state: ListingState) -> list[Intent]:
    """Return the admitted buyers who wait for the decision, in order of application."""
    return [intent for intent in state.intents if intent.phase is IntentPhase.ADMITTED]


def live_deals(state: ListingState) -> list[Deal]:
    """Return the deals that take a seat."""
    return [deal for deal in state.deals if deal.phase.is_live]


def free_seat(state: ListingState) -> int | None:
    """Return the lowest free seat, None if all are given; without a limit there is always one."""
    taken = {deal.seat_no for deal in state.deals if deal.phase.is_live}
    if state.terms.seats is None:
        return len(taken) + 1
    return next((seat for seat in range(1, state.terms.seats + 1) if seat not in taken), None)


def off_the_market(state: ListingState, at_us: InstantUs) -> ListingRejected | None:
    """Return why a buyer can neither apply, take nor offer now; None while the listing is open to buyers.

    A listing that was never published is not there for a buyer.
    """
    match state.phase:
        case ListingPhase.LISTED:
            return None
        case ListingPhase.SUBMITTED | ListingPhase.CORRECTION | ListingPhase.REFUSED:
            return no(Reject.NO_SUCH_LISTING)
        case ListingPhase.SUSPENDED:
            return no(Reject.PAUSED)
        case ListingPhase.DEAL if state.terms.way is not SaleWay.DISCLOSED and state.ending is None:
            return no(Reject.SOLD_OUT)
        case ListingPhase.DECIDING | ListingPhase.BIDDING | ListingPhase.DEAL if state.ending is None:
            until_us = state.discloses_until_us
            return no(Reject.LATE, late_by_us=0 if until_us is None else max(0, at_us - until_us))
        case _:
            return no(Reject.ENDED)


def may_not_buy(state: ListingState, buyer_id: PartyId, *, foreign: bool) -> ListingRejected | None:
    """Return why this party is kept from buying at all: it sells, or the technology may not go abroad yet.

    Source: 技术进出口管理条例 art. 33 (letter of intent before substantive negotiation).
    """
    if buyer_id == state.seller_id:
        return no(Reject.SELLER_MAY_NOT_BUY)
    if foreign and state.terms.foreign_blocked:
        return no(Reject.FOREIGN_BLOCKED)
    return None


def holds_deal(state: ListingState, buyer_id: PartyId) -> bool:
    """Tell whether the party has a deal of this listing already: one licence each."""
    return any(deal.buyer_id == buyer_id for deal in live_deals(state))


def is_full(state: ListingState) -> bool:
    """Tell whether the record has no room for more buyers."""
    counts = (len(state.intents), len(state.offers), len(state.takings), len(state.deals))
    return state.seq >= EVENTS_MAX or max(counts) >= LIVES_MAX


def has_standing(state: ListingState, party_id: PartyId) -> bool:
    """Tell whether the party ever applied, offered, notified or bought here."""
    theirs = (
        *(intent.buyer_id for intent in state.intents),
        *(offer.buyer_id for offer in state.offers),
        *(taking.buyer_id for taking in state.takings),
        *(deal.buyer_id for deal in state.deals),
    )
    return party_id in theirs


def standing_offer_amount(state: ListingState) -> Amount | None:
    """Return the highest standing offer, None if none stands."""
    return max((offer.amount for offer in state.offers if offer.phase is OfferPhase.STANDING), default=None)
