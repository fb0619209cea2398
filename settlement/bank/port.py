"""The port to a bank: money that came in, money to send out, and what became of it.

Two adapters: `gateway/bank/client.py` (a bank with an interface) and `settlement/bank/by_hand.py` (a payment file for the bank's own
counter, confirmed by its statement). One contract suite runs over both (tests/contract/test_bank.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from engine.values import InstantUs

TEXT_MAX: Final = 200
"""Characters of a name, account or purpose; banks keep fewer (purposes often 60)."""
REF_MAX: Final = 64
"""Characters of a bank's reference and of an order id."""


class BankUnavailable(Exception):
    """The bank gave no answer: the payment may or may not be under way. Ask again with the same order id, or `look_up`."""


class PayoutState(StrEnum):
    """How far a payment is. ACCEPTED is on its way; SETTLED and FAILED are final."""

    ACCEPTED = "accepted"
    SETTLED = "settled"
    FAILED = "failed"


class Credit(Struct, frozen=True, kw_only=True):
    """Money that arrived on the market's account, as the bank tells it. Texts may be empty where the bank gives none."""

    bank_ref: str
    """The bank's reference of the booking: unique for ever. The same reference is the same money."""
    booked_at_us: InstantUs
    """When the bank booked it, not when it told us: this decides whether a deposit was in time."""
    amount_fen: int
    """More than 0."""
    payer_name: str
    payer_account: str
    virtual_account: str
    """Sub-account number it was sent to; empty if it went to the main account."""
    purpose: str


class Payout(Struct, frozen=True, kw_only=True):
    """Money to send. `order_id` is ours and makes the order idempotent: the same id pays once, for ever."""

    order_id: str
    amount_fen: int
    payee_name: str
    payee_account: str
    purpose: str


class PayoutResult(Struct, frozen=True, kw_only=True):
    """What became of an order."""

    order_id: str
    state: PayoutState
    reason: str = ""
    """Code of the bank for FAILED, empty otherwise."""
    bank_ref: str = ""
    """Reference of the booking; set when SETTLED."""
    booked_at_us: InstantUs = InstantUs(0)
    """When the bank booked it; set when SETTLED."""


class Bank(Protocol):
    """Where payments are ordered. What comes in is told by callbacks and statements, not asked for here."""

    async def pay(self, payout: Payout) -> PayoutResult:
        """Order a payment. The same order again is answered with what became of the first.

        Raises:
            BankUnavailable: no answer; the money may have moved.
        """
        ...

    async def look_up(self, order_id: str) -> PayoutResult | None:
        """Return what became of an order, None if the bank never got it.

        Raises:
            BankUnavailable: no answer.
        """
        ...
