"""How events change a deal: `TRANSITIONS` is the whole machine; the diagram in docs is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from settlement.deals import events as e
from settlement.deals.changes import IllegalTransition, changes_of
from settlement.deals.phases import BEFORE_SIGNED, EARNING, FINAL, TAKES_MONEY, WAITS, Phase
from settlement.deals.process import Process

__all__ = ["TRANSITIONS", "IllegalTransition", "evolve"]
_DEFAULTABLE: Final = (Phase.SIGNING, Phase.PAYING)
_REFUND_OR_END: Final = (Phase.REFUNDING, Phase.RESCINDED)
_SAME: Final[Mapping[type[Any], frozenset[Phase]]] = {
    e.PaymentProposed: frozenset({Phase.DRAFTING}),
    e.DepositLeft: frozenset({*TAKES_MONEY, *BEFORE_SIGNED, Phase.DEFAULTING, Phase.RESELLING}),
    e.PayoutPlaced: frozenset(set(Phase) - {Phase.CONFIRMING, Phase.DRAFTING}),
    e.PayoutFailed: frozenset(set(Phase) - {Phase.CONFIRMING, Phase.DRAFTING}),
    e.PayoutReissued: frozenset(set(Phase) - {Phase.CONFIRMING, Phase.DRAFTING}),
    e.MoneyReleased: frozenset({Phase.RELEASING, *EARNING}),
    e.RefundOrdered: frozenset({Phase.REFUNDING}),
    e.ExcessReturned: TAKES_MONEY,
    e.RoyaltyReported: EARNING,
    e.LineLate: frozenset(
        {Phase.PAYING, *EARNING, Phase.CERTIFYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.RELEASING}
    ),
    e.InterestCharged: frozenset(
        {Phase.PAYING, *EARNING, Phase.CERTIFYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.RELEASING}
    ),
    e.Reminded: frozenset(WAITS),
    e.Escalated: frozenset(WAITS),
    e.DeadlineMoved: frozenset(WAITS),
}
"""Events that leave the phase as it is."""
TRANSITIONS: Final[Mapping[tuple[Phase | None, type[Any]], tuple[Phase, ...]]] = {
    **{(phase, kind): (phase,) for kind, phases in _SAME.items() for phase in phases},
    **{
        (phase, e.MoneyTaken): (phase,) if phase is not Phase.PAYING else (Phase.PAYING, Phase.CERTIFYING)
        for phase in TAKES_MONEY | BEFORE_SIGNED | {Phase.DEFAULTING, Phase.RESELLING}
    },
    **{(phase, e.PayoutSettled): (phase,) for phase in Phase if phase not in (Phase.CONFIRMING, Phase.DRAFTING)},
    (Phase.RELEASING, e.PayoutSettled): (Phase.RELEASING, Phase.REGISTERING),
    (Phase.REFUNDING, e.PayoutSettled): (Phase.REFUNDING, Phase.RESCINDED, Phase.DEFAULTED),
    (None, e.DealOpened): (Phase.CONFIRMING,),
    (Phase.CONFIRMING, e.DealConfirmed): (Phase.DRAFTING,),
    (Phase.DRAFTING, e.DraftSupplied): (Phase.SIGNING,),
    (Phase.SIGNING, e.SideSigned): (Phase.SIGNING, Phase.CONCLUDING),
    **{
        (phase, e.SigningConcluded): (Phase.PAYING, Phase.CERTIFYING)
        for phase in (*BEFORE_SIGNED, Phase.DECIDING, Phase.DEFAULTING)
    },
    (Phase.CERTIFYING, e.CertificateIssued): (Phase.DELIVERING,),
    (Phase.DELIVERING, e.HandedOver): (Phase.ACCEPTING,),
    (Phase.ACCEPTING, e.DeliveryAccepted): (Phase.RELEASING, Phase.REGISTERING),
    (Phase.DISPUTED, e.DeliveryAccepted): (Phase.RELEASING, Phase.REGISTERING),
    (Phase.ACCEPTING, e.DeliveryDisputed): (Phase.DISPUTED,),
    (Phase.DISPUTED, e.DeliveryDueAgain): (Phase.DELIVERING,),
    (Phase.REGISTERING, e.ContractRegistered): (Phase.DISTRIBUTING,),
    (Phase.DISTRIBUTING, e.IncomeDistributed): (Phase.PERFORMING, Phase.ARCHIVED),
    (Phase.PERFORMING, e.DealArchived): (Phase.ARCHIVED,),
    **{(phase, e.DefaultQuestioned): (Phase.DECIDING,) for phase in _DEFAULTABLE},
    (Phase.DECIDING, e.DefaultDropped): _DEFAULTABLE,
    **{(phase, e.DefaultFound): (Phase.DEFAULTING,) for phase in (Phase.DRAFTING, *_DEFAULTABLE, Phase.DECIDING)},
    **{
        (phase, e.DefaultRecorded): (Phase.RESELLING, *_REFUND_OR_END)
        for phase in (*BEFORE_SIGNED, Phase.DECIDING, Phase.DEFAULTING, Phase.PAYING)
    },
    (Phase.RESELLING, e.ResaleRecorded): (Phase.REFUNDING, Phase.DEFAULTED),
    (Phase.RESELLING, e.ResaleWaived): (Phase.REFUNDING, Phase.DEFAULTED),
    **{
        (phase, e.DealRescinded): _REFUND_OR_END
        for phase in (Phase.PAYING, Phase.CERTIFYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.DISPUTED, Phase.DECIDING)
    },
}


def evolve(process: Process | None, event: e.Event, at_us: int) -> Process:
    """Return the deal after an event.

    Raises:
        IllegalTransition: the event cannot follow.
    """
    before = None if process is None else process.phase
    after = _after(process, event, at_us)
    if after.phase not in TRANSITIONS.get((before, type(event)), ()):
        raise IllegalTransition(f"{before} {type(event).__name__} {after.phase}")
    return after


def _after(process: Process | None, event: e.Event, at_us: int) -> Process:
    if isinstance(event, e.DealOpened):
        return Process(
            deal=event.deal, seq=1, phase=Phase.CONFIRMING, since_us=at_us, virtual_account=event.virtual_account,
            deadline_us=event.deadline_us,
        )  # fmt: skip
    if process is None:
        raise IllegalTransition(f"{type(event).__name__} of no deal")
    changes = changes_of(process, event)
    if changes.get("phase", process.phase) is not process.phase:
        changes |= {"reminded": False, "escalations": 0, "since_us": at_us}
    if hasattr(event, "deadline_us"):
        changes["deadline_us"] = event.deadline_us
    phase = changes.get("phase", process.phase)
    if phase in FINAL:
        changes["deadline_us"] = 0
    return replace(process, seq=process.seq + 1, **changes)
