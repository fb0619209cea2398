"""What can be asked of a deal. Values without behaviour; `stepping.step` judges them. Amounts in fen, instants in microseconds."""

from __future__ import annotations

from msgspec import Struct

from settlement.deals.deal import Deal, DealSide
from settlement.deals.payment import PaymentTerms


class OpenDeal(Struct, frozen=True, kw_only=True):
    """Open the process of a deal that was struck."""

    deal: Deal
    virtual_account: str


class ConfirmDeal(Struct, frozen=True, kw_only=True):
    """The deal confirmation was signed by the market's key."""

    document_digest: str
    signature: str
    key: str


class ProposePayment(Struct, frozen=True, kw_only=True):
    """The seller (or an operator for him) says how the price is paid; the buyer agrees by signing."""

    payment: PaymentTerms


class SupplyDraft(Struct, frozen=True, kw_only=True):
    """The contract's text stands: what both sides sign."""

    contract_ref: str
    contract_digest: str


class SignContract(Struct, frozen=True, kw_only=True):
    """A side signs the text with this digest."""

    side: DealSide
    party_id: str
    contract_digest: str


class RefuseToSign(Struct, frozen=True, kw_only=True):
    """A side says that it will not sign."""

    side: DealSide
    reason: str


class NoteSigned(Struct, frozen=True, kw_only=True):
    """The log has recorded the signed contract; for a deal without a listing the market itself concludes."""

    contract_ref: str


class NoteDefault(Struct, frozen=True, kw_only=True):
    """The log has recorded the default of a side; for a deal without a listing the market itself does."""

    side: DealSide
    reason: str


class DecideDefault(Struct, frozen=True, kw_only=True):
    """An operator decides who is in default; `side` None: nobody, and the wait goes on with a new deadline."""

    side: DealSide | None
    reason: str


class TakeMoney(Struct, frozen=True, kw_only=True):
    """Money came for the deal: from the bank, or a deposit that became price (`deposit_id`)."""

    ref: str
    amount_fen: int
    booked_at_us: int
    payer_name: str = ""
    payer_account: str = ""
    deposit_id: str = ""
    from_suspense: bool = False


class LoseDeposit(Struct, frozen=True, kw_only=True):
    """A deposit is no part of the price any more (conversion undone, or to be forfeited)."""

    deposit_id: str
    amount_fen: int


class IssueCertificate(Struct, frozen=True, kw_only=True):
    """The trade certificate was signed by the market's key."""

    number: str
    document_digest: str
    signature: str
    key: str


class HandOver(Struct, frozen=True, kw_only=True):
    """The seller has handed over; the proof is named and its digest kept."""

    proof_ref: str
    proof_digest: str
    note: str = ""


class AcceptDelivery(Struct, frozen=True, kw_only=True):
    """The buyer, or an operator who has looked at the register's proof, accepts."""

    by_operator: bool
    reason: str = ""


class DisputeDelivery(Struct, frozen=True, kw_only=True):
    """The buyer, or the operator who looked at the proof, does not accept."""

    reason: str


class DecideDispute(Struct, frozen=True, kw_only=True):
    """An operator decides: delivered, or once more."""

    delivered: bool
    reason: str


class RescindDeal(Struct, frozen=True, kw_only=True):
    """Undone without default (the office refuses the registration, a co-owner objects, both agree): the money goes back."""

    reason: str


class PayoutEnded(Struct, frozen=True, kw_only=True):
    """What the bank said of an order of this deal."""

    order_id: str
    settled: bool
    reason: str = ""
    instead_of: str = ""
    """Set where a failed order was issued anew under `order_id`."""


class NoteRegistered(Struct, frozen=True, kw_only=True):
    """The registrar gave a number."""

    number: str
    certificate_ref: str = ""


class NoteDistributed(Struct, frozen=True, kw_only=True):
    """The seller has distributed the income; `ref` names the plan."""

    ref: str


class ReportRoyalty(Struct, frozen=True, kw_only=True):
    """The buyer reports the base of a period."""

    period: int
    base_fen: int


class RecordResale(Struct, frozen=True, kw_only=True):
    """It was sold again at this price; costs include the commissions of the first sale where the law adds them."""

    second_price_fen: int
    costs_fen: int
    deposit_fen: int
    """What the defaulted buyer's deposit covers."""


class WaiveResale(Struct, frozen=True, kw_only=True):
    """It is not sold again."""

    reason: str


class MoveDeadline(Struct, frozen=True, kw_only=True):
    """Another deadline for the wait now: an operator's decision, or time given back after an outage."""

    deadline_us: int
    reason: str


class Wake(Struct, frozen=True):
    """A clock: remind, or do what a missed deadline means."""


Act = (
    OpenDeal | ConfirmDeal | ProposePayment | SupplyDraft | SignContract | RefuseToSign | NoteSigned | NoteDefault | DecideDefault
    | TakeMoney | LoseDeposit | IssueCertificate | HandOver | AcceptDelivery | DisputeDelivery | DecideDispute | RescindDeal
    | PayoutEnded | NoteRegistered | NoteDistributed | ReportRoyalty | RecordResale | WaiveResale | MoveDeadline | Wake
)  # fmt: skip
