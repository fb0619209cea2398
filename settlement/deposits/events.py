"""What can happen to a deposit, as stored in its history. Names on disk are in `WIRE_NAMES` and are never reused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from settlement.deposits.terms import DepositTerms
from settlement.histories import Names


class DepositState(StrEnum):
    """Where a deposit stands: exactly one of these at any instant."""

    REQUIRED = "required"
    """Asked for; nothing or a part is there."""
    PAID = "paid"
    """All of it is there and waits to be checked."""
    HELD = "held"
    RELEASE_DUE = "release_due"
    """Goes back; the release clock runs."""
    RELEASING = "releasing"
    """The bank was told to pay it back."""
    RELEASED = "released"
    CONVERTED = "converted"
    """Part of the price of a deal now."""
    FORFEIT_PENDING = "forfeit_pending"
    """To be lost for a reason; the party may appeal, or the appeal is being decided."""
    FORFEITED = "forfeited"
    PARTLY_DEDUCTED = "partly_deducted"
    """A part is lost, the rest was ordered to be paid back."""
    LAPSED = "lapsed"
    """Not paid in time, or not needed any more; what was there was ordered to be paid back."""


FINAL: Final = frozenset(
    {DepositState.RELEASED, DepositState.FORFEITED, DepositState.PARTLY_DEDUCTED, DepositState.LAPSED}
)


class DepositRequired(Struct, frozen=True, kw_only=True):
    """A party has to pay a deposit."""

    subject: str
    party_id: str
    amount_fen: int
    due_at_us: int
    virtual_account: str
    terms: DepositTerms


class DueMoved(Struct, frozen=True, kw_only=True):
    """It is due at another time; `paused`: no time runs while its subject is suspended."""

    due_at_us: int
    paused: bool


class PaymentReceived(Struct, frozen=True, kw_only=True):
    """Money arrived. `complete`: with it all is there."""

    bank_ref: str
    booked_at_us: int
    taken_fen: int
    surplus_fen: int
    payer_name: str
    payer_account: str
    complete: bool


class DepositHeld(Struct, frozen=True, kw_only=True):
    """The deposit is held. `checked_by`: `own_account` or who decided."""

    checked_by: str


class ReleaseScheduled(Struct, frozen=True, kw_only=True):
    """It goes back: not before `from_us`, at the latest at `by_us`.

    `certain` False: the holiday table does not reach so far, `by_us` is counted again when it does.
    """

    reason: str
    starts_us: int
    from_us: int
    by_us: int
    certain: bool
    calendar: str = ""


class ReleaseRecounted(Struct, frozen=True, kw_only=True):
    """The end of the release clock was counted again with a newer calendar."""

    by_us: int
    certain: bool
    calendar: str


class ReleaseBlocked(Struct, frozen=True, kw_only=True):
    """No release while this reason stands (an objection, a complaint, an inquiry)."""

    block: str
    reason: str


class ReleaseUnblocked(Struct, frozen=True, kw_only=True):
    """The reason is gone."""

    block: str


class ReleaseStarted(Struct, frozen=True, kw_only=True):
    """The bank is told to pay the deposit back."""

    order_id: str


class ReleaseFailed(Struct, frozen=True, kw_only=True):
    """The bank could not pay it back; an operator corrects the account."""

    order_id: str
    reason: str


class ReleaseReissued(Struct, frozen=True, kw_only=True):
    """Ordered anew under a new id after a failure."""

    order_id: str
    instead_of: str


class DepositReleased(Struct, frozen=True, kw_only=True):
    """The bank has paid it back."""

    order_id: str
    bank_ref: str


class DepositConverted(Struct, frozen=True, kw_only=True):
    """It is part of the price of a deal now."""

    deal_ref: str


class ConversionUndone(Struct, frozen=True, kw_only=True):
    """The deal is undone: it is a held deposit again."""

    deal_ref: str
    reason: str


class ForfeitProposed(Struct, frozen=True, kw_only=True):
    """It is to be lost, unless an appeal made before `appeal_until_us` is upheld."""

    reason: str
    note: str
    appeal_until_us: int
    back_to: DepositState
    deal_ref: str


class ForfeitAppealed(Struct, frozen=True, kw_only=True):
    """The party objects."""

    text: str


class AppealDismissed(Struct, frozen=True, kw_only=True):
    """The appeal was looked at and does not change anything."""

    reason: str


class ForfeitLifted(Struct, frozen=True, kw_only=True):
    """It is not lost; the deposit stands where it stood before."""

    reason: str
    back_to: DepositState


class DepositForfeited(Struct, frozen=True, kw_only=True):
    """It is lost."""

    taken_fen: int


class DepositDeducted(Struct, frozen=True, kw_only=True):
    """The shortfall of a default is taken out of it (domain.md §6.2)."""

    first_price_fen: int
    second_price_fen: int
    costs_fen: int
    shortfall_fen: int
    taken_fen: int
    returned_fen: int
    due_fen: int


class DepositLapsed(Struct, frozen=True, kw_only=True):
    """It was not complete in time (`not_paid`) or is not needed any more (`not_needed`)."""

    reason: str
    returned_fen: int


Event = (
    DepositRequired | DueMoved | PaymentReceived | DepositHeld | ReleaseScheduled | ReleaseRecounted | ReleaseBlocked
    | ReleaseUnblocked | ReleaseStarted | ReleaseFailed | ReleaseReissued | DepositReleased | DepositConverted
    | ConversionUndone | ForfeitProposed | ForfeitAppealed | AppealDismissed | ForfeitLifted | DepositForfeited
    | DepositDeducted | DepositLapsed
)  # fmt: skip

WIRE_NAMES: Final[Mapping[type[Any], str]] = {
    DepositRequired: "deposit.required",
    DueMoved: "deposit.due_moved",
    PaymentReceived: "deposit.payment_received",
    DepositHeld: "deposit.held",
    ReleaseScheduled: "deposit.release_scheduled",
    ReleaseRecounted: "deposit.release_recounted",
    ReleaseBlocked: "deposit.release_blocked",
    ReleaseUnblocked: "deposit.release_unblocked",
    ReleaseStarted: "deposit.release_started",
    ReleaseFailed: "deposit.release_failed",
    ReleaseReissued: "deposit.release_reissued",
    DepositReleased: "deposit.released",
    DepositConverted: "deposit.converted",
    ConversionUndone: "deposit.conversion_undone",
    ForfeitProposed: "deposit.forfeit_proposed",
    ForfeitAppealed: "deposit.forfeit_appealed",
    AppealDismissed: "deposit.appeal_dismissed",
    ForfeitLifted: "deposit.forfeit_lifted",
    DepositForfeited: "deposit.forfeited",
    DepositDeducted: "deposit.deducted",
    DepositLapsed: "deposit.lapsed",
}
_NAMES: Final = Names[Event](WIRE_NAMES)
encode_event: Final = _NAMES.encode
decode_event: Final = _NAMES.decode
