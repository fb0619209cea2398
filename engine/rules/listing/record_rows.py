"""Who sees what of each event of a listing: one line per event and audience. What each audience may see: `visibility.py`."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.rules.listing import events as e
from engine.rules.listing.state import ListingState
from engine.values import Amount, InstantUs, LotId, PartyId


class ListingRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the record of a listing, for one audience. `kind` is the event's wire name without `listing.`."""

    seq: int
    at_us: InstantUs
    kind: str
    text: str = ""
    """A published reason or cause."""
    price: str | None = None
    until_us: InstantUs | None = None
    """The instant that the event sets: end of the period, of an answer, of a suspension."""
    number: int | None = None
    """Application, offer, notice or deal."""
    party: PartyId | None = None
    code: str | None = None
    lot: LotId | None = None


_PUBLIC: frozenset[type[Any]] = frozenset(
    {
        e.ListingPublished,
        e.PriceChanged,
        e.ListingRevised,
        e.ListingSuspended,
        e.ListingResumed,
        e.PeriodLengthened,
        e.PeriodRecounted,
        e.IntakeClosed,
        e.SessionOrdered,
        e.SessionRecorded,
        e.DealStruck,
        e.DealSigned,
        e.DealDefaulted,
        e.ListingEnded,
        e.ListingWithdrawn,
        e.ListingTerminated,
    }
)
_SELLERS: frozenset[type[Any]] = _PUBLIC | {
    e.ListingSubmitted,
    e.ListingReturned,
    e.ListingResubmitted,
    e.ListingRefused,
    e.IntentRegistered,
    e.IntentPassed,
    e.IntentRefused,
    e.IntentDisputed,
    e.IntentWithdrawn,
    e.TakingNotified,
    e.TakingRefused,
    e.OfferMade,
    e.OfferWithdrawn,
    e.OfferRejected,
    e.OfferExpired,
    e.CounterOffered,
}
"""Not: corrections, quotes and deposits of buyers, their admission and its loss, refusals."""


def public_row(state: ListingState, at_us: InstantUs, event: e.ListingEvent) -> ListingRow | None:
    """Return the public line for the event after which `state` is; None if it is not for everybody.

    A standing offer shows its amount where only one stands, never whose it is.
    """
    if isinstance(event, e.OfferMade):
        shown = state.terms.offers is not None and state.terms.offers.one_standing
        return _row(state, at_us, event, price=str(event.amount)) if shown else None
    if isinstance(event, e.DealDefaulted):
        # Why somebody did not sign is between the parties and the market.
        return _row(state, at_us, event, number=event.deal_no, text=event.side.value)
    if isinstance(event, e.DealSigned):
        return _row(state, at_us, event, number=event.deal_no)
    if type(event) not in _PUBLIC:
        return None
    return _row(state, at_us, event, **_plain(event))


def buyers_row(state: ListingState, party_id: PartyId, at_us: InstantUs, event: e.ListingEvent) -> ListingRow | None:
    """Return the line that this buyer sees for the event after which `state` is: what is public, and all that is his own."""
    if party_of(state, event) == party_id:
        return _full(state, at_us, event)
    return public_row(state, at_us, event)


def sellers_row(state: ListingState, at_us: InstantUs, event: e.ListingEvent) -> ListingRow | None:
    """Return the line that the seller sees for the event after which `state` is."""
    if type(event) not in _SELLERS:
        return None
    if isinstance(event, e.IntentRegistered):
        return _row(state, at_us, event, number=event.intent_no, party=event.buyer_id)
    return _row(state, at_us, event, party=party_of(state, event), **_plain(event))


def staff_row(state: ListingState, at_us: InstantUs, event: e.ListingEvent) -> ListingRow:
    """Return the line that staff see for the event after which `state` is."""
    return _full(state, at_us, event)


def party_of(state: ListingState, event: e.ListingEvent) -> PartyId | None:
    """Return whose own an event is: the buyer whom it concerns, None if it concerns none in particular."""
    if isinstance(event, e.ListingRefusal):
        return event.party_id
    buyer_id: PartyId | None = getattr(event, "buyer_id", None)
    if buyer_id is not None:
        return buyer_id
    for field, held in (("intent_no", state.intents), ("offer_no", state.offers), ("taking_no", state.takings)):
        number = getattr(event, field, None)
        if number is not None:
            owner: PartyId = held[number - 1].buyer_id
            return owner
    return None


def _full(state: ListingState, at_us: InstantUs, event: e.ListingEvent) -> ListingRow:
    return _row(state, at_us, event, party=party_of(state, event), code=getattr(event, "code", None), **_plain(event))


_NUMBERS = ("intent_no", "offer_no", "taking_no", "deal_no")
_INSTANTS = ("discloses_until_us", "decides_at_us", "until_us", "opens_at_us", "answer_due_us", "deposit_due_us", "sign_by_us",
             "expires_at_us")  # fmt: skip


def _plain(event: e.ListingEvent) -> dict[str, Any]:
    """Return what a line says of an event besides whose it is."""
    number_field = "deal_no" if hasattr(event, "deal_no") else next((n for n in _NUMBERS if hasattr(event, n)), "")
    amounts = (getattr(event, name, None) for name in ("price", "amount", "deposit"))
    texts = (getattr(event, name, "") for name in ("reason", "cause", "reject", "outcome", "contract_ref", "by"))
    instants = (getattr(event, name, None) for name in _INSTANTS)
    amount = next((amount for amount in amounts if amount is not None), None)
    return {
        "number": getattr(event, number_field, None),
        "price": _digits(amount),
        "text": str(next((text for text in texts if text), "")),
        "until_us": next((instant for instant in instants if instant is not None), None),
        "lot": getattr(event, "lot_id", None),
    }


def _digits(amount: Amount | None) -> str | None:
    return None if amount is None else str(amount)


def _row(state: ListingState, at_us: InstantUs, event: e.ListingEvent, **more: Any) -> ListingRow:
    kind = e.LISTING_WIRE_NAMES[type(event)][0].removeprefix("listing.")
    return ListingRow(seq=state.seq, at_us=at_us, kind=kind, **more)
