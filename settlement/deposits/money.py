"""Which money an event of a deposit moves, and what is to be paid out. Pure."""

from __future__ import annotations

from msgspec import Struct

from settlement.deposits import events as e
from settlement.deposits.evolving import Deposit
from settlement.deposits.terms import ForfeitTo
from settlement.ledger import postings
from settlement.ledger.postings import Entry, Owner


class PayBack(Struct, frozen=True):
    """Money of a deposit that is due back and is to be paid now. `kind`: release, surplus, lapsed, rest."""

    kind: str
    amount_fen: int
    payer_name: str
    """Whose money it is: the account it came from, empty where it came from several."""
    payer_account: str


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


def pay_back_of(deposit: Deposit, event: e.Event) -> PayBack | None:
    """Return what is to be paid out because of an event; `deposit` is the one before it."""
    match event:
        case e.PaymentReceived(surplus_fen=surplus) if surplus:
            # What is too much goes back to where this very payment came from.
            return PayBack("surplus", surplus, event.payer_name, event.payer_account)
        case e.ReleaseStarted():
            return PayBack("release", deposit.amount_fen, deposit.payer_name, deposit.payer_account)
        case e.DepositLapsed(returned_fen=returned) if returned:
            return PayBack("lapsed", returned, deposit.payer_name, deposit.payer_account)
        case e.DepositDeducted(returned_fen=returned) if returned:
            return PayBack("rest", returned, deposit.payer_name, deposit.payer_account)
        case _:
            return None


def _taker(deposit: Deposit) -> str | None:
    return deposit.terms.seller_id if deposit.terms.forfeit_to is ForfeitTo.SELLER else None
