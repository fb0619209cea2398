"""What an event of a listing means for its deposits. Pure: the state before, the event, the state after.

The deposit of an intent has the id `<listing>.<intent number>`, so that everybody who knows the one knows the other.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.listing import events as le
from engine.rules.listing.commands import Side
from engine.rules.listing.state import Intent, IntentPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ReleaseClock
from engine.values import ListingId
from settlement.deposits.terms import DepositTerms

LISTING_STREAM: Final = "listing/"
_OUT: Final = frozenset(
    {
        IntentPhase.REFUSED,
        IntentPhase.LAPSED,
        IntentPhase.WITHDRAWN,
        IntentPhase.DISQUALIFIED,
        IntentPhase.UNSUCCESSFUL,
    }
)


class Require(Struct, frozen=True, kw_only=True):
    """The buyer has to pay a deposit."""

    deposit_id: str
    party_id: str
    amount_fen: int
    due_at_us: int
    terms: DepositTerms


class MoveDue(Struct, frozen=True, kw_only=True):
    """A deposit that is not paid yet is due at another time; `paused`: no time runs."""

    deposit_id: str
    due_at_us: int
    paused: bool


class Release(Struct, frozen=True, kw_only=True):
    """The buyer is out without his fault: the release clock starts with the event."""

    deposit_id: str
    reason: str


class Convert(Struct, frozen=True, kw_only=True):
    """The buyer has his deal."""

    deposit_id: str
    deal_ref: str


class Forfeit(Struct, frozen=True, kw_only=True):
    """The buyer has defaulted; he may appeal for so many working days."""

    deposit_id: str
    reason: str
    appeal_working_days: int


class GiveBack(Struct, frozen=True, kw_only=True):
    """The seller has defaulted: the conversion is undone and the deposit released."""

    deposit_id: str
    reason: str


Effect = Require | MoveDue | Release | Convert | Forfeit | GiveBack


def effects_of(before: ListingState | None, event: le.ListingEvent, after: ListingState) -> list[Effect]:
    """Return what an event changes for the deposits of its listing, in the order of the intents."""
    known = {} if before is None else {intent.no: intent for intent in before.intents}
    effects: list[Effect] = []
    for intent in after.intents:
        effects += _of_intent(known.get(intent.no), intent, before, after)
    effects += _of_deal(event, after)
    return effects


def deposit_id_of(listing_id: ListingId, intent_no: int) -> str:
    """Return the id of the deposit of an intent."""
    return f"{listing_id}.{intent_no}"


def _of_intent(was: Intent | None, now: Intent, before: ListingState | None, after: ListingState) -> list[Effect]:
    deposit_id = deposit_id_of(after.listing_id, now.no)
    was_phase = None if was is None else was.phase
    if now.deposit is None:
        return []
    if now.phase is IntentPhase.DEPOSIT_DUE:
        assert now.due_us is not None, "a deposit that is asked for is due"
        if was_phase is not IntentPhase.DEPOSIT_DUE:
            return [
                Require(
                    deposit_id=deposit_id, party_id=now.buyer_id, amount_fen=now.deposit, due_at_us=now.due_us,
                    terms=deposit_terms(after),
                )
            ]  # fmt: skip
        assert was is not None, "it was due before"
        stands, stood = (
            after.phase is ListingPhase.SUSPENDED,
            before is not None and before.phase is ListingPhase.SUSPENDED,
        )
        if (now.due_us, stands) != (was.due_us, stood):
            return [MoveDue(deposit_id=deposit_id, due_at_us=now.due_us, paused=stands)]
        return []
    if now.phase in _OUT and was_phase not in _OUT:
        return [Release(deposit_id=deposit_id, reason=now.phase.value)]
    if now.phase is IntentPhase.WON and was_phase is not IntentPhase.WON:
        deal = next(deal for deal in reversed(after.deals) if deal.intent_no == now.no)
        return [Convert(deposit_id=deposit_id, deal_ref=f"{LISTING_STREAM}{after.listing_id}#{deal.no}")]
    return []


def _of_deal(event: le.ListingEvent, after: ListingState) -> list[Effect]:
    if not isinstance(event, le.DealDefaulted) or event.intent_no is None:
        return []
    intent = next((intent for intent in after.intents if intent.no == event.intent_no), None)
    if intent is None or intent.deposit is None:
        return []
    deposit_id = deposit_id_of(after.listing_id, event.intent_no)
    if event.side is Side.SELLER:
        return [GiveBack(deposit_id=deposit_id, reason=event.reason)]
    days = 0 if after.terms.deposit is None else after.terms.deposit.appeal_working_days
    return [Forfeit(deposit_id=deposit_id, reason=event.reason, appeal_working_days=days)]


def deposit_terms(listing: ListingState) -> DepositTerms:
    """Return the terms of a listing's deposits, as its notice fixed them."""
    terms = listing.terms.deposit
    assert terms is not None, "a listing that asks for deposits has terms for them"
    by_hours = terms.release is ReleaseClock.HOURS_24
    return DepositTerms(
        release_hours=24 if by_hours else None,
        release_working_days=None if by_hours else 3,
        seller_id=listing.seller_id,
    )
