"""Which money an event of a deal moves, and what is to be paid out because of it. Pure."""

from __future__ import annotations

from msgspec import Struct

from settlement.deals import events as e
from settlement.deals.process import Process
from settlement.ledger import postings
from settlement.ledger.chart import Account
from settlement.ledger.postings import DealOwner, Entry, Sub

PRICE, BROKER, REFUND, SURPLUS, DAMAGES = "price", "broker", "price_refund", "price_surplus", "damages"
KINDS = frozenset({PRICE, BROKER, REFUND, SURPLUS, DAMAGES})
"""Kinds of orders to the bank that belong to deals."""


class PayOut(Struct, frozen=True, kw_only=True):
    """Money that is to be paid out now. `payee_name` and `payee_account` are set where it goes back to where it came from."""

    kind: str
    amount_fen: int
    party_id: str
    source: Sub
    payee_name: str = ""
    payee_account: str = ""


def owner_of(process: Process) -> DealOwner:
    """Return the ledger's dimensions of a deal."""
    deal = process.deal
    return DealOwner(deal.id, deal.buyer_id, deal.seller_id, deal.fees.broker_id, deal.source.stream)


def entry_of(before: Process, event: e.Event, *, from_suspense: bool = False) -> Entry | None:
    """Return what an event posts, None if it moves no money. A deposit that became price was posted by the deposit."""
    key, owner = f"deal:{before.id}:{before.seq + 1}", owner_of(before)
    match event:
        case e.MoneyTaken(deposit_id=""):
            # The bank's reference is the key: the same money is never counted twice, whatever it is matched with.
            return postings.price_paid(
                f"credit:{event.ref}", owner, event.amount_fen - event.surplus_fen, event.surplus_fen, event.ref,
                from_suspense=from_suspense,
            )  # fmt: skip
        case e.MoneyReleased():
            pots = [(pot.deposit_id, pot.amount_fen) for pot in event.pots]
            return postings.price_released(key, owner, pots, event.seller_fen, event.market_fen, event.broker_fen)
        case e.RefundOrdered():
            pots = [(pot.deposit_id, pot.amount_fen) for pot in event.pots]
            return postings.price_refunded(key, owner, pots, event.refund_fen, event.damages_fen)
        case e.ExcessReturned():
            pots = [(pot.deposit_id, pot.amount_fen) for pot in event.pots]
            return postings.price_refunded(key, owner, pots, event.amount_fen, 0)
        case _:
            return None


def pay_outs_of(before: Process, event: e.Event) -> list[PayOut]:
    """Return what is to be paid out because of an event; `before` is the deal before it."""
    deal = before.deal
    to_seller = Sub(Account.OWED_TO_SELLER, deal.seller_id, deal=deal.id)
    back = Sub(Account.PRICE_DUE_BACK, deal.buyer_id, deal=deal.id)
    match event:
        case e.MoneyTaken():
            found = [
                PayOut(
                    kind=SURPLUS, amount_fen=event.surplus_fen, party_id=deal.buyer_id, source=back,
                    payee_name=event.payer_name, payee_account=event.payer_account,
                )
            ]  # fmt: skip
        case e.MoneyReleased():
            broker = Sub(Account.OWED_TO_BROKER, deal.fees.broker_id, deal=deal.id)
            found = [
                PayOut(kind=PRICE, amount_fen=event.seller_fen, party_id=deal.seller_id, source=to_seller),
                PayOut(kind=BROKER, amount_fen=event.broker_fen, party_id=deal.fees.broker_id, source=broker),
            ]
        case e.ExcessReturned():
            found = [
                PayOut(
                    kind=SURPLUS, amount_fen=event.amount_fen, party_id=deal.buyer_id, source=back,
                    payee_name=before.payer_name, payee_account=before.payer_account,
                )
            ]  # fmt: skip
        case e.RefundOrdered():
            found = [
                PayOut(
                    kind=REFUND, amount_fen=event.refund_fen, party_id=deal.buyer_id, source=back,
                    payee_name=before.payer_name, payee_account=before.payer_account,
                ),
                PayOut(kind=DAMAGES, amount_fen=event.damages_fen, party_id=deal.seller_id, source=to_seller),
            ]  # fmt: skip
        case _:
            found = []
    return [one for one in found if one.amount_fen]
