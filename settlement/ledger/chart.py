"""The chart of accounts as data: what each account means, on which side it stands, whether it may be overdrawn.

The table `ledger_account` holds the same rows (0001_ledger.sql); tests/settlement compares the two. A line's amount is positive on
the debit side and negative on the credit side, so that every entry sums to zero and so does the whole ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Account(StrEnum):
    """Accounts of the market. None of the money here is the market's own but income."""

    BANK = "bank"
    """The escrow account at the bank."""
    SUSPENSE = "suspense"
    """Received, and nobody knows yet what for; one sub-account for each bank reference."""
    DEPOSIT_RECEIVED = "deposit_received"
    """Paid towards a deposit that is not held yet: part payments, payments still to be checked."""
    DEPOSIT_HELD = "deposit_held"
    """Held deposits, also while a forfeiture may be appealed against."""
    DEPOSIT_DUE_BACK = "deposit_due_back"
    """To be paid back to who paid it: released, surplus, lapsed, rest of a deduction."""
    PAYOUT_CLEARING = "payout_clearing"
    """Ordered from the bank and not booked yet; one sub-account for each order, each returns to zero."""
    PRICE_ESCROW = "price_escrow"
    """Price of a deal, received and held until it may be paid out."""
    OWED_TO_SELLER = "owed_to_seller"
    """What the seller is to get: prices, forfeited deposits where the notice gives them to him."""
    PRICE_DUE_BACK = "price_due_back"
    """To be paid back to a buyer: what was too much, the price of a deal that was undone."""
    OWED_TO_BROKER = "owed_to_broker"
    """A broker's part of the commissions."""
    FORFEIT_INCOME = "forfeit_income"
    """Forfeited deposits that stay with the venue."""
    FEE_DUE = "fee_due"
    """Fees that a party owes and has not paid."""
    FEE_INCOME = "fee_income"
    """Fees of the venue."""
    TAX_PAYABLE = "tax_payable"
    """Taxes withheld for the authority."""


class Side(StrEnum):
    """Where an account usually stands."""

    DEBIT = "debit"
    CREDIT = "credit"


class AccountKind(Struct, frozen=True):
    """One row of the chart."""

    code: str
    """Number in the style of the Chinese chart of accounts; for exports."""
    side: Side
    floored: bool
    """No sub-account may go to the other side: checked by the database under a row lock.

    The bank is not floored itself: all that is ever paid comes out of floored sub-accounts, so it cannot be overdrawn, and its
    one row would make every posting wait for every other. `ortoo verify` checks it.
    """


CHART: Final[Mapping[Account, AccountKind]] = {
    Account.BANK: AccountKind("1002", Side.DEBIT, floored=False),
    Account.FEE_DUE: AccountKind("1122", Side.DEBIT, floored=True),
    Account.SUSPENSE: AccountKind("2241.01", Side.CREDIT, floored=True),
    Account.DEPOSIT_RECEIVED: AccountKind("2241.02", Side.CREDIT, floored=True),
    Account.DEPOSIT_HELD: AccountKind("2241.03", Side.CREDIT, floored=True),
    Account.DEPOSIT_DUE_BACK: AccountKind("2241.04", Side.CREDIT, floored=True),
    Account.PAYOUT_CLEARING: AccountKind("2241.05", Side.CREDIT, floored=True),
    Account.PRICE_ESCROW: AccountKind("2241.06", Side.CREDIT, floored=True),
    Account.OWED_TO_SELLER: AccountKind("2241.07", Side.CREDIT, floored=True),
    Account.PRICE_DUE_BACK: AccountKind("2241.08", Side.CREDIT, floored=True),
    Account.OWED_TO_BROKER: AccountKind("2241.09", Side.CREDIT, floored=True),
    Account.TAX_PAYABLE: AccountKind("2221", Side.CREDIT, floored=True),
    Account.FEE_INCOME: AccountKind("6051.01", Side.CREDIT, floored=False),
    Account.FORFEIT_INCOME: AccountKind("6301.01", Side.CREDIT, floored=False),
}
