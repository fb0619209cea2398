"""Which money an event of a deposit moves, and what is to be paid out. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from settlement.deposits import events as e
from settlement.deposits.evolving import Deposit
from settlement.deposits.terms import ForfeitTo
from settlement.ledger import postings
from settlement.ledger.chart import Account
from settlement.ledger.postings import Entry, Owner, Sub

FORFEIT: Final = "forfeit"
"""Kind of the order that pays a lost deposit to the seller."""


class PayOut(Struct, frozen=True):
    """Money of a deposit that is to be paid now. `kind`: release, surplus, lapsed, rest go back; forfeit goes to the seller."""

    kind: str
    amount_fen: int
    party_id: str
    """Who gets it."""
    source: Sub
    payee_name: str = ""
    """The account it came from; empty where it came from several, or goes to somebody else: then his verified account."""
    payee_account: str = ""


def owner_of(deposit: Deposit) -> Owner:
    """Return the ledger's dimensions of a deposit."""
    return Owner(deposit.id, deposit.party_id, deposit.subject)


def entry_of(deposit: Deposit, event: e.Event, *, from_suspense: bool = False) -> Entry | None:
    """Return what an event posts, None if it moves no money.

    Args:
        deposit: The deposit before the event (after it for the first).
        event: What happened.
        from_suspense: A payment comes out of suspense instead of being new at the bank.
    """
    key, owner, amount = f"deposit:{deposit.id}:{deposit.seq + 1}", owner_of(deposit), deposit.amount_fen
    match event:
        case e.PaymentReceived():
            # The bank's reference is the key: the same money is never counted twice, whatever it is matched with.
            return postings.deposit_paid(
                f"credit:{event.bank_ref}", owner, event.taken_fen, event.surplus_fen, event.bank_ref,
                from_suspense=from_suspense,
            )  # fmt: skip
        case e.DepositHeld():
            return postings.deposit_held(key, owner, amount)
        case e.ReleaseStarted():
            return postings.deposit_released(key, owner, amount, held=deposit.held)
        case e.DepositLapsed(returned_fen=returned) if returned:
            return postings.deposit_released(key, owner, returned, held=False)
        case e.DepositConverted():
            return postings.deposit_converted(key, owner, amount, event.deal_ref)
        case e.ConversionUndone():
            return postings.deposit_restored(key, owner, amount, event.deal_ref)
        case e.ForfeitProposed(back_to=e.DepositState.CONVERTED):
            return postings.deposit_restored(key, owner, amount, event.deal_ref)
        case e.ForfeitLifted(back_to=e.DepositState.CONVERTED):
            return postings.deposit_converted(key, owner, amount, deposit.deal_ref)
        case e.DepositForfeited():
            return postings.deposit_taken(key, owner, event.taken_fen, 0, _taker(deposit))
        case e.DepositDeducted():
            return postings.deposit_taken(key, owner, event.taken_fen, event.returned_fen, _taker(deposit))
        case _:
            return None


def pay_outs_of(deposit: Deposit, event: e.Event) -> list[PayOut]:
    """Return what is to be paid out because of an event; `deposit` is the one before it."""
    match event:
        case e.PaymentReceived():
            # What is too much goes back to where this very payment came from.
            found = [_back(deposit, "surplus", event.surplus_fen, event.payer_name, event.payer_account)]
        case e.ReleaseStarted():
            found = [_back(deposit, "release", deposit.amount_fen, deposit.payer_name, deposit.payer_account)]
        case e.DepositLapsed():
            found = [_back(deposit, "lapsed", event.returned_fen, deposit.payer_name, deposit.payer_account)]
        case e.DepositForfeited():
            found = [_to_seller(deposit, event.taken_fen)]
        case e.DepositDeducted():
            found = [
                _to_seller(deposit, event.taken_fen),
                _back(deposit, "rest", event.returned_fen, deposit.payer_name, deposit.payer_account),
            ]
        case _:
            found = []
    return [one for one in found if one.amount_fen]


def _back(deposit: Deposit, kind: str, amount_fen: int, name: str, account: str) -> PayOut:
    due = Sub(Account.DEPOSIT_DUE_BACK, deposit.party_id, deposit.id)
    return PayOut(kind, amount_fen, deposit.party_id, due, name, account)


def _to_seller(deposit: Deposit, taken_fen: int) -> PayOut:
    """What the venue keeps is paid to nobody."""
    seller = _taker(deposit) or ""
    owed = Sub(Account.OWED_TO_SELLER, seller, deposit.id)
    return PayOut(FORFEIT, taken_fen if seller else 0, seller, owed)


def _taker(deposit: Deposit) -> str | None:
    return deposit.terms.seller_id if deposit.terms.forfeit_to is ForfeitTo.SELLER else None
