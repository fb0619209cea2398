"""Who sees what of a listing, and when. Separate shapes for each audience; nothing is ever "removed" from a fuller one.

Public: the listing, its periods, prices, reasons for a stop, results without names; the amount of the one standing offer, because
a new one must be higher. Never: who applied or how many, quotes, statements, offers beside it, deposits, codes, refusals.

A buyer sees in addition what is his own, and nothing of anybody else. His code is his own.

The seller takes part in the qualification (32号令 art. 21), so he sees who applied and how the application stands, and who offers what.
He sees neither quotes (he could wait for the better one) nor bidder codes (with them he could follow, and help, one bidder in the
session: 网络司法拍卖规定 art. 18, identities stay secret until the end) nor deposits.

Staff see everything that the log holds.
"""

from __future__ import annotations

from msgspec import Struct

from engine.rules.listing.answers import live_deals
from engine.rules.listing.state import Deal, Intent, IntentPhase, ListingState, Offer, OfferPhase, Taking
from engine.values import Amount, InstantUs, ListingId, LotId, PartyId


class PublicDeal(Struct, frozen=True, kw_only=True):
    """A deal as everybody sees it (成交结果公示): no names."""

    deal_no: int
    price: str
    way: str
    seat_no: int | None
    struck_at_us: InstantUs
    phase: str


class PublicListing(Struct, frozen=True, kw_only=True):
    """A listing as everybody sees it. Amounts are digit strings in minor units, instants microseconds."""

    listing: ListingId
    seq: int
    phase: str
    mode: str
    way: str
    currency: str
    exponent: int
    price: str | None
    round_no: int
    cycles: int
    first_published_at_us: InstantUs | None
    discloses_from_us: InstantUs | None
    discloses_until_us: InstantUs | None
    certain: bool
    decides_at_us: InstantUs | None
    suspended_until_us: InstantUs | None
    reason: str
    seats: int | None
    seats_left: int | None
    takes_offers: bool
    standing_offer: str | None
    lot: LotId | None
    deals: tuple[PublicDeal, ...]
    end_reason: str | None


class OwnIntent(Struct, frozen=True, kw_only=True):
    """A buyer's application as he sees it; also as staff do."""

    intent_no: int
    round_no: int
    buyer: PartyId
    phase: str
    registered_at_us: InstantUs
    quote: str | None
    foreign: bool
    joint_with: tuple[PartyId, ...]
    related: str
    statement: str
    due_us: InstantUs | None
    deposit: str | None
    deposit_id: str | None
    code: str | None
    reason: str


class SellersIntent(Struct, frozen=True, kw_only=True):
    """An application as the seller sees it, who must answer it."""

    intent_no: int
    round_no: int
    buyer: PartyId
    phase: str
    registered_at_us: InstantUs
    foreign: bool
    joint_with: tuple[PartyId, ...]
    related: str
    statement: str
    answer_due_us: InstantUs | None


class OfferSeen(Struct, frozen=True, kw_only=True):
    """An offer as its buyer, the seller and staff see it."""

    offer_no: int
    buyer: PartyId
    amount: str
    phase: str
    made_at_us: InstantUs
    expires_at_us: InstantUs | None
    counter: str | None
    counter_expires_at_us: InstantUs | None


class TakingSeen(Struct, frozen=True, kw_only=True):
    """A notice of an open licence as its taker, the seller and staff see it."""

    taking_no: int
    buyer: PartyId
    payment_proof: str
    open: bool


class DealSeen(Struct, frozen=True, kw_only=True):
    """A deal as its parties and staff see it."""

    deal_no: int
    buyer: PartyId
    price: str
    way: str
    seat_no: int | None
    intent_no: int | None
    struck_at_us: InstantUs
    sign_by_us: InstantUs
    phase: str


class BuyersListing(Struct, frozen=True, kw_only=True):
    """A listing as one buyer sees it."""

    listing: PublicListing
    intents: tuple[OwnIntent, ...]
    offers: tuple[OfferSeen, ...]
    takings: tuple[TakingSeen, ...]
    deals: tuple[DealSeen, ...]


class SellersListing(Struct, frozen=True, kw_only=True):
    """A listing as its seller sees it."""

    listing: PublicListing
    intents: tuple[SellersIntent, ...]
    offers: tuple[OfferSeen, ...]
    takings: tuple[TakingSeen, ...]
    deals: tuple[DealSeen, ...]


class StaffListing(Struct, frozen=True, kw_only=True):
    """A listing as operators see it."""

    listing: PublicListing
    intents: tuple[OwnIntent, ...]
    offers: tuple[OfferSeen, ...]
    takings: tuple[TakingSeen, ...]
    deals: tuple[DealSeen, ...]


def public_listing(state: ListingState) -> PublicListing | None:
    """Return the listing as everybody may see it; None if it was never published."""
    return None if state.round_no == 0 else _listing(state)


def buyers_listing(state: ListingState, party_id: PartyId) -> BuyersListing | None:
    """Return the listing as this buyer may see it; None if it was never published."""
    if state.round_no == 0:
        return None
    return BuyersListing(
        listing=_listing(state),
        intents=tuple(_own(intent) for intent in state.intents if intent.buyer_id == party_id),
        offers=tuple(_offer(offer) for offer in state.offers if offer.buyer_id == party_id),
        takings=tuple(_taking(taking) for taking in state.takings if taking.buyer_id == party_id),
        deals=tuple(_deal(deal) for deal in state.deals if deal.buyer_id == party_id),
    )


def sellers_listing(state: ListingState) -> SellersListing:
    """Return the listing as its seller may see it. That the caller is the seller is the gateway's to know."""
    return SellersListing(
        listing=_listing(state),
        intents=tuple(_sellers(intent) for intent in state.intents),
        offers=tuple(_offer(offer) for offer in state.offers),
        takings=tuple(_taking(taking) for taking in state.takings),
        deals=tuple(_deal(deal) for deal in state.deals),
    )


def staff_listing(state: ListingState) -> StaffListing:
    """Return the listing with everything that operators decide by."""
    return StaffListing(
        listing=_listing(state),
        intents=tuple(_own(intent) for intent in state.intents),
        offers=tuple(_offer(offer) for offer in state.offers),
        takings=tuple(_taking(taking) for taking in state.takings),
        deals=tuple(_deal(deal) for deal in state.deals),
    )


def _listing(state: ListingState) -> PublicListing:
    terms = state.terms
    return PublicListing(
        listing=state.listing_id,
        seq=state.seq,
        phase=state.phase.value,
        mode=terms.mode.value,
        way=terms.way.value,
        currency=terms.currency.code,
        exponent=terms.currency.exponent,
        price=_digits(state.price),
        round_no=state.round_no,
        cycles=state.cycles,
        first_published_at_us=state.first_published_at_us,
        discloses_from_us=state.discloses_from_us,
        discloses_until_us=state.discloses_until_us,
        certain=state.certain,
        decides_at_us=state.decides_at_us,
        suspended_until_us=state.suspended_until_us,
        reason=state.reason,
        seats=terms.seats,
        seats_left=None if terms.seats is None else terms.seats - len(live_deals(state)),
        takes_offers=terms.offers is not None,
        standing_offer=_digits(_shown_offer(state)),
        lot=state.lot_id,
        deals=tuple(_public_deal(deal) for deal in state.deals),
        end_reason=None if state.end_reason is None else state.end_reason.value,
    )


def _shown_offer(state: ListingState) -> Amount | None:
    offers = state.terms.offers
    if offers is None or not offers.one_standing:
        return None
    return next((offer.amount for offer in state.offers if offer.phase is OfferPhase.STANDING), None)


def _own(intent: Intent) -> OwnIntent:
    return OwnIntent(
        intent_no=intent.no,
        round_no=intent.round_no,
        buyer=intent.buyer_id,
        phase=intent.phase.value,
        registered_at_us=intent.registered_at_us,
        quote=_digits(intent.quote),
        foreign=intent.foreign,
        joint_with=intent.joint_with,
        related=intent.related,
        statement=intent.statement,
        due_us=intent.due_us,
        deposit=_digits(intent.deposit),
        deposit_id=intent.deposit_id,
        code=intent.code,
        reason=intent.reason,
    )


def _sellers(intent: Intent) -> SellersIntent:
    return SellersIntent(
        intent_no=intent.no,
        round_no=intent.round_no,
        buyer=intent.buyer_id,
        phase=intent.phase.value,
        registered_at_us=intent.registered_at_us,
        foreign=intent.foreign,
        joint_with=intent.joint_with,
        related=intent.related,
        statement=intent.statement,
        answer_due_us=intent.due_us if intent.phase is IntentPhase.SELLER_ASKED else None,
    )


def _offer(offer: Offer) -> OfferSeen:
    return OfferSeen(
        offer_no=offer.no,
        buyer=offer.buyer_id,
        amount=str(offer.amount),
        phase=offer.phase.value,
        made_at_us=offer.made_at_us,
        expires_at_us=offer.expires_at_us,
        counter=_digits(offer.counter),
        counter_expires_at_us=offer.counter_expires_at_us,
    )


def _taking(taking: Taking) -> TakingSeen:
    return TakingSeen(taking_no=taking.no, buyer=taking.buyer_id, payment_proof=taking.payment_proof, open=taking.open)


def _deal(deal: Deal) -> DealSeen:
    return DealSeen(
        deal_no=deal.no,
        buyer=deal.buyer_id,
        price=str(deal.price),
        way=deal.way.value,
        seat_no=deal.seat_no,
        intent_no=deal.intent_no,
        struck_at_us=deal.struck_at_us,
        sign_by_us=deal.sign_by_us,
        phase=deal.phase.value,
    )


def _public_deal(deal: Deal) -> PublicDeal:
    return PublicDeal(
        deal_no=deal.no,
        price=str(deal.price),
        way=deal.way.value,
        seat_no=deal.seat_no,
        struck_at_us=deal.struck_at_us,
        phase=deal.phase.value,
    )


def _digits(amount: Amount | None) -> str | None:
    return None if amount is None else str(amount)
