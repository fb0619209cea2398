"""Which lines a business fact makes. Pure: no clock, no database. Every fact of the money stands here once.

Sign: debit positive, credit negative. A function returns an `Entry` whose lines sum to zero, one line for each sub-account,
in the order of their names, which is also the order in which the database locks their rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec import Struct

from engine.canonical import canonical_bytes
from settlement.ledger.chart import Account

FEN_MAX: Final = 10**15
"""Ten trillion yuan: a greater amount is an error of input."""


class UnbalancedEntry(Exception):
    """Lines that do not sum to zero, fewer than two, or an amount out of range: a bug, never a user's error."""


class Fact(StrEnum):
    """What happened; names on disk, never renamed."""

    DEPOSIT_PAID = "deposit_paid"
    DEPOSIT_HELD = "deposit_held"
    DEPOSIT_RELEASED = "deposit_released"
    DEPOSIT_CONVERTED = "deposit_converted"
    DEPOSIT_RESTORED = "deposit_restored"
    DEPOSIT_TAKEN = "deposit_taken"
    PAYOUT_ORDERED = "payout_ordered"
    PAYOUT_SETTLED = "payout_settled"
    PAYOUT_FAILED = "payout_failed"
    CREDIT_UNIDENTIFIED = "credit_unidentified"
    PRICE_PAID = "price_paid"
    PRICE_RELEASED = "price_released"
    PRICE_REFUNDED = "price_refunded"


class Sub(Struct, frozen=True, order=True):
    """A sub-account: an account and the dimensions that apply, the others empty."""

    account: Account
    party: str = ""
    deposit: str = ""
    deal: str = ""
    reference: str = ""


class Line(Struct, frozen=True):
    """One line. Fen, positive debit, negative credit, never zero."""

    sub: Sub
    amount_fen: int


class Entry(Struct, frozen=True, kw_only=True):
    """A balanced entry. `key` is its identity for ever: posted again it changes nothing."""

    key: str
    fact: Fact
    lines: tuple[Line, ...]
    subject: str = ""
    """Stream name of what it belongs to, such as `listing/abc`."""
    note: str = ""

    @property
    def digest(self) -> bytes:
        """Digest of what is posted: a key used again for something else is found out."""
        parts = [[*(str(part) for part in _parts(line.sub)), str(line.amount_fen)] for line in self.lines]
        return sha256(b"ortoo-ledger-entry-1\0" + canonical_bytes([self.fact.value, self.subject, parts])).digest()


class Owner(Struct, frozen=True):
    """Whose deposit: the dimensions of its lines."""

    deposit: str
    party: str
    subject: str


def deposit_paid(
    key: str, owner: Owner, taken_fen: int, surplus_fen: int, bank_ref: str, *, from_suspense: bool = False
) -> Entry:
    """Money arrived for a deposit; what is more than asked is due back.

    Args:
        key: Idempotency key.
        owner: Whose deposit.
        taken_fen: What counts towards the deposit, 0 or more.
        surplus_fen: What is too much, 0 or more.
        bank_ref: The bank's reference of the credit.
        from_suspense: It stood in suspense under `bank_ref` until now, instead of being new at the bank.
    """
    came_from = Sub(Account.SUSPENSE, reference=bank_ref) if from_suspense else Sub(Account.BANK)
    return _entry(
        key, Fact.DEPOSIT_PAID, owner.subject,
        (came_from, taken_fen + surplus_fen),
        (_of(Account.DEPOSIT_RECEIVED, owner), -taken_fen),
        (_of(Account.DEPOSIT_DUE_BACK, owner), -surplus_fen),
    )  # fmt: skip


def deposit_held(key: str, owner: Owner, amount_fen: int) -> Entry:
    """The deposit is complete, checked and held."""
    return _move(
        key, Fact.DEPOSIT_HELD, owner.subject,
        _of(Account.DEPOSIT_RECEIVED, owner), _of(Account.DEPOSIT_HELD, owner), amount_fen,
    )  # fmt: skip


def deposit_released(key: str, owner: Owner, amount_fen: int, *, held: bool = True) -> Entry:
    """The money is due back to who paid it; `held` False: it was received and never held."""
    source = Account.DEPOSIT_HELD if held else Account.DEPOSIT_RECEIVED
    return _move(
        key, Fact.DEPOSIT_RELEASED, owner.subject,
        _of(source, owner), _of(Account.DEPOSIT_DUE_BACK, owner), amount_fen,
    )  # fmt: skip


def deposit_converted(key: str, owner: Owner, amount_fen: int, deal: str) -> Entry:
    """The winner's deposit becomes part of the price of the deal."""
    return _move(
        key, Fact.DEPOSIT_CONVERTED, owner.subject,
        _of(Account.DEPOSIT_HELD, owner), Sub(Account.PRICE_ESCROW, owner.party, owner.deposit, deal), amount_fen,
    )  # fmt: skip


def deposit_restored(key: str, owner: Owner, amount_fen: int, deal: str) -> Entry:
    """A conversion is undone: the money is a held deposit again. Refused by the ledger if the price was paid out meanwhile."""
    return _move(
        key, Fact.DEPOSIT_RESTORED, owner.subject,
        Sub(Account.PRICE_ESCROW, owner.party, owner.deposit, deal), _of(Account.DEPOSIT_HELD, owner), amount_fen,
    )  # fmt: skip


def deposit_taken(key: str, owner: Owner, taken_fen: int, rest_fen: int, seller: str | None) -> Entry:
    """A deposit is forfeited, or a part of it is and the rest is due back.

    Args:
        key: Idempotency key.
        owner: Whose deposit.
        taken_fen: What is lost.
        rest_fen: What goes back, 0 or more.
        seller: The party that gets it; None: the venue keeps it.
    """
    income = Sub(Account.FORFEIT_INCOME) if seller is None else Sub(Account.OWED_TO_SELLER, seller, owner.deposit)
    return _entry(
        key, Fact.DEPOSIT_TAKEN, owner.subject,
        (_of(Account.DEPOSIT_HELD, owner), taken_fen + rest_fen),
        (income, -taken_fen),
        (_of(Account.DEPOSIT_DUE_BACK, owner), -rest_fen),
    )  # fmt: skip


def payout_ordered(key: str, source: Sub, subject: str, order_id: str, amount_fen: int) -> Entry:
    """The bank is told to pay out of a sub-account."""
    return _move(key, Fact.PAYOUT_ORDERED, subject, source, _clearing(source, order_id), amount_fen)


def payout_settled(key: str, source: Sub, subject: str, order_id: str, amount_fen: int) -> Entry:
    """The bank has paid: the money has left."""
    return _move(key, Fact.PAYOUT_SETTLED, subject, _clearing(source, order_id), Sub(Account.BANK), amount_fen)


def payout_failed(key: str, source: Sub, subject: str, order_id: str, amount_fen: int) -> Entry:
    """The bank could not pay: the money is due again."""
    return _move(key, Fact.PAYOUT_FAILED, subject, _clearing(source, order_id), source, amount_fen)


def credit_unidentified(key: str, bank_ref: str, amount_fen: int) -> Entry:
    """Money arrived and nobody knows what for."""
    return _move(
        key, Fact.CREDIT_UNIDENTIFIED, "", Sub(Account.BANK), Sub(Account.SUSPENSE, reference=bank_ref), amount_fen
    )


class DealOwner(Struct, frozen=True):
    """Whose deal: the dimensions of its lines."""

    deal: str
    buyer: str
    seller: str
    broker: str
    subject: str


def escrow_of(owner: DealOwner, deposit: str = "") -> Sub:
    """Return the sub-account of a deal's escrow: what was paid in, or a deposit that became price."""
    return Sub(Account.PRICE_ESCROW, owner.buyer, deposit, owner.deal)


def price_paid(
    key: str, owner: DealOwner, taken_fen: int, surplus_fen: int, bank_ref: str, *, from_suspense: bool = False
) -> Entry:
    """Money arrived for a deal and is held in escrow; what is too much is due back. Arguments as for `deposit_paid`."""
    came_from = Sub(Account.SUSPENSE, reference=bank_ref) if from_suspense else Sub(Account.BANK)
    return _entry(
        key, Fact.PRICE_PAID, owner.subject,
        (came_from, taken_fen + surplus_fen),
        (escrow_of(owner), -taken_fen),
        (Sub(Account.PRICE_DUE_BACK, owner.buyer, deal=owner.deal), -surplus_fen),
    )  # fmt: skip


def price_released(
    key: str, owner: DealOwner, escrow: Iterable[tuple[str, int]], seller_fen: int, market_fen: int, broker_fen: int
) -> Entry:
    """Escrow goes to the seller, the market's fees and the broker. `escrow`: (deposit or empty, amount) of what it comes out of."""
    return _entry(
        key, Fact.PRICE_RELEASED, owner.subject,
        *((escrow_of(owner, deposit), amount) for deposit, amount in escrow),
        (Sub(Account.OWED_TO_SELLER, owner.seller, deal=owner.deal), -seller_fen),
        (Sub(Account.FEE_INCOME, deal=owner.deal), -market_fen),
        (Sub(Account.OWED_TO_BROKER, owner.broker, deal=owner.deal), -broker_fen),
    )  # fmt: skip


def price_refunded(
    key: str, owner: DealOwner, escrow: Iterable[tuple[str, int]], refund_fen: int, damages_fen: int
) -> Entry:
    """Escrow goes back to the buyer; `damages_fen` of it to the seller for what a second sale brought less."""
    return _entry(
        key, Fact.PRICE_REFUNDED, owner.subject,
        *((escrow_of(owner, deposit), amount) for deposit, amount in escrow),
        (Sub(Account.PRICE_DUE_BACK, owner.buyer, deal=owner.deal), -refund_fen),
        (Sub(Account.OWED_TO_SELLER, owner.seller, deal=owner.deal), -damages_fen),
    )  # fmt: skip


def _of(account: Account, owner: Owner) -> Sub:
    return Sub(account, owner.party, owner.deposit)


def _clearing(source: Sub, order_id: str) -> Sub:
    return Sub(Account.PAYOUT_CLEARING, source.party, source.deposit, source.deal, order_id)


def _move(key: str, fact: Fact, subject: str, debited: Sub, credited: Sub, amount_fen: int) -> Entry:
    return _entry(key, fact, subject, (debited, amount_fen), (credited, -amount_fen))


def _entry(key: str, fact: Fact, subject: str, *parts: tuple[Sub, int]) -> Entry:
    lines = tuple(Line(sub, amount) for sub, amount in sorted(parts) if amount)
    entry = Entry(key=key, fact=fact, lines=lines, subject=subject)
    check(entry)
    return entry


def check(entry: Entry) -> None:
    """Refuse what no ledger may hold; the database checks the same.

    Raises:
        UnbalancedEntry: it does not balance, or names a sub-account twice, or an amount is out of range.
    """
    amounts = [line.amount_fen for line in entry.lines]
    if len(amounts) < 2 or sum(amounts) != 0 or len({line.sub for line in entry.lines}) != len(amounts):
        raise UnbalancedEntry(entry.key)
    if any(type(amount) is not int or amount == 0 or abs(amount) > FEN_MAX for amount in amounts):
        raise UnbalancedEntry(entry.key)


def balance_of(entries: Iterable[Entry]) -> dict[Sub, int]:
    """Return what stands on each sub-account after these entries: debit positive, credit negative, no zeros."""
    totals: dict[Sub, int] = {}
    for entry in entries:
        for line in entry.lines:
            totals[line.sub] = totals.get(line.sub, 0) + line.amount_fen
    return {sub: total for sub, total in totals.items() if total}


def _parts(sub: Sub) -> tuple[str, ...]:
    return (sub.account.value, sub.party, sub.deposit, sub.deal, sub.reference)
