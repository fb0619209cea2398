"""What can be asked of a deposit. Values without behaviour; the rules judge them (settlement/deposits/rules.py)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from settlement.deposits.terms import DepositTerms

NOT_PAID: Final = "not_paid"
NOT_NEEDED: Final = "not_needed"


class RequireDeposit(Struct, frozen=True, kw_only=True):
    """Ask a party for a deposit until `due_at_us`."""

    subject: str
    party_id: str
    amount_fen: int
    due_at_us: int
    virtual_account: str
    terms: DepositTerms


class ReceivePayment(Struct, frozen=True, kw_only=True):
    """Money arrived; when the bank booked it decides whether it is in time."""

    bank_ref: str
    booked_at_us: int
    amount_fen: int
    payer_name: str
    payer_account: str
    from_suspense: bool = False


class HoldDeposit(Struct, frozen=True, kw_only=True):
    """The payment was checked: hold it. `checked_by`: `own_account` or who decided."""

    checked_by: str


class MoveDue(Struct, frozen=True, kw_only=True):
    """The due time is another now; `paused`: no time runs until it is moved again (the subject is suspended)."""

    due_at_us: int
    paused: bool = False


class LapseDeposit(Struct, frozen=True, kw_only=True):
    """Close a deposit that is not complete: NOT_PAID (in time) or NOT_NEEDED (the subject has ended)."""

    reason: str


class ScheduleRelease(Struct, frozen=True, kw_only=True):
    """Start the release clock at `starts_us`; it ends at `by_us`, counted by the calendar of that version."""

    reason: str
    starts_us: int
    by_us: int
    certain: bool
    calendar: str = ""


class RecountRelease(Struct, frozen=True, kw_only=True):
    """The end of the clock by a newer calendar."""

    by_us: int
    certain: bool
    calendar: str


class BlockRelease(Struct, frozen=True, kw_only=True):
    """No release while the block of this name stands."""

    block: str
    reason: str


class UnblockRelease(Struct, frozen=True, kw_only=True):
    """Take a block away."""

    block: str


class StartRelease(Struct, frozen=True, kw_only=True):
    """Pay it back under this order id."""

    order_id: str


class FailRelease(Struct, frozen=True, kw_only=True):
    """The bank could not."""

    order_id: str
    reason: str


class ReissueRelease(Struct, frozen=True, kw_only=True):
    """Order anew after a failure."""

    order_id: str
    instead_of: str


class FinishRelease(Struct, frozen=True, kw_only=True):
    """The bank has paid."""

    order_id: str
    bank_ref: str


class ConvertDeposit(Struct, frozen=True, kw_only=True):
    """Make it part of the price of a deal."""

    deal_ref: str


class UndoConversion(Struct, frozen=True, kw_only=True):
    """The deal is undone without the buyer's fault."""

    reason: str


class ProposeForfeit(Struct, frozen=True, kw_only=True):
    """Let it be lost, after the party had time to appeal.

    `recorded_earlier`: the default is on record since the instant the window was counted from; the market was only late to act on
    it, so the window may be over already. The consumer of the log sets it, a person never does.
    """

    reason: str
    appeal_until_us: int
    note: str = ""
    recorded_earlier: bool = False


class AppealForfeit(Struct, frozen=True, kw_only=True):
    """The party objects."""

    text: str


class DecideAppeal(Struct, frozen=True, kw_only=True):
    """An operator decides an appeal."""

    upheld: bool
    reason: str


class LiftForfeit(Struct, frozen=True, kw_only=True):
    """An operator takes a proposal back without an appeal."""

    reason: str


class ForfeitDeposit(Struct, frozen=True, kw_only=True):
    """Take it, after the window."""


class DeductShortfall(Struct, frozen=True, kw_only=True):
    """Take what the second sale brought less (domain.md §6.2). Fen; `costs_fen` holds commissions too where the law adds them."""

    first_price_fen: int
    second_price_fen: int
    costs_fen: int


Act = (
    RequireDeposit | MoveDue | ReceivePayment | HoldDeposit | LapseDeposit | ScheduleRelease | RecountRelease | BlockRelease
    | UnblockRelease | StartRelease | FailRelease | ReissueRelease | FinishRelease | ConvertDeposit | UndoConversion
    | ProposeForfeit | AppealForfeit | DecideAppeal | LiftForfeit | ForfeitDeposit | DeductShortfall
)  # fmt: skip
