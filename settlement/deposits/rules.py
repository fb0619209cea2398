"""The rules of a deposit: decide(state, act, at) -> events or a refusal; evolve(state, event) -> state. Pure, as in engine/rules.

`TRANSITIONS` is the whole machine; docs and tests are made from it. Money is moved by settlement/deposits/money.py, one entry for
each event that moves any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import DepositState as S
from settlement.deposits.terms import DepositTerms, ForfeitBy, settle_default, terms_problems
from settlement.ledger.postings import FEN_MAX

TEXT_MAX: Final = 2_000
BLOCKS_MAX: Final = 50
EVENTS_MAX: Final = 10_000
"""Bound on the history of one deposit; only payments in parts and repeated failures make it long."""


class Refusal(StrEnum):
    """Why an act is refused, in order of precedence. Never renamed."""

    NO_SUCH_DEPOSIT = "no_such_deposit"
    DEPOSIT_EXISTS = "deposit_exists"
    KEY_REUSED = "key_reused"
    WRONG_STATE = "wrong_state"
    HISTORY_FULL = "history_full"
    TERMS_INVALID = "terms_invalid"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    REASON_REQUIRED = "reason_required"
    ALREADY_PAID = "already_paid"
    LATE = "late"
    TOO_EARLY = "too_early"
    BLOCKED = "blocked"
    NO_SUCH_BLOCK = "no_such_block"
    APPEAL_CLOSED = "appeal_closed"
    APPEAL_OPEN = "appeal_open"
    NO_APPEAL = "no_appeal"
    WAITS_FOR_SHORTFALL = "waits_for_shortfall"
    OTHER_ORDER = "other_order"
    NOT_FAILED = "not_failed"
    NO_PAYEE = "no_payee"
    MONEY_GONE = "money_gone"


class Refused(Struct, frozen=True):
    """The answer to an act that the rules do not allow. `data` holds facts for the asker, never somebody else's."""

    code: Refusal
    data: dict[str, int | str] = {}


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
    received_fen: int = 0
    last_booked_us: int = 0
    payer_name: str = ""
    payer_account: str = ""
    """Account the money came from; empty if it came from several."""
    several_payers: bool = False
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
    def appeal_open(self) -> bool:
        """There is an appeal and nobody has decided it."""
        return self.appeal != "" and not self.appeal_decided


Decision = tuple[e.Event, ...] | Refused


class IllegalTransition(Exception):
    """An event that cannot follow the state: a bug or a damaged history."""


_BACK: Final = (S.HELD, S.RELEASE_DUE, S.CONVERTED)
TRANSITIONS: Final[Mapping[tuple[S | None, type[Any]], tuple[S, ...]]] = {
    (None, e.DepositRequired): (S.REQUIRED,),
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


def decide(deposit: Deposit | None, act: a.Act, at_us: int) -> Decision:
    """Judge one act on one deposit. Changes nothing.

    Args:
        deposit: The deposit now, None if there is none.
        act: What is wished.
        at_us: The market's time.

    Returns:
        One event or more, or why not: the first code of `Refusal` that applies.
    """
    if isinstance(act, a.RequireDeposit):
        return Refused(Refusal.DEPOSIT_EXISTS) if deposit is not None else _require(act)
    if deposit is None:
        return Refused(Refusal.NO_SUCH_DEPOSIT)
    allowed, judge = _RULES[type(act)]
    if deposit.state not in allowed:
        return Refused(Refusal.WRONG_STATE, {"state": deposit.state.value})
    if deposit.seq >= EVENTS_MAX and type(act) not in _ENDING:
        return Refused(Refusal.HISTORY_FULL)
    return judge(deposit, act, at_us)


def _require(act: a.RequireDeposit) -> Decision:
    if problems := terms_problems(act.terms):
        return Refused(Refusal.TERMS_INVALID, {"problems": ", ".join(problems)})
    if not 0 < act.amount_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    return (
        e.DepositRequired(
            subject=act.subject, party_id=act.party_id, amount_fen=act.amount_fen, due_at_us=act.due_at_us,
            virtual_account=act.virtual_account, terms=act.terms,
        ),
    )  # fmt: skip


def _receive(deposit: Deposit, act: a.ReceivePayment, _: int) -> Decision:
    if not 0 < act.amount_fen <= FEN_MAX:
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    if act.booked_at_us > deposit.due_at_us:
        return Refused(Refusal.LATE, {"due_at_us": deposit.due_at_us})
    taken = min(act.amount_fen, deposit.missing_fen)
    return (
        e.PaymentReceived(
            bank_ref=act.bank_ref, booked_at_us=act.booked_at_us, taken_fen=taken,
            surplus_fen=act.amount_fen - taken, payer_name=act.payer_name, payer_account=act.payer_account,
            complete=taken == deposit.missing_fen,
        ),
    )  # fmt: skip


def _hold(_: Deposit, act: a.HoldDeposit, __: int) -> Decision:
    return (e.DepositHeld(checked_by=act.checked_by),)


def _lapse(deposit: Deposit, act: a.LapseDeposit, at_us: int) -> Decision:
    """Lapse when the time is over, and the bank had time to tell of what was booked in time; at once if not needed any more."""
    earliest = deposit.due_at_us + deposit.terms.bank_news_us
    if act.reason == a.NOT_PAID and at_us <= earliest:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": earliest})
    return (e.DepositLapsed(reason=act.reason, returned_fen=deposit.received_fen),)


def _schedule(deposit: Deposit, act: a.ScheduleRelease, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (
        e.ReleaseScheduled(
            reason=act.reason, starts_us=act.starts_us, from_us=act.starts_us + deposit.terms.release_wait_us,
            by_us=act.by_us, certain=act.certain, calendar=act.calendar,
        ),
    )  # fmt: skip


def _recount(_: Deposit, act: a.RecountRelease, __: int) -> Decision:
    return (e.ReleaseRecounted(by_us=act.by_us, certain=act.certain, calendar=act.calendar),)


def _block(deposit: Deposit, act: a.BlockRelease, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if act.block in deposit.blocks:
        return ()
    if len(deposit.blocks) >= BLOCKS_MAX:
        return Refused(Refusal.HISTORY_FULL)
    return (e.ReleaseBlocked(block=act.block, reason=act.reason),)


def _unblock(deposit: Deposit, act: a.UnblockRelease, _: int) -> Decision:
    if act.block not in deposit.blocks:
        return Refused(Refusal.NO_SUCH_BLOCK)
    return (e.ReleaseUnblocked(block=act.block),)


def _start_release(deposit: Deposit, act: a.StartRelease, at_us: int) -> Decision:
    if at_us < deposit.release_from_us:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": deposit.release_from_us})
    if deposit.blocks:
        return Refused(Refusal.BLOCKED, {"blocks": ", ".join(deposit.blocks)})
    return (e.ReleaseStarted(order_id=act.order_id),)


def _fail_release(deposit: Deposit, act: a.FailRelease, _: int) -> Decision:
    if act.order_id != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    return (e.ReleaseFailed(order_id=act.order_id, reason=act.reason),)


def _reissue_release(deposit: Deposit, act: a.ReissueRelease, _: int) -> Decision:
    if act.instead_of != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    if not deposit.release_problem:
        return Refused(Refusal.NOT_FAILED)
    return (e.ReleaseReissued(order_id=act.order_id, instead_of=act.instead_of),)


def _finish_release(deposit: Deposit, act: a.FinishRelease, _: int) -> Decision:
    if act.order_id != deposit.order_id:
        return Refused(Refusal.OTHER_ORDER)
    return (e.DepositReleased(order_id=act.order_id, bank_ref=act.bank_ref),)


def _convert(_: Deposit, act: a.ConvertDeposit, __: int) -> Decision:
    return (e.DepositConverted(deal_ref=act.deal_ref),)


def _undo_conversion(deposit: Deposit, act: a.UndoConversion, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (e.ConversionUndone(deal_ref=deposit.deal_ref, reason=act.reason),)


def _propose(deposit: Deposit, act: a.ProposeForfeit, at_us: int) -> Decision:
    if not _is_reason(act.reason) or len(act.note) > TEXT_MAX:
        return Refused(Refusal.REASON_REQUIRED)
    if act.appeal_until_us <= at_us and not act.recorded_earlier:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": at_us + 1})
    return (
        e.ForfeitProposed(
            reason=act.reason, note=act.note, appeal_until_us=act.appeal_until_us, back_to=deposit.state,
            deal_ref=deposit.deal_ref,
        ),
    )  # fmt: skip


def _appeal(deposit: Deposit, act: a.AppealForfeit, at_us: int) -> Decision:
    if not act.text.strip() or len(act.text) > TEXT_MAX:
        return Refused(Refusal.REASON_REQUIRED)
    if deposit.appeal or at_us >= deposit.appeal_until_us:
        return Refused(Refusal.APPEAL_CLOSED, {"appeal_until_us": deposit.appeal_until_us})
    return (e.ForfeitAppealed(text=act.text),)


def _decide_appeal(deposit: Deposit, act: a.DecideAppeal, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if not deposit.appeal_open:
        return Refused(Refusal.NO_APPEAL)
    if act.upheld:
        return (e.ForfeitLifted(reason=act.reason, back_to=deposit.back_to),)
    return (e.AppealDismissed(reason=act.reason),)


def _lift(deposit: Deposit, act: a.LiftForfeit, _: int) -> Decision:
    if not _is_reason(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    return (e.ForfeitLifted(reason=act.reason, back_to=deposit.back_to),)


def _may_be_taken(deposit: Deposit, at_us: int) -> Refused | None:
    """Nothing is taken while the party may still appeal, or while its appeal is open."""
    if deposit.appeal_open:
        return Refused(Refusal.APPEAL_OPEN)
    if not deposit.appeal_decided and at_us < deposit.appeal_until_us:
        return Refused(Refusal.TOO_EARLY, {"earliest_us": deposit.appeal_until_us})
    return None


def _forfeit(deposit: Deposit, act: a.ForfeitDeposit, at_us: int) -> Decision:
    if refused := _may_be_taken(deposit, at_us):
        return refused
    if deposit.terms.forfeit_by is ForfeitBy.SHORTFALL:
        return Refused(Refusal.WAITS_FOR_SHORTFALL)
    return (e.DepositForfeited(taken_fen=deposit.amount_fen),)


def _deduct(deposit: Deposit, act: a.DeductShortfall, at_us: int) -> Decision:
    amounts = (act.first_price_fen, act.second_price_fen, act.costs_fen)
    if any(not 0 <= amount <= FEN_MAX for amount in amounts):
        return Refused(Refusal.AMOUNT_OUT_OF_RANGE)
    if refused := _may_be_taken(deposit, at_us):
        return refused
    result = settle_default(
        first_price_fen=act.first_price_fen, second_price_fen=act.second_price_fen, costs_fen=act.costs_fen,
        deposit_fen=deposit.amount_fen, policy=deposit.terms.surplus_policy,
    )  # fmt: skip
    return (
        e.DepositDeducted(
            first_price_fen=act.first_price_fen, second_price_fen=act.second_price_fen, costs_fen=act.costs_fen,
            shortfall_fen=result.shortfall_fen, taken_fen=result.taken_fen, returned_fen=result.returned_fen,
            due_fen=result.due_fen,
        ),
    )  # fmt: skip


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= TEXT_MAX


_Judge = Callable[[Deposit, Any, int], Decision]
_RULES: Final[Mapping[type[Any], tuple[frozenset[S], _Judge]]] = {
    a.ReceivePayment: (frozenset({S.REQUIRED}), _receive),
    a.HoldDeposit: (frozenset({S.PAID}), _hold),
    a.LapseDeposit: (frozenset({S.REQUIRED}), _lapse),
    a.ScheduleRelease: (frozenset({S.PAID, S.HELD}), _schedule),
    a.RecountRelease: (frozenset({S.RELEASE_DUE}), _recount),
    a.BlockRelease: (frozenset({S.PAID, S.HELD, S.RELEASE_DUE}), _block),
    a.UnblockRelease: (frozenset({S.PAID, S.HELD, S.RELEASE_DUE}), _unblock),
    a.StartRelease: (frozenset({S.RELEASE_DUE}), _start_release),
    a.FailRelease: (frozenset({S.RELEASING}), _fail_release),
    a.ReissueRelease: (frozenset({S.RELEASING}), _reissue_release),
    a.FinishRelease: (frozenset({S.RELEASING}), _finish_release),
    a.ConvertDeposit: (frozenset({S.HELD}), _convert),
    a.UndoConversion: (frozenset({S.CONVERTED}), _undo_conversion),
    a.ProposeForfeit: (frozenset({S.HELD, S.RELEASE_DUE, S.CONVERTED}), _propose),
    a.AppealForfeit: (frozenset({S.FORFEIT_PENDING}), _appeal),
    a.DecideAppeal: (frozenset({S.FORFEIT_PENDING}), _decide_appeal),
    a.LiftForfeit: (frozenset({S.FORFEIT_PENDING}), _lift),
    a.ForfeitDeposit: (frozenset({S.FORFEIT_PENDING}), _forfeit),
    a.DeductShortfall: (frozenset({S.FORFEIT_PENDING}), _deduct),
}
_ENDING: Final = frozenset({a.StartRelease, a.FinishRelease, a.ForfeitDeposit, a.DeductShortfall, a.LapseDeposit})
"""What may still be done when a history is full."""


def allowed_states(act: type[Any]) -> frozenset[S]:
    """Return the states in which an act is judged at all."""
    return _RULES[act][0]


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
        case e.DepositHeld():
            return {"state": S.HELD}
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
        case e.DepositConverted():
            return {"state": S.CONVERTED, "deal_ref": event.deal_ref}
        case e.ConversionUndone():
            return {"state": S.HELD, "deal_ref": ""}
        case e.DepositLapsed():
            return {"state": S.LAPSED, "ended_reason": event.reason, "returned_fen": event.returned_fen}
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
