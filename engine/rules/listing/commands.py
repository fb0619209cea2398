"""What can be asked of a listing. A command is data; who may send it is the gateway's business, whether it holds is `decide`'s."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.rules.listing.terms import ListingTerms
from engine.values import Amount, InstantUs, LotId, PartyId


class ListedSubject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is listed, as published: the achievement's version and what people read about it."""

    achievement_id: str
    achievement_version: int
    achievement_digest: str
    """Hexadecimal SHA-256 of the version's canonical bytes."""
    title_zh: str
    title_en: str = ""
    summary_zh: str = ""
    summary_en: str = ""
    field: str = ""
    region: str = ""
    seller_name_zh: str = ""
    seller_name_en: str = ""
    conditions_zh: str = ""
    """What a buyer must fulfil (受让方资格条件)."""
    conditions_en: str = ""
    defects_zh: str = ""
    defects_en: str = ""
    payment: str = "ONE_TIME"
    relists: str = ""
    """The listing whose failed or defaulted round this one follows, empty for none."""
    demonstration: bool = False


class Verdict(StrEnum):
    """The operator's check of an intent's form."""

    PASS = "pass"  # noqa: S105  # not a password
    CORRECTION = "correction"
    REFUSE = "refuse"


class SessionOutcome(StrEnum):
    """How the session ended that a listing ordered."""

    SOLD = "sold"
    PASSED = "passed"
    VOIDED = "voided"


class Side(StrEnum):
    """A side of a deal."""

    BUYER = "buyer"
    SELLER = "seller"


class SubmitListing(Struct, frozen=True, kw_only=True):
    """The institution hands the listing in for the form check."""

    terms: ListingTerms
    subject: ListedSubject
    seller_id: PartyId


class ReturnListing(Struct, frozen=True, kw_only=True):
    """Operator: back to the institution for correction."""

    reason: str


class ResubmitListing(Struct, frozen=True, kw_only=True):
    """The institution hands it in again, corrected."""

    terms: ListingTerms
    subject: ListedSubject


class RefuseListing(Struct, frozen=True, kw_only=True):
    """Operator: cannot be listed."""

    reason: str


class PublishListing(Struct, frozen=True, kw_only=True):
    """Operator: the form is in order, disclosure begins now."""


class ChangePrice(Struct, frozen=True, kw_only=True):
    """A new list price. Under DISCLOSED the period starts again; None (offers only) where nothing is disclosed."""

    price: Amount | None
    reason: str
    approval_no: str = ""


class ReviseListing(Struct, frozen=True, kw_only=True):
    """A necessary change of content, approved; same channel, the period starts again."""

    terms: ListingTerms
    subject: ListedSubject
    reason: str
    approval_no: str


class SuspendListing(Struct, frozen=True, kw_only=True):
    """Operator: 中止, for instance a dispute over ownership."""

    reason: str


class ResumeListing(Struct, frozen=True, kw_only=True):
    """Operator: 恢复."""

    reason: str


class WithdrawListing(Struct, frozen=True, kw_only=True):
    """Seller: 撤牌; free before any intent, at `withdrawal_cost` after, with liability once a buyer is admitted."""

    reason: str


class TerminateListing(Struct, frozen=True, kw_only=True):
    """Operator: 终结, where the obstacle cannot be removed."""

    reason: str


class RegisterIntent(Struct, frozen=True, kw_only=True):
    """A buyer applies. `quote` is what a single buyer would pay, at or above the list price."""

    buyer_id: PartyId
    quote: Amount | None = None
    foreign: bool = False
    joint_with: tuple[PartyId, ...] = ()
    """Further members of a consortium (联合体); the applicant leads and bids for all."""
    related: str = ""
    """Kind of relation to the seller or a completer, empty for none; shown, not refused."""
    statement: str = ""


class CorrectIntent(Struct, frozen=True, kw_only=True):
    """The buyer answers a request for correction."""

    intent_no: int
    buyer_id: PartyId
    quote: Amount | None = None
    statement: str = ""


class WithdrawIntent(Struct, frozen=True, kw_only=True):
    """The buyer steps back, before the session or the deal."""

    intent_no: int
    buyer_id: PartyId


class ReviewIntent(Struct, frozen=True, kw_only=True):
    """Operator: form check."""

    intent_no: int
    verdict: Verdict
    reason: str = ""


class AnswerIntent(Struct, frozen=True, kw_only=True):
    """Seller: agrees to the buyer, or objects with a reason; then the approving body decides."""

    intent_no: int
    agrees: bool
    reason: str = ""


class SettleIntent(Struct, frozen=True, kw_only=True):
    """The approving body's decision on a disputed buyer, entered by the operator."""

    intent_no: int
    qualifies: bool
    authority: str
    reason: str


class ConfirmDeposit(Struct, frozen=True, kw_only=True):
    """Settlement: the deposit of this intent is held. Sent with an id made from the deposit's."""

    intent_no: int
    deposit_id: str


class DisqualifyBuyer(Struct, frozen=True, kw_only=True):
    """Operator: an admitted buyer does not qualify after all."""

    intent_no: int
    reason: str


class TakeListing(Struct, frozen=True, kw_only=True):
    """Buy at the posted price. `price` is the price the buyer saw: if it has changed he is asked again."""

    buyer_id: PartyId
    price: Amount
    foreign: bool = False


class NotifyTaking(Struct, frozen=True, kw_only=True):
    """Open licence: the taker's written notice with proof of payment."""

    buyer_id: PartyId
    payment_proof: str
    foreign: bool = False


class ConfirmTaking(Struct, frozen=True, kw_only=True):
    """Seller or operator: the payment of an open licence came in (or, `paid` False, did not)."""

    taking_no: int
    paid: bool
    reason: str = ""


class MakeOffer(Struct, frozen=True, kw_only=True):
    """Offer a price."""

    buyer_id: PartyId
    amount: Amount
    expires_at_us: InstantUs | None = None
    foreign: bool = False


class WithdrawOffer(Struct, frozen=True, kw_only=True):
    """The buyer takes an offer back."""

    offer_no: int
    buyer_id: PartyId


class RejectOffer(Struct, frozen=True, kw_only=True):
    """The seller says no."""

    offer_no: int
    reason: str = ""


class CounterOffer(Struct, frozen=True, kw_only=True):
    """The seller names a price for which he would sell to this buyer."""

    offer_no: int
    amount: Amount
    expires_at_us: InstantUs | None = None


class AcceptOffer(Struct, frozen=True, kw_only=True):
    """The seller accepts a standing offer. `amount` is the one he saw."""

    offer_no: int
    amount: Amount


class AcceptCounter(Struct, frozen=True, kw_only=True):
    """The buyer accepts the seller's counter-offer."""

    offer_no: int
    buyer_id: PartyId
    amount: Amount


class RecordSession(Struct, frozen=True, kw_only=True):
    """Hand-over: the session that was ordered has ended. Sent with an id made from the lot's final event."""

    lot_id: LotId
    outcome: SessionOutcome
    winner_id: PartyId | None = None
    price: Amount | None = None


class RecordSigning(Struct, frozen=True, kw_only=True):
    """The contract of a deal was signed by both sides."""

    deal_no: int
    contract_ref: str


class RecordDefault(Struct, frozen=True, kw_only=True):
    """A side of a deal refused to sign or to pay (悔拍); the operator decides after hearing both."""

    deal_no: int
    side: Side
    reason: str


class ReachDeadline(Struct, frozen=True, kw_only=True):
    """The marker that stands in the inbox where a deadline fell."""

    due_us: InstantUs


class RecordOutage(Struct, frozen=True, kw_only=True):
    """The platform was down between the two instants."""

    from_us: InstantUs
    to_us: InstantUs


class RecountPeriod(Struct, frozen=True, kw_only=True):
    """A newer calendar is loaded: count a period again that ran past the old table."""

    calendar_version: str


ListingCommand = (
    SubmitListing
    | ReturnListing
    | ResubmitListing
    | RefuseListing
    | PublishListing
    | ChangePrice
    | ReviseListing
    | SuspendListing
    | ResumeListing
    | WithdrawListing
    | TerminateListing
    | RegisterIntent
    | CorrectIntent
    | WithdrawIntent
    | ReviewIntent
    | AnswerIntent
    | SettleIntent
    | ConfirmDeposit
    | DisqualifyBuyer
    | TakeListing
    | NotifyTaking
    | ConfirmTaking
    | MakeOffer
    | WithdrawOffer
    | RejectOffer
    | CounterOffer
    | AcceptOffer
    | AcceptCounter
    | RecordSession
    | RecordSigning
    | RecordDefault
    | ReachDeadline
    | RecordOutage
    | RecountPeriod
)
