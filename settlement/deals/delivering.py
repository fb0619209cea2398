"""From the paid price to the archive: certificate, hand-over with proof, registration, distribution. Pure.

Sources: 专利法 art. 10 (a patent passes with its registration: money waits for the proof, domain.md §0.2 no. 17); domain.md §3.3
(certificate after contract and payment), §5 (registration).
"""

from __future__ import annotations

from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Decision, Refusal, Refused, Steps, is_text
from settlement.deals.clocks import due_after_delivery
from settlement.deals.paying import finish, refund, release
from settlement.deals.phases import Phase


def certify(steps: Steps, act: a.IssueCertificate) -> Decision:
    """The trade certificate is issued: the seller can have the register changed with it."""
    issued = e.CertificateIssued(
        number=act.number, document_digest=act.document_digest, signature=act.signature, key=act.key,
        deadline_us=steps.deadline(Phase.DELIVERING),
    )  # fmt: skip
    return steps.add(issued).done()


def hand_over(steps: Steps, act: a.HandOver) -> Decision:
    """The seller hands over; without a named proof nothing is looked at."""
    if not is_text(act.proof_ref):
        return Refused(Refusal.PROOF_REQUIRED)
    handed = e.HandedOver(
        proof_ref=act.proof_ref.strip(), proof_digest=act.proof_digest, note=act.note.strip(),
        deadline_us=steps.deadline(Phase.ACCEPTING),
    )  # fmt: skip
    return steps.add(handed).done()


def accept(steps: Steps, act: a.AcceptDelivery) -> Decision:
    """Accepted. Where a register's proof is needed only an operator who has seen it can say so; otherwise the buyer can."""
    if steps.now.deal.needs_registry and not act.by_operator:
        return Refused(Refusal.PROOF_REQUIRED)
    if act.by_operator and not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return accepted(steps, "operator" if act.by_operator else "buyer", act.reason)


def accepted(steps: Steps, by: str, reason: str) -> Decision:
    """The delivery stands: times that run from it begin, and what was paid is released."""
    process = steps.now
    nothing = process.settled_fen(fees=False) + process.settled_fen(fees=True) == 0
    steps.add(
        e.DeliveryAccepted(
            by=by, reason=reason.strip(), lines=due_after_delivery(process, steps.at_us, steps.calendar),
            nothing_to_release=nothing, deadline_us=steps.deadline(Phase.REGISTERING if nothing else Phase.RELEASING),
        )
    )  # fmt: skip
    return release(steps).done()


def dispute(steps: Steps, act: a.DisputeDelivery) -> Decision:
    """Not accepted: an operator decides."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return steps.add(e.DeliveryDisputed(reason=act.reason.strip(), deadline_us=steps.deadline(Phase.DISPUTED))).done()


def decide_dispute(steps: Steps, act: a.DecideDispute) -> Decision:
    """Delivered, or once more. Undoing the deal is an act of its own."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if act.delivered:
        return accepted(steps, "operator", act.reason)
    again = e.DeliveryDueAgain(reason=act.reason.strip(), deadline_us=steps.deadline(Phase.DELIVERING))
    return steps.add(again).done()


def rescind(steps: Steps, act: a.RescindDeal) -> Decision:
    """Undone before the delivery was accepted: everything in escrow goes back, the market takes no fee."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    empty = steps.now.escrow_fen == 0
    deadline_us = 0 if empty else steps.deadline(Phase.REFUNDING)
    steps.add(e.DealRescinded(reason=act.reason.strip(), empty=empty, deadline_us=deadline_us))
    return steps.done() if empty else refund(steps).done()


def note_registered(steps: Steps, act: a.NoteRegistered) -> Decision:
    """The registrar gave a number."""
    if not is_text(act.number):
        return Refused(Refusal.PROOF_REQUIRED)
    registered = e.ContractRegistered(
        number=act.number.strip(), certificate_ref=act.certificate_ref, deadline_us=steps.deadline(Phase.DISTRIBUTING)
    )
    return steps.add(registered).done()


def note_distributed(steps: Steps, act: a.NoteDistributed) -> Decision:
    """The income was distributed; with nothing left to pay the deal is closed."""
    if not is_text(act.ref):
        return Refused(Refusal.PROOF_REQUIRED)
    process = steps.now
    done = process.all_paid() and not process.open_orders and process.escrow_fen == 0
    deadline_us = 0 if done else steps.deadline(Phase.PERFORMING)
    return finish(steps.add(e.IncomeDistributed(ref=act.ref.strip(), done=done, deadline_us=deadline_us))).done()
