"""Money of a deal: taken, kept in escrow, released to the seller, sent back. Each fen goes exactly one way. Pure.

Money goes to the lines of the schedule in their order. What is more than all that is known to be owed goes back at once.
"""

from __future__ import annotations

from typing import Final

from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Decision, Refusal, Refused, Steps
from settlement.deals.clocks import deadline_for, working
from settlement.deals.events import Pot
from settlement.deals.payment import Line, LineKind, interest_fen, owed_fen, royalty_fen, royalty_of
from settlement.deals.phases import BEFORE_SIGNED, EARNING, TAKES_MONEY, Phase
from settlement.deals.process import Process
from settlement.ledger.postings import FEN_MAX

DAY_US: Final = 86_400_000_000


def take(steps: Steps, act: a.TakeMoney) -> Decision:
    """Money came. A deposit that became price counts like money paid in; so does what comes late, in parts, or too early.

    Before the contract stands only deposits are taken, and nothing is surplus yet.
    """
    process = steps.now
    if not 0 < act.amount_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    if not act.deposit_id and (process.phase not in TAKES_MONEY or not process.lines):
        return Refused(Refusal.WRONG_PHASE, {"phase": process.phase.value})
    signed = process.phase not in BEFORE_SIGNED and bool(process.lines)
    surplus = max(0, act.amount_fen - process.open_fen) if signed and not act.deposit_id else 0
    received = process.received_fen + act.amount_fen - surplus
    complete = process.phase is Phase.PAYING and received >= process.upfront_fen
    steps.add(
        e.MoneyTaken(
            ref=act.ref, amount_fen=act.amount_fen, surplus_fen=surplus, booked_at_us=act.booked_at_us,
            payer_name=act.payer_name, payer_account=act.payer_account, deposit_id=act.deposit_id, complete=complete,
            deadline_us=steps.deadline(Phase.CERTIFYING) if complete else process.deadline_us,
        )
    )  # fmt: skip
    _charge_interest(steps, process, act.booked_at_us)
    return return_excess(release(steps) if steps.now.phase in EARNING else steps).done()


def _charge_interest(steps: Steps, before: Process, booked_at_us: int) -> None:
    """Interest on every line that this money completed and for which interest ran: whole days, begun ones counted."""
    was = before.paid
    for line, old, new in zip(before.lines, was, steps.now.paid, strict=False):
        if not line.interest_from_us or line.amount_fen is None or not old < line.amount_fen == new:
            continue
        days = max(0, -(-(booked_at_us - line.interest_from_us) // DAY_US))
        amount = interest_fen(line.amount_fen, line.interest_daily_ppm, days)
        if amount:
            due_us = working(steps.calendar, steps.at_us, before.deal.rules.pay_working_days)
            charged = Line(
                no=len(steps.now.lines) + 1, kind=LineKind.INTEREST, amount_fen=amount, due_at_us=due_us,
                period=line.period,
            )  # fmt: skip
            steps.add(e.InterestCharged(line=charged, for_no=line.no))


def lose_deposit(steps: Steps, act: a.LoseDeposit) -> Decision:
    """A deposit leaves the price again, as the ledger says: conversion undone, or to be forfeited."""
    held = sum(pot.amount_fen for pot in steps.now.pots if pot.deposit_id == act.deposit_id)
    if held < act.amount_fen:
        return Refused(Refusal.MONEY_GONE)
    return steps.add(e.DepositLeft(deposit_id=act.deposit_id, amount_fen=act.amount_fen)).done()


def release(steps: Steps) -> Steps:
    """Let what was paid in full and is not released go: to the seller without his commission, to the market, to the broker.

    It comes out of deposits first. The seller's commission comes out of the first money, the broker's share out of the commissions as
    they come in.
    """
    process = steps.now
    price = process.settled_fen(fees=False) - process.price_released_fen
    buyer_fee = process.settled_fen(fees=True) - process.buyer_fee_released_fen
    if price + buyer_fee <= 0:
        return steps
    commission = min(price, process.seller_fee_fen - process.seller_fee_taken_fen)
    fees = commission + buyer_fee
    broker = min(fees, process.broker_fee_fen - process.broker_taken_fen)
    return steps.add(
        e.MoneyReleased(
            pots=_out_of(process.pots, price + buyer_fee), price_fen=price, buyer_fee_fen=buyer_fee,
            seller_fen=price - commission, market_fen=fees - broker, broker_fen=broker,
        )
    )  # fmt: skip


def refund(steps: Steps, damages_fen: int = 0) -> Steps:
    """Send everything in escrow back to the buyer, less what he owes the seller for the shortfall of a second sale."""
    damages = min(damages_fen, steps.now.escrow_fen)
    event = e.RefundOrdered(pots=steps.now.pots, refund_fen=steps.now.escrow_fen - damages, damages_fen=damages)
    return steps.add(event)


def return_excess(steps: Steps) -> Steps:
    """Send back what a deposit is more than the price, once nothing is left to be known or paid: it came after the whole price.

    It comes out of what was paid in before it comes out of deposits, so that a deposit can still leave the price again.
    """
    process = steps.now
    excess = process.received_fen - owed_fen(process.lines)
    if process.phase not in TAKES_MONEY or not process.lines or excess <= 0 or not process.all_paid():
        return steps
    return steps.add(e.ExcessReturned(pots=_out_of(process.pots[::-1], excess), amount_fen=excess))


def _out_of(pots: tuple[Pot, ...], amount_fen: int) -> tuple[Pot, ...]:
    """Return from which pots an amount comes, in their order."""
    taken, rest = [], amount_fen
    for pot in pots:
        part = min(rest, pot.amount_fen)
        if part:
            taken.append(Pot(pot.deposit_id, part))
        rest -= part
    assert rest == 0, "lines are paid out of escrow"
    return tuple(taken)


def payout_ended(steps: Steps, act: a.PayoutEnded) -> Decision:
    """The bank has paid, could not, or the order was issued anew to a corrected account."""
    process = steps.now
    known = {order.order_id: order for order in process.orders}
    if act.instead_of:
        if act.instead_of not in known:
            return Refused(Refusal.NO_SUCH_ORDER)
        return steps.add(e.PayoutReissued(order_id=act.order_id, instead_of=act.instead_of)).done()
    if act.order_id not in known:
        return Refused(Refusal.NO_SUCH_ORDER)
    if not act.settled:
        return steps.add(e.PayoutFailed(order_id=act.order_id, reason=act.reason)).done()
    last = [order.order_id for order in process.open_orders] == [act.order_id]
    deadline_us = process.deadline_us
    if last and process.phase is Phase.RELEASING:
        deadline_us = steps.deadline(Phase.REGISTERING)
    steps.add(e.PayoutSettled(order_id=act.order_id, last=last, deadline_us=deadline_us))
    return finish(release(steps) if steps.now.phase in EARNING else steps).done()


def finish(steps: Steps) -> Steps:
    """Close the deal when nothing is to be paid, reported or sent any more."""
    process = steps.now
    if process.phase is Phase.PERFORMING and process.all_paid() and not process.open_orders and process.escrow_fen == 0:
        steps.add(e.DealArchived())
    return steps


def report_royalty(steps: Steps, act: a.ReportRoyalty) -> Decision:
    """The buyer reports the base of a period; periods are reported in their order, so that a cap is counted once."""
    process = steps.now
    royalty = None if process.payment is None else royalty_of(process.payment)
    line = next((one for one in process.lines if one.kind is LineKind.ROYALTY and one.period == act.period), None)
    if royalty is None or line is None:
        return Refused(Refusal.NO_SUCH_PERIOD)
    if line.amount_fen is not None:
        return Refused(Refusal.ALREADY_REPORTED)
    if not 0 <= act.base_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    earlier = [one for one in process.lines if one.kind is LineKind.ROYALTY and one.period < act.period]
    if any(one.amount_fen is None for one in earlier):
        return Refused(Refusal.TOO_EARLY)
    amount = royalty_fen(royalty, act.period, act.base_fen, owed_fen(tuple(earlier)))
    due_us = working(steps.calendar, steps.at_us, process.deal.rules.pay_working_days)
    deadline_us = process.deadline_us
    if process.phase is Phase.PERFORMING:
        lines = tuple(one for one in process.lines if one is not line and one.no not in process.late)
        deadline_us = min(due_us, deadline_for(process.deal, Phase.PERFORMING, steps.at_us, steps.calendar, lines))
    steps.add(
        e.RoyaltyReported(
            period=act.period, base_fen=act.base_fen, amount_fen=amount, due_at_us=due_us, deadline_us=deadline_us
        )
    )
    return finish(return_excess(release(steps))).done()
