"""What happened to a listing: one event for each decision, complete in itself; instants of effect are written out.

An event class never changes meaning (ADR 0002). Where one fact calls for another at once (the last deposit in, so the deal), the
second is an event of its own: the state's next deadline is then its own instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from engine.rules.listing.commands import ListedSubject, SessionOutcome, Side
from engine.rules.listing.terms import ListingTerms
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId


class DealWay(StrEnum):
    """How a deal came about."""

    SOLE_BUYER = "sole_buyer"
    SESSION = "session"
    POSTED = "posted"
    OFFER = "offer"
    COUNTER_OFFER = "counter_offer"
    OPEN_LICENCE = "open_licence"


class EndReason(StrEnum):
    """Why a listing ended by itself."""

    NO_BUYER = "no_buyer"
    SESSION_PASSED = "session_passed"
    SUSPENDED_TOO_LONG = "suspended_too_long"
    """The obstacle was not removed within the longest suspension."""
    TOO_LONG = "too_long"
    """Longer on the market than the terms allow: value and disclose anew."""


class LengthenCause(StrEnum):
    """Why a period became longer."""

    NO_BUYER = "no_buyer"
    OUTAGE = "outage"


class LapseCause(StrEnum):
    """Why an intent came to nothing."""

    DEPOSIT_UNPAID = "deposit_unpaid"
    NOT_CORRECTED = "not_corrected"
    UNDECIDED = "undecided"


class QualifiedBy(StrEnum):
    """Whose word qualified a buyer."""

    SELLER = "seller"
    SILENCE = "silence"
    AUTHORITY = "authority"


class ListingSubmitted(Struct, frozen=True, kw_only=True):
    """Handed in for the form check."""

    terms: ListingTerms
    subject: ListedSubject
    seller_id: PartyId


class ListingReturned(Struct, frozen=True, kw_only=True):
    """Back for correction."""

    reason: str


class ListingResubmitted(Struct, frozen=True, kw_only=True):
    """Handed in again."""

    terms: ListingTerms
    subject: ListedSubject


class ListingRefused(Struct, frozen=True, kw_only=True):
    """Cannot be listed."""

    reason: str


class ListingPublished(Struct, frozen=True, kw_only=True):
    """On the market. `discloses_until_us` None: it has no period. `certain` False: the period runs past the official calendar."""

    discloses_until_us: InstantUs | None
    certain: bool
    calendar_version: str
    working_days: int = 0
    """Length of the period, counted from this event; 0 without a period."""


class PriceChanged(Struct, frozen=True, kw_only=True):
    """A new list price; `round_no` rises where the period started again. Intents of the round before have ended."""

    price: Amount | None
    reason: str
    approval_no: str
    round_no: int
    discloses_until_us: InstantUs | None
    certain: bool
    calendar_version: str
    working_days: int = 0


class ListingRevised(Struct, frozen=True, kw_only=True):
    """Content changed; the period started again."""

    terms: ListingTerms
    subject: ListedSubject
    reason: str
    approval_no: str
    round_no: int
    discloses_until_us: InstantUs | None
    certain: bool
    calendar_version: str
    working_days: int = 0


class ListingSuspended(Struct, frozen=True, kw_only=True):
    """The clock stands still, at the longest until `until_us`."""

    reason: str
    until_us: InstantUs


class ListingResumed(Struct, frozen=True, kw_only=True):
    """The clock runs again, with the remaining days and at least those that the terms keep."""

    reason: str
    discloses_until_us: InstantUs | None
    decides_at_us: InstantUs | None
    certain: bool
    calendar_version: str
    shift_us: DurationUs = DurationUs(0)
    """How long the clock stood still: by so much every answer and deposit falls due later."""
    counted_from_us: InstantUs | None = None
    working_days: int = 0
    """The period in force (disclosure or decision) is counted as so many working days from that instant."""


class PeriodLengthened(Struct, frozen=True, kw_only=True):
    """An extension cycle began (延牌), or an outage was made up for. Instants are those in force now, None for what there is not."""

    cause: LengthenCause
    cycle: int
    discloses_until_us: InstantUs | None
    certain: bool
    calendar_version: str
    decides_at_us: InstantUs | None = None
    due_not_before_us: InstantUs | None = None
    """After an outage: no answer, no deposit and no end of a suspension falls due earlier."""
    counted_from_us: InstantUs | None = None
    working_days: int = 0
    """The period in force was counted as so many working days from that instant."""


class PeriodRecounted(Struct, frozen=True, kw_only=True):
    """The official calendar for the period's end came out. A period never becomes shorter by it."""

    discloses_until_us: InstantUs | None
    certain: bool
    calendar_version: str
    decides_at_us: InstantUs | None = None


class IntakeClosed(Struct, frozen=True, kw_only=True):
    """The disclosure period ended with intents; reviews, answers and deposits must be through by `decides_at_us`."""

    decides_at_us: InstantUs
    certain: bool
    calendar_version: str
    counted_from_us: InstantUs | None = None
    working_days: int = 0


class IntentRegistered(Struct, frozen=True, kw_only=True):
    """A buyer applied."""

    intent_no: int
    buyer_id: PartyId
    quote: Amount | None
    foreign: bool
    joint_with: tuple[PartyId, ...]
    related: str
    statement: str


class IntentReturned(Struct, frozen=True, kw_only=True):
    """The form needs correction."""

    intent_no: int
    reason: str


class IntentCorrected(Struct, frozen=True, kw_only=True):
    """The buyer corrected it."""

    intent_no: int
    quote: Amount | None
    statement: str


class IntentPassed(Struct, frozen=True, kw_only=True):
    """The form is in order; the seller answers by `answer_due_us`."""

    intent_no: int
    answer_due_us: InstantUs


class IntentRefused(Struct, frozen=True, kw_only=True):
    """The buyer does not qualify."""

    intent_no: int
    reason: str
    by_authority: bool


class IntentDisputed(Struct, frozen=True, kw_only=True):
    """The seller objects although the form was passed: the approving body decides."""

    intent_no: int
    reason: str


class IntentQualified(Struct, frozen=True, kw_only=True):
    """The buyer qualifies; `deposit` (None: none asked) is due by `deposit_due_us`."""

    intent_no: int
    buyer_id: PartyId
    by: QualifiedBy
    deposit: Amount | None
    deposit_due_us: InstantUs | None


class BuyerAdmitted(Struct, frozen=True, kw_only=True):
    """The buyer is admitted under a bidder code; his deposit, if any, is held."""

    intent_no: int
    buyer_id: PartyId
    code: str
    deposit_id: str | None


class IntentWithdrawn(Struct, frozen=True, kw_only=True):
    """The buyer stepped back."""

    intent_no: int
    buyer_id: PartyId


class IntentLapsed(Struct, frozen=True, kw_only=True):
    """An intent came to nothing."""

    intent_no: int
    buyer_id: PartyId
    cause: LapseCause


class BuyerDisqualified(Struct, frozen=True, kw_only=True):
    """An admitted buyer lost his place."""

    intent_no: int
    buyer_id: PartyId
    reason: str


class SessionOrdered(Struct, frozen=True, kw_only=True):
    """Several buyers (or bidding in any case): a session of this lot id opens at `opens_at_us` with these bidders and codes."""

    lot_id: LotId
    opens_at_us: InstantUs
    start_price: Amount
    bidders: tuple[tuple[PartyId, str], ...]


class SessionRecorded(Struct, frozen=True, kw_only=True):
    """The session ended. Sold: a deal follows as an event of its own. Passed: its bidders' deposits go back. Voided: the
    listing is suspended with its buyers until the operator resumes it, which orders another session, or terminates it.
    """

    lot_id: LotId
    outcome: SessionOutcome
    winner_id: PartyId | None
    price: Amount | None


class DealStruck(Struct, frozen=True, kw_only=True):
    """A deal: the legal moment is this event's instant (合同编通则解释 art. 4). The contract is to be signed by `sign_by_us`."""

    deal_no: int
    buyer_id: PartyId
    intent_no: int | None
    price: Amount
    way: DealWay
    seat_no: int | None
    sign_by_us: InstantUs
    rule_version: str
    offer_no: int | None = None
    """The offer that was accepted, itself or by its counter-offer."""


class DealSigned(Struct, frozen=True, kw_only=True):
    """Both sides signed."""

    deal_no: int
    buyer_id: PartyId
    intent_no: int | None
    contract_ref: str


class DealDefaulted(Struct, frozen=True, kw_only=True):
    """A side refused; a buyer's deposit is to be forfeited, after his appeal."""

    deal_no: int
    buyer_id: PartyId
    intent_no: int | None
    side: Side
    reason: str


class TakingNotified(Struct, frozen=True, kw_only=True):
    """Open licence: notice and proof of payment came in."""

    taking_no: int
    buyer_id: PartyId
    payment_proof: str


class TakingRefused(Struct, frozen=True, kw_only=True):
    """Open licence: no payment was found."""

    taking_no: int
    reason: str


class OfferMade(Struct, frozen=True, kw_only=True):
    """An offer stands. `displaces` is the number of the standing offer it replaced."""

    offer_no: int
    buyer_id: PartyId
    amount: Amount
    expires_at_us: InstantUs | None
    displaces: int | None


class OfferWithdrawn(Struct, frozen=True, kw_only=True):
    """Taken back by the buyer."""

    offer_no: int


class OfferRejected(Struct, frozen=True, kw_only=True):
    """Refused by the seller."""

    offer_no: int
    reason: str


class OfferExpired(Struct, frozen=True, kw_only=True):
    """Its time (or the counter-offer's) ran out."""

    offer_no: int
    counter: bool


class CounterOffered(Struct, frozen=True, kw_only=True):
    """The seller's answer to an offer."""

    offer_no: int
    amount: Amount
    expires_at_us: InstantUs | None


class ListingEnded(Struct, frozen=True, kw_only=True):
    """It ended by itself."""

    reason: EndReason


class ListingWithdrawn(Struct, frozen=True, kw_only=True):
    """Taken back by the seller. `liable`: buyers were admitted already."""

    reason: str
    cost: Amount
    liable: bool


class ListingTerminated(Struct, frozen=True, kw_only=True):
    """Ended by the market."""

    reason: str


class ListingRefusal(Struct, frozen=True, kw_only=True):
    """A buyer's command was refused; on record, shown to him alone."""

    party_id: PartyId
    command: str
    amount: Amount | None
    reject: str
    data: dict[str, str | int]


ListingEvent = (
    ListingSubmitted
    | ListingReturned
    | ListingResubmitted
    | ListingRefused
    | ListingPublished
    | PriceChanged
    | ListingRevised
    | ListingSuspended
    | ListingResumed
    | PeriodLengthened
    | PeriodRecounted
    | IntakeClosed
    | IntentRegistered
    | IntentReturned
    | IntentCorrected
    | IntentPassed
    | IntentRefused
    | IntentDisputed
    | IntentQualified
    | BuyerAdmitted
    | IntentWithdrawn
    | IntentLapsed
    | BuyerDisqualified
    | SessionOrdered
    | SessionRecorded
    | DealStruck
    | DealSigned
    | DealDefaulted
    | TakingNotified
    | TakingRefused
    | OfferMade
    | OfferWithdrawn
    | OfferRejected
    | OfferExpired
    | CounterOffered
    | ListingEnded
    | ListingWithdrawn
    | ListingTerminated
    | ListingRefusal
)

LISTING_WIRE_NAMES: Final[Mapping[type[Any], tuple[str, int]]] = {
    ListingSubmitted: ("listing.submitted", 1),
    ListingReturned: ("listing.returned", 1),
    ListingResubmitted: ("listing.resubmitted", 1),
    ListingRefused: ("listing.refused", 1),
    ListingPublished: ("listing.published", 1),
    PriceChanged: ("listing.price_changed", 1),
    ListingRevised: ("listing.revised", 1),
    ListingSuspended: ("listing.suspended", 1),
    ListingResumed: ("listing.resumed", 1),
    PeriodLengthened: ("listing.period_lengthened", 1),
    PeriodRecounted: ("listing.period_recounted", 1),
    IntakeClosed: ("listing.intake_closed", 1),
    IntentRegistered: ("listing.intent_registered", 1),
    IntentReturned: ("listing.intent_returned", 1),
    IntentCorrected: ("listing.intent_corrected", 1),
    IntentPassed: ("listing.intent_passed", 1),
    IntentRefused: ("listing.intent_refused", 1),
    IntentDisputed: ("listing.intent_disputed", 1),
    IntentQualified: ("listing.intent_qualified", 1),
    BuyerAdmitted: ("listing.buyer_admitted", 1),
    IntentWithdrawn: ("listing.intent_withdrawn", 1),
    IntentLapsed: ("listing.intent_lapsed", 1),
    BuyerDisqualified: ("listing.buyer_disqualified", 1),
    SessionOrdered: ("listing.session_ordered", 1),
    SessionRecorded: ("listing.session_recorded", 1),
    DealStruck: ("listing.deal_struck", 1),
    DealSigned: ("listing.deal_signed", 1),
    DealDefaulted: ("listing.deal_defaulted", 1),
    TakingNotified: ("listing.taking_notified", 1),
    TakingRefused: ("listing.taking_refused", 1),
    OfferMade: ("listing.offer_made", 1),
    OfferWithdrawn: ("listing.offer_withdrawn", 1),
    OfferRejected: ("listing.offer_rejected", 1),
    OfferExpired: ("listing.offer_expired", 1),
    CounterOffered: ("listing.counter_offered", 1),
    ListingEnded: ("listing.ended", 1),
    ListingWithdrawn: ("listing.withdrawn", 1),
    ListingTerminated: ("listing.terminated", 1),
    ListingRefusal: ("listing.refusal", 1),
}
