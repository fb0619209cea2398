"""The state of a listing after its first `seq` events: frozen, rebuilt by `evolve` from the log alone."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.rules.decisions import Refusal
from engine.rules.listing.commands import ListedSubject, SessionOutcome
from engine.rules.listing.events import DealWay, EndReason, ListingEvent
from engine.rules.listing.terms import ListingTerms
from engine.values import Amount, InstantUs, ListingId, LotId, PartyId


class ListingPhase(StrEnum):
    """Where a listing stands (domain.md 3.3)."""

    SUBMITTED = "submitted"
    CORRECTION = "correction"
    LISTED = "listed"
    SUSPENDED = "suspended"
    DECIDING = "deciding"
    """Intake is closed; reviews, answers and deposits are awaited."""
    BIDDING = "bidding"
    """A session was ordered and has not been recorded."""
    DEAL = "deal"
    """Struck; the contract is to be signed."""
    SIGNED = "signed"
    DEFAULTED = "defaulted"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    REFUSED = "refused"

    @property
    def is_final(self) -> bool:
        """Nothing but a recorded refusal follows."""
        return self in _FINAL


_FINAL = frozenset(
    {
        ListingPhase.SIGNED,
        ListingPhase.DEFAULTED,
        ListingPhase.ENDED,
        ListingPhase.WITHDRAWN,
        ListingPhase.TERMINATED,
        ListingPhase.REFUSED,
    }
)


class IntentPhase(StrEnum):
    """Where a buyer's application stands (domain.md 2.7)."""

    UNDER_REVIEW = "under_review"
    CORRECTION = "correction"
    SELLER_ASKED = "seller_asked"
    DISPUTED = "disputed"
    DEPOSIT_DUE = "deposit_due"
    ADMITTED = "admitted"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    DISQUALIFIED = "disqualified"
    WON = "won"
    """His deal was struck; the deal says what becomes of his deposit."""
    UNSUCCESSFUL = "unsuccessful"
    """Another bought, the price changed or the listing ended; a held deposit goes back."""

    @property
    def is_open(self) -> bool:
        """Somebody still has to act before the buyer is in or out."""
        return self in _OPEN_INTENTS

    @property
    def is_live(self) -> bool:
        """Open, or admitted and not yet decided."""
        return self is IntentPhase.ADMITTED or self in _OPEN_INTENTS


_OPEN_INTENTS = frozenset(
    {
        IntentPhase.UNDER_REVIEW,
        IntentPhase.CORRECTION,
        IntentPhase.SELLER_ASKED,
        IntentPhase.DISPUTED,
        IntentPhase.DEPOSIT_DUE,
    }
)


class Intent(Struct, frozen=True, kw_only=True):
    """One application; `no` counts from 1 within the listing."""

    no: int
    round_no: int
    buyer_id: PartyId
    phase: IntentPhase
    registered_at_us: InstantUs
    quote: Amount | None = None
    foreign: bool = False
    joint_with: tuple[PartyId, ...] = ()
    related: str = ""
    statement: str = ""
    due_us: InstantUs | None = None
    """By when the seller answers or the deposit must be held."""
    deposit: Amount | None = None
    deposit_id: str | None = None
    code: str | None = None
    reason: str = ""


class OfferPhase(StrEnum):
    """Where an offer stands."""

    STANDING = "standing"
    COUNTERED = "countered"
    DISPLACED = "displaced"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ACCEPTED = "accepted"


class Offer(Struct, frozen=True, kw_only=True):
    """One offer; `no` counts from 1."""

    no: int
    buyer_id: PartyId
    amount: Amount
    phase: OfferPhase
    made_at_us: InstantUs
    expires_at_us: InstantUs | None = None
    counter: Amount | None = None
    counter_expires_at_us: InstantUs | None = None


class Taking(Struct, frozen=True, kw_only=True):
    """One notice of an open licence."""

    no: int
    buyer_id: PartyId
    payment_proof: str
    open: bool = True


class DealPhase(StrEnum):
    """Where a deal of this listing stands; what follows is settlement's."""

    STRUCK = "struck"
    SIGNED = "signed"
    DEFAULTED = "defaulted"

    @property
    def is_live(self) -> bool:
        """It takes a seat."""
        return self is not DealPhase.DEFAULTED


class Deal(Struct, frozen=True, kw_only=True):
    """One deal; `no` counts from 1."""

    no: int
    buyer_id: PartyId
    price: Amount
    way: DealWay
    struck_at_us: InstantUs
    sign_by_us: InstantUs
    intent_no: int | None = None
    seat_no: int | None = None
    phase: DealPhase = DealPhase.STRUCK


class ListingState(Struct, frozen=True, kw_only=True):
    """One listing. Deadlines are those in force now."""

    listing_id: ListingId
    seq: int
    last_at_us: InstantUs
    phase: ListingPhase
    terms: ListingTerms
    subject: ListedSubject
    seller_id: PartyId
    submitted_at_us: InstantUs
    price: Amount | None
    """List price now; starts as `terms.list_price`."""
    round_no: int = 0
    """Disclosures so far; 0 before publication."""
    first_published_at_us: InstantUs | None = None
    discloses_from_us: InstantUs | None = None
    discloses_until_us: InstantUs | None = None
    certain: bool = True
    """False: the period in force runs past the official calendar. True where none is in force."""
    calendar_version: str = ""
    counted_from_us: InstantUs | None = None
    counted_days: int = 0
    """How the period in force (disclosure while LISTED, decision while DECIDING) was counted, to count it again by a newer calendar."""
    cycles: int = 0
    """Extension cycles used in this round."""
    decides_at_us: InstantUs | None = None
    suspended_at_us: InstantUs | None = None
    suspended_until_us: InstantUs | None = None
    suspended_phase: ListingPhase | None = None
    intents: tuple[Intent, ...] = ()
    codes_given: int = 0
    offers: tuple[Offer, ...] = ()
    takings: tuple[Taking, ...] = ()
    deals: tuple[Deal, ...] = ()
    lot_id: LotId | None = None
    """The session ordered last."""
    session_opens_at_us: InstantUs | None = None
    session_start_price: Amount | None = None
    sessions: int = 0
    """Sessions ordered so far."""
    session_outcome: SessionOutcome | None = None
    session_winner: PartyId | None = None
    session_price: Amount | None = None
    end_reason: EndReason | None = None
    reason: str = ""
    """Last reason given: return, suspension, withdrawal, termination, refusal."""
    ending: ListingPhase | None = None
    """Closed to buyers while deals await signing: the final phase that follows the last of them."""


class ListingAccepted(Struct, frozen=True):
    """The command holds: this event is to be recorded."""

    event: ListingEvent


class ListingRejected(Refusal, frozen=True):
    """The command does not hold. `event` is the refusal to record, None for one that is not put on record."""

    event: ListingEvent | None = None


ListingDecision = ListingAccepted | ListingRejected
