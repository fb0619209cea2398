"""What an event of a listing means for its deposits. Pure: the state before, the event, the state after.

The deposit of an intent has the id `<listing>.<intent number>`, so that everybody who knows the one knows the other.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from msgspec import Struct

from engine.rules.listing import events as le
from engine.rules.listing.deposits import converted_by, forfeited_by, no_longer_due, released_by
from engine.rules.listing.state import Intent, IntentPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ReleaseClock
from engine.values import ListingId
from settlement.deals.deal import Way, deal_id_of
from settlement.deposits.terms import DepositTerms

LISTING_STREAM: Final = "listing/"


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
    note: str
    appeal_working_days: int


Effect = Require | MoveDue | Release | Convert | Forfeit


def effects_of(before: ListingState | None, event: le.ListingEvent, after: ListingState) -> list[Effect]:
    """Return what an event changes for the deposits of its listing.

    When a deposit goes back, becomes price or is lost is said by engine/rules/listing/deposits.py.
    """
    if before is None:
        return []
    effects: list[Effect] = []
    for was, now in zip_longest(before.intents, after.intents):
        effects += _asked(was, now, before, after)
    for no in (*released_by(before, event), *no_longer_due(before, event)):
        reason = "seller_default" if isinstance(event, le.DealDefaulted) else after.intents[no - 1].phase.value
        effects.append(Release(deposit_id=deposit_id_of(after.listing_id, no), reason=reason))
    for no in converted_by(before, event):
        assert isinstance(event, le.DealSigned), "a deposit becomes price when the contract is signed"
        deal_ref = deal_id_of(Way.LISTING, after.listing_id, event.deal_no)
        effects.append(Convert(deposit_id=deposit_id_of(after.listing_id, no), deal_ref=deal_ref))
    for no in forfeited_by(before, event):
        days = 0 if after.terms.deposit is None else after.terms.deposit.appeal_working_days
        effects.append(
            Forfeit(
                deposit_id=deposit_id_of(after.listing_id, no), reason="buyer_default", note=_note(event),
                appeal_working_days=days,
            )
        )  # fmt: skip
    return effects


def deposit_id_of(listing_id: ListingId, intent_no: int) -> str:
    """Return the id of the deposit of an intent."""
    return f"{listing_id}.{intent_no}"


def _asked(was: Intent | None, now: Intent, before: ListingState, after: ListingState) -> list[Effect]:
    """Return what is asked of a buyer: a deposit, or the same deposit at another time."""
    if now.phase is not IntentPhase.DEPOSIT_DUE or now.deposit is None:
        return []
    assert now.due_us is not None, "a deposit that is asked for is due"
    deposit_id = deposit_id_of(after.listing_id, now.no)
    if was is None or was.phase is not IntentPhase.DEPOSIT_DUE:
        return [
            Require(
                deposit_id=deposit_id, party_id=now.buyer_id, amount_fen=now.deposit, due_at_us=now.due_us,
                terms=deposit_terms(after),
            )
        ]  # fmt: skip
    stood, stands = (state.phase is ListingPhase.SUSPENDED for state in (before, after))
    if (was.due_us, stood) == (now.due_us, stands):
        return []
    return [MoveDue(deposit_id=deposit_id, due_at_us=now.due_us, paused=stands)]


def _note(event: le.ListingEvent) -> str:
    return event.reason if isinstance(event, le.DealDefaulted) else ""


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
