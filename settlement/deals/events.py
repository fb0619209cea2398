"""What can happen to a deal, as stored in its history. Names on disk are in `WIRE_NAMES` and are never reused.

Instants of effect (deadlines, due days) are written out; nobody recomputes them from rules. Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from settlement.deals.deal import Deal, DealSide
from settlement.deals.payment import Line, PaymentTerms
from settlement.histories import Names


class Pot(Struct, frozen=True):
    """Money of a deal in escrow: paid in (`deposit_id` empty), or a deposit that became price."""

    deposit_id: str
    amount_fen: int


class DealOpened(Struct, frozen=True, kw_only=True):
    """The process began."""

    deal: Deal
    virtual_account: str
    deadline_us: int


class DealConfirmed(Struct, frozen=True, kw_only=True):
    """The market signed the deal confirmation and a contract draft was requested."""

    document_digest: str
    signature: str
    key: str
    deadline_us: int


class PaymentProposed(Struct, frozen=True, kw_only=True):
    """How the price is to be paid."""

    payment: PaymentTerms


class DraftSupplied(Struct, frozen=True, kw_only=True):
    """The text stands; both sides sign until the deadline."""

    contract_ref: str
    contract_digest: str
    payment: PaymentTerms
    deadline_us: int


class SideSigned(Struct, frozen=True, kw_only=True):
    """A side signed this text. `both`: it was the second one."""

    side: DealSide
    party_id: str
    contract_digest: str
    both: bool
    deadline_us: int


class SigningConcluded(Struct, frozen=True, kw_only=True):
    """The contract stands, on the log's record; this is what is to be paid and by when. `paid`: nothing is due before the hand-over."""

    contract_ref: str
    lines: tuple[Line, ...]
    buyer_fee_fen: int
    seller_fee_fen: int
    broker_fee_fen: int
    paid: bool
    deadline_us: int


class MoneyTaken(Struct, frozen=True, kw_only=True):
    """Money arrived. What is more than all that is owed goes back. `complete`: what is due before the hand-over is there."""

    ref: str
    amount_fen: int
    surplus_fen: int
    booked_at_us: int
    payer_name: str
    payer_account: str
    deposit_id: str
    complete: bool
    deadline_us: int


class DepositLeft(Struct, frozen=True, kw_only=True):
    """A deposit is no part of the price any more."""

    deposit_id: str
    amount_fen: int


class CertificateIssued(Struct, frozen=True, kw_only=True):
    """The trade certificate was issued."""

    number: str
    document_digest: str
    signature: str
    key: str
    deadline_us: int


class HandedOver(Struct, frozen=True, kw_only=True):
    """The seller handed over."""

    proof_ref: str
    proof_digest: str
    note: str
    deadline_us: int


class DeliveryAccepted(Struct, frozen=True, kw_only=True):
    """Accepted `by` buyer, operator or silence. Lines whose time runs from the delivery have their due day now."""

    by: str
    reason: str
    lines: tuple[Line, ...]
    nothing_to_release: bool
    deadline_us: int


class DeliveryDisputed(Struct, frozen=True, kw_only=True):
    """Not accepted."""

    reason: str
    deadline_us: int


class DeliveryDueAgain(Struct, frozen=True, kw_only=True):
    """The dispute was decided against the seller: he hands over once more."""

    reason: str
    deadline_us: int


class MoneyReleased(Struct, frozen=True, kw_only=True):
    """Money left the escrow: `price_fen` of the seller's price, royalties and interest, and the buyer's fee; it went to the seller, the
    market and the broker. Parts sum to the whole.
    """

    pots: tuple[Pot, ...]
    price_fen: int
    buyer_fee_fen: int
    seller_fen: int
    market_fen: int
    broker_fen: int


class RefundOrdered(Struct, frozen=True, kw_only=True):
    """Money of the buyer goes back from the escrow; `damages_fen` of it to the seller for the shortfall."""

    pots: tuple[Pot, ...]
    refund_fen: int
    damages_fen: int


class ExcessReturned(Struct, frozen=True, kw_only=True):
    """Everything is known and paid, and a deposit that became price is more than that: the rest goes back to the buyer."""

    pots: tuple[Pot, ...]
    amount_fen: int


class PayoutPlaced(Struct, frozen=True, kw_only=True):
    """An order to the bank was written. `kind`: price, broker, refund, surplus, damages."""

    order_id: str
    kind: str
    amount_fen: int
    party_id: str


class PayoutSettled(Struct, frozen=True, kw_only=True):
    """The bank has paid; `last`: no other order of the deal is open."""

    order_id: str
    last: bool
    deadline_us: int


class PayoutFailed(Struct, frozen=True, kw_only=True):
    """The bank could not pay: an operator corrects the account."""

    order_id: str
    reason: str


class PayoutReissued(Struct, frozen=True, kw_only=True):
    """Ordered anew."""

    order_id: str
    instead_of: str


class ContractRegistered(Struct, frozen=True, kw_only=True):
    """The registrar gave a number."""

    number: str
    certificate_ref: str
    deadline_us: int


class IncomeDistributed(Struct, frozen=True, kw_only=True):
    """The seller distributed the income. `done`: nothing is to be paid any more."""

    ref: str
    done: bool
    deadline_us: int


class RoyaltyReported(Struct, frozen=True, kw_only=True):
    """A period was reported; this is owed until then."""

    period: int
    base_fen: int
    amount_fen: int
    due_at_us: int
    deadline_us: int


class LineLate(Struct, frozen=True, kw_only=True):
    """A line was not paid, or a period not reported, by its day."""

    no: int
    deadline_us: int


class InterestCharged(Struct, frozen=True, kw_only=True):
    """Interest on a late line, counted when it was paid."""

    line: Line
    for_no: int


class Reminded(Struct, frozen=True, kw_only=True):
    """Whoever has to act was reminded."""


class Escalated(Struct, frozen=True, kw_only=True):
    """The deadline passed and an operator was told; again at the new one."""

    deadline_us: int


class DeadlineMoved(Struct, frozen=True, kw_only=True):
    """Another deadline."""

    deadline_us: int
    reason: str


class DefaultQuestioned(Struct, frozen=True, kw_only=True):
    """An operator has to decide whether there is a default: neither side signed, or the price did not come. `cause`: silence, payment."""

    cause: str
    deadline_us: int


class DefaultDropped(Struct, frozen=True, kw_only=True):
    """There is none; the wait goes on."""

    reason: str
    deadline_us: int


class DefaultFound(Struct, frozen=True, kw_only=True):
    """A side is in default. `cause`: refusal, silence, payment, decision."""

    side: DealSide
    cause: str
    reason: str
    deadline_us: int


class DefaultRecorded(Struct, frozen=True, kw_only=True):
    """On the log's record. The buyer's: sold again. The seller's: the buyer's money goes back; `empty`: there is none."""

    side: DealSide
    reason: str
    empty: bool
    deadline_us: int


class ResaleRecorded(Struct, frozen=True, kw_only=True):
    """What the second sale brought less (domain.md §6.2). `empty`: no money of the buyer is left in escrow."""

    second_price_fen: int
    costs_fen: int
    shortfall_fen: int
    deposit_fen: int
    due_fen: int
    empty: bool
    deadline_us: int


class ResaleWaived(Struct, frozen=True, kw_only=True):
    """Not sold again."""

    reason: str
    empty: bool
    deadline_us: int


class DealRescinded(Struct, frozen=True, kw_only=True):
    """Undone; the buyer's money goes back."""

    reason: str
    empty: bool
    deadline_us: int


class DealArchived(Struct, frozen=True, kw_only=True):
    """Everything is paid, registered and distributed."""


Event = (
    DealOpened | DealConfirmed | PaymentProposed | DraftSupplied | SideSigned | SigningConcluded | MoneyTaken | DepositLeft
    | CertificateIssued | HandedOver | DeliveryAccepted | DeliveryDisputed | DeliveryDueAgain | MoneyReleased | RefundOrdered
    | ExcessReturned | PayoutPlaced | PayoutSettled | PayoutFailed | PayoutReissued | ContractRegistered | IncomeDistributed
    | RoyaltyReported | LineLate | InterestCharged | Reminded | Escalated | DeadlineMoved | DefaultQuestioned | DefaultDropped
    | DefaultFound | DefaultRecorded | ResaleRecorded | ResaleWaived | DealRescinded | DealArchived
)  # fmt: skip

WIRE_NAMES: Final[Mapping[type[Any], str]] = {
    DealOpened: "deal.opened",
    DealConfirmed: "deal.confirmed",
    PaymentProposed: "deal.payment_proposed",
    DraftSupplied: "deal.draft_supplied",
    SideSigned: "deal.side_signed",
    SigningConcluded: "deal.signing_concluded",
    MoneyTaken: "deal.money_taken",
    DepositLeft: "deal.deposit_left",
    CertificateIssued: "deal.certificate_issued",
    HandedOver: "deal.handed_over",
    DeliveryAccepted: "deal.delivery_accepted",
    DeliveryDisputed: "deal.delivery_disputed",
    DeliveryDueAgain: "deal.delivery_due_again",
    MoneyReleased: "deal.money_released",
    RefundOrdered: "deal.refund_ordered",
    ExcessReturned: "deal.excess_returned",
    PayoutPlaced: "deal.payout_placed",
    PayoutSettled: "deal.payout_settled",
    PayoutFailed: "deal.payout_failed",
    PayoutReissued: "deal.payout_reissued",
    ContractRegistered: "deal.contract_registered",
    IncomeDistributed: "deal.income_distributed",
    RoyaltyReported: "deal.royalty_reported",
    LineLate: "deal.line_late",
    InterestCharged: "deal.interest_charged",
    Reminded: "deal.reminded",
    Escalated: "deal.escalated",
    DeadlineMoved: "deal.deadline_moved",
    DefaultQuestioned: "deal.default_questioned",
    DefaultDropped: "deal.default_dropped",
    DefaultFound: "deal.default_found",
    DefaultRecorded: "deal.default_recorded",
    ResaleRecorded: "deal.resale_recorded",
    ResaleWaived: "deal.resale_waived",
    DealRescinded: "deal.rescinded",
    DealArchived: "deal.archived",
}
_NAMES: Final = Names[Event](WIRE_NAMES)
encode_event: Final = _NAMES.encode
decode_event: Final = _NAMES.decode
