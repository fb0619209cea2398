"""The state of a deposit and how events change it: `TRANSITIONS` is the whole machine; the diagram in docs is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.deposits import events as e
from settlement.deposits.events import DepositState as S
from settlement.deposits.terms import DepositTerms

NEVER_US: Final = 2**62


class Deposit(Struct, frozen=True, kw_only=True):
    """A deposit after event `seq`. Amounts in fen, instants in microseconds; 0 and empty mean: not yet."""

    id: str
    seq: int
    state: S
    subject: str
    """Stream name of what it is for, such as `listing/abc`."""
    party_id: str
    amount_fen: int
    due_at_us: int
    virtual_account: str
    terms: DepositTerms
    due_paused: bool = False
    """Its subject is suspended: payments are taken, no time runs."""
    received_fen: int = 0
    last_booked_us: int = 0
    payer_name: str = ""
    payer_account: str = ""
    """Account the money came from; empty if it came from several."""
    several_payers: bool = False
    held: bool = False
    """It was held once; its money stands on another account of the ledger than money that was only received."""
    release_reason: str = ""
    release_starts_us: int = 0
    release_from_us: int = 0
    release_by_us: int = 0
    release_certain: bool = True
    release_calendar: str = ""
    blocks: tuple[str, ...] = ()
    order_id: str = ""
    """Order of the release; the last one where there were several."""
    release_problem: str = ""
    """Why the bank could not pay, while nobody has corrected it."""
    deal_ref: str = ""
    forfeit_reason: str = ""
    appeal_until_us: int = 0
    appeal: str = ""
    """Text of the appeal; empty: none."""
    appeal_decided: bool = False
    back_to: S = S.HELD
    """Where it stands again if the forfeiture is lifted."""
    taken_fen: int = 0
    returned_fen: int = 0
    still_due_fen: int = 0
    ended_reason: str = ""

    @property
    def missing_fen(self) -> int:
        """What is still to be paid."""
        return max(0, self.amount_fen - self.received_fen)

    @property
    def lapses_at_us(self) -> int:
        """From when it lapses: due, and the bank had time to tell of what was booked in time."""
        return NEVER_US if self.due_paused else self.due_at_us + self.terms.bank_news_us

    @property
    def appeal_open(self) -> bool:
        """There is an appeal and nobody has decided it."""
        return self.appeal != "" and not self.appeal_decided


class IllegalTransition(Exception):
    """An event that cannot follow the state: a bug or a damaged history."""


_BACK: Final = (S.HELD, S.RELEASE_DUE, S.CONVERTED)
TRANSITIONS: Final[Mapping[tuple[S | None, type[Any]], tuple[S, ...]]] = {
    (None, e.DepositRequired): (S.REQUIRED,),
    (S.REQUIRED, e.DueMoved): (S.REQUIRED,),
    (S.REQUIRED, e.PaymentReceived): (S.REQUIRED, S.PAID),
    (S.REQUIRED, e.DepositLapsed): (S.LAPSED,),
    (S.PAID, e.DepositHeld): (S.HELD,),
    (S.PAID, e.ReleaseScheduled): (S.RELEASE_DUE,),
    (S.HELD, e.ReleaseScheduled): (S.RELEASE_DUE,),
    (S.HELD, e.DepositConverted): (S.CONVERTED,),
    (S.HELD, e.ForfeitProposed): (S.FORFEIT_PENDING,),
    (S.RELEASE_DUE, e.ForfeitProposed): (S.FORFEIT_PENDING,),
    (S.RELEASE_DUE, e.ReleaseStarted): (S.RELEASING,),
    (S.RELEASE_DUE, e.ReleaseRecounted): (S.RELEASE_DUE,),
    (S.RELEASING, e.ReleaseFailed): (S.RELEASING,),
    (S.RELEASING, e.ReleaseReissued): (S.RELEASING,),
    (S.RELEASING, e.DepositReleased): (S.RELEASED,),
    # A deal may be undone, or its buyer may default, after the deposit became part of the price.
    (S.CONVERTED, e.ConversionUndone): (S.HELD,),
    (S.CONVERTED, e.ForfeitProposed): (S.FORFEIT_PENDING,),
    (S.FORFEIT_PENDING, e.ForfeitAppealed): (S.FORFEIT_PENDING,),
    (S.FORFEIT_PENDING, e.AppealDismissed): (S.FORFEIT_PENDING,),
    (S.FORFEIT_PENDING, e.ForfeitLifted): _BACK,
    (S.FORFEIT_PENDING, e.DepositForfeited): (S.FORFEITED,),
    (S.FORFEIT_PENDING, e.DepositDeducted): (S.FORFEITED, S.PARTLY_DEDUCTED),
    **{
        (state, kind): (state,)
        for state in (S.PAID, S.HELD, S.RELEASE_DUE)
        for kind in (e.ReleaseBlocked, e.ReleaseUnblocked)
    },
}


def evolve(deposit: Deposit | None, event: e.Event, deposit_id: str = "") -> Deposit:
    """Return the deposit after an event.

    Raises:
        IllegalTransition: the event cannot follow.
    """
    before = None if deposit is None else deposit.state
    after = _after(deposit, event, deposit_id)
    if after.state not in TRANSITIONS.get((before, type(event)), ()):
        raise IllegalTransition(f"{before} {type(event).__name__} {after.state}")
    return after


def _after(deposit: Deposit | None, event: e.Event, deposit_id: str) -> Deposit:
    if isinstance(event, e.DepositRequired):
        return Deposit(
            id=deposit_id, seq=1, state=S.REQUIRED, subject=event.subject, party_id=event.party_id,
            amount_fen=event.amount_fen, due_at_us=event.due_at_us, virtual_account=event.virtual_account,
            terms=event.terms,
        )  # fmt: skip
    if deposit is None:
        raise IllegalTransition(f"{type(event).__name__} of no deposit")
    return replace(deposit, seq=deposit.seq + 1, **_changes(deposit, event))


def _changes(deposit: Deposit, event: e.Event) -> dict[str, Any]:
    match event:
        case e.PaymentReceived():
            other = bool(deposit.received_fen) and deposit.payer_account != event.payer_account
            several = deposit.several_payers or other
            return {
                "state": S.PAID if event.complete else S.REQUIRED,
                "received_fen": deposit.received_fen + event.taken_fen,
                "last_booked_us": event.booked_at_us,
                "payer_name": "" if several else event.payer_name,
                "payer_account": "" if several else event.payer_account,
                "several_payers": several,
            }
        case e.DueMoved():
            return {"due_at_us": event.due_at_us, "due_paused": event.paused}
        case e.DepositHeld():
            return {"state": S.HELD, "held": True}
        case e.DepositConverted():
            return {"state": S.CONVERTED, "deal_ref": event.deal_ref}
        case e.ConversionUndone():
            return {"state": S.HELD, "deal_ref": ""}
        case e.DepositLapsed():
            return {"state": S.LAPSED, "ended_reason": event.reason, "returned_fen": event.returned_fen}
        case _:
            return _release_changes(deposit, event)


def _release_changes(deposit: Deposit, event: e.Event) -> dict[str, Any]:
    match event:
        case e.ReleaseScheduled():
            return {
                "state": S.RELEASE_DUE,
                "release_reason": event.reason,
                "release_starts_us": event.starts_us,
                "release_from_us": event.from_us,
                "release_by_us": event.by_us,
                "release_certain": event.certain,
                "release_calendar": event.calendar,
            }
        case e.ReleaseRecounted():
            return {"release_by_us": event.by_us, "release_certain": event.certain, "release_calendar": event.calendar}
        case e.ReleaseBlocked():
            return {"blocks": (*deposit.blocks, event.block)}
        case e.ReleaseUnblocked():
            return {"blocks": tuple(block for block in deposit.blocks if block != event.block)}
        case e.ReleaseStarted():
            return {"state": S.RELEASING, "order_id": event.order_id}
        case e.ReleaseFailed():
            return {"release_problem": event.reason or "failed"}
        case e.ReleaseReissued():
            return {"order_id": event.order_id, "release_problem": ""}
        case e.DepositReleased():
            return {"state": S.RELEASED, "release_problem": "", "returned_fen": deposit.amount_fen}
        case _:
            return _forfeit_changes(deposit, event)


def _forfeit_changes(deposit: Deposit, event: e.Event) -> dict[str, Any]:
    match event:
        case e.ForfeitProposed():
            return {
                "state": S.FORFEIT_PENDING,
                "forfeit_reason": event.reason,
                "appeal_until_us": event.appeal_until_us,
                "appeal": "",
                "appeal_decided": False,
                "back_to": event.back_to,
            }
        case e.ForfeitAppealed():
            return {"appeal": event.text}
        case e.AppealDismissed():
            return {"appeal_decided": True}
        case e.ForfeitLifted():
            return {"state": event.back_to, "forfeit_reason": "", "appeal_until_us": 0}
        case e.DepositForfeited():
            return {"state": S.FORFEITED, "taken_fen": event.taken_fen, "ended_reason": deposit.forfeit_reason}
        case e.DepositDeducted():
            return {
                "state": S.PARTLY_DEDUCTED if event.returned_fen else S.FORFEITED,
                "taken_fen": event.taken_fen,
                "returned_fen": event.returned_fen,
                "still_due_fen": event.due_fen,
                "ended_reason": deposit.forfeit_reason,
            }
        case _:
            raise IllegalTransition(type(event).__name__)
