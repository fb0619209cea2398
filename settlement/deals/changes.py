"""What each event changes in the state of a deal: one function for each, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from settlement.deals import events as e
from settlement.deals.deal import DealSide
from settlement.deals.events import Pot
from settlement.deals.payment import LineKind
from settlement.deals.phases import Phase
from settlement.deals.process import Order, Process, Signature

Changes = dict[str, Any]
"""Fields of `Process` with their new values."""


class IllegalTransition(Exception):
    """An event that cannot follow the state: a bug or a damaged history."""


def changes_of(process: Process, event: e.Event) -> Changes:
    """Return what an event changes.

    Raises:
        IllegalTransition: it cannot happen to this deal.
    """
    make = _CHANGES.get(type(event))
    if make is None:
        raise IllegalTransition(type(event).__name__)
    return make(process, event)


def _deal_confirmed(_: Process, event: e.DealConfirmed) -> Changes:
    return {"phase": Phase.DRAFTING, "confirmation": event.document_digest}


def _payment_proposed(_: Process, event: e.PaymentProposed) -> Changes:
    return {"payment": event.payment}


def _draft_supplied(_: Process, event: e.DraftSupplied) -> Changes:
    return {
        "phase": Phase.SIGNING,
        "contract_ref": event.contract_ref,
        "contract_digest": event.contract_digest,
        "payment": event.payment,
    }


def _side_signed(process: Process, event: e.SideSigned) -> Changes:
    signed = Signature(side=event.side, party_id=event.party_id, contract_digest=event.contract_digest)
    phase = Phase.CONCLUDING if event.both else Phase.SIGNING
    return {"phase": phase, "signatures": (*process.signatures, signed)}


def _signing_concluded(_: Process, event: e.SigningConcluded) -> Changes:
    return {
        "phase": Phase.CERTIFYING if event.paid else Phase.PAYING,
        "contract_ref": event.contract_ref,
        "lines": event.lines,
        "buyer_fee_fen": event.buyer_fee_fen,
        "seller_fee_fen": event.seller_fee_fen,
        "broker_fee_fen": event.broker_fee_fen,
    }


def _certificate_issued(_: Process, event: e.CertificateIssued) -> Changes:
    return {"phase": Phase.DELIVERING, "certificate_no": event.number}


def _contract_registered(_: Process, event: e.ContractRegistered) -> Changes:
    return {"phase": Phase.DISTRIBUTING, "registration_no": event.number}


def _income_distributed(_: Process, event: e.IncomeDistributed) -> Changes:
    return {"phase": Phase.ARCHIVED if event.done else Phase.PERFORMING, "distribution_ref": event.ref}


def _deal_archived(_: Process, __: e.DealArchived) -> Changes:
    return {"phase": Phase.ARCHIVED}


def _reminded(_: Process, __: e.Reminded) -> Changes:
    return {"reminded": True}


def _escalated(process: Process, _: e.Escalated) -> Changes:
    return {"escalations": process.escalations + 1, "reminded": False}


def _deadline_moved(_: Process, event: e.DeadlineMoved) -> Changes:
    return {"reason": event.reason, "reminded": False}


def _money_taken(process: Process, event: e.MoneyTaken) -> Changes:
    taken = event.amount_fen - event.surplus_fen
    changes: dict[str, Any] = {
        "received_fen": process.received_fen + taken,
        "pots": _into(process.pots, event.deposit_id, taken),
    }
    if process.phase is Phase.PAYING and event.complete:
        changes["phase"] = Phase.CERTIFYING
    if not event.deposit_id:
        changes |= {"payer_name": event.payer_name, "payer_account": event.payer_account}
    return changes


def _deposit_left(process: Process, event: e.DepositLeft) -> Changes:
    return {
        "received_fen": process.received_fen - event.amount_fen,
        "pots": _into(process.pots, event.deposit_id, -event.amount_fen),
    }


def _money_released(process: Process, event: e.MoneyReleased) -> Changes:
    return {
        "pots": _without(process.pots, event.pots),
        "price_released_fen": process.price_released_fen + event.price_fen,
        "buyer_fee_released_fen": process.buyer_fee_released_fen + event.buyer_fee_fen,
        "seller_fee_taken_fen": process.seller_fee_taken_fen + event.price_fen - event.seller_fen,
        "broker_taken_fen": process.broker_taken_fen + event.broker_fen,
    }


def _refund_ordered(process: Process, event: e.RefundOrdered) -> Changes:
    return {
        "pots": _without(process.pots, event.pots),
        "refunded_fen": process.refunded_fen + event.refund_fen,
        "still_due_fen": process.still_due_fen - event.damages_fen,
    }


def _excess_returned(process: Process, event: e.ExcessReturned) -> Changes:
    return {"received_fen": process.received_fen - event.amount_fen, "pots": _without(process.pots, event.pots)}


def _payout_placed(process: Process, event: e.PayoutPlaced) -> Changes:
    placed = Order(order_id=event.order_id, kind=event.kind, amount_fen=event.amount_fen, party_id=event.party_id)
    return {"orders": (*process.orders, placed)}


def _payout_settled(process: Process, event: e.PayoutSettled) -> Changes:
    changes: Changes = {"orders": _orders(process, event.order_id, "settled")}
    if event.last and process.phase is Phase.RELEASING:
        changes["phase"] = Phase.REGISTERING
    if event.last and process.phase is Phase.REFUNDING:
        changes["phase"] = Phase.DEFAULTED if process.default_side is DealSide.BUYER else Phase.RESCINDED
    return changes


def _payout_failed(process: Process, event: e.PayoutFailed) -> Changes:
    return {"orders": _orders(process, event.order_id, "failed")}


def _payout_reissued(process: Process, event: e.PayoutReissued) -> Changes:
    old = next(order for order in process.orders if order.order_id == event.instead_of)
    again = replace(old, order_id=event.order_id, state="placed")
    return {"orders": (*_orders(process, event.instead_of, "replaced"), again)}


def _royalty_reported(process: Process, event: e.RoyaltyReported) -> Changes:
    return {
        "lines": tuple(
            replace(line, amount_fen=event.amount_fen, reported_fen=event.base_fen, due_at_us=event.due_at_us)
            if line.kind is LineKind.ROYALTY and line.period == event.period
            else line
            for line in process.lines
        )
    }


def _line_late(process: Process, event: e.LineLate) -> Changes:
    return {"late": (*process.late, event.no), "reminded": False}


def _interest_charged(process: Process, event: e.InterestCharged) -> Changes:
    return {"lines": (*process.lines, event.line)}


def _handed_over(_: Process, event: e.HandedOver) -> Changes:
    return {"phase": Phase.ACCEPTING, "proof_ref": event.proof_ref, "proof_digest": event.proof_digest}


def _delivery_accepted(process: Process, event: e.DeliveryAccepted) -> Changes:
    return {
        "phase": Phase.REGISTERING if event.nothing_to_release else Phase.RELEASING,
        "lines": event.lines,
        "delivered_at": process.seq + 1,
    }


def _delivery_disputed(_: Process, event: e.DeliveryDisputed) -> Changes:
    return {"phase": Phase.DISPUTED, "reason": event.reason}


def _delivery_due_again(_: Process, event: e.DeliveryDueAgain) -> Changes:
    return {"phase": Phase.DELIVERING, "reason": event.reason}


def _default_questioned(process: Process, event: e.DefaultQuestioned) -> Changes:
    return {"phase": Phase.DECIDING, "back_to": process.phase, "default_cause": event.cause}


def _default_dropped(process: Process, event: e.DefaultDropped) -> Changes:
    return {"phase": process.back_to, "reason": event.reason, "default_cause": ""}


def _default_found(_: Process, event: e.DefaultFound) -> Changes:
    return {
        "phase": Phase.DEFAULTING,
        "default_side": event.side,
        "default_cause": event.cause,
        "reason": event.reason,
    }


def _default_recorded(_: Process, event: e.DefaultRecorded) -> Changes:
    undone = Phase.RESCINDED if event.empty else Phase.REFUNDING
    phase = Phase.RESELLING if event.side is DealSide.BUYER else undone
    return {"phase": phase, "default_side": event.side, "reason": event.reason}


def _resale_recorded(_: Process, event: e.ResaleRecorded) -> Changes:
    return {
        "phase": Phase.DEFAULTED if event.empty else Phase.REFUNDING,
        "shortfall_fen": event.shortfall_fen,
        "still_due_fen": event.due_fen,
    }


def _resale_waived(_: Process, event: e.ResaleWaived) -> Changes:
    return {"phase": Phase.DEFAULTED if event.empty else Phase.REFUNDING, "reason": event.reason}


def _deal_rescinded(_: Process, event: e.DealRescinded) -> Changes:
    return {"phase": Phase.RESCINDED if event.empty else Phase.REFUNDING, "reason": event.reason}


def _into(pots: tuple[Pot, ...], deposit_id: str, amount_fen: int) -> tuple[Pot, ...]:
    """Return the pots with an amount more (or less) in one of them; deposits stand before what was paid in."""
    amounts = {pot.deposit_id: pot.amount_fen for pot in pots}
    amounts[deposit_id] = amounts.get(deposit_id, 0) + amount_fen
    if amounts[deposit_id] < 0:
        raise IllegalTransition(f"pot {deposit_id or 'paid in'} would be {amounts[deposit_id]}")
    kept = sorted((name for name, amount in amounts.items() if amount), key=lambda name: (name == "", name))
    return tuple(Pot(name, amounts[name]) for name in kept)


def _without(pots: tuple[Pot, ...], taken: tuple[Pot, ...]) -> tuple[Pot, ...]:
    for pot in taken:
        pots = _into(pots, pot.deposit_id, -pot.amount_fen)
    return pots


def _orders(process: Process, order_id: str, state: str) -> tuple[Order, ...]:
    if all(order.order_id != order_id for order in process.orders):
        raise IllegalTransition(f"no order {order_id}")
    return tuple(replace(order, state=state) if order.order_id == order_id else order for order in process.orders)


_CHANGES: Final[Mapping[type[Any], Callable[[Process, Any], Changes]]] = {
    e.DealConfirmed: _deal_confirmed,
    e.PaymentProposed: _payment_proposed,
    e.DraftSupplied: _draft_supplied,
    e.SideSigned: _side_signed,
    e.SigningConcluded: _signing_concluded,
    e.CertificateIssued: _certificate_issued,
    e.ContractRegistered: _contract_registered,
    e.IncomeDistributed: _income_distributed,
    e.DealArchived: _deal_archived,
    e.Reminded: _reminded,
    e.Escalated: _escalated,
    e.DeadlineMoved: _deadline_moved,
    e.MoneyTaken: _money_taken,
    e.DepositLeft: _deposit_left,
    e.MoneyReleased: _money_released,
    e.RefundOrdered: _refund_ordered,
    e.ExcessReturned: _excess_returned,
    e.PayoutPlaced: _payout_placed,
    e.PayoutSettled: _payout_settled,
    e.PayoutFailed: _payout_failed,
    e.PayoutReissued: _payout_reissued,
    e.RoyaltyReported: _royalty_reported,
    e.LineLate: _line_late,
    e.InterestCharged: _interest_charged,
    e.HandedOver: _handed_over,
    e.DeliveryAccepted: _delivery_accepted,
    e.DeliveryDisputed: _delivery_disputed,
    e.DeliveryDueAgain: _delivery_due_again,
    e.DefaultQuestioned: _default_questioned,
    e.DefaultDropped: _default_dropped,
    e.DefaultFound: _default_found,
    e.DefaultRecorded: _default_recorded,
    e.ResaleRecorded: _resale_recorded,
    e.ResaleWaived: _resale_waived,
    e.DealRescinded: _deal_rescinded,
}
