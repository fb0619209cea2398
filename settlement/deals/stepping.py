"""The step of a deal: step(process, act, at, calendar) -> events or a refusal. Pure, as in engine/rules.

Signing and default: `signing.py`; money: `paying.py`; hand-over, registration, end: `delivering.py`; clocks: `waking.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.calendar import Calendar
from settlement.deals import acts as a
from settlement.deals import delivering, paying, signing, waking
from settlement.deals import events as e
from settlement.deals.answers import Decision, Refusal, Refused, Steps
from settlement.deals.clocks import deadline_for
from settlement.deals.phases import BEFORE_SIGNED, EARNING, FINAL, TAKES_MONEY, WAITS, Phase
from settlement.deals.process import Process

EVENTS_MAX: Final = 10_000
"""Bound on the history of one deal; only part payments and escalations make it long."""

Rule = Callable[[Steps, Any], Decision]


def step(process: Process | None, act: a.Act, at_us: int, calendar: Calendar) -> Decision:
    """Judge one act on one deal. Changes nothing.

    Args:
        process: The deal now, None if there is none.
        act: What is wished.
        at_us: The market's time.
        calendar: The holiday table known now.

    Returns:
        Events, or why not: the first code of `Refusal` that applies. No events: it is so already.
    """
    if isinstance(act, a.OpenDeal):
        if process is not None:
            return Refused(Refusal.DEAL_EXISTS)
        deadline_us = deadline_for(act.deal, Phase.CONFIRMING, at_us, calendar)
        return (e.DealOpened(deal=act.deal, virtual_account=act.virtual_account, deadline_us=deadline_us),)
    if process is None:
        return Refused(Refusal.NO_SUCH_DEAL)
    allowed, rule = _RULES[type(act)]
    if process.phase not in allowed:
        return Refused(Refusal.WRONG_PHASE, {"phase": process.phase.value})
    if process.seq >= EVENTS_MAX:
        return Refused(Refusal.HISTORY_FULL)
    return rule(Steps(process, at_us, calendar), act)


_ALL: Final = frozenset(Phase)
_WAITING: Final = frozenset(WAITS)
_RULES: Final[Mapping[type[Any], tuple[frozenset[Phase], Rule]]] = {
    a.ConfirmDeal: (frozenset({Phase.CONFIRMING}), signing.confirm),
    a.ProposePayment: (frozenset({Phase.DRAFTING}), signing.propose_payment),
    a.SupplyDraft: (frozenset({Phase.DRAFTING}), signing.supply_draft),
    a.SignContract: (frozenset({Phase.SIGNING}), signing.sign),
    a.RefuseToSign: (frozenset({Phase.DRAFTING, Phase.SIGNING}), signing.refuse),
    a.NoteSigned: (frozenset({*BEFORE_SIGNED, Phase.DECIDING, Phase.DEFAULTING}), signing.note_signed),
    a.NoteDefault: (frozenset({*BEFORE_SIGNED, Phase.DECIDING, Phase.DEFAULTING, Phase.PAYING}), signing.note_default),
    a.DecideDefault: (frozenset({Phase.DECIDING}), signing.decide_default),
    a.RecordResale: (frozenset({Phase.RESELLING}), signing.record_resale),
    a.WaiveResale: (frozenset({Phase.RESELLING}), signing.waive_resale),
    a.TakeMoney: (_ALL - FINAL - {Phase.REFUNDING}, paying.take),
    a.LoseDeposit: (frozenset({*TAKES_MONEY, *BEFORE_SIGNED, Phase.DEFAULTING, Phase.RESELLING}), paying.lose_deposit),
    a.PayoutEnded: (_ALL, paying.payout_ended),
    a.ReportRoyalty: (EARNING, paying.report_royalty),
    a.IssueCertificate: (frozenset({Phase.CERTIFYING}), delivering.certify),
    a.HandOver: (frozenset({Phase.DELIVERING}), delivering.hand_over),
    a.AcceptDelivery: (frozenset({Phase.ACCEPTING}), delivering.accept),
    a.DisputeDelivery: (frozenset({Phase.ACCEPTING}), delivering.dispute),
    a.DecideDispute: (frozenset({Phase.DISPUTED}), delivering.decide_dispute),
    a.RescindDeal: (
        frozenset({Phase.PAYING, Phase.CERTIFYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.DISPUTED, Phase.DECIDING}), delivering.rescind,
    ),
    a.NoteRegistered: (frozenset({Phase.REGISTERING}), delivering.note_registered),
    a.NoteDistributed: (frozenset({Phase.DISTRIBUTING}), delivering.note_distributed),
    a.MoveDeadline: (_WAITING, waking.move_deadline),
    a.Wake: (_WAITING, waking.wake),
}  # fmt: skip
