"""From the struck deal to the signed contract, and what follows when a side does not sign or does not pay.

Sources: 合同编通则解释 art. 4 ¶2 (formed when the system confirms; content by the announcement and the bids where a party then refuses);
电子签名法 arts. 13-14; domain.md §3.4 (refusal), §6.2 (shortfall, 拍卖法 art. 39).
"""

from __future__ import annotations

from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Decision, Refusal, Refused, Steps, is_text
from settlement.deals.clocks import due_after_signing, working
from settlement.deals.deal import DealSide
from settlement.deals.fees import fees_of
from settlement.deals.paying import refund, return_excess
from settlement.deals.payment import Lump, PaymentTerms, Royalty, lines_of, payment_problems
from settlement.deals.phases import Phase
from settlement.deals.process import Process, upfront
from settlement.deposits.terms import SurplusPolicy, settle_default
from settlement.ledger.postings import FEN_MAX


def confirm(steps: Steps, act: a.ConfirmDeal) -> Decision:
    """The market confirms the deal; a contract draft is requested with it."""
    confirmed = e.DealConfirmed(
        document_digest=act.document_digest,
        signature=act.signature,
        key=act.key,
        deadline_us=steps.deadline(Phase.DRAFTING),
    )
    return steps.add(confirmed).done()


def propose_payment(steps: Steps, act: a.ProposePayment) -> Decision:
    """How the price is paid; it must fit the mode that the notice named."""
    deal = steps.now.deal
    problems = payment_problems(
        act.payment, deal.price_fen, deal.rules, state_asset=deal.state_asset, open_licence=deal.mode == "OPEN"
    )
    if deal.payment not in ("OTHER", _mode_of(act.payment)):
        problems.append("kind: not_as_announced")
    if problems:
        return Refused(Refusal.TERMS_INVALID, {"problems": ", ".join(problems)})
    return steps.add(e.PaymentProposed(payment=act.payment)).done()


def payment_of(process: Process) -> PaymentTerms | None:
    """Return how the price is paid: as was said, or once where the notice said once; None while it is open."""
    if process.payment is None and process.deal.payment == "ONE_TIME":
        return Lump(working_days=process.deal.rules.pay_working_days)
    return process.payment


def supply_draft(steps: Steps, act: a.SupplyDraft) -> Decision:
    """The text stands: now both sides sign."""
    payment = payment_of(steps.now)
    if payment is None:
        return Refused(Refusal.TERMS_OPEN)
    supplied = e.DraftSupplied(
        contract_ref=act.contract_ref, contract_digest=act.contract_digest, payment=payment,
        deadline_us=steps.deadline(Phase.SIGNING),
    )  # fmt: skip
    return steps.add(supplied).done()


def sign(steps: Steps, act: a.SignContract) -> Decision:
    """A side signs exactly the text that stands."""
    process = steps.now
    if act.contract_digest != process.contract_digest:
        return Refused(Refusal.OTHER_TEXT)
    if process.signed_by(act.side):
        return Refused(Refusal.ALREADY_SIGNED)
    both = bool(process.signatures)
    signed = e.SideSigned(
        side=act.side, party_id=act.party_id, contract_digest=act.contract_digest, both=both,
        deadline_us=steps.deadline(Phase.CONCLUDING) if both else process.deadline_us,
    )  # fmt: skip
    return steps.add(signed).done()


def refuse(steps: Steps, act: a.RefuseToSign) -> Decision:
    """A side will not sign: it is in default; the deal was formed with its confirmation."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if steps.now.signed_by(act.side):
        return Refused(Refusal.ALREADY_SIGNED)
    return found(steps, act.side, "refusal", act.reason)


def found(steps: Steps, side: DealSide, cause: str, reason: str) -> Decision:
    """A side is in default; the log is told."""
    event = e.DefaultFound(side=side, cause=cause, reason=reason.strip(), deadline_us=steps.deadline(Phase.DEFAULTING))
    return steps.add(event).done()


def note_signed(steps: Steps, act: a.NoteSigned) -> Decision:
    """The contract stands. The log's word holds whatever was collected here: a contract on paper is signed, too."""
    process, deal = steps.now, steps.now.deal
    payment = payment_of(process) or Lump(working_days=deal.rules.pay_working_days)
    fees = fees_of(deal.fees, 0 if isinstance(payment, Royalty) else deal.price_fen)
    lines = due_after_signing(lines_of(payment, deal.price_fen, fees.buyer_fen), steps.at_us, steps.calendar)
    paid = process.received_fen >= sum(line.known_fen for line in upfront(lines))
    due_us = min(
        (line.due_at_us for line in upfront(lines) if line.due_at_us), default=steps.deadline(Phase.CERTIFYING)
    )
    concluded = e.SigningConcluded(
        contract_ref=act.contract_ref, lines=lines, buyer_fee_fen=fees.buyer_fen, seller_fee_fen=fees.seller_fen,
        broker_fee_fen=fees.broker_fen, paid=paid, deadline_us=steps.deadline(Phase.CERTIFYING) if paid else due_us,
    )  # fmt: skip
    return return_excess(steps.add(concluded)).done()


def note_default(steps: Steps, act: a.NoteDefault) -> Decision:
    """A default is on record. The buyer's: his deposit takes its way (settlement/deposits), and it is sold again."""
    empty = steps.now.escrow_fen == 0
    undone = Phase.RESCINDED if empty else Phase.REFUNDING
    phase = Phase.RESELLING if act.side is DealSide.BUYER else undone
    recorded = e.DefaultRecorded(side=act.side, reason=act.reason, empty=empty, deadline_us=steps.deadline(phase))
    steps.add(recorded)
    return refund(steps).done() if phase is Phase.REFUNDING else steps.done()


def decide_default(steps: Steps, act: a.DecideDefault) -> Decision:
    """An operator decides who is in default, or that nobody is and the wait goes on."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if act.side is not None:
        return found(steps, act.side, "decision", act.reason)
    days = steps.now.deal.rules.operator_working_days
    deadline_us = working(steps.calendar, steps.at_us, days)
    return steps.add(e.DefaultDropped(reason=act.reason.strip(), deadline_us=deadline_us)).done()


def record_resale(steps: Steps, act: a.RecordResale) -> Decision:
    """Count what the second sale brought less; what the deposit does not cover comes out of what the buyer has paid in."""
    if not all(0 <= amount <= FEN_MAX for amount in (act.second_price_fen, act.costs_fen, act.deposit_fen)):
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    process = steps.now
    settled = settle_default(
        first_price_fen=process.deal.price_fen, second_price_fen=act.second_price_fen, costs_fen=act.costs_fen,
        deposit_fen=act.deposit_fen, policy=SurplusPolicy.KEEP,
    )  # fmt: skip
    empty = process.escrow_fen == 0
    steps.add(
        e.ResaleRecorded(
            second_price_fen=act.second_price_fen, costs_fen=act.costs_fen, shortfall_fen=settled.shortfall_fen,
            deposit_fen=act.deposit_fen, due_fen=settled.due_fen, empty=empty,
            deadline_us=0 if empty else steps.deadline(Phase.REFUNDING),
        )
    )  # fmt: skip
    return steps.done() if empty else refund(steps, damages_fen=settled.due_fen).done()


def waive_resale(steps: Steps, act: a.WaiveResale) -> Decision:
    """It is not sold again: what was paid in goes back, the deposit takes its own way."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    empty = steps.now.escrow_fen == 0
    deadline_us = 0 if empty else steps.deadline(Phase.REFUNDING)
    steps.add(e.ResaleWaived(reason=act.reason.strip(), empty=empty, deadline_us=deadline_us))
    return steps.done() if empty else refund(steps).done()


def _mode_of(payment: PaymentTerms) -> str:
    return {
        "Lump": "ONE_TIME",
        "Instalments": "INSTALMENT",
        "Royalty": "ROYALTY",
        "EntryRoyalty": "ROYALTY_PLUS_ENTRY",
    }[type(payment).__name__]
